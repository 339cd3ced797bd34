/**
 * The Program: what `compile` makes and `load` takes. Header (plain JSON) and binary sections. This file is the whole
 * contract between compiler and runtime; it knows no compiler. `encode.ts` and `decode.ts` turn it into bytes and back.
 */
import type { Dim } from '../base/dim.js'
import type { DType } from '../base/dtype.js'

/** Version of the artefact format; a reader refuses any other. */
export const FORMAT_VERSION = 2

export type Target = 'js' | 'wasm' | 'wgsl'

/** An input or output. `buffer` is its index in `Program.buffers`; `bounds` are the least and greatest integer that may be fed (wgsl). */
export interface Port { readonly name: string; readonly dtype: DType; readonly shape: readonly Dim[]; readonly buffer: number; readonly bounds?: readonly [number, number] }

/** Where a symbol's value comes from at bind: an extent of an input, or an element of an integer input. */
export type ProgramSymbol =
  | { readonly name: string; readonly kind: 'extent'; readonly input: number; readonly axis: number }
  | { readonly name: string; readonly kind: 'element'; readonly input: number; readonly index: number }

export interface ProgramConstraint { readonly kind: 'eq' | 'le'; readonly a: Dim; readonly b: Dim; readonly why: string }

/**
 * Memory of the program. `arena`: planned; `offset` (bytes, multiple of 64) is given where every extent is a number, else
 * computed at bind from sizes and lifetimes. `constant`: a range of the constants section, or made at load (`Prepare`). `input`/`output`: in the
 * arena too, copied in before the first and out after the last step. `alias` shares the storage of an earlier buffer,
 * from byte `aliasOffset` on. Lifetimes are step numbers, both inclusive. `host`: in no arena, handed from one part of a wgsl
 * program that runs on the host to the next. `stored` is the dtype of the words that hold the elements, where it is another.
 */
export interface ProgramBuffer {
  readonly dtype: DType
  readonly stored?: DType
  /** Elements. */
  readonly length: Dim
  readonly place: 'arena' | 'constant' | 'host'
  readonly offset?: number
  readonly alias?: number
  readonly aliasOffset?: Dim
  readonly first: number
  readonly last: number
}

/** One kernel call: buffers in the kernel's order, the values of its parameters, and its arithmetic operations (a multiply-add counts 2) where they were counted. */
export interface Step { readonly kernel: number; readonly buffers: readonly number[]; readonly params: readonly Dim[]; readonly flops?: Dim; readonly origin: string }

/** A kernel of the program. `code` is the Kernel IR as JSON for `js`, the export's name for `wasm`, a `WgslCode` for `wgsl` and in programs in parts. */
export interface ProgramKernel {
  readonly name: string
  readonly code: unknown
  /** Threads may share it; where not, one does it. wasm only. */
  readonly shared?: boolean
}

/**
 * A step's code in a wgsl program. `shader`: bytes of the wgsl section, one module; bound at group 0 are the step's buffers in
 * order, then the parameters (i32 each, a uniform block) where there are any, then the fault cell (4 i32) where there is one;
 * `groups` is what to dispatch, over the parameters. With `slots`, the step's buffers have these bindings, and those that share
 * one, from the first of them to the last, each have a parameter after the step's own: where they begin in it, in 256 bytes. `plain` is the same for
 * adapters that are no GPUs, `subgroups` for devices with that feature. `host`: bytes of the host section, an artefact (for wasm, but in a program in parts) whose inputs and
 * then outputs are the step's buffers; where it has symbols, one more input holds their values, in its own order.
 */
export type WgslCode =
  | ShaderCode
  | { readonly kind: 'host'; readonly offset: number; readonly bytes: number }

export interface ShaderCode {
  readonly kind: 'shader'
  readonly offset: number
  readonly bytes: number
  readonly entryPoint: string
  readonly access: readonly ('read' | 'read_write')[]
  readonly slots?: readonly number[]
  readonly params: readonly string[]
  readonly fault: boolean
  readonly groups: readonly [Dim, Dim, Dim]
  readonly plain?: ShaderCode
  readonly subgroups?: ShaderCode
}

/** A named range of the constants section; bytes from a multiple of 64. `buffer` is its index in `buffers`. */
export interface ProgramConstant { readonly name: string; readonly dtype: DType; readonly shape: readonly number[]; readonly offset: number; readonly bytes: number; readonly buffer: number }

/** A constant that prepare steps alone read. Number `i` is the section `raw<i>`; it is there from prepare step `first` of its buffer on. */
export interface RawConstant { readonly name: string; readonly dtype: DType; readonly shape: readonly number[]; readonly buffer: number }

/**
 * What is made of constants once, when the program is loaded, and not stored: `steps` write `constant` buffers that are not in the constants
 * table. They lie at their `offset` in the memory that lives as long as the session, `bytes` in all, which begins with the constants section.
 * Lifetimes of these buffers are numbers of prepare steps; those that runs read live beyond the last. `raw` is in the order in which steps need it, so that a file is read
 * once from start to end, and none of it has to stay in memory. wasm only.
 */
export interface Prepare { readonly bytes: number; readonly steps: readonly Step[]; readonly raw: readonly RawConstant[] }

/** A symbol of a program in parts: element `index` of a buffer of integers, known when the parts that come before those that need it have run. */
export interface MeasuredSymbol { readonly name: string; readonly buffer: number; readonly index: number }

export interface ProgramHeader {
  readonly name: string
  readonly target: Target
  /** Threads to use where the loader does not say; 1 when absent. wasm only. */
  readonly threads?: number
  /** Ingot's version that compiled it. */
  readonly producer: string
  readonly symbols: readonly ProgramSymbol[]
  readonly constraints: readonly ProgramConstraint[]
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly buffers: readonly ProgramBuffer[]
  readonly steps: readonly Step[]
  readonly kernels: readonly ProgramKernel[]
  readonly constants: readonly ProgramConstant[]
  /** Features that a WebGPU device has to have. wgsl only. */
  readonly requires?: readonly string[]
  readonly prepare?: Prepare
  /**
   * Says that this is a program in parts, cut where extents become known: each step runs an artefact of its own for the same target, a kernel of kind
   * `host`, and all buffers have the place `host`. Its symbols that no input gives.
   */
  readonly measured?: readonly MeasuredSymbol[]
  /** Text of the graph that was lowered, if kept. */
  readonly graph?: string
}

/** `wasm-relaxed` is the same program as `wasm` for engines whose relaxed SIMD has multiply-adds that round once; a program has one of them or both. */
export type SectionName = 'constants' | 'wasm' | 'wasm-relaxed' | 'wgsl' | 'host' | `raw${number}`

export interface ProgramData {
  readonly header: ProgramHeader
  readonly sections: Readonly<Partial<Record<SectionName, Uint8Array>>>
}

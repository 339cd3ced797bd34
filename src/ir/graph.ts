/**
 * The Graph language: an SSA tensor program in execution order. Everything here is immutable plain data; passes build new
 * graphs (see `ir/rewrite.ts`). Values are objects and are compared by identity; names are unique within a graph and
 * its nested graphs, which may use values of the graphs around them.
 */
import type { DType, HostTensor } from '../base/dtype.js'
import type { Dim } from './dims.js'
import type { TensorType, ValueType } from './types.js'

/** What the verifier holds true of a graph, in the order in which graphs get there. */
export const STAGES = ['traced', 'inference', 'canonical', 'fused'] as const
export type GraphStage = (typeof STAGES)[number]

export interface Value {
  readonly name: string
  readonly type: ValueType
  /** The elements, for a constant. A value with data is defined by no node and no input. */
  readonly data?: HostTensor
  /** The elements as dims, row-major, for a small integer tensor whose elements are known as expressions over symbols. */
  readonly dims?: readonly Dim[]
  /**
   * How the tensor lies in memory, at stage `fused` only: its axes, outermost first (`[0, 2, 3, 1]`: channels last). Absent:
   * row-major. Says nothing about what the value is: indices, interpreters and references know logical axes only. See layout.ts.
   */
  readonly order?: readonly number[]
}

/** Extents to fix, by input name: an integer from 0 on, or null for one that stays as it is declared. */
export type InputShapes = Readonly<Record<string, readonly (number | null)[]>>

/** An attribute; which kind an op's attribute has is said by its record (`Op.attrs`). */
export type Attr = number | string | boolean | Dim | readonly number[] | readonly string[] | readonly Dim[] | HostTensor | Graph
export type Attrs = Readonly<Record<string, Attr>>

export interface Node {
  /** Name of an op record. */
  readonly op: string
  /** `null` stands for an optional input that is not given. */
  readonly inputs: readonly (Value | null)[]
  readonly attrs: Attrs
  readonly outputs: readonly Value[]
  /** ONNX node name or source call site; fused nodes join theirs with ' + '. */
  readonly origin: string
}

/** Where the value of a symbol comes from: from what is fed when a program is bound, but for those that a node measures. */
export type SymbolSource =
  /** extent `axis` of graph input number `input` */
  | { readonly kind: 'extent'; readonly input: number; readonly axis: number }
  /** element `index` (row-major) of the integer graph input number `input` */
  | { readonly kind: 'element'; readonly input: number; readonly index: number }
  /** an element of what a `measure` node is given, which names the symbol; known once the nodes before that one have run */
  | { readonly kind: 'measured' }

export interface SymbolDecl { readonly name: string; readonly source: SymbolSource }

/** Two dims that the graph takes to be equal (or, with `le`, the first not above the second); checked as soon as the symbols have values, where a violation is an error that cites `why`. */
export interface Constraint { readonly kind: 'eq' | 'le'; readonly a: Dim; readonly b: Dim; readonly why: string }

export interface GraphOutput { readonly name: string; readonly value: Value }

export interface Graph {
  readonly name: string
  readonly stage: GraphStage
  /** Symbols in declaration order; a nested graph declares none. */
  readonly symbols: readonly SymbolDecl[]
  readonly constraints: readonly Constraint[]
  readonly inputs: readonly Value[]
  readonly nodes: readonly Node[]
  readonly outputs: readonly GraphOutput[]
}

/** The tensor type of a value; throws a TypeError-like invariant if it is none, so use it where `infer` has held. */
export function tensorOf(value: Value): TensorType {
  if (value.type.kind !== 'tensor') throw new TypeError(`%${value.name} is a ${value.type.kind}, not a tensor`)
  return value.type
}

/** dtype of a tensor value. */
export const dtypeOf = (value: Value): DType => tensorOf(value).dtype
/** shape of a tensor value. */
export const shapeOf = (value: Value): readonly Dim[] => tensorOf(value).shape

/** True for an attribute that is a nested graph. */
export function isGraph(attr: Attr): attr is Graph {
  return typeof attr === 'object' && !Array.isArray(attr) && 'nodes' in attr
}

/** True for an attribute that is a tensor. */
export function isHostTensor(attr: Attr): attr is HostTensor {
  return typeof attr === 'object' && !Array.isArray(attr) && 'dtype' in attr
}

/** Nested graphs of a node, in attribute order. */
export function nestedGraphs(node: Node): Graph[] {
  return Object.values(node.attrs).filter(isGraph)
}

/** Steps as calls of functions over memory that the host shares with them: what the js and wasm targets have in common. */
import { DTYPES, type StorageConstructor } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { NumericStorage } from './feeds.js'
import type { ProgramHeader } from './format.js'
import type { Host } from './host.js'
import type { Layout } from './layout.js'

/** A kernel as a function. js: `fn(...buffers, ...params)` with typed arrays that start at the buffer's first element; wasm: byte addresses in their stead. */
export type KernelFunction = (...args: never[]) => unknown

/** An arena, what lives as long as the session, and the kernels that work on both. */
export interface Memory {
  /** From its first byte on. */
  readonly constants: Uint8Array
  readonly arena: Uint8Array
  /** One function per kernel of the program. */
  readonly kernels: readonly KernelFunction[]
  /** What a kernel takes for a buffer. */
  readonly argument: (view: NumericStorage) => unknown
  /** All steps in one call, given the words of all of them: `ALONE`, then the arguments; `step` is the one that a fault happened in. */
  readonly segment?: { run(words: readonly number[]): void; step(): number }
  /** The message of an index out of range, read out of what a kernel threw; undefined for other faults. */
  readonly fault: (thrown: unknown) => string | undefined
}

/** The word of a step that one thread does alone and all at once: `ALONE` of `codegen/wasm/sharing.ts`. */
export const ALONE = 0x20000

/** A program's steps over memory, with addresses and parameters known. */
export interface BoundCalls {
  /** Arguments of each step. */
  readonly args: readonly (readonly unknown[])[]
  copyIn(feeds: readonly NumericStorage[]): void
  /** Runs all steps, in one call where there are no times to take. */
  run(times: Float64Array | null): void
  /** Copies of the outputs. */
  results(): NumericStorage[]
}

/** The number of words that `Memory.segment` takes. */
export const wordCount = ({ steps }: ProgramHeader): number => steps.reduce((sum, { buffers, params }) => sum + 1 + buffers.length + params.length, 0)

/** Binds steps to the places that `layout` gives their buffers in `memory`. */
export function bindCalls(header: ProgramHeader, layout: Layout, { constants, arena, kernels, argument, segment, fault }: Memory): BoundCalls {
  const views = layout.buffers.map(({ dtype, constant, offset, length }) => {
    const { buffer, byteOffset } = constant ? constants : arena
    return new (DTYPES[dtype].array as StorageConstructor)(buffer as ArrayBuffer, byteOffset + offset, length)
  })
  const view = (i: number): NumericStorage => views[i] as NumericStorage
  // Arguments are made once, so that a run allocates nothing but its results.
  const calls = header.steps.map((step, i) => ({ kernel: kernels[step.kernel] as KernelFunction, args: [...step.buffers.map((b) => argument(view(b))), ...(layout.params[i] as number[])] as never[] }))
  const all = calls.flatMap(({ args }) => [ALONE, ...args])
  const inputs = header.inputs.map(({ buffer }) => view(buffer)), outputs = header.outputs.map(({ buffer }) => view(buffer))
  return {
    args: calls.map(({ args }) => args),
    copyIn(feeds) { inputs.forEach((input, i) => input.set(feeds[i] as never)) },
    run(times) {
      const whole = times ? undefined : segment
      let at = 0
      try {
        if (whole) whole.run(all)
        else for (const { kernel, args } of calls) {
          const start = times && performance.now()
          kernel(...args)
          if (times) times[at] = (times[at] as number) + performance.now() - (start as number)
          at++
        }
      } catch (cause) {
        const message = fault(cause), where = { origin: header.steps[whole?.step() ?? at]?.origin ?? '' }
        throw message
          ? new IngotError('index-out-of-range', message, { where, cause, hint: 'an input holds an index that is outside the tensor it indexes' })
          : new IngotError('internal', `a kernel failed: ${cause}`, { where, cause })
      }
    },
    results: () => outputs.map(copyOf),
  }
}

/** Made of the other, not sliced off it: that looks up which kind to make, which takes as long as copying small ones. */
const copyOf = (output: NumericStorage): NumericStorage => new (output.constructor as Float32ArrayConstructor)(output as Float32Array)

/** What `allocate` gives; `out-of-memory` where the platform has no such memory. */
export function allocated<M>(arenaBytes: number, allocate: () => M): M {
  try {
    return allocate()
  } catch (cause) {
    throw cause instanceof IngotError ? cause : new IngotError('out-of-memory', `could not get ${arenaBytes} bytes of memory`, { cause, hint: 'feed smaller inputs, or dispose of sessions that are no longer needed' })
  }
}

/** A host that asks `allocate` for an arena of as many bytes as the largest layout needs, and tells `trim` when it is given back. */
export function callingHost(header: ProgramHeader, allocate: (arenaBytes: number) => Memory, trim?: () => void): Host {
  let memory: Memory | undefined
  return {
    sync: true,
    release(grows) {
      memory = undefined
      if (!grows) trim?.()
    },
    bind(layout) {
      memory ??= allocated(layout.arenaBytes, () => allocate(layout.arenaBytes))
      const { copyIn, run, results } = bindCalls(header, layout, memory)
      return {
        run(feeds, times) {
          copyIn(feeds)
          run(times)
          return results()
        },
      }
    },
  }
}

/** Steps as calls of functions over memory that the host shares with them: what the js and wasm targets have in common. */
import { DTYPES } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import type { NumericStorage } from './feeds.js'
import type { ProgramHeader, Step } from './format.js'
import type { Binding } from './host.js'
import type { BufferPlace } from './layout.js'

/** A kernel as a function. js: `fn(...buffers, ...params)` with typed arrays that start at the buffer's first element; wasm: byte addresses in their stead. */
export type KernelFunction = (...args: never[]) => unknown

/** A typed array over a buffer's place, `start` being where its part of `memory` begins. */
export function viewOf({ dtype, offset, length }: BufferPlace, memory: ArrayBufferLike, start: number): NumericStorage {
  return new (DTYPES[dtype].array ?? Uint8Array)(memory as ArrayBuffer, start + offset, length)
}

/** Runs `make`, turning the platform's refusal into `out-of-memory`. */
export function allocating<T>(bytes: number, make: () => T): T {
  try {
    return make()
  } catch (cause) {
    throw new IngotError('out-of-memory', `could not get ${bytes} bytes of memory`, { cause, hint: 'feed smaller inputs, or dispose of sessions that are no longer needed' })
  }
}

/** Reads a fault out of what a kernel threw: the message of an index out of range, or undefined. */
export type ReadFault = (thrown: unknown) => string | undefined

/** One call per step; `args` are made once, so that a run allocates nothing but its results. */
export function bindCalls(header: ProgramHeader, calls: readonly KernelFunction[], args: readonly (readonly unknown[])[], view: (buffer: number) => NumericStorage, readFault: ReadFault): Binding {
  const inputs = header.inputs.map((port) => view(port.buffer)), outputs = header.outputs.map((port) => view(port.buffer))
  const call = (i: number): void => { (calls[i] as KernelFunction).apply(undefined, args[i] as never[]) }
  return {
    run(feeds, times) {
      inputs.forEach((input, i) => input.set(feeds[i] as never))
      let at = 0
      try {
        if (times === null) for (; at < calls.length; at++) call(at)
        else for (; at < calls.length; at++) {
          const start = performance.now()
          call(at)
          times[at] = (times[at] as number) + performance.now() - start
        }
      } catch (cause) {
        throw stepFault(cause, header.steps[at] as Step, readFault)
      }
      return outputs.map((output) => output.slice())
    },
  }
}

function stepFault(cause: unknown, { origin }: Step, readFault: ReadFault): IngotError {
  if (cause instanceof IngotError) return cause
  const fault = readFault(cause)
  return fault === undefined
    ? new IngotError('internal', `a kernel failed: ${String(cause)}`, { where: { origin }, cause })
    : new IngotError('index-out-of-range', fault, { where: { origin }, cause, hint: 'an input holds an index that is outside the tensor it indexes' })
}

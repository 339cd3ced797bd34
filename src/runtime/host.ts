/** What a target has to do for a session: own the memory, bind a layout to it, run. One host per session. */
import { IngotError } from '../base/error.js'
import type { NumericStorage } from './feeds.js'
import type { Step } from './format.js'
import type { Layout } from './layout.js'

/** A layout with memory under it. */
export interface Binding {
  /**
   * Copies the feeds in (inputs' order), runs all steps, gives the outputs as storage of their own. With `times`, adds each
   * step's milliseconds to its entry.
   */
  run(feeds: readonly NumericStorage[], times: Float64Array | null): NumericStorage[] | Promise<NumericStorage[]>
}

export interface Host {
  /** Whether `run` answers at once, so that `runSync` can be offered. */
  readonly sync: boolean
  /** Bytes that the arena has now; a binding of a layout that needs more replaces it, and bindings made before are stale. */
  readonly arenaBytes: number
  bind(layout: Layout): Binding
  /** Gives the arena back; all bindings are stale after it. */
  release(): void
}

/** The error for a fault inside a step: `index-out-of-range` for what kernels raise themselves, `internal` for the rest. */
export function stepFault(cause: unknown, step: Step | undefined): IngotError {
  if (cause instanceof IngotError) return cause
  const fault = cause as { readonly code?: unknown; readonly message?: unknown }
  const where = { origin: step?.origin ?? 'unknown step' }
  if (fault.code === 'index-out-of-range') return new IngotError('index-out-of-range', String(fault.message), { where, cause, hint: 'an input holds an index that is outside the tensor it indexes' })
  return new IngotError('internal', `a kernel failed: ${String(cause)}`, { where, cause })
}

/** Runs `allocate`, turning the platform's refusal into `out-of-memory`. */
export function allocating<T>(bytes: number, allocate: () => T): T {
  try {
    return allocate()
  } catch (cause) {
    throw new IngotError('out-of-memory', `could not get ${bytes} bytes of memory`, { cause, hint: 'feed smaller inputs, or dispose of sessions that are no longer needed' })
  }
}

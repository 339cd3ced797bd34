/** What a target has to do for a session: own the memory, bind a layout to it, run. One host per session. */
import type { NumericStorage } from './feeds.js'
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

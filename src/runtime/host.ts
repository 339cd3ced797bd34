/** What a target has to do for a session: own the memory, bind a layout to it, run. One host per session. */
import type { NumericStorage } from './feeds.js'
import type { RunOptions } from './gpu-tensor.js'
import type { Layout } from './layout.js'

/** A layout with memory under it. */
export interface Binding {
  /**
   * Copies the feeds in (inputs' order), runs all steps, gives the outputs as storage of their own. With `times`, adds each
   * step's milliseconds to its entry. With `sync` the answer must be no promise. Where there is a device, feeds may be tensors in its
   * buffers, and so are the results that `options` says to leave there.
   */
  run(feeds: readonly NumericStorage[], times: Float64Array | null, sync?: boolean, options?: RunOptions): NumericStorage[] | Promise<NumericStorage[]>
}

export interface Host {
  /** Whether `run` answers at once, so that `runSync` can be offered. */
  readonly sync: boolean
  /** Puts memory under a layout: the first one since `release` sets the arena's size, later ones need no more. */
  bind(layout: Layout): Binding
  /** Gives the arena back, where it does not grow at once; all bindings are stale after it. */
  release(grows: boolean): void
  /** The WebGPU device, where there is one. */
  readonly device?: object
  /** Whose clock the times are by; the host's where absent. */
  readonly clock?: 'gpu' | 'cpu'
  /** Threads that runs may use; 1 where absent. */
  readonly threads?: number
  /** What is not as it was asked for, in words. */
  readonly notices?: readonly string[]
  /** Lets a run begin when those before it are done; absent where they always are. */
  turn?<T>(job: () => T | Promise<T>): Promise<T>
  /** Gives back what `release` keeps; the last call there is. */
  dispose?(): void
}

/** What each step of a session cost. */
import type { ProgramHeader } from './format.js'
import type { Layout } from './layout.js'

/** One step, summed over the profiled runs. */
export interface StepProfile {
  readonly kernel: string
  /** Where the step comes from: ONNX node names or source call sites. */
  readonly origin: string
  readonly calls: number
  /** Milliseconds of all calls together. */
  readonly ms: number
  /** Bytes of the buffers that one call reads and writes, at the last run's shapes. */
  readonly bytes: number
  /** Floating-point operations of one call at the last run's shapes; absent where not counted. */
  readonly flops?: number
}

export interface Profile {
  /** Whose clock the times are by: `gpu` has what the device takes for a step (parts on the host aside), `cpu` all from its submission to its end. */
  readonly clock: 'gpu' | 'cpu'
  /** Runs that were profiled. */
  readonly runs: number
  /** Milliseconds in steps, all runs together. */
  readonly ms: number
  /** In the order in which they run. */
  readonly steps: readonly StepProfile[]
}

/** Puts the times of `runs` runs beside what the header says of each step; without a layout there are no sizes yet. */
export function makeProfile({ steps, kernels }: ProgramHeader, layout: Layout | undefined, times: Float64Array | null, runs: number, clock: Profile['clock'] = 'cpu'): Profile {
  let total = 0
  const profiles = steps.map(({ kernel, origin, buffers, flops }, i): StepProfile => {
    const ms = times?.[i] ?? 0
    total += ms
    return {
      kernel: kernels[kernel]?.name ?? '', origin, calls: runs, ms,
      bytes: buffers.reduce((sum, b) => sum + (layout?.buffers[b]?.bytes ?? 0), 0),
      ...(flops !== undefined && layout !== undefined && { flops: layout.valueOf(flops) }),
    }
  })
  return { clock, runs, ms: total, steps: profiles }
}

/** Policy for WebGPU. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Schedule } from '../../ir/kernel/schedule.js'
import { parallelOutermost } from './parallel.js'

/** The schedule for `compute` on the wgsl target. */
export function scheduleWgsl(compute: Compute): Schedule {
  return parallelOutermost(compute)
}

/** Policy for plain JavaScript. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Schedule } from '../../ir/kernel/schedule.js'

/** The schedule for `compute` on the js target. */
export function scheduleJs(compute: Compute): Schedule {
  void compute
  return []
}

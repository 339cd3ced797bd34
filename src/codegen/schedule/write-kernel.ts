/** The kernel of a compute by any schedule: with loops, or for workgroups. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import type { Schedule } from '../../ir/kernel/schedule.js'
import { applySchedule } from './apply.js'
import { applyGroup } from './group.js'
import { applyGroupTile } from './group-tile.js'
import { applyGroupTranspose } from './group-transpose.js'

/** See `applySchedule` and the mechanisms for workgroups; sums across invocations are in an order of their own. */
export function writeKernel(compute: Compute, schedule: Schedule, name: string): Kernel {
  const [first] = schedule
  if (first?.kind === 'group-tile') return applyGroupTile(compute, first, name)
  if (first?.kind === 'group-transpose') return applyGroupTranspose(compute, first, name)
  return first?.kind === 'group' ? applyGroup(compute, first, name) : applySchedule(compute, schedule, name)
}

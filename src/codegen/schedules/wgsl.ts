/**
 * Policy for WebGPU: what several invocations can share goes to workgroups, all else to single ones. Adapters that are no GPUs
 * are slow at barriers and have no memory that is nearer than the rest: for them there is `schedulePoints`.
 */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Plan } from '../../ir/kernel/schedule.js'
import { schedulePoints } from './wgsl/points.js'
import { scheduleRows } from './wgsl/rows.js'
import { scheduleTiles } from './wgsl/tiles.js'
import { scheduleTransposes } from './wgsl/transposes.js'

/** The plan for `compute` on the wgsl target. */
export function scheduleWgsl(compute: Compute): Plan {
  return scheduleTiles(compute) ?? scheduleRows(compute) ?? scheduleTransposes(compute) ?? schedulePoints(compute)
}

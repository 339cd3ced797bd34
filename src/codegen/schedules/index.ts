/** Policy by target: which schedule a compute gets. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Schedule } from '../../ir/kernel/schedule.js'
import type { Target } from '../../runtime/format.js'
import { scheduleJs } from './js.js'
import { scheduleWasm } from './wasm.js'
import { scheduleWgsl } from './wgsl.js'

const POLICIES: Readonly<Record<Target, (compute: Compute) => Schedule>> = { js: scheduleJs, wasm: scheduleWasm, wgsl: scheduleWgsl }

/** The schedule that `target`'s policy picks for a compute. */
export function scheduleFor(compute: Compute, target: Target): Schedule {
  return POLICIES[target](compute)
}

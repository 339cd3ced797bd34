/** Policy by target: which schedule a compute gets. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Plan } from '../../ir/kernel/schedule.js'
import type { Target } from '../../runtime/format.js'
import { scheduleJs } from './js.js'
import { scheduleWasm } from './wasm.js'
import { scheduleWgsl } from './wgsl.js'

const POLICIES: Readonly<Record<Target, (compute: Compute) => Plan>> = { js: scheduleJs, wasm: scheduleWasm, wgsl: scheduleWgsl }

/** What `target`'s policy decides about a compute. */
export function scheduleFor(compute: Compute, target: Target): Plan {
  return POLICIES[target](compute)
}

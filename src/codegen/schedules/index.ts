/** Policy by target: which schedule a compute gets. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Plan } from '../../ir/kernel/schedule.js'
import type { Target } from '../../runtime/format.js'
import { scheduleJs } from './js.js'
import { scheduleWasm } from './wasm.js'
import type { Features } from './wasm/tile.js'
import { scheduleWgsl } from './wgsl.js'

export type { Features } from './wasm/tile.js'

const POLICIES: Readonly<Record<Target, (compute: Compute, features: Features) => Plan>> = { js: scheduleJs, wasm: scheduleWasm, wgsl: scheduleWgsl }

/** What `target`'s policy decides about a compute; `features` says which instructions wasm may use. */
export function scheduleFor(compute: Compute, target: Target, features: Features = 'baseline'): Plan {
  return POLICIES[target](compute, features)
}

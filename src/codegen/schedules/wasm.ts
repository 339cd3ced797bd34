/** Policy for WebAssembly: which family a compute belongs to. Each family has its own file. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Plan } from '../../ir/kernel/schedule.js'
import { prepareCompute } from '../schedule/prepare.js'
import { joinPixels, packOperands } from './wasm/arrange.js'
import { scheduleContraction, tileDepth, type Features } from './wasm/contraction.js'
import { scheduleDepthwise } from './wasm/depthwise.js'
import { scheduleStores } from './wasm/epilogue.js'
import { scheduleRows } from './wasm/rows.js'
import { shareLoops } from './wasm/share.js'

/** The plan for `compute` on the wasm target with an instruction set. */
export function scheduleWasm(compute: Compute, features: Features = 'baseline'): Plan {
  const plan = scheduleDepthwise(compute, features) ?? planContraction(compute, features) ?? scheduleRows(compute)
  return shareLoops(compute, [...plan, ...scheduleStores(compute)])
}

function planContraction(compute: Compute, features: Features): Plan | undefined {
  const join = joinPixels(compute, tileDepth(features))
  const arranged = join === undefined ? compute : prepareCompute(compute, [join]).compute
  const schedule = scheduleContraction(arranged, features)
  return schedule === undefined ? undefined : [...(join === undefined ? [] : [join]), ...packOperands(arranged, schedule), ...schedule]
}

/** Policy for WebAssembly: which family a compute belongs to. Each family has its own file. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Plan } from '../../ir/kernel/schedule.js'
import { prepareCompute } from '../schedule/prepare.js'
import { joinPixels, packOperands, panelOf, widenColumns } from './wasm/arrange.js'
import { blocksOf } from './wasm/blocks.js'
import { scheduleContraction } from './wasm/contraction.js'
import { scheduleDepthwise } from './wasm/depthwise.js'
import { scheduleStores } from './wasm/epilogue.js'
import { scheduleRows } from './wasm/rows.js'
import { shareLoops } from './wasm/share.js'
import { tileDepth, type Features } from './wasm/tile.js'
import { scheduleTranspose } from './wasm/transposes.js'
import { scheduleWindowRows } from './wasm/window-rows.js'

/** The plan for `compute` on the wasm target with an instruction set. */
export function scheduleWasm(compute: Compute, features: Features = 'baseline'): Plan {
  const plan = scheduleDepthwise(compute, features) ?? scheduleWindowRows(compute, features) ?? planContraction(compute, features) ?? scheduleTranspose(compute) ?? scheduleRows(compute)
  return shareLoops(compute, [...plan, ...scheduleStores(compute, features)])
}

function planContraction(compute: Compute, features: Features): Plan | undefined {
  const join = joinPixels(compute, tileDepth(features)), joins = join === undefined ? [] : [join], joined = prepareCompute(compute, joins).compute
  const block = blocksOf(joined)
  if (block !== undefined) return planColumns(prepareCompute(joined, [block]).compute, [...joins, block], features)
  return planWidened(joined, joins, features) ?? planColumns(joined, joins, features)
}

/** The plan, which begins with `before`, with columns filled up to whole vectors, where their operand can be packed so. */
function planWidened(compute: Compute, before: Plan, features: Features): Plan | undefined {
  const widen = widenColumns(compute)
  if (widen === undefined) return undefined
  const schedule = scheduleContraction(prepareCompute(compute, [widen]).compute, features)
  const packs = schedule === undefined ? [] : packOperands(compute, schedule)
  return schedule !== undefined && packs.length > 0 && panelOf(compute, schedule)?.name === widen.axis ? [...before, ...packs, widen, ...schedule] : undefined
}

function planColumns(compute: Compute, before: Plan, features: Features): Plan | undefined {
  const schedule = scheduleContraction(compute, features)
  return schedule === undefined ? undefined : [...before, ...packOperands(compute, schedule), ...schedule]
}

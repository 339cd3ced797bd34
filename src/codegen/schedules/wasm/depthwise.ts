/**
 * Windows that slide over images channel by channel, with the channels in lanes: depthwise convolutions, and pools without borders. Each step computes a
 * patch of pixels with the window written out, so that pixels which neighbouring windows share are loaded once. Of windows too
 * large for that, the innermost axes that are not are written out.
 */
import type { Axis, Compute } from '../../../ir/kernel/compute.js'
import type { Directive, Schedule } from '../../../ir/kernel/schedule.js'
import { findContraction, type Contraction } from './contraction.js'
import { accessesOf, boundsDependOn, fixedExtent, isLong, moves, strideAlong } from './strides.js'
import { cutCover, cutPoints, cutVectors, directivesOf, uncut, type Cut, type Features } from './tile.js'

/** Largest window that is written out. */
const WINDOW = 25
/** Pixels of a patch: columns, then rows. */
const PATCH: Readonly<Record<Features, readonly [number, number]>> = { baseline: [2, 2], relaxed: [4, 2] }
/** Pixels of a patch where a window is written out in part only: of a row, as rows share nothing then. */
const cutLong = (axis: Axis): Cut => (fixedExtent(axis) === undefined ? cutPoints(axis, 8) : cutCover(axis, 7))

/** The schedule of `compute` if it is a depthwise convolution or pool of 32-bit floats with channels side by side; undefined if it is something else. */
export function scheduleDepthwise(compute: Compute, features: Features): Schedule | undefined {
  const found = findContraction(compute) ?? findPool(compute)
  if (found === undefined) return undefined
  const { stage, loads, store } = found
  const channels = compute.axes.find((a) => isLong(a) && a.lo === undefined && !boundsDependOn(compute, a.name) && strideAlong(store.flat, a.name) === 1 && loads.every((l) => l.plain && strideAlong(l.flat, a.name) === 1))
  const written = writtenOut(stage.axes), whole = written.length === stage.axes.length
  if (channels === undefined || stage.axes.every((a) => fixedExtent(a) === 1)) return undefined
  const pixels = compute.axes.filter((a) => a !== channels && a.hi !== 1 && !boundsDependOn(compute, a.name) && (loads.length === 1 || loads.some((l) => !moves(l, a.name))) && loads.some((l) => moves(l, a.name))).slice(-2).reverse()
  // Nothing slides: a sum down columns.
  if (pixels.length === 0 && loads.length === 1) return undefined
  const cuts = new Map<Axis, Cut>([[channels, cutVectors(channels, 1)]])
  // An extreme takes two registers: the greatest number, and whether there are only numbers.
  const patch = PATCH[stage.accumulators[0]?.combine === 'add' ? features : 'baseline']
  pixels.forEach((axis, i) => cuts.set(axis, whole ? cutCover(axis, patch[i] ?? 1) : i === 0 ? cutLong(axis) : uncut(axis)))
  const others = compute.axes.filter((a) => a !== channels)
  const loops = [...others, channels].map((a) => cuts.get(a) ?? uncut(a))
  const inner = [...[...pixels].reverse(), channels].map((a) => cuts.get(a) ?? uncut(a))
  return [...directivesOf(loops, inner), ...written.map((a): Directive => ({ kind: 'unroll', axis: a.name }))]
}

/** The innermost axes of a window that have no more taps than are written out. */
function writtenOut(window: readonly Axis[]): readonly Axis[] {
  let taps = 1
  const first = window.findLastIndex((a) => { taps *= fixedExtent(a) ?? Infinity; return taps > WINDOW })
  return window.slice(first + 1)
}

/** The only reduction of a pool: 32-bit floats, folded as they are read. */
function findPool(compute: Compute): Contraction | undefined {
  const reductions = compute.stages.filter((s) => s.kind === 'reduce'), stores = compute.stages.filter((s) => s.kind === 'store')
  const [stage] = reductions, [last] = stores, [a] = stage?.accumulators ?? []
  if (stage === undefined || last === undefined || a === undefined || reductions.length > 1 || stores.length > 1 || last.axes.length > 0) return undefined
  if (stage.accumulators.length > 1 || a.type !== 'f32' || a.combine === undefined || a.value.kind !== 'load' || stage.axes.some((x) => x.lo !== undefined && x.lo !== 0)) return undefined
  const loads = accessesOf(compute, stage), store = accessesOf(compute, last).find((x) => x.store)
  return loads.length === 1 && store !== undefined ? { stage, loads, store } : undefined
}

/**
 * Windows that slide along rows of images, with a row in lanes: depthwise convolutions whose channels are planes. Each step
 * computes a vector of some rows with the window written out: an element that the windows of several rows share is loaded
 * once, and the weights of a plane stay in registers.
 */
import type { Axis, Compute } from '../../../ir/kernel/compute.js'
import type { Directive, Schedule } from '../../../ir/kernel/schedule.js'
import { findContraction } from './contraction.js'
import { accessesOf, boundsDependOn, fixedExtent, isLong, moves, strideAlong, type Access } from './strides.js'
import { cutCover, cutPoints, cutVectors, directivesOf, uncut, type Cut, type Features } from './tile.js'

/** Largest window that is written out. */
const WINDOW = 25
/** Rows of a step, and vectors of one where images have no more: what leaves registers for the weights. */
const ROWS: Readonly<Record<Features, number>> = { baseline: 2, relaxed: 4 }
const VECTORS = 4

/** The schedule of `compute` if it is a sum over a small window that slides along rows of 32-bit floats; undefined if it is something else. */
export function scheduleWindowRows(compute: Compute, features: Features): Schedule | undefined {
  const found = findContraction(compute)
  if (found === undefined) return undefined
  const { stage, loads, store } = found
  const taps = stage.axes.reduce((n, a) => n * (fixedExtent(a) ?? Infinity), 1)
  if (taps < 2 || taps > WINDOW || accessesOf(compute, stage).length > loads.length + 1) return undefined
  const free = compute.axes.filter((a) => a.hi !== 1 && a.lo === undefined && !boundsDependOn(compute, a.name))
  const columns = free.findLast((a) => isLong(a) && strideAlong(store.flat, a.name) === 1)
  const image = columns && loads.find((l) => l.plain && strideAlong(l.flat, columns.name) === 1)
  if (columns === undefined || image === undefined || !slides(image, columns, stage.axes)) return undefined
  const weights = loads.find((l) => l !== image)
  if (weights === undefined || moves(weights, columns.name)) return undefined
  const rows = free.findLast((a) => a !== columns && !moves(weights, a.name) && slides(image, a, stage.axes))
  const cuts = new Map<Axis, Cut>([[columns, cutVectors(columns, rows === undefined ? VECTORS : 1)]])
  if (rows !== undefined) cuts.set(rows, fixedExtent(rows) === undefined ? cutPoints(rows, ROWS[features]) : cutCover(rows, ROWS[features]))
  const last = [...(rows === undefined ? [] : [rows]), columns]
  const loops = [...compute.axes.filter((a) => !last.includes(a)), ...last].map((a) => cuts.get(a) ?? uncut(a))
  return [...directivesOf(loops, last.map((a) => cuts.get(a) ?? uncut(a))), ...stage.axes.map((a): Directive => ({ kind: 'unroll', axis: a.name }))]
}

/** True where neighbours along `axis` read overlapping parts of an image. */
function slides(image: Access, axis: Axis, window: readonly Axis[]): boolean {
  const step = strideAlong(image.flat, axis.name)
  if (step === undefined || step === 0) return false
  return window.some((k) => {
    const tap = strideAlong(image.flat, k.name) ?? 0
    return tap > 0 && tap % step === 0 && tap < step * (fixedExtent(axis) ?? Infinity)
  })
}

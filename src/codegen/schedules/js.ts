/**
 * Policy for plain JavaScript. V8 keeps 15 doubles in registers and has no vectors, so a contraction gets a 4×4 tile of
 * accumulators (3 to 4 times the speed of a plain loop), a matrix by vector product eight columns at once, and a small window
 * (depthwise convolution, pooling) is written out so that its weights stay in registers. Everything else runs as it stands.
 */
import type { Axis, Compute } from '../../ir/kernel/compute.js'
import type { Directive, Schedule } from '../../ir/kernel/schedule.js'
import { findReuse, stagePoints, stageSize } from './reuse.js'

const TILE = 4
const VECTOR_TILE = 8
/** Largest window that is written out, and the most expressions that all its points and tile columns may have. */
const WINDOW = 25
const WRITTEN_OUT = 1200

/** The schedule for `compute` on the js target. */
export function scheduleJs(compute: Compute): Schedule {
  const reuse = findReuse(compute)
  if (reuse === undefined) return []
  const { stage, rows, columns, streaming } = reuse
  if (rows !== undefined && columns !== undefined) return registerTile(compute, [[rows, TILE], [columns, TILE]])
  const points = stagePoints(stage)
  const width = points !== undefined && points <= WINDOW && !streaming ? TILE : VECTOR_TILE
  const written = points !== undefined && points > 1 && points <= WINDOW && points * width * stageSize(stage) <= WRITTEN_OUT
  const window = written ? stage.axes.map((a): Directive => ({ kind: 'unroll', axis: a.name })) : []
  return [...(columns === undefined ? [] : registerTile(compute, [[columns, width]])), ...window]
}

/** Splits axes and writes their inner parts out inside all loops; axes that are shorter than the tile are written out whole. */
function registerTile(compute: Compute, tiled: readonly (readonly [Axis, number])[]): readonly Directive[] {
  const splits: Directive[] = [], outer = new Map<string, string>(), inner: string[] = []
  for (const [axis, width] of tiled) {
    const short = typeof axis.hi === 'number' && axis.lo === undefined && axis.hi <= width
    if (short) { outer.set(axis.name, ''); inner.push(axis.name); continue }
    const parts = { outer: `${axis.name}_o`, inner: `${axis.name}_i` }
    splits.push({ kind: 'split', axis: axis.name, factor: width, ...parts })
    outer.set(axis.name, parts.outer)
    inner.push(parts.inner)
  }
  const order = compute.axes.map((a) => outer.get(a.name) ?? a.name).filter((name) => name !== '')
  return [...splits, { kind: 'reorder', axes: [...order, ...inner] }, ...inner.map((axis): Directive => ({ kind: 'unroll', axis }))]
}

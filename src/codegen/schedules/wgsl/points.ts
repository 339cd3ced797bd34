/**
 * Every point of the outer axes has an invocation of its own, or in a contraction every tile of points, whose operands then serve
 * several of them from registers.
 */
import { divExact, product } from '../../../ir/dims.js'
import type { Axis, Compute } from '../../../ir/kernel/compute.js'
import type { Directive, Plan, Preparation } from '../../../ir/kernel/schedule.js'
import { findReuse } from '../reuse.js'
import { joinAxes } from './join.js'

/** Points of a tile along each axis: 16 accumulators and 8 operands stay in the registers of any GPU. */
const TILE = 4
/** With fewer invocations than this a GPU idles, and smaller tiles are better. */
const ENOUGH = 4096

/** The plan by which invocations have nothing to do with one another. */
export function schedulePoints(compute: Compute): Plan {
  const tiles = tilesOf(compute), inner = new Set(tiles.map((t) => t.inner))
  const axes = compute.axes.map((a): Axis => { const tile = tiles.find((t) => t.axis === a.name); return tile === undefined ? a : { name: tile.outer, hi: divExact(a.hi, tile.factor) ?? a.hi } })
  const { joins, first } = joinAxes(compute, axes)
  if (first === undefined) return []
  return [...tiles, ...joins, { kind: 'parallel', axis: first.name } satisfies Directive, ...[...inner].map((name): Directive => ({ kind: 'unroll', axis: name }))]
}

/** The axes of a contraction along which a loaded operand serves several points, as far as there are points enough. */
function tilesOf(compute: Compute): readonly Extract<Preparation, { kind: 'tile' }>[] {
  const reuse = findReuse(compute)
  if (reuse === undefined || reuse.streaming || reuse.stage.axes.length === 0) return []
  const tiles: Extract<Preparation, { kind: 'tile' }>[] = []
  let points = product(compute.axes.map((a) => a.hi))
  for (const axis of [reuse.rows, reuse.columns]) {
    if (axis === undefined || axis.lo !== undefined || typeof axis.hi !== 'number' || axis.hi % TILE !== 0 || axis.hi === 0) continue
    if (typeof points === 'number' && points / TILE < ENOUGH) continue
    tiles.push({ kind: 'tile', axis: axis.name, factor: TILE, outer: `${axis.name}o`, inner: `${axis.name}i` })
    points = divExact(points, TILE) ?? points
  }
  return tiles
}

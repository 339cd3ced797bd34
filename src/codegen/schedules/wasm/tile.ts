/** Splits that cut an axis into a main part and ever smaller remainders, so that no extent falls off a cliff. */
import type { Axis } from '../../../ir/kernel/compute.js'
import { LANES } from '../../../ir/kernel/expr.js'
import type { Directive } from '../../../ir/kernel/schedule.js'
import { fixedExtent } from './strides.js'

/** Instruction sets that schedules are made for. */
export type Features = 'baseline' | 'relaxed'

/** Rows of a register tile two vectors of columns wide. */
export const tileDepth = (features: Features): number => (features === 'relaxed' ? 6 : 4)

/** An axis cut up: directives, the loop that is left, and the parts written out inside it, outermost first. */
export interface Cut { readonly splits: readonly Directive[]; readonly loop: string | undefined; readonly inner: readonly string[]; readonly marks: readonly Directive[] }

/** `axis` as it stands. */
export const uncut = (axis: Axis): Cut => ({ splits: [], loop: axis.name, inner: [], marks: [] })

/** `count` vectors of `axis` side by side; what is left over runs in single vectors and then in single elements. The last tile of an axis that vectors go beyond stands by itself. */
export function cutVectors(axis: Axis, count: number): Cut {
  const { name } = axis, extent = fixedExtent(axis)
  const vectors = extent === undefined ? count : Math.max(1, Math.min(count, Math.floor(extent / LANES)))
  const lane = `${name}_l`
  const first: Directive = { kind: 'split', axis: name, factor: LANES, outer: `${name}_v`, inner: lane }
  const total = axis.valid === undefined || extent === undefined ? 0 : extent / LANES, last = total % vectors || vectors
  if (vectors === 1) return { splits: [{ ...first, ...(total > 1 && { then: { from: (total - 1) * LANES, factor: LANES } }) }], loop: `${name}_v`, inner: [lane], marks: [{ kind: 'vectorize', axis: lane }] }
  const jam: Directive = { kind: 'split', axis: `${name}_v`, factor: vectors, outer: `${name}_o`, inner: `${name}_j`, ...(total > last && { then: { from: total - last, factor: last } }) }
  return { splits: [first, jam], loop: `${name}_o`, inner: [`${name}_j`, lane], marks: [{ kind: 'unroll', axis: `${name}_j` }, { kind: 'vectorize', axis: lane }] }
}

/** Columns of a panel, in vectors. */
export const PANEL = 2

/** `panels` panels of columns side by side; what is left over runs in single panels, then in vectors, then in single elements. */
export function cutPanels(axis: Axis, panels: number): Cut {
  const extent = fixedExtent(axis), most = extent === undefined ? panels : Math.min(panels, Math.floor(extent / (PANEL * LANES)))
  if (most < 2 || axis.valid !== undefined) return cutVectors(axis, PANEL)
  const one = cutVectors(axis, PANEL), { name } = axis, part = `${name}_s`
  return {
    splits: [...one.splits, { kind: 'split', axis: `${name}_o`, factor: most, outer: `${name}_p`, inner: part }],
    loop: `${name}_p`, inner: [part, ...one.inner], marks: [{ kind: 'unroll', axis: part }, ...one.marks],
  }
}

/** All of `axis` in groups of `count` points that are written out; there must be no remainder. */
export function cutWhole(axis: Axis, count: number): Cut {
  if (count === 1) return uncut(axis)
  const part = `${axis.name}_i`
  return { splits: [{ kind: 'split', axis: axis.name, factor: count, outer: `${axis.name}_o`, inner: part }], loop: `${axis.name}_o`, inner: [part], marks: [{ kind: 'unroll', axis: part }] }
}

/** `count` points of `axis` side by side; what is left over runs in pairs and then one by one. An axis no longer than that is written out whole. */
export function cutPoints(axis: Axis, count: number): Cut {
  const { name } = axis, extent = fixedExtent(axis)
  if (extent !== undefined && extent <= count) return { splits: [], loop: undefined, inner: [name], marks: [{ kind: 'unroll', axis: name }] }
  if (count === 1) return uncut(axis)
  if (count % 2 === 1 || count === 2) {
    const part = `${name}_i`
    return { splits: [{ kind: 'split', axis: name, factor: count, outer: `${name}_o`, inner: part }], loop: `${name}_o`, inner: [part], marks: [{ kind: 'unroll', axis: part }] }
  }
  const pair = `${name}_i`, jam = `${name}_j`
  return {
    splits: [{ kind: 'split', axis: name, factor: 2, outer: `${name}_p`, inner: pair }, { kind: 'split', axis: `${name}_p`, factor: count / 2, outer: `${name}_o`, inner: jam }],
    loop: `${name}_o`, inner: [jam, pair], marks: [{ kind: 'unroll', axis: jam }, { kind: 'unroll', axis: pair }],
  }
}

/** What a step of a tile takes: no less than sums need that wait for each other, in a tile two vectors wide. */
const tileCost = (points: number): number => Math.max(points, 4) + 0.5

/** What a step of the points that are left over takes: one or two of them are a tile as wide as they are few, in a pass of its own. */
const leftCost = (left: number): number => (left > 2 ? tileCost(left) : left > 0 ? left + 1 : 0)

/** Points of an axis in tiles of at most two heights, a point apart: `tiles` of `points`, then `rest` of one point less. */
export interface Cover { readonly points: number; readonly tiles: number; readonly rest: number; readonly left: number; readonly cost: number }

/** The cover of `extent` points by tiles of up to `most` that costs least. What tiles leave over is `left`: a tile of its own, or `single` points. */
export function coverOf(extent: number, most: number, single = false): Cover {
  const covers = Array.from({ length: Math.min(most, extent) }, (_, k) => k + 1).flatMap((points) => {
    const few = Math.floor(extent / points), left = extent - few * points
    const ragged: Cover = { points, tiles: few, rest: 0, left, cost: few * tileCost(points) + (single ? left * tileCost(1) : leftCost(left)) }
    const rest = points === 1 ? 0 : (points - left) % points, tiles = Math.ceil(extent / points) - rest
    return tiles > 0 && rest > 0 ? [ragged, { points, tiles, rest, left: 0, cost: tiles * tileCost(points) + rest * tileCost(points - 1) }] : [ragged]
  })
  return covers.reduce((best, c) => (c.cost <= best.cost ? c : best))
}

/** What it costs to cover `extent` points, which may be infinite, with tiles of up to `most`, relative to full tiles. */
export const coverCost = (extent: number, most: number): number => (extent === Infinity ? 1 : coverOf(extent, most).cost / (extent * tileCost(most) / most))

/** Tiles of up to `most` points of `axis`, of two heights where that covers it exactly. */
export function cutCover(axis: Axis, most: number): Cut {
  const { name } = axis, extent = fixedExtent(axis)
  if (extent === undefined || extent <= most) return cutPoints(axis, extent ?? most)
  const { points, tiles, rest } = coverOf(extent, most, true), inner = `${name}_i`
  if (points === 1) return uncut(axis)
  const split: Directive = { kind: 'split', axis: name, factor: points, outer: `${name}_o`, inner, ...(rest > 0 && { then: { from: tiles * points, factor: points - 1 } }) }
  return { splits: [split], loop: `${name}_o`, inner: [inner], marks: [{ kind: 'unroll', axis: inner }] }
}

/** The directives of cuts of a nest's axes: splits, the order (loops outermost first, then all inner parts), and marks. */
export function directivesOf(loops: readonly Cut[], innerOrder: readonly Cut[]): readonly Directive[] {
  const outer = loops.flatMap((c) => (c.loop === undefined ? [] : [c.loop])), inner = innerOrder.flatMap((c) => c.inner)
  const order = [...outer, ...inner]
  return [
    ...loops.flatMap((c) => c.splits),
    ...(order.length > 1 ? [{ kind: 'reorder', axes: order } as const] : []),
    ...innerOrder.flatMap((c) => c.marks),
  ]
}

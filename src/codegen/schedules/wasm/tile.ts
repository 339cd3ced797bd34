/** Splits that cut an axis into a main part and ever smaller remainders, so that no extent falls off a cliff. */
import type { Axis } from '../../../ir/kernel/compute.js'
import { LANES } from '../../../ir/kernel/expr.js'
import type { Directive } from '../../../ir/kernel/schedule.js'
import { fixedExtent } from './strides.js'

/** An axis cut up: directives, the loop that is left, and the parts written out inside it, outermost first. */
export interface Cut { readonly splits: readonly Directive[]; readonly loop: string | undefined; readonly inner: readonly string[]; readonly marks: readonly Directive[] }

/** `axis` as it stands. */
export const uncut = (axis: Axis): Cut => ({ splits: [], loop: axis.name, inner: [], marks: [] })

/** `count` vectors of `axis` side by side; what is left over runs in single vectors and then in single elements. */
export function cutVectors(axis: Axis, count: number): Cut {
  const { name } = axis, extent = fixedExtent(axis)
  const vectors = extent === undefined ? count : Math.max(1, Math.min(count, Math.floor(extent / LANES)))
  const lane = `${name}_l`
  const first: Directive = { kind: 'split', axis: name, factor: LANES, outer: `${name}_v`, inner: lane }
  if (vectors === 1) return { splits: [first], loop: `${name}_v`, inner: [lane], marks: [{ kind: 'vectorize', axis: lane }] }
  const jam: Directive = { kind: 'split', axis: `${name}_v`, factor: vectors, outer: `${name}_o`, inner: `${name}_j` }
  return { splits: [first, jam], loop: `${name}_o`, inner: [`${name}_j`, lane], marks: [{ kind: 'unroll', axis: `${name}_j` }, { kind: 'vectorize', axis: lane }] }
}

/** Columns of a panel, in vectors. */
export const PANEL = 2

/** `panels` panels of columns side by side; what is left over runs in single panels, then in vectors, then in single elements. */
export function cutPanels(axis: Axis, panels: number): Cut {
  const extent = fixedExtent(axis), most = extent === undefined ? panels : Math.min(panels, Math.floor(extent / (PANEL * LANES)))
  if (most < 2) return cutVectors(axis, PANEL)
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

/** The number of points up to `most` that covers `axis` with the fewest operations: each tile costs its points and one more, points left over twice and one pass more over what they share. */
export function bestPoints(axis: Axis, most: number): number {
  const extent = fixedExtent(axis)
  if (extent === undefined || extent <= most) return most
  const cost = (n: number): number => Math.floor(extent / n) * (n + 1) + (extent % n) * 2 + Number(extent % n > 0)
  return Array.from({ length: most }, (_, k) => most - k).filter((n) => n * 2 >= most).reduce((best, n) => (cost(n) < cost(best) ? n : best), most)
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

/** Runs through a nest: opens its loops, writes out unrolled ones as points, and covers what a split leaves over. */
import { IngotError } from '../../base/error.js'
import { visitSymbols } from '../../base/dim.js'
import { add, floorDiv, mul, sub, substituteDim, type Dim } from '../../ir/dims.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { LANES } from '../../ir/kernel/expr.js'
import { LANE } from './lanes.js'
import { leavesOf, type Nest } from './nest.js'
import type { KernelWriter } from './writer.js'

/** Values of a nest's axes (and their parts) at one point. */
export type Point = ReadonlyMap<string, Dim>

interface Bounds { readonly lo: Dim; readonly hi: Dim; readonly step: number }

interface Walk {
  readonly nest: Nest
  readonly writer: KernelWriter
  /** Axes around the nest. */
  readonly around: Point
  readonly leaf: (points: readonly Point[]) => void
  /** Whether a vectorized axis makes points with lanes; else it is written out point by point. */
  readonly lanes: boolean
}

/** Which part of an axis is being covered. */
interface Cover {
  /** Parts that do not exist here, because a remainder runs their axis in single steps. */
  readonly absent: ReadonlySet<string>
  /** Inner parts whose split is beyond its first points, and goes by its second factor. */
  readonly second: ReadonlySet<string>
}

/** Opens the loops of `nest`; without `lanes` a vectorized axis is written out; `leaf` is called inside them with the points that are written out side by side. */
export function openLoops(nest: Nest, writer: KernelWriter, around: Point, leaf: (points: readonly Point[]) => void, lanes = true): void {
  visit({ nest, writer, around, leaf, lanes }, 0, [new Map()], { absent: new Set(), second: new Set() })
}

function visit(walk: Walk, at: number, points: readonly Point[], cover: Cover): void {
  const { nest } = walk, name = nest.order[at]
  if (name === undefined) return walk.leaf(points)
  if (cover.absent.has(name)) return visit(walk, at + 1, points, cover)
  run(walk, name, boundsOf(walk, name, points, cover), at, points, cover)
  let part = name, now = cover
  for (let split = nest.splitOf.get(part); split !== undefined && split.outer === part; split = nest.splitOf.get(part)) {
    if (split.then !== undefined) {
      now = { ...now, second: new Set([...now.second, split.inner]) }
      run(walk, part, boundsOf(walk, part, points, now), at, points, now)
    }
    const { hi: lo } = boundsOf(walk, part, points, now)
    now = { ...now, absent: new Set([...now.absent, ...leavesOf(nest, split.inner)]) }
    run(walk, split.axis, { ...boundsOf(walk, split.axis, points, now), lo }, at, points, now, nest.parallel.has(name))
    part = split.axis
  }
}

/** Writes the loop of `name`, or its points where it is unrolled, and what is inside. */
function run(walk: Walk, name: string, bounds: Bounds, at: number, points: readonly Point[], cover: Cover, parallel = walk.nest.parallel.has(name)): void {
  const { nest, writer } = walk
  const inside = (values: readonly Dim[]): void => visit(walk, at + 1, points.flatMap((p) => values.map((v) => bind(nest, p, name, v))), cover)
  const vectorized = nest.vectorized === name
  if (!nest.unrolled.has(name) && !vectorized) {
    if (parallel && nest.order.slice(0, at).some((outer) => !nest.parallel.has(outer) && !nest.unrolled.has(outer) && nest.vectorized !== outer)) throw new IngotError('bad-option', `schedule: ${name} is parallel, but loops that are not are around it`)
    return writer.loop(name, bounds.lo, bounds.hi, bounds.step, parallel ? 'parallel' : undefined, (variable) => inside([variable]))
  }
  const extent = simplifyDim(sub(bounds.hi, bounds.lo), writer.rangeOf)
  if (typeof extent !== 'number') throw new IngotError('bad-option', `schedule: ${name} cannot be ${vectorized ? 'vectorized' : 'unrolled'}, because its extent is not a number`, { hint: 'split it first and take the inner part' })
  if (vectorized && bounds.step !== 1) throw new IngotError('bad-option', `schedule: ${name} cannot be vectorized, because it goes in steps of ${bounds.step}`, { hint: 'vectorize the innermost part of a split' })
  if (vectorized && walk.lanes) {
    const whole = Math.floor(extent / LANES)
    const lanes = Array.from({ length: whole }, (_, i) => add(bounds.lo, i * LANES, LANE)), rest = Array.from({ length: extent % LANES }, (_, i) => add(bounds.lo, whole * LANES + i))
    if (extent > 0) inside([...lanes, ...rest])
    return
  }
  if (extent > 0) inside(Array.from({ length: Math.ceil(extent / bounds.step) }, (_, i) => add(bounds.lo, i * bounds.step)))
}

/** `point` with `name` known, and every axis whose two parts are known then. */
function bind(nest: Nest, point: Point, name: string, value: Dim): Point {
  const next = new Map(point).set(name, value)
  const split = nest.splitOf.get(name)
  const outer = split && next.get(split.outer), inner = split && next.get(split.inner)
  return split !== undefined && outer !== undefined && inner !== undefined ? bind(nest, next, split.axis, add(outer, inner)) : next
}

/** Where the loop of an axis or part runs; the same for all `points`, else `bad-option`. */
function boundsOf(walk: Walk, name: string, points: readonly Point[], cover: Cover): Bounds {
  const split = walk.nest.splitOf.get(name)
  if (split !== undefined) {
    const { then } = split, second = cover.second.has(split.inner)
    const whole = boundsOf(walk, split.axis, points, cover), step = whole.step * (second && then !== undefined ? then.factor : split.factor)
    if (split.inner === name) return { lo: 0, hi: step, step: whole.step }
    const extent = simplifyDim(sub(whole.hi, whole.lo), walk.writer.rangeOf)
    if (then === undefined) return { lo: whole.lo, hi: add(whole.lo, mul(step, floorDiv(extent, step))), step }
    const first = whole.step * then.from
    if (typeof extent !== 'number' || extent < first) throw new IngotError('bad-option', `schedule: ${split.axis} does not have the ${then.from} points that go in steps of ${split.factor}`)
    return second ? { lo: add(whole.lo, first), hi: add(whole.lo, first, step * Math.floor((extent - first) / step)), step } : { lo: whole.lo, hi: add(whole.lo, first), step }
  }
  const axis = walk.nest.axes.find((a) => a.name === name)
  if (axis === undefined) throw new IngotError('bad-option', `schedule: ${name} is no loop`)
  const [point] = points
  const at = (dim: Dim): Dim => {
    visitSymbols(dim, (s) => {
      if (!walk.around.has(s) && point?.get(s) === undefined && walk.nest.axes.some((a) => a.name === s)) throw new IngotError('bad-option', `schedule: the bounds of ${name} need ${s}, which is inside it`)
      if (points.length > 1 && point?.get(s) !== undefined && points.some((p) => p.get(s) !== point.get(s))) throw new IngotError('bad-option', `schedule: the bounds of ${name} need ${s}, which is unrolled around it`)
    })
    return substituteDim(dim, (s) => point?.get(s) ?? walk.around.get(s))
  }
  return { lo: at(axis.lo ?? 0), hi: at(axis.hi), step: 1 }
}

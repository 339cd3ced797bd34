/**
 * Matrix products and convolutions (as products of weights and windows) in tiles of workgroups. An element that a workgroup
 * brings to shared memory serves a whole row or column of its tile, and one that an invocation reads there all of its own tile's.
 */
import { add, mul, product, type Dim } from '../../../ir/dims.js'
import type { Axis, Compute, ReduceStage, StoreStage } from '../../../ir/kernel/compute.js'
import type { Expr } from '../../../ir/kernel/expr.js'
import type { GroupTile, Plan, TileSide } from '../../../ir/kernel/schedule.js'
import { visitExprs } from '../../../ir/kernel/walk.js'
import { factorsOf, innerAxes, uses } from '../../schedule/group-tile.js'
import { stageSize } from '../reuse.js'
import { strideAlong } from '../wasm/strides.js'
import { usualSize } from './usual-size.js'

/** Invocations by vectors of four points along a side of a tile; slices, and the points of the sum of each that shared memory holds. */
interface Shape { readonly rows: readonly [number, number]; readonly columns: readonly [number, number]; readonly depth: number; readonly slices: number }

const shape = (rows: readonly [number, number], columns: readonly [number, number], depth: number, slices = 1): Shape => ({ rows, columns, depth, slices })

/** From the one with most products for each element that is read (128×128 points, 64 in each invocation) to those for few points and long sums. */
const SHAPES: readonly Shape[] = [
  shape([16, 2], [16, 2], 8),
  shape([8, 2], [8, 2], 16),
  shape([8, 1], [16, 1], 16),
  shape([8, 1], [8, 1], 16),
  shape([8, 1], [8, 1], 8, 4),
  shape([2, 1], [32, 1], 16),
  shape([32, 1], [2, 1], 16),
  shape([4, 1], [8, 1], 32),
  shape([4, 1], [8, 1], 8, 8),
  shape([2, 1], [8, 1], 4, 16),
  shape([8, 1], [2, 1], 4, 16),
  shape([1, 1], [8, 1], 2, 32),
  shape([8, 1], [1, 1], 2, 32),
]
/** With so many invocations and workgroups at work a GPU is busy, and larger tiles are better. */
const BUSY = 16384, ENOUGH_GROUPS = 64
/** Least part of a tile that is used, and sides and sums below which there is nothing to share. */
const USED = 0.6, LEAST_SIDE = 3, LEAST_DEPTH = 8
/** Steps of a sum below which slices gain less than adding them up costs. */
const STEPS = 3
/** Operations after the sum that may be written out for each of 64 points. */
const SHORT = 12

/** The plan of a contraction by tiles; undefined for other computes, and where extents are too small for tiles. */
export function scheduleTiles(compute: Compute): Plan | undefined {
  const [sum, ...rest] = compute.stages, factors = sum?.kind === 'reduce' ? factorsOf(sum) : undefined
  if (sum?.kind !== 'reduce' || factors === undefined || rest.some((s) => s.kind === 'reduce' || (s.kind === 'store' && s.axes.length > 0)) || compute.axes.some((a) => a.lo !== undefined)) return undefined
  const own = (i: 0 | 1): readonly Axis[] => compute.axes.filter((a) => uses(factors[i], [a]) && !uses(factors[1 - i] as Expr, [a]))
  const [first, second] = [own(0), own(1)], swapped = isInnermost(compute, rest, first)
  const rows = swapped ? second : first, columns = swapped ? first : second
  if (rows.length === 0 || columns.length === 0 || !windowsFit(compute, sum, rows, columns)) return undefined
  const depth = usualSize(innerAxes(compute, sum).map((a) => a.extent)), m = usualSize(rows.map((a) => a.hi)), n = usualSize(columns.map((a) => a.hi))
  const batch = usualSize(compute.axes.filter((a) => !rows.includes(a) && !columns.includes(a)).map((a) => a.hi))
  if (Math.min(m, n) < LEAST_SIDE || depth < LEAST_DEPTH) return undefined
  const chosen = choose(m, n, depth, batch, rest.reduce((size, s) => size + (s.kind === 'store' ? stageSize(s) : 0), 0))
  if (chosen === undefined) return undefined
  const side = ([invocations, vectors]: readonly [number, number], axes: readonly Axis[], factor: Expr): TileSide => ({ axes: axes.map((a) => a.name), invocations, vectors, along: runsAlongSum(compute, factor, sum, axes) ? 'depth' : 'points' })
  const [left, right] = swapped ? [factors[1], factors[0]] : factors
  return [{ kind: 'group-tile', rows: side(chosen.rows, rows, left), columns: side(chosen.columns, columns, right), depth: chosen.depth, slices: chosen.slices } satisfies GroupTile]
}

/** The largest shape of which enough tiles are full enough to keep a GPU busy; else the one that keeps most of it so for the elements it reads. */
function choose(m: number, n: number, depth: number, batch: number, after: number): Shape | undefined {
  const candidates = SHAPES.map((one) => {
    const threads = one.rows[0] * one.columns[0] * one.slices, [height, width] = [one.rows, one.columns].map(([invocations, vectors]) => 4 * invocations * vectors) as [number, number]
    const tiles = Math.ceil(m / height) * Math.ceil(n / width) * batch, reads = 1 / height + 1 / width
    const fits = (one.rows[1] * one.columns[1] === 1 || after <= SHORT) && (one.slices === 1 || depth >= STEPS * one.depth * one.slices)
    return { shape: one, tiles, worth: (tiles * threads) / reads, used: (m * n * batch) / (tiles * height * width), invocations: tiles * threads, fits }
  }).filter((c) => c.fits && c.used >= USED)
  const busy = candidates.find((c) => c.invocations >= BUSY && c.tiles >= ENOUGH_GROUPS)
  return (busy ?? candidates.reduce<(typeof candidates)[number] | undefined>((best, c) => (best === undefined || c.worth > best.worth ? c : best), undefined))?.shape
}

/** True where what is stored lies side by side along one of `axes`, or along none and the last axis is one of them. */
function isInnermost(compute: Compute, stages: readonly Compute['stages'][number][], axes: readonly Axis[]): boolean {
  const store = stages.find((s): s is StoreStage => s.kind === 'store'), flat = store && flatIndex(compute, store.buffer, store.index)
  const innermost = compute.axes.find((a) => flat !== undefined && strideAlong(flat, a.name) === 1) ?? compute.axes.at(-1)
  return innermost !== undefined && axes.includes(innermost)
}

/** True where windows of the sum depend on the axes of one side only. */
function windowsFit(compute: Compute, sum: ReduceStage, rows: readonly Axis[], columns: readonly Axis[]): boolean {
  return sum.axes.every(({ lo = 0, hi }) => [lo, hi].every((index) => !(uses({ kind: 'index', index }, rows) && uses({ kind: 'index', index }, columns)))) && innerAxes(compute, sum).every((a) => sizeIsKnown(compute, a.extent))
}

const sizeIsKnown = (compute: Compute, extent: Dim): boolean => !uses({ kind: 'index', index: extent }, compute.axes)

/** True where neighbours in the sum are neighbours in memory and neighbours on the side are not. */
function runsAlongSum(compute: Compute, factor: Expr, sum: ReduceStage, axes: readonly Axis[]): boolean {
  const inner = sum.axes.at(-1), last = axes.at(-1)
  let along = false
  visitExprs([factor], (e) => {
    const flat = e.kind === 'load' ? flatIndex(compute, e.buffer, e.index) : undefined
    if (flat !== undefined && inner !== undefined && last !== undefined && uses(e, [last])) along ||= strideAlong(flat, inner.name) === 1 && strideAlong(flat, last.name) !== 1
  })
  return along
}

function flatIndex(compute: Compute, buffer: string, index: readonly Dim[]): Dim {
  const shape = compute.buffers.find((b) => b.name === buffer)?.shape ?? []
  return add(0, ...index.map((d, i) => mul(d, product(shape.slice(i + 1)))))
}

/**
 * Contractions in tiles: a workgroup brings blocks of both factors to shared memory, four points to a vector, and each of its
 * invocations adds up products of a tile of its own in registers.
 *
 *   for k0 in 0, depth, … { left[kk][row] = A(row, k0 + kk) · right[kk][column] = B(k0 + kk, column) · barrier
 *     for kk { acc[r][c] += left[kk][r] · right[kk][c] } · barrier }
 *
 * Where there are few tiles and long sums, sets of invocations (slices) each add up a part of every step for all of the tile,
 * and the parts are added in shared memory. Points beyond the ends repeat the last one and are not stored; what lies beyond
 * the sum, or outside a window that depends on the point, counts as 0.
 */
import { visitSymbols } from '../../base/dim.js'
import { IngotError } from '../../base/error.js'
import { add, ceilDiv, divExact, floorDiv, max, min, mod, mul, product, sub, type Dim } from '../../ir/dims.js'
import type { Axis, Compute, ReduceStage } from '../../ir/kernel/compute.js'
import { binary, constant, indexValue, LANES, selectExpr, type Expr } from '../../ir/kernel/expr.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import { boundsOf, type RangeOf } from '../../ir/kernel/ranges.js'
import type { GroupTile, TileSide } from '../../ir/kernel/schedule.js'
import { dimsOf, mapExpr, visitExprs } from '../../ir/kernel/walk.js'
import { freeSymbols, sharedLets, storesAt, writeLets } from './apply.js'
import { LANE, LANE_NUMBERS } from './lanes.js'
import { bindLets, type TilePoint } from './points.js'
import { halve } from './reduce.js'
import { SharedMemory } from './shared-memory.js'
import { Memo, type ValueNode } from './values.js'
import type { Pending } from './writer.js'
import { hasShaderVectors } from '../wgsl/vectors.js'

/** Elements between the rows of a block beyond its points: neighbours along the sum then lie in other banks of the memory. */
const PADDING = 4
/** Stands for the number of a point of the sum in conditions. */
const DEPTH = '(depth)'

/** One factor of the contraction and how it moves. */
interface Side { readonly tile: TileSide; readonly axes: readonly Axis[]; readonly extent: Dim; readonly points: number; readonly factor: Expr; /** Where its block begins in shared memory. */ readonly start: number }

/** Everything that the parts of a kernel need to know of it. */
interface Site {
  readonly compute: Compute
  readonly memory: SharedMemory
  readonly sum: ReduceStage
  /** The shared memory of both blocks, and at the end of what slices added up. */
  readonly block: string
  /** Points of the sum that a slice adds up in a step, and all of a step's. */
  readonly depth: number
  readonly step: number
  readonly slices: number
  /** Axes of the sum with where each begins and ends at most, and the number of all their points. */
  readonly inner: readonly { readonly name: string; readonly lo: Dim; readonly extent: Dim }[]
  readonly length: Dim
  readonly threads: number
  readonly batch: readonly Axis[]
  /** Vectors of points that lie side by side are loaded and stored as vectors. */
  readonly inLanes: boolean
}

/** The kernel of a contraction by tiles. Throws `bad-option` for computes that are not the sum of one product, stored point by point. */
export function applyGroupTile(compute: Compute, tile: GroupTile, name: string): Kernel {
  const kernel = writeTiles(compute, tile, name, true)
  return hasShaderVectors(kernel) ? kernel : writeTiles(compute, tile, name, false)
}

function writeTiles(compute: Compute, { rows: rowSide, columns: columnSide, depth, slices }: GroupTile, name: string, inLanes: boolean): Kernel {
  const [sum, ...rest] = compute.stages, factors = sum?.kind === 'reduce' ? factorsOf(sum) : undefined
  const rows = compute.axes.filter((a) => rowSide.axes.includes(a.name)), columns = compute.axes.filter((a) => columnSide.axes.includes(a.name))
  const batch = compute.axes.filter((a) => !rows.includes(a) && !columns.includes(a)), threads = rowSide.invocations * columnSide.invocations * slices
  if (sum?.kind !== 'reduce' || factors === undefined || rest.some((s) => s.kind === 'reduce' || (s.kind === 'store' && s.axes.length > 0)) || compute.axes.some((a) => a.lo !== undefined)) throw new IngotError('bad-option', `schedule: ${compute.name} is no sum of products to be computed in tiles`)
  const params = freeSymbols(compute), memory = new SharedMemory(compute, params), { writer } = memory.work, step = depth * slices
  const height = pointsOf(rowSide), width = pointsOf(columnSide)
  const block = memory.add('block', 'f32', Math.max(step * (height + width + 2 * PADDING), slices > 1 ? slices * height * width : 0))
  const inner = innerAxes(compute, sum), site: Site = { compute, memory, sum, block, depth, step, slices, inner, length: product(inner.map((a) => a.extent)), threads, batch, inLanes }
  const [left, right] = uses(factors[0], columns) ? [factors[1], factors[0]] : factors
  const side = (which: TileSide, axes: readonly Axis[], factor: Expr, start: number): Side => (
    { tile: which, axes, extent: product(axes.map((a) => a.hi)), points: pointsOf(which), factor: withMasks(site, factor, axes, start > 0 ? rows : columns, start > 0), start })
  const a = side(rowSide, rows, left, 0), b = side(columnSide, columns, right, step * (height + PADDING))
  const across = ceilDiv(b.extent, b.points), down = ceilDiv(a.extent, a.points)
  writer.loop('tile', 0, mul(product(batch.map((x) => x.hi)), down, across), 1, 'parallel', (group) => {
    const at = pointOf(batch, floorDiv(group, mul(down, across)))
    const row = mul(a.points, mod(floorDiv(group, across), down)), column = mul(b.points, mod(group, across))
    writer.loop('t', 0, threads, 1, 'local', (t) => { writeTile(site, [{ ...a, first: row }, { ...b, first: column }], at, t) })
  })
  return memory.kernel(name, compute, params)
}

/** Points along a side of a tile. */
export const pointsOf = ({ invocations, vectors }: Pick<TileSide, 'invocations' | 'vectors'>): number => LANES * invocations * vectors

/** The two factors of a sum of products of f32; undefined for other reductions. */
export function factorsOf({ accumulators, lets }: ReduceStage): readonly [Expr, Expr] | undefined {
  const [only, ...others] = accumulators
  const product = only?.value
  return lets.length === 0 && others.length === 0 && only?.type === 'f32' && only.combine === 'add' && product?.kind === 'binary' && product.op === 'mul' ? [product.a, product.b] : undefined
}

/** True where `e` moves along one of `axes`. */
export function uses(e: Expr, axes: readonly Axis[]): boolean {
  const names = new Set(axes.map((a) => a.name))
  let found = false
  visitExprs([e], (x) => { for (const d of dimsOf(x)) visitSymbols(d, (s) => { found ||= names.has(s) }) })
  return found
}

/** Axes of a sum from where they begin at the least to where they end at most. */
export function innerAxes(compute: Compute, sum: ReduceStage): Site['inner'] {
  const rangeOf: RangeOf = (name) => { const axis = compute.axes.find((a) => a.name === name); return axis && { lo: 0, hi: sub(axis.hi, 1) } }
  return sum.axes.map(({ name, lo: first = 0, hi }) => {
    const lo = boundsOf(first, rangeOf).lo ?? 0, end = boundsOf(hi, rangeOf).hi ?? hi
    return { name, lo, extent: sub(end, lo) }
  })
}

/** `factor` where a point of the sum is one, and 0 elsewhere. Windows that depend on the point are told by the factor that moves with them. */
function withMasks({ compute, sum, step, length }: Site, factor: Expr, own: readonly Axis[], others: readonly Axis[], last: boolean): Expr {
  const conditions: Expr[] = []
  if (divExact(length, step) === undefined) conditions.push(binary('lt', indexValue(DEPTH), indexValue(length)))
  for (const { name, lo = 0, hi } of sum.axes) {
    const bounds = [binary('ge', indexValue(name), indexValue(lo)), binary('lt', indexValue(name), indexValue(hi))] as const
    const told = (d: Dim): boolean => uses(indexValue(d), own) || (last && !uses(indexValue(d), others) && uses(indexValue(d), compute.axes))
    if (told(lo)) conditions.push(bounds[0])
    if (told(hi)) conditions.push(bounds[1])
  }
  if (conditions.length === 0) return factor
  const shapes = new Map(compute.buffers.map((b) => [b.name, b.shape]))
  const inside = mapExpr(factor, (e) => (e.kind === 'load' ? { ...e, index: e.index.map((d, i) => max(0, min(d, sub(shapes.get(e.buffer)?.[i] ?? 1, 1)))) } : e))
  return selectExpr(conditions.reduce((a, b) => binary('and', a, b)), inside, constant('f32', 0))
}

/** Where point number `flat` of `axes` lies. */
function pointOf(axes: readonly { readonly name: string; readonly hi: Dim; readonly lo?: Dim }[], flat: Dim): Map<string, Dim> {
  const dims = new Map<string, Dim>()
  let rest = flat
  for (const [i, { name, hi, lo = 0 }] of [...axes.entries()].reverse()) {
    dims.set(name, add(lo, i === 0 ? rest : mod(rest, hi)))
    rest = floorDiv(rest, hi)
  }
  return dims
}

/** A side with the number of its first point in this tile. */
type Placed = Side & { readonly first: Dim }

const isExact = (side: Side): boolean => divExact(side.extent, side.points) !== undefined
/** The point `flat` of a side, or its last one. */
const placed = (side: Side, flat: Dim): Map<string, Dim> => pointOf(side.axes, isExact(side) ? flat : min(flat, sub(side.extent, 1)))
const NOWHERE: TilePoint = { dims: new Map(), locals: new Map() }

/** The four points from `flat` on, by their lanes, or the last four; undefined where they may not lie side by side along one axis. */
function lanesFrom({ inLanes }: Site, side: Side, flat: Dim): ReadonlyMap<string, Dim> | undefined {
  const inner = side.axes.at(-1)
  if (!inLanes || inner === undefined || typeof inner.hi !== 'number' || inner.hi % LANES !== 0 || inner.hi === 0) return undefined
  const dims = pointOf(side.axes, isExact(side) ? flat : min(flat, sub(side.extent, LANES)))
  return dims.set(inner.name, add(dims.get(inner.name) ?? 0, LANE))
}

function writeTile(site: Site, [a, b]: readonly [Placed, Placed], batch: ReadonlyMap<string, Dim>, t: Dim): void {
  const { memory, block, depth, step, slices, length } = site, { writer, values } = memory.work, each = a.tile.invocations * b.tile.invocations
  const own = slices === 1 ? t : mod(t, each), slice = slices === 1 ? 0 : floorDiv(t, each), column = mod(own, b.tile.invocations), row = floorDiv(own, b.tile.invocations)
  const zero = values.spread(values.build(constant('f32', 0), NOWHERE, writer, new Memo()))
  const names = Array.from({ length: LANES * a.tile.vectors }, (_, r) => Array.from({ length: b.tile.vectors }, (__, c) => writer.fresh(`acc_${r}_${c}`)))
  writer.write(names.flat().map((name): Pending => ({ kind: 'var', name, value: zero })))
  const sumOf = (name: string): ValueNode => values.register(name, 'f32x4', writer.depth)
  writer.loop('k0', 0, mul(ceilDiv(length, step), step), step, undefined, (k0) => {
    for (const side of [a, b]) bring(site, side, batch, t, k0)
    memory.barrier()
    writer.loop('kk', 0, depth, 1, undefined, (kk) => {
      const k = add(mul(depth, slice), kk)
      const vectors = (side: Side, vector: Dim): ValueNode[] => Array.from({ length: side.tile.vectors }, (_, i) => memory.load(block, add(side.start, mul(k, side.points + PADDING), mul(LANES, add(vector, i * side.tile.invocations))), LANES))
      const lefts = vectors(a, row), rights = vectors(b, column)
      writer.write(names.flatMap((sums, r) => sums.map((name, c): Pending => {
        const x = values.spread(values.laneOf(lefts[Math.floor(r / LANES)] as ValueNode, r % LANES)), y = rights[c] as ValueNode, sum = sumOf(name)
        return { kind: 'set', name, value: values.operation({ kind: 'madd', a: x.shell, b: y.shell, c: sum.shell }, [x, y, sum]) }
      })))
    })
    memory.barrier()
  })
  values.touch()
  // The tile's rows, and its columns in vectors, that this invocation has added up.
  const rowOf = (r: number): Dim => add(mul(LANES, add(row, Math.floor(r / LANES) * a.tile.invocations)), r % LANES), columnOf = (c: number): Dim => mul(LANES, add(column, c * b.tile.invocations))
  const parts = names.flatMap((sums, r) => sums.map((name, c) => ({ row: rowOf(r), column: columnOf(c), sum: sumOf(name) })))
  if (slices === 1) for (const { row: at, column: from, sum } of parts) storeVector(site, [a, b], batch, at, from, () => sum)
  else addSlices(site, [a, b], batch, t, parts.map((part) => ({ ...part, at: add(mul(a.points * b.points, slice), mul(b.points, part.row), part.column) })))
}

/** Brings what the slices added up to shared memory, and stores the sums of all of them, neighbouring vectors in neighbouring invocations. */
function addSlices(site: Site, sides: readonly [Placed, Placed], batch: ReadonlyMap<string, Dim>, t: Dim, parts: readonly { readonly at: Dim; readonly sum: ValueNode }[]): void {
  const { memory, block, slices, threads } = site, { writer, values } = memory.work, [a, b] = sides, across = b.points / LANES, vectors = a.points * across
  writer.write(parts.map(({ at, sum }): Pending => ({ kind: 'store', buffer: block, index: at, value: sum })))
  memory.barrier()
  for (let first = 0; first < vectors; first += threads) {
    const number = add(t, first), row = floorDiv(number, across), column = mul(LANES, mod(number, across))
    const total = (): ValueNode => halve(memory.work, 'add', Array.from({ length: slices }, (_, slice) => memory.load(block, add(a.points * b.points * slice, mul(b.points, row), column), LANES)))
    const store = (): void => { storeVector(site, sides, batch, row, column, total) }
    if (first + threads <= vectors) store()
    else writer.when(values.build(binary('lt', indexValue(number), constant('i32', vectors)), NOWHERE, writer, new Memo()), store)
  }
}

/** Brings a block of a factor to shared memory; neighbouring invocations bring what lies side by side. */
function bring(site: Site, side: Placed, batch: ReadonlyMap<string, Dim>, t: Dim, k0: Dim): void {
  const { memory, block, inner, length, step, threads } = site, { writer, values } = memory.work, vectors = side.points / LANES, count = vectors * step
  for (let first = 0; first < count; first += threads) {
    const number = add(t, first), alongDepth = side.tile.along === 'depth'
    const kk = alongDepth ? mod(number, step) : floorDiv(number, vectors), vector = alongDepth ? floorDiv(number, step) : mod(number, vectors)
    const write = (): void => {
      const k = add(k0, kk), within = pointOf(inner.map((a) => ({ name: a.name, hi: a.extent, lo: a.lo })), divExact(length, step) === undefined ? min(k, sub(length, 1)) : k)
      const from = add(side.first, mul(LANES, vector)), lanes = lanesFrom(site, side, from)
      const at = (point: ReadonlyMap<string, Dim>): TilePoint => ({ dims: new Map([...batch, ...within, ...point, [DEPTH, k] as const]), locals: new Map() })
      const whole = lanes && values.buildWhole(side.factor, at(lanes), writer, new Memo())
      // Only plain loads: what else would be computed in vectors need not have them in shaders.
      const four = whole?.shell.kind === 'load' ? whole : values.join(LANE_NUMBERS.map((lane) => values.build(side.factor, at(placed(side, add(from, lane))), writer, new Memo())))
      writer.write([{ kind: 'store', buffer: block, index: add(side.start, mul(kk, side.points + PADDING), mul(LANES, vector)), value: values.spread(four) }])
    }
    if (first + threads <= count) write()
    else writer.when(values.build(binary('lt', indexValue(number), constant('i32', count)), NOWHERE, writer, new Memo()), write)
  }
}

/** What follows the sums of four points side by side in the tile, for those that are points. */
function storeVector(site: Site, [a, b]: readonly [Placed, Placed], batch: ReadonlyMap<string, Dim>, row: Dim, column: Dim, sums: () => ValueNode): void {
  const { work } = site.memory, { writer, values } = work, rowNumber = add(a.first, row), from = add(b.first, column)
  const where = (side: Placed, number: Dim, body: () => void): void => {
    if (isExact(side)) return body()
    writer.when(values.build(binary('lt', indexValue(number), indexValue(side.extent)), NOWHERE, writer, new Memo()), body)
  }
  where(a, rowNumber, () => {
    const rowDims = pointOf(a.axes, rowNumber), lanes = lanesFrom(site, b, from)
    if (lanes !== undefined) return where(b, from, () => { storePoint(site, new Map([...batch, ...rowDims, ...lanes]), sums()) })
    const total = sums()
    LANE_NUMBERS.forEach((lane) => { where(b, add(from, lane), () => { storePoint(site, new Map([...batch, ...rowDims, ...pointOf(b.axes, add(from, lane))]), values.laneOf(total, lane)) }) })
  })
}

/** What follows the sum of a point, or of four in lanes. */
function storePoint({ compute, memory: { work }, sum }: Site, dims: ReadonlyMap<string, Dim>, total: ValueNode): void {
  const { writer, values } = work, [accumulator] = sum.accumulators, here: TilePoint = { dims, locals: new Map() }, shared = sharedLets(compute)
  const first = accumulator?.init ?? constant('f32', 0), init = values.buildWhole(first, here, writer, new Memo()) ?? values.join(LANE_NUMBERS.map((lane) => values.buildLane(first, here, lane, writer, new Memo())))
  const whole = init.type === total.type ? init : values.spread(init), isZero = init.shell.kind === 'const' && init.shell.value === 0
  const value = isZero ? total : values.operation({ kind: 'binary', op: 'add', a: whole.shell, b: total.shell }, [whole, total])
  let at: TilePoint = { dims, locals: new Map([[accumulator?.name ?? '', value]]) }
  for (const stage of compute.stages.slice(1)) {
    if (stage.kind === 'let') at = writeLets(work, stage, at, shared)
    else if (stage.kind === 'store') { const memo = new Memo(); writer.write(storesAt(work, stage, bindLets(work, stage.lets, at, memo), memo)) }
  }
}

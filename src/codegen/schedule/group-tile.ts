/**
 * Contractions in tiles: a workgroup brings blocks of both factors to shared memory, four points to a vector, and each of its
 * invocations adds up products of a tile of its own in registers.
 *
 *   for k0 in 0, depth, … { left[kk][row] = A(row, k0 + kk) · right[kk][column] = B(k0 + kk, column) · barrier
 *     for kk { acc[r][c] += left[kk][r] · right[kk][c] } · barrier }
 *
 * Points beyond the ends repeat the last one and are not stored; what lies beyond the sum, or outside a window that depends on
 * the point, counts as 0.
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
import { bindLets, type TilePoint } from './points.js'
import { SharedMemory } from './shared-memory.js'
import { Memo, type ValueNode } from './values.js'
import type { Pending } from './writer.js'

/** Elements between the rows of a block beyond its points: neighbours along the sum then lie in other banks of the memory. */
const PADDING = 4
/** Stands for the number of a point of the sum in conditions. */
const DEPTH = '(depth)'
const LANE_NUMBERS = Array.from({ length: LANES }, (_, k) => k)

/** One factor of the contraction and how it moves. */
interface Side { readonly tile: TileSide; readonly axes: readonly Axis[]; readonly extent: Dim; readonly points: number; readonly factor: Expr; readonly buffer: string }

/** Everything that the parts of a kernel need to know of it. */
interface Site {
  readonly compute: Compute
  readonly memory: SharedMemory
  readonly sum: ReduceStage
  readonly depth: number
  /** Axes of the sum with where each begins and ends at most, and the number of all their points. */
  readonly inner: readonly { readonly name: string; readonly lo: Dim; readonly extent: Dim }[]
  readonly length: Dim
  readonly threads: number
  readonly batch: readonly Axis[]
}

/** The kernel of a contraction by tiles. Throws `bad-option` for computes that are not the sum of one product, stored point by point. */
export function applyGroupTile(compute: Compute, tile: GroupTile, name: string): Kernel {
  const [sum, ...rest] = compute.stages, factors = sum?.kind === 'reduce' ? factorsOf(sum) : undefined
  const rows = compute.axes.filter((a) => tile.rows.axes.includes(a.name)), columns = compute.axes.filter((a) => tile.columns.axes.includes(a.name))
  const batch = compute.axes.filter((a) => !rows.includes(a) && !columns.includes(a)), threads = tile.rows.invocations * tile.columns.invocations
  if (sum?.kind !== 'reduce' || factors === undefined || rest.some((s) => s.kind === 'reduce' || (s.kind === 'store' && s.axes.length > 0)) || compute.axes.some((a) => a.lo !== undefined)) throw new IngotError('bad-option', `schedule: ${compute.name} is no sum of products to be computed in tiles`)
  const params = freeSymbols(compute), memory = new SharedMemory(compute, params), { writer } = memory.work
  const inner = innerAxes(compute, sum), site: Site = { compute, memory, sum, depth: tile.depth, inner, length: product(inner.map((a) => a.extent)), threads, batch }
  const [left, right] = uses(factors[0], columns) ? [factors[1], factors[0]] : factors
  const side = (which: TileSide, axes: readonly Axis[], factor: Expr, buffer: string): Side => {
    const points = LANES * which.invocations * which.vectors
    return { tile: which, axes, extent: product(axes.map((a) => a.hi)), points, factor: withMasks(site, factor, axes, buffer === 'right' ? rows : columns, buffer === 'right'), buffer: memory.add(buffer, 'f32', tile.depth * (points + PADDING)) }
  }
  const a = side(tile.rows, rows, left, 'left'), b = side(tile.columns, columns, right, 'right')
  const across = ceilDiv(b.extent, b.points), down = ceilDiv(a.extent, a.points)
  writer.loop('tile', 0, mul(product(batch.map((x) => x.hi)), down, across), 1, 'parallel', (group) => {
    const at = pointOf(batch, floorDiv(group, mul(down, across)))
    const row = mul(a.points, mod(floorDiv(group, across), down)), column = mul(b.points, mod(group, across))
    writer.loop('t', 0, threads, 1, 'local', (t) => { writeTile(site, [{ ...a, first: row }, { ...b, first: column }], at, t) })
  })
  return memory.kernel(name, compute, params)
}

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
function withMasks({ compute, sum, depth, length }: Site, factor: Expr, own: readonly Axis[], others: readonly Axis[], last: boolean): Expr {
  const conditions: Expr[] = []
  if (divExact(length, depth) === undefined) conditions.push(binary('lt', indexValue(DEPTH), indexValue(length)))
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

function writeTile(site: Site, [a, b]: readonly [Placed, Placed], batch: ReadonlyMap<string, Dim>, t: Dim): void {
  const { memory, depth, length } = site, { writer, values } = memory.work
  const column = mod(t, b.tile.invocations), row = floorDiv(t, b.tile.invocations)
  const zero = values.spread(values.build(constant('f32', 0), { dims: new Map(), locals: new Map() }, writer, new Memo()))
  const names = Array.from({ length: LANES * a.tile.vectors }, (_, r) => Array.from({ length: b.tile.vectors }, (__, c) => writer.fresh(`acc_${r}_${c}`)))
  writer.write(names.flat().map((name): Pending => ({ kind: 'var', name, value: zero })))
  const sumOf = (name: string): ValueNode => values.register(name, 'f32x4', writer.depth)
  writer.loop('k0', 0, mul(ceilDiv(length, depth), depth), depth, undefined, (k0) => {
    for (const side of [a, b]) bring(site, side, batch, t, k0)
    memory.barrier()
    writer.loop('kk', 0, depth, 1, undefined, (kk) => {
      const vectors = (side: Side, own: Dim): ValueNode[] => Array.from({ length: side.tile.vectors }, (_, i) => memory.load(side.buffer, add(mul(kk, side.points + PADDING), mul(LANES, add(own, i * side.tile.invocations))), LANES))
      const lefts = vectors(a, row), rights = vectors(b, column)
      writer.write(names.flatMap((sums, r) => sums.map((name, c): Pending => {
        const x = values.spread(values.laneOf(lefts[Math.floor(r / LANES)] as ValueNode, r % LANES)), y = rights[c] as ValueNode, sum = sumOf(name)
        return { kind: 'set', name, value: values.operation({ kind: 'madd', a: x.shell, b: y.shell, c: sum.shell }, [x, y, sum]) }
      })))
    })
    memory.barrier()
  })
  values.touch()
  storeTile(site, [a, b], batch, { row, column }, (r, c) => sumOf(names[r]?.[c] as string))
}

/** Brings a block of a factor to shared memory; neighbouring invocations bring what lies side by side. */
function bring({ memory, inner, length, depth, threads }: Site, side: Placed, batch: ReadonlyMap<string, Dim>, t: Dim, k0: Dim): void {
  const { writer, values } = memory.work, vectors = side.points / LANES, count = vectors * depth
  for (let first = 0; first < count; first += threads) {
    const number = add(t, first), alongDepth = side.tile.along === 'depth'
    const kk = alongDepth ? mod(number, depth) : floorDiv(number, vectors), vector = alongDepth ? floorDiv(number, depth) : mod(number, vectors)
    const write = (): void => {
      const k = add(k0, kk), within = pointOf(inner.map((a) => ({ name: a.name, hi: a.extent, lo: a.lo })), divExact(length, depth) === undefined ? min(k, sub(length, 1)) : k)
      const lanes = LANE_NUMBERS.map((lane) => {
        const dims = new Map([...batch, ...within, ...placed(side, add(side.first, mul(LANES, vector), lane)), [DEPTH, k] as const])
        return values.build(side.factor, { dims, locals: new Map() }, writer, new Memo())
      })
      writer.write([{ kind: 'store', buffer: side.buffer, index: add(mul(kk, side.points + PADDING), mul(LANES, vector)), value: values.spread(values.join(lanes)) }])
    }
    if (first + threads <= count) write()
    else writer.when(values.build(binary('lt', indexValue(number), constant('i32', count)), { dims: new Map(), locals: new Map() }, writer, new Memo()), write)
  }
}

/** What follows the sum, for each point of an invocation's tile that is one. */
function storeTile({ compute, memory, sum }: Site, [a, b]: readonly [Placed, Placed], batch: ReadonlyMap<string, Dim>, own: { readonly row: Dim; readonly column: Dim }, sumAt: (r: number, c: number) => ValueNode): void {
  const { work } = memory, { writer, values } = work, [accumulator] = sum.accumulators, shared = sharedLets(compute)
  const numberOf = (side: Placed, vector: Dim, i: number): Dim => add(side.first, mul(LANES, add(vector, Math.floor(i / LANES) * side.tile.invocations)), i % LANES)
  const where = (side: Placed, number: Dim, body: () => void): void => {
    if (isExact(side)) return body()
    writer.when(values.build(binary('lt', indexValue(number), indexValue(side.extent)), { dims: new Map(), locals: new Map() }, writer, new Memo()), body)
  }
  const point = (r: number, row: Dim, c: number, column: Dim): void => {
    const dims = new Map([...batch, ...pointOf(a.axes, row), ...pointOf(b.axes, column)])
    const init = values.build(accumulator?.init ?? constant('f32', 0), { dims, locals: new Map() }, writer, new Memo()), total = values.laneOf(sumAt(r, Math.floor(c / LANES)), c % LANES)
    const isZero = init.shell.kind === 'const' && init.shell.value === 0
    const value = isZero ? total : values.operation({ kind: 'binary', op: 'add', a: init.shell, b: total.shell }, [init, total])
    let at: TilePoint = { dims, locals: new Map([[accumulator?.name ?? '', value]]) }
    for (const stage of compute.stages.slice(1)) {
      if (stage.kind === 'let') at = writeLets(work, stage, at, shared)
      else if (stage.kind === 'store') { const memo = new Memo(); writer.write(storesAt(work, stage, bindLets(work, stage.lets, at, memo), memo)) }
    }
  }
  for (let r = 0; r < LANES * a.tile.vectors; r++) {
    const row = numberOf(a, own.row, r)
    where(a, row, () => {
      for (let c = 0; c < LANES * b.tile.vectors; c++) {
        const column = numberOf(b, own.column, c)
        where(b, column, () => { point(r, row, c, column) })
      }
    })
  }
}

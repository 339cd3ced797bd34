/**
 * applySchedule: a compute and a schedule make a kernel. Outer axes become loops (or points of a register tile), stages
 * run inside them in turn, indices are linearised row-major, and what is constant in a loop is written outside it.
 */
import { visitSymbols } from '../../base/dim.js'
import { IngotError } from '../../base/error.js'
import { add, dimKey, dimsEqual, product, sub, substituteDim, type Dim } from '../../ir/dims.js'
import type { Axis, Compute, LetStage, Stage, StoreStage } from '../../ir/kernel/compute.js'
import { isBelow, LANES, VECTOR_DTYPES } from '../../ir/kernel/expr.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import { isInside } from '../../ir/kernel/ranges.js'
import type { Schedule } from '../../ir/kernel/schedule.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { loadsFrom, rootsOf, visitComputeDims, visitExprs } from '../../ir/kernel/walk.js'
import { combineStores } from './combine-stores.js'
import { hasLane, inLane, LANE_NUMBERS, laneStride } from './lanes.js'
import { drained, drainTile, storingSums } from './drain.js'
import { openLoops } from './loops.js'
import { planNests, type Nest } from './nest.js'
import { partsOf } from './parts.js'
import { bindLets, hasLanes, joinLanes, laneOfPoint, within, type TilePoint, type Work } from './points.js'
import { writeReduce } from './reduce.js'
import { isLanes, Memo, ValueTable, type Env, type ValueNode } from './values.js'
import { KernelWriter, type Pending } from './writer.js'

/** Choices that a schedule does not make. */
export interface ApplyOptions {
  /** Writes products that a sum takes up as multiply-adds. */
  readonly madd?: boolean
}

/**
 * The kernel that computes `compute` in the order `schedule` says. Parameters are the compute's free symbols, sorted. Results
 * do not depend on the schedule: each accumulator adds in the same order, whatever is tiled, unrolled or in lanes (`reorder` and
 * `vectorize` of a reduce stage's axes are what changes that order). Throws `bad-option` for a schedule that does not fit.
 */
export function applySchedule(compute: Compute, schedule: Schedule, name: string, options: ApplyOptions = {}): Kernel {
  const params = freeSymbols(compute)
  const written = new Set(compute.stages.flatMap((s) => (s.kind === 'store' ? [s.buffer] : [])))
  const work: Work = { writer: new KernelWriter([...params, ...compute.buffers.map((b) => b.name)]), values: new ValueTable(compute.buffers, [...written]), madd: options.madd === true, together: schedule.find((d) => d.kind === 'interleave')?.points ?? 1 }
  const drains = schedule.some((d) => d.kind === 'drain')
  const shared = sharedLets(compute)
  for (const part of partsOf(compute, schedule)) {
    const nests = planNests(part.compute, part.schedule)
    openLoops(nests.outer, work.writer, new Map(), (points) => {
      work.values.touch()
      let tile: readonly TilePoint[] = points.flatMap((dims) => validPoint(work, compute, dims))
      compute.stages.forEach((stage, i) => {
        const write = (points: readonly TilePoint[]): void => {
          const sum = drains && stage.kind === 'store' && points.length > 1 ? drained(work, compute.stages[i - 1], stage) : undefined
          if (sum !== undefined && stage.kind === 'store' && drainTile(work, stage, sum.name, compute.axes.map((a) => a.name), points, (s, env, memo) => storesAt(work, s, env, memo))) return
          tile = writeStage(work, stage, nests.stages[i] as Nest, points, shared)
        }
        if (stage.kind === 'store' && stage.until !== undefined && tile.length > 0) writeUntil(work, stage, stage.until, tile, write)
        else write(tile)
      })
      work.values.touch()
    })
  }
  // Sums that wait in a result are taken up by whoever left them there.
  const waiting = new Set(compute.stages.flatMap((s) => (s.kind === 'store' && s.until !== undefined ? [s.buffer] : [])))
  const buffers = compute.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role, ...(waiting.has(b.name) && { apart: true }) }))
  return { name, params, buffers, body: work.writer.finish() }
}

/** Names bound between stages that other stages read. */
export function sharedLets(compute: Compute): ReadonlySet<string> {
  const shared = new Set<string>(), bound = new Map<string, Stage>()
  for (const stage of compute.stages) {
    if (stage.kind === 'let') for (const l of stage.lets) bound.set(l.name, stage)
    visitExprs(rootsOf(stage), (e) => { if (e.kind === 'local' && bound.has(e.name) && bound.get(e.name) !== stage) shared.add(e.name) })
  }
  return shared
}

/** The point, with the number of its lanes that count; none where none does. */
function validPoint({ writer }: Work, compute: Compute, dims: ReadonlyMap<string, Dim>): readonly TilePoint[] {
  let lanes = LANES
  for (const { name, valid } of compute.axes) {
    const dim = dims.get(name)
    if (valid === undefined || dim === undefined || isInside(dim, valid, writer.rangeOf)) continue
    const first = simplifyDim(inLane(dim, 0), writer.rangeOf)
    if (typeof first !== 'number') throw new IngotError('bad-option', `schedule: whether ${name} is one of ${valid} points cannot be told before the kernel runs`, { hint: 'the loop that goes beyond the axis must have a single step' })
    lanes = Math.min(lanes, hasLane(dim) ? valid - first : 0)
  }
  return lanes <= 0 ? [] : [{ dims, locals: new Map(), ...(lanes < LANES && { lanes }) }]
}

/** Symbols of a compute that are neither axes nor indices read from data: its parameters, sorted. */
export function freeSymbols(compute: Compute): string[] {
  const bound = new Set<string>(compute.axes.map((a) => a.name))
  for (const s of compute.stages) {
    if (s.kind !== 'let') for (const a of s.axes) bound.add(a.name)
    for (const l of s.lets) if (l.kind === 'data-index') bound.add(l.name)
  }
  for (const b of compute.buffers) for (const d of b.shape) visitSymbols(d, (s) => {
    if (bound.has(s)) throw new IngotError('verify-kernel', `compute ${compute.name}: ${s} is an axis and also a symbol in the shape of ${b.name}`)
  })
  const free = new Set<string>()
  visitComputeDims(compute, (d) => visitSymbols(d, (s) => { if (!bound.has(s)) free.add(s) }))
  return [...free].sort()
}

/** Writes a stage for all points of the tile side by side, or one after another where its loops differ from point to point or from lane to lane. */
function writeStage(work: Work, stage: Stage, nest: Nest, tile: readonly TilePoint[], shared: ReadonlySet<string>): readonly TilePoint[] {
  if (stage.kind === 'let') return tile.map((point) => writeLets(work, stage, point, shared))
  if (tile.some((point) => loopsHaveLanes(work, stage.axes, point))) {
    return tile.flatMap((point) => (
      hasLanes(point) ? [joinLanes(work, point, LANE_NUMBERS.map((k) => writeStage(work, stage, nest, [laneOfPoint(work, point, k)], shared)[0] ?? point))] : writeStage(work, stage, nest, [point], shared)))
  }
  if (tile.length > 1 && !sameLoops(stage.axes, tile)) return tile.flatMap((point) => writeStage(work, stage, nest, [point], shared))
  if (stage.kind === 'reduce') return writeReduce(work, stage, nest, tile)
  writeStore(work, stage, nest, tile)
  return tile
}

/** Registers for what may change later, and for what other stages use, which would each compute it. */
export function writeLets(work: Work, stage: LetStage, point: TilePoint, shared: ReadonlySet<string>): TilePoint {
  const env = bindLets(work, stage.lets, point, new Memo())
  const kept = [...env.locals].flatMap(([name, value]) => [value].flat().filter((node) => node.pinned >= 0 || shared.has(name))).map((value): Pending => ({ kind: 'keep', value }))
  work.writer.write(kept)
  return { ...point, dims: env.dims, locals: env.locals }
}

const boundsAt = (axes: readonly Axis[], p: TilePoint): readonly Dim[] => axes.flatMap((a) => [a.lo ?? 0, a.hi]).map((d) => substituteDim(d, (s) => p.dims.get(s)))

function loopsHaveLanes(work: Work, axes: readonly Axis[], point: TilePoint): boolean {
  return boundsAt(axes, point).some((d) => hasLane(simplifyDim(d, work.writer.rangeOf)))
}

function sameLoops(axes: readonly Axis[], tile: readonly TilePoint[]): boolean {
  const bounds = (p: TilePoint): string => boundsAt(axes, p).map(dimKey).join()
  const [first] = tile
  return first === undefined || tile.every((p) => p === first || bounds(p) === bounds(first))
}

function writeStore(work: Work, stage: StoreStage, nest: Nest, tile: readonly TilePoint[]): void {
  const { writer, values } = work
  if (stage.axes.length > 0) values.touch()
  // What the stage itself writes is read point by point, in order, but where every point reads only the element that it writes.
  const apart = !loadsFrom(stage, stage.buffer) || (tile.length === 1 && updatesInPlace(stage, values)), lanes = apart && !tile.some(hasLanes)
  openLoops(nest, writer, tile[0]?.dims ?? new Map(), (points) => {
    const pending: Pending[] = []
    for (const own of points) {
      for (const point of tile) {
        const memo = new Memo()
        const env = bindLets(work, stage.lets, within(point, own), memo)
        pending.push(...storesAt(work, stage, env, memo))
        values.touch(stage.buffer)
      }
    }
    if (apart) writer.write(combineStores(pending, values), work.together)
    else writer.write(pending, 1)
  }, lanes)
  values.touch()
}

/** True where each point of the stage's only axis has an element of its own, and reads of its buffer only that. */
function updatesInPlace(stage: StoreStage, values: ValueTable): boolean {
  const [axis] = stage.axes, buffer = values.getBuffer(stage.buffer), place = (index: readonly Dim[]): Dim => values.flatIndex(buffer, index)
  if (axis === undefined || stage.axes.length > 1 || stage.lets.length > 0 || !isNumber(strideOf(place(stage.index), axis.name))) return false
  let own = true
  visitExprs(rootsOf(stage), (e) => { if (e.kind === 'load' && e.buffer === stage.buffer && !dimsEqual(place(e.index), place(stage.index))) own = false })
  return own
}

/** Stores the sums of a tile as they are before the last point of an axis, and there what `write` does. */
function writeUntil(work: Work, stage: StoreStage, { axis, last, sum }: NonNullable<StoreStage['until']>, tile: readonly TilePoint[], write: (tile: readonly TilePoint[]) => void): void {
  const { writer, values } = work, raw = storingSums(stage, sum)
  const isEarlier = values.build(isBelow(tile[0]?.dims.get(axis) ?? axis, last), { dims: new Map(), locals: new Map() }, writer, new Memo())
  const { depth } = writer
  // What is made of the sums is not computed before it is known to be of use.
  const here = (node: ValueNode): ValueNode => (node.shell.kind === 'local' ? values.register(node.shell.name, node.type, depth + 1) : node)
  const inside = (p: TilePoint): TilePoint => ({ ...p, locals: new Map([...p.locals].map(([name, value]) => [name, name !== sum ? value : isLanes(value) ? value.map(here) : here(value)])) })
  writer.when(isEarlier, () => { writer.write(combineStores(tile.flatMap((p) => storesAt(work, raw, p, new Memo())), values)) }, () => { write(tile.map(inside)) })
  values.touch()
}

const isNumber = (stride: Dim): boolean => typeof stride === 'number' && stride !== 0

/** Elements from one point of `axis` to the next. */
const strideOf = (flat: Dim, axis: string): Dim => sub(substituteDim(flat, (s) => (s === axis ? add(axis, 1) : undefined)), flat)

/** The stores of one point: one of a scalar, one of a vector to consecutive elements, or one for each lane. */
export function storesAt({ writer, values }: Work, stage: StoreStage, env: Env, memo: Memo): Pending[] {
  const buffer = values.getBuffer(stage.buffer)
  const index = values.flatIndex(buffer, stage.index.map((d) => values.dim(d, env, writer)))
  const store = (at: Dim, value: ValueNode): Pending => ({ kind: 'store', buffer: stage.buffer, index: at, value })
  if (!hasLane(index) && ![...env.dims.values()].some(hasLane)) return [store(index, values.build(stage.value, env, writer, memo))]
  const whole = values.buildWhole(stage.value, env, writer, memo)
  const { first, stride } = laneStride(index, writer.rangeOf)
  if (whole !== undefined && stride === 1 && VECTOR_DTYPES.has(buffer.dtype) && env.lanes === undefined) return [store(first, values.spread(whole))]
  return LANE_NUMBERS.slice(0, env.lanes).map((k) => store(simplifyDim(inLane(index, k), writer.rangeOf), whole === undefined ? values.buildLane(stage.value, env, k, writer, memo) : values.laneOf(whole, k)))
}

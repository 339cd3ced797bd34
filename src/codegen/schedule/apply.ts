/**
 * applySchedule: a compute and a schedule make a kernel. Outer axes become loops (or points of a register tile), stages
 * run inside them in turn, indices are linearised row-major, and what is constant in a loop is written outside it.
 */
import { visitSymbols } from '../../base/dim.js'
import { IngotError } from '../../base/error.js'
import { dimKey, product, substituteDim, type Dim } from '../../ir/dims.js'
import type { Axis, Compute, ReduceStage, Stage, StoreStage } from '../../ir/kernel/compute.js'
import type { Expr } from '../../ir/kernel/expr.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import type { Schedule } from '../../ir/kernel/schedule.js'
import { visitComputeDims, visitExprs } from '../../ir/kernel/walk.js'
import { openLoops, type Point } from './loops.js'
import { planNests, type Nest } from './nest.js'
import { ValueTable, type Env, type ValueNode } from './values.js'
import { KernelWriter, type Pending } from './writer.js'

/** One point of the outer tile: its axes, and the locals that earlier stages left. */
interface TilePoint { readonly dims: ReadonlyMap<string, Dim>; readonly locals: ReadonlyMap<string, ValueNode> }

interface Work { readonly writer: KernelWriter; readonly values: ValueTable }

/**
 * The kernel that computes `compute` in the order `schedule` says. Parameters are the compute's free symbols, sorted. Results
 * do not depend on the schedule: each accumulator adds in the same order, whatever is tiled or unrolled (`reorder` of a
 * reduce stage's axes is what changes that order). Throws `bad-option` for a schedule that does not fit.
 */
export function applySchedule(compute: Compute, schedule: Schedule, name: string): Kernel {
  const params = freeSymbols(compute)
  const written = new Set(compute.stages.flatMap((s) => (s.kind === 'store' ? [s.buffer] : [])))
  const work: Work = { writer: new KernelWriter([...params, ...compute.buffers.map((b) => b.name)]), values: new ValueTable(compute.buffers, [...written]) }
  const nests = planNests(compute, schedule)
  openLoops(nests.outer, work.writer, new Map(), (points) => {
    work.values.touch()
    let tile: readonly TilePoint[] = points.map((dims) => ({ dims, locals: new Map() }))
    compute.stages.forEach((stage, i) => { tile = writeStage(work, stage, nests.stages[i] as Nest, tile) })
    work.values.touch()
  })
  const buffers = compute.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role }))
  return { name, params, buffers, body: work.writer.finish() }
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

/** Writes a stage for all points of the tile side by side, or one after another where its loops differ from point to point. */
function writeStage(work: Work, stage: Stage, nest: Nest, tile: readonly TilePoint[]): readonly TilePoint[] {
  if (stage.kind !== 'let' && tile.length > 1 && !sameLoops(stage.axes, tile)) return tile.flatMap((point) => writeStage(work, stage, nest, [point]))
  switch (stage.kind) {
    case 'reduce': return writeReduce(work, stage, nest, tile)
    case 'store': writeStore(work, stage, nest, tile); return tile
    case 'let': return tile.map((point) => {
      const env = bindLets(work, stage.lets, point, new Map())
      const kept = [...env.locals.values()].filter((node) => node.pinned >= 0).map((value): Pending => ({ kind: 'keep', value }))
      work.writer.write(kept)
      return { dims: env.dims, locals: env.locals }
    })
  }
}

function sameLoops(axes: readonly Axis[], tile: readonly TilePoint[]): boolean {
  const bounds = (p: TilePoint): string => axes.map((a) => [a.lo ?? 0, a.hi].map((d) => dimKey(substituteDim(d, (s) => p.dims.get(s)))).join()).join(';')
  const [first] = tile
  return first === undefined || tile.every((p) => p === first || bounds(p) === bounds(first))
}

/** The environment at `point` with the lets of a stage known. */
function bindLets(work: Work, lets: Stage['lets'], point: Env, memo: Map<Expr, ValueNode>): Env {
  if (lets.length === 0) return point
  const dims = new Map(point.dims), locals = new Map(point.locals), env: Env = { dims, locals }
  for (const l of lets) {
    const value = work.values.build(l.value, env, work.writer, memo)
    if (l.kind === 'value') locals.set(l.name, value)
    else {
      const node = work.values.dataIndex(l.name, value, work.values.dim(l.extent, env, work.writer), work.writer)
      work.writer.declare(node)
      dims.set(l.name, node.symbol ?? l.name)
    }
  }
  return env
}

function writeReduce(work: Work, stage: ReduceStage, nest: Nest, tile: readonly TilePoint[]): readonly TilePoint[] {
  const { writer, values } = work
  const depth = writer.depth
  const registers = tile.map(() => stage.accumulators.map((a) => writer.fresh(a.name)))
  writer.write(tile.flatMap((point, t) => stage.accumulators.map((a, i): Pending => ({ kind: 'var', name: registers[t]?.[i] as string, value: values.build(a.init, point, writer, new Map()) }))))
  values.touch()
  openLoops(nest, writer, tile[0]?.dims ?? new Map(), (points) => {
    const pending: Pending[] = []
    for (const own of points) {
      tile.forEach((point, t) => {
        const current = stage.accumulators.map((a, i) => values.register(registers[t]?.[i] as string, a.type, writer.depth))
        pending.push(...nextValues(work, stage, registers[t] as string[], current, within(point, own)))
      })
    }
    writer.write(pending)
  })
  values.touch()
  return tile.map((point, t) => {
    const locals = new Map(point.locals)
    stage.accumulators.forEach((a, i) => locals.set(a.name, values.register(registers[t]?.[i] as string, a.type, depth)))
    return { dims: point.dims, locals }
  })
}

/** The statements that advance a stage's accumulators by one point of its axes. */
function nextValues(work: Work, stage: ReduceStage, names: readonly string[], current: readonly ValueNode[], at: Env): Pending[] {
  const locals = new Map(at.locals)
  stage.accumulators.forEach((a, i) => locals.set(a.name, current[i] as ValueNode))
  const memo = new Map<Expr, ValueNode>()
  const env = bindLets(work, stage.lets, { dims: at.dims, locals }, memo)
  const sets = stage.accumulators.map((a, i) => {
    const value: Expr = a.combine === undefined ? a.value : { kind: 'binary', op: a.combine, a: { kind: 'local', name: a.name, type: a.type }, b: a.value }
    return { name: names[i] as string, value: work.values.build(value, env, work.writer, memo) }
  })
  return sets.length > 1 && readsOthers(stage) ? [{ kind: 'set-all', sets }] : sets.map((s) => ({ kind: 'set', ...s }))
}

/** True where the next value of an accumulator depends on another accumulator of the stage. */
function readsOthers(stage: ReduceStage): boolean {
  const names = new Set(stage.accumulators.map((a) => a.name))
  let reads = false
  const note = (except?: string) => (e: Expr): void => { if (e.kind === 'local' && names.has(e.name) && e.name !== except) reads = true }
  for (const a of stage.accumulators) visitExprs([a.value], note(a.name))
  visitExprs(stage.lets.map((l) => l.value), note())
  return reads
}

function writeStore(work: Work, stage: StoreStage, nest: Nest, tile: readonly TilePoint[]): void {
  const { writer, values } = work
  if (stage.axes.length > 0) values.touch()
  openLoops(nest, writer, tile[0]?.dims ?? new Map(), (points) => {
    const pending: Pending[] = []
    for (const own of points) {
      for (const point of tile) {
        const memo = new Map<Expr, ValueNode>()
        const env = bindLets(work, stage.lets, within(point, own), memo)
        const value = values.build(stage.value, env, writer, memo)
        const buffer = values.getBuffer(stage.buffer)
        pending.push({ kind: 'store', buffer: stage.buffer, index: values.flatIndex(buffer, stage.index.map((d) => values.dim(d, env, writer))), value })
        values.touch(stage.buffer)
      }
    }
    writer.write(pending)
  })
  values.touch()
}

const within = (point: TilePoint, own: Point): Env => (own.size === 0 ? point : { dims: new Map([...point.dims, ...own]), locals: point.locals })


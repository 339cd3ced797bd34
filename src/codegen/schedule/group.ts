/**
 * Computes for workgroups: each workgroup takes some points of the outer axis, its invocations share the loops of the stages,
 * and what each of them folded is folded across them: by subgroups where a device has them, else in shared memory, eight values at a time.
 *
 *   group softmax rows: part[t] = max over j = t, t+T, … · barrier · … · the row's peak in all invocations · sum likewise · store j = t, t+T, …
 */
import { IngotError } from '../../base/error.js'
import { add, ceilDiv, divExact, floorDiv, min, mod, mul, substituteDim, type Dim } from '../../ir/dims.js'
import type { Accumulator, Axis, Compute, ReduceStage, StoreStage } from '../../ir/kernel/compute.js'
import { binary, constant, indexValue, isBelow, type Expr } from '../../ir/kernel/expr.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import type { Directive } from '../../ir/kernel/schedule.js'
import { freeSymbols, sharedLets, storesAt, writeLets } from './apply.js'
import { bySubgroups, canShare, foldParts } from './folds.js'
import type { Point } from './loops.js'
import { bindLets, within, type TilePoint, type Work } from './points.js'
import { identity, nextValues, type Register } from './reduce.js'
import { SharedMemory } from './shared-memory.js'
import { Memo, type ValueNode } from './values.js'
import type { Pending } from './writer.js'

type GroupDirective = Extract<Directive, { kind: 'group' }>

/** Values of one level of a fold across invocations, at most. */
const FOLDED = 8

/** One invocation: it is number `slice` of the `slices` that share a point's loops. `inside` holds where its point is one of the axis. */
interface Invocation { readonly number: Dim; readonly column: Dim; readonly slice: Dim; readonly slices: number; readonly points: number; readonly inside: Expr | undefined }

/** The kernel of a compute of at most one outer axis for workgroups. Throws `bad-option` where a stage cannot be shared among invocations. */
export function applyGroup(compute: Compute, { axis, points, threads }: GroupDirective, name: string): Kernel {
  const [outer] = compute.axes, slices = threads / points
  if (compute.axes.length > 1 || outer?.name !== axis || outer?.lo !== undefined || !Number.isInteger(slices)) throw new IngotError('bad-option', `schedule: groups of ${points} points by ${threads} invocations do not fit the outer axes of ${compute.name}`)
  const params = freeSymbols(compute), memory = new SharedMemory(compute, params)
  const { work } = memory, { writer } = work, lets = sharedLets(compute)
  writer.loop(axis ?? 'all', 0, outer === undefined ? 1 : ceilDiv(outer.hi, points), 1, 'parallel', (group) => {
    writer.loop('t', 0, threads, 1, 'local', (t) => {
      const column = points === 1 ? 0 : mod(t, points), at = add(mul(points, group), column)
      const exact = outer === undefined || divExact(outer.hi, points) !== undefined
      const invocation: Invocation = { number: t, column, slice: points === 1 ? t : floorDiv(t, points), slices, points, inside: exact ? undefined : isBelow(at, outer.hi) }
      let point: TilePoint = { dims: new Map(outer === undefined ? [] : [[outer.name, exact ? at : min(at, add(outer.hi, -1))]]), locals: new Map() }
      for (const stage of compute.stages) {
        work.values.touch()
        if (stage.kind === 'let') point = writeLets(work, stage, point, lets)
        else if (stage.kind === 'reduce') point = writeShared(memory, stage, point, invocation)
        else writeStore(work, stage, point, invocation)
      }
    })
  })
  return memory.kernel(name, compute, params)
}

/** Opens the loops of a stage's axes; the one with most points is shared among the slices. */
function openSlices({ writer }: Work, axes: readonly Axis[], point: TilePoint, { slice, slices }: Invocation, leaf: (own: Point) => void): void {
  const size = (a: Axis): number => (typeof a.hi === 'number' && a.lo === undefined ? a.hi : Infinity)
  const most = axes.reduce((best, a, i) => (size(a) >= size(axes[best] as Axis) ? i : best), 0)
  const open = (at: number, own: Point): void => {
    const axis = axes[at]
    if (axis === undefined) return leaf(own)
    const bound = (d: Dim): Dim => substituteDim(d, (s) => own.get(s) ?? point.dims.get(s))
    const lo = bound(axis.lo ?? 0), shared = at === most && slices > 1
    writer.loop(axis.name, shared ? add(lo, slice) : lo, bound(axis.hi), shared ? slices : 1, undefined, (variable) => { open(at + 1, new Map(own).set(axis.name, variable)) })
  }
  open(0, new Map())
}

/** A reduction whose loops the invocations share; every one of them gets what all folded. */
function writeShared(memory: SharedMemory, stage: ReduceStage, point: TilePoint, at: Invocation): TilePoint {
  if (!canShare(stage)) throw new IngotError('bad-option', `schedule: what ${stage.accumulators.map((a) => a.name).join(', ')} folds depends on its order`)
  const { work } = memory, { writer, values } = work, { accumulators } = stage
  const registers = accumulators.map((a): Register => ({ names: [writer.fresh(a.name)], type: a.type }))
  writer.write(accumulators.map((a, i): Pending => ({ kind: 'var', name: nameOf(registers, i), value: values.build(stage.extreme === undefined ? identity(a) : a.init, NOWHERE, writer, new Memo()) })))
  values.touch()
  openSlices(work, stage.axes, point, at, (own) => { writer.write(nextValues(work, stage, registers, within(point, own))) })
  values.touch()
  const own = accumulators.map((a, i) => values.register(nameOf(registers, i), a.type, writer.depth)), locals = new Map(point.locals)
  const folded = at.points === 1 && stage.extreme === undefined && accumulators.every(bySubgroups) ? accumulators.map((a, i) => memory.fold(a, own[i] as ValueNode, at.slices)) : foldByEights(memory, stage, own, at)
  const totals = stage.extreme !== undefined ? folded : accumulators.map((a, i) => withInit(work, a, point, folded[i] as ValueNode))
  writer.write(totals.map((value): Pending => ({ kind: 'keep', value })))
  accumulators.forEach((a, i) => locals.set(a.name, totals[i] as ValueNode))
  return { ...point, locals }
}

/** What every invocation has, folded in shared memory across those of its point. */
function foldByEights(memory: SharedMemory, stage: ReduceStage, own: readonly ValueNode[], at: Invocation): readonly ValueNode[] {
  const { work } = memory, { writer, values } = work
  const parts = stage.accumulators.map((a) => memory.add(`${a.name}_part`, a.type, mul(at.slices, at.points) as number))
  const stored = (value: readonly ValueNode[]): Pending[] => parts.map((part, i) => ({ kind: 'store', buffer: part, index: at.number, value: value[i] as ValueNode }))
  writer.write(stored(own))
  memory.barrier()
  const fold = (from: Dim, step: number, count: number): readonly ValueNode[] => foldParts(work, stage, Array.from({ length: count }, (_, k) => parts.map((part) => memory.load(part, add(from, k * step)))))
  let left = at.slices
  for (; left > FOLDED; left /= FOLDED) {
    const rest = left / FOLDED
    writer.when(values.build(isBelow(at.slice, rest), NOWHERE, writer, new Memo()), () => { writer.write(stored(fold(at.number, rest * at.points, FOLDED))) })
    memory.barrier()
  }
  return fold(at.column, at.points, left)
}

const nameOf = (registers: readonly Register[], i: number): string => registers[i]?.names[0] as string
const NOWHERE: TilePoint = { dims: new Map(), locals: new Map() }

/** What was folded from nothing, folded into the accumulator's first value. */
function withInit({ writer, values }: Work, a: Accumulator, point: TilePoint, total: ValueNode): ValueNode {
  const init = values.build(a.init, point, writer, new Memo()), none = values.build(identity(a), NOWHERE, writer, new Memo())
  return init === none ? total : values.operation({ kind: 'binary', op: a.combine ?? 'add', a: init.shell, b: total.shell }, [init, total])
}

function writeStore(work: Work, stage: StoreStage, point: TilePoint, at: Invocation): void {
  const { writer, values } = work
  const alone = stage.axes.length > 0 || at.slices === 1 ? undefined : binary('eq', indexValue(at.slice), constant('i32', 0))
  const guards = [alone, at.inside].filter((e) => e !== undefined)
  const store = (own: Point): void => {
    const memo = new Memo()
    writer.write(storesAt(work, stage, bindLets(work, stage.lets, within(point, own), memo), memo))
  }
  const all = (): void => { openSlices(work, stage.axes, point, at, store) }
  const [first, second] = guards
  if (first === undefined) return all()
  writer.when(values.build(second === undefined ? first : binary('and', first, second), NOWHERE, writer, new Memo()), all)
}

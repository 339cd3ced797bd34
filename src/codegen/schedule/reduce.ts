/**
 * Reduce stages: accumulators in registers, of all points of a tile side by side. In a tile with lanes they are vectors. Where
 * the stage's own axis runs in lanes, each lane folds every fourth element into a part of its own, and the parts are folded
 * in a fixed order at the end.
 */
import type { Accumulator, ReduceStage } from '../../ir/kernel/compute.js'
import { constant, isVector, LANES, madd, VECTOR_OF, type BinaryOp, type Expr, type RegisterType } from '../../ir/kernel/expr.js'
import { termsOf } from '../../ir/kernel/ranges.js'
import { rootsOf, visitExprs } from '../../ir/kernel/walk.js'
import { LANE_NUMBERS } from './lanes.js'
import { openLoops } from './loops.js'
import { pointsOf, type Nest } from './nest.js'
import { bindLets, hasLanes, within, type TilePoint, type Work } from './points.js'
import { Memo, type Env, type LocalValue, type ValueNode } from './values.js'
import type { KernelWriter, Pending } from './writer.js'

/** The registers of one accumulator at one point: one, or one for each lane where its type has no vectors. */
export interface Register { readonly names: readonly string[]; readonly type: RegisterType }

/** Parts that one accumulator is folded into at once, at most. */
const MOST_PARTS = 8

/** Writes a reduce stage for `tile`; the accumulators are locals of the points that it returns. */
export function writeReduce(work: Work, stage: ReduceStage, nest: Nest, tile: readonly TilePoint[]): readonly TilePoint[] {
  const { writer, values } = work
  const depth = writer.depth
  const ownLanes = nest.vectorized !== undefined && !tile.some(hasLanes) && canSplit(stage)
  const count = ownLanes ? partsIn(nest) : 0
  const registers = tile.map((point) => stage.accumulators.map((a) => newRegister(work, a, point)))
  const turns = ownLanes || !canSplit(stage) ? 1 : nest.registers
  const others = tile.map((point) => stage.accumulators.map((a) => Array.from({ length: turns - 1 }, () => newRegister(work, a, point))))
  const parts = tile.map(() => stage.accumulators.map((a) => Array.from({ length: count }, () => ({ names: [writer.fresh(`${a.name}_part`)], type: VECTOR_OF[a.type] ?? 'f32x4' }))))
  writer.write([
    ...tile.flatMap((point, t) => stage.accumulators.flatMap((a, i) => firstValues(work, a.init, point, registers[t]?.[i] as Register))),
    ...tile.flatMap((point, t) => stage.accumulators.flatMap((a, i) => (others[t]?.[i] ?? []).flatMap((r) => firstValues(work, identity(a), point, r)))),
    ...parts.flatMap((p) => stage.accumulators.flatMap((a, i) => (p[i] ?? []).map((r): Pending => ({ kind: 'var', name: r.names[0] as string, value: values.spread(values.build(identity(a), NOWHERE, writer, new Memo())) })))),
  ])
  values.touch()
  openLoops(nest, writer, tile[0]?.dims ?? new Map(), (points) => {
    const pending: Pending[] = []
    let lanePoints = 0
    for (const [turn, own] of points.entries()) {
      const part = ownLanes && hasLanes({ dims: own, locals: new Map() }) ? lanePoints++ % count : undefined
      tile.forEach((point, t) => {
        const used = stage.accumulators.map((_, i) => (part !== undefined ? parts[t]?.[i]?.[part] : turn % turns > 0 ? others[t]?.[i]?.[turn % turns - 1] : registers[t]?.[i]) as Register)
        pending.push(...nextValues(work, stage, used, within(point, own)))
      })
    }
    writer.write(inLoadOrder(pending, writer))
  }, ownLanes)
  values.touch()
  tile.forEach((_, t) => stage.accumulators.forEach((a, i) => foldTurns(work, a, registers[t]?.[i] as Register, others[t]?.[i] ?? [])))
  tile.forEach((_, t) => stage.accumulators.forEach((a, i) => foldParts(work, a, registers[t]?.[i] as Register, parts[t]?.[i] ?? [])))
  if (count > 0 || turns > 1) values.touch()
  return tile.map((point, t) => {
    const locals = new Map(point.locals)
    stage.accumulators.forEach((a, i) => locals.set(a.name, contentsOf(work, registers[t]?.[i] as Register, depth)))
    return { ...point, locals }
  })
}

/**
 * Sums written out over a window, in the order of the elements they read: an element that several windows share is loaded
 * once and used up. As it stands where that would change the order in which any accumulator adds.
 */
function inLoadOrder(pending: readonly Pending[], writer: KernelWriter): readonly Pending[] {
  const names = pending.map((p) => (p.kind === 'set' ? p.name : ''))
  if (names.includes('') || new Set(names).size === names.length) return pending
  const loads = pending.map((p) => (p.kind === 'set' ? loadsOf(p.value) : []))
  const keys = pending.map((p, i) => (p.kind === 'set' ? movingKey(p.value, loads[i] as readonly ValueNode[], writer) : undefined))
  if (keys.some((k) => k === undefined) || !isShared(loads)) return pending
  const sorted = pending.map((p, i) => ({ p, i, key: keys[i] as number })).sort((a, b) => a.key - b.key || a.i - b.i)
  const last = new Map<string, number>()
  for (const { i } of sorted) {
    const name = names[i] as string
    if ((last.get(name) ?? -1) > i) return pending
    last.set(name, i)
  }
  return sorted.map(({ p }) => p)
}

/** The loads that a value is made of directly: operands of its product. */
function loadsOf(value: ValueNode): readonly ValueNode[] {
  return value.operands.flatMap((o) => (o.shell.kind === 'load' ? [o] : o.shell.kind === 'binary' && o.shell.op === 'mul' ? o.operands.filter((x) => x.shell.kind === 'load') : []))
}

/**
 * Where the first load stands, relative to the others of its kind: the constant in its index. Of products, only those of two
 * loads have one, or of a load and an element for all lanes that loops around hold: in the tile of a contraction, where such
 * elements pass, another order would keep more values alive than there are registers.
 */
function movingKey(value: ValueNode, [first, second]: readonly ValueNode[], writer: KernelWriter): number | undefined {
  if (first === undefined || (second === undefined && !(value.shell.kind === 'binary' && value.operands.includes(first)) && !hasHeldFactor(value, writer))) return undefined
  return termsOf(first.dims[0] ?? 0).find((t) => t.atoms.length === 0)?.coefficient ?? 0
}

/** True for a product by one element for all lanes that is known outside the innermost loop. */
function hasHeldFactor(value: ValueNode, writer: KernelWriter): boolean {
  return value.operands.some((o) => (o.shell.kind === 'splat' ? writer.levelOf(o) < writer.depth : o.shell.kind === 'binary' && o.shell.op === 'mul' && hasHeldFactor(o, writer)))
}

/** True where the first loads come back after others: windows that overlap. */
function isShared(loads: readonly (readonly ValueNode[])[]): boolean {
  const last = new Map<number, number>()
  return loads.some(([first], i) => {
    const id = first?.id ?? -1, before = last.get(id)
    last.set(id, i)
    return before !== undefined && before < i - 1
  })
}

const NOWHERE: Env = { dims: new Map(), locals: new Map() }

function newRegister({ writer }: Work, a: Accumulator, point: TilePoint): Register {
  const vector = hasLanes(point) ? VECTOR_OF[a.type] : undefined
  const lanes = hasLanes(point) && vector === undefined
  return { names: lanes ? LANE_NUMBERS.map((k) => writer.fresh(`${a.name}_${k}`)) : [writer.fresh(a.name)], type: vector ?? a.type }
}

function firstValues(work: Work, value: Expr, point: TilePoint, register: Register): Pending[] {
  return valuesFor(work, value, point, register, new Memo()).map((first, k): Pending => ({ kind: 'var', name: register.names[k] as string, value: first }))
}

/** `e` as the contents of a register at a point. */
function valuesFor({ writer, values }: Work, e: Expr, env: Env, register: Register, memo: Memo): readonly ValueNode[] {
  if (register.names.length > 1) return LANE_NUMBERS.map((k) => values.buildLane(e, env, k, writer, memo))
  const whole = values.buildWhole(e, env, writer, memo) ?? values.buildLane(e, env, 0, writer, memo)
  return [isVector(register.type) ? values.spread(whole) : whole]
}

/** A register's contents now, as a value. */
function contentsOf({ writer, values }: Work, register: Register, depth = writer.depth): LocalValue {
  const nodes = register.names.map((name) => values.register(name, register.type, depth)), [only] = nodes
  return nodes.length === 1 && only !== undefined ? only : nodes
}

/** The statements that advance a stage's accumulators by one point of its axes. */
export function nextValues(work: Work, stage: ReduceStage, registers: readonly Register[], at: Env): Pending[] {
  const locals = new Map(at.locals)
  stage.accumulators.forEach((a, i) => locals.set(a.name, contentsOf(work, registers[i] as Register)))
  const memo = new Memo()
  const env = bindLets(work, stage.lets, { ...at, locals }, memo)
  const sets = stage.accumulators.flatMap((a, i) => {
    const register = registers[i] as Register
    return valuesFor(work, nextExpr(a, work.madd && isVector(register.type)), env, register, memo).map((value, k) => ({ name: register.names[k] as string, value }))
  })
  return sets.length > 1 && readsOthers(stage) ? [{ kind: 'set-all', sets }] : sets.map((s) => ({ kind: 'set', ...s }))
}

/** The next value of an accumulator. */
function nextExpr(a: Accumulator, mayMadd: boolean): Expr {
  if (a.combine === undefined) return a.value
  const current: Expr = { kind: 'local', name: a.name, type: a.type }
  if (mayMadd && a.combine === 'add' && a.type === 'f32' && a.value.kind === 'binary' && a.value.op === 'mul') return madd(a.value.a, a.value.b, current)
  return { kind: 'binary', op: a.combine, a: current, b: a.value }
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

/** Values that change nothing when folded in, of the operations whose order does not matter. */
const IDENTITIES: Readonly<Partial<Record<RegisterType, Readonly<Partial<Record<BinaryOp, number | string>>>>>> = {
  f32: { add: 0, mul: 1, max: '-inf', min: 'inf', pmax: '-inf', pmin: 'inf' },
  bool: { and: 1, or: 0 },
  i32: { add: 0, mul: 1, max: -2147483648, min: 2147483647 },
  u32: { add: 0, mul: 1, max: 0, min: 4294967295 },
}

const identityOf = (a: Accumulator): number | string | undefined => (a.combine === undefined ? undefined : IDENTITIES[a.type]?.[a.combine])
/** A value that changes nothing when it is folded in. */
export const identity = (a: Accumulator): Expr => constant(a.type, identityOf(a) ?? 0)

/** True where every accumulator may be folded in parts. */
export function canSplit(stage: ReduceStage): boolean {
  const names = new Set(stage.accumulators.map((a) => a.name))
  let reads = false
  visitExprs([...stage.lets.map((l) => l.value), ...stage.accumulators.map((a) => a.value)], (e) => { if (e.kind === 'local' && names.has(e.name)) reads = true })
  return !reads && rootsOf(stage).length > 0 && stage.accumulators.every((a) => identityOf(a) !== undefined)
}

/** Vectors that stand side by side in the innermost loop of a nest: as many parts can be folded at once. */
function partsIn(nest: Nest): number {
  const side = nest.order.reduce((n, name) => {
    const points = nest.unrolled.has(name) || nest.vectorized === name ? (pointsOf(nest, name) ?? 1) : 1
    return n * (nest.vectorized === name ? Math.max(1, Math.floor(points / LANES)) : Math.max(1, points))
  }, 1)
  return Math.min(MOST_PARTS, side)
}

/** Folds the registers of other turns into the accumulator: neighbours first. */
function foldTurns(work: Work, a: Accumulator, register: Register, others: readonly Register[]): void {
  const { combine } = a
  if (others.length === 0 || combine === undefined) return
  const all = [register, ...others].map((r) => [contentsOf(work, r)].flat() as readonly ValueNode[])
  work.writer.write(register.names.map((name, k): Pending => ({ kind: 'set', name, value: halve(work, combine, all.map((nodes) => nodes[k] as ValueNode)) })))
}

/** Folds the parts into the accumulator: neighbours first, then lanes. */
function foldParts(work: Work, a: Accumulator, register: Register, parts: readonly Register[]): void {
  const { writer, values } = work
  const { combine } = a
  if (parts.length === 0 || combine === undefined) return
  const whole = halve(work, combine, parts.flatMap((p) => contentsOf(work, p)))
  const lanes = halve(work, combine, LANE_NUMBERS.map((k) => values.laneOf(whole, k)))
  const current = contentsOf(work, register) as ValueNode
  writer.write([{ kind: 'set', name: register.names[0] as string, value: halve(work, combine, [current, lanes]) }])
}

/** Values folded in pairs, and so on. */
export function halve(work: Work, op: BinaryOp, nodes: readonly ValueNode[]): ValueNode {
  const [first] = nodes
  if (nodes.length === 1 && first !== undefined) return first
  return halve(work, op, Array.from({ length: Math.ceil(nodes.length / 2) }, (_, i) => {
    const x = nodes[2 * i] as ValueNode, y = nodes[2 * i + 1]
    return y === undefined ? x : work.values.operation({ kind: 'binary', op, a: x.shell, b: y.shell }, [x, y])
  }))
}

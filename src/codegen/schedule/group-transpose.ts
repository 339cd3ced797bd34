/**
 * Transposes by workgroups: each takes a box of points, reads it in the order in which the operands lie in memory, and writes it in
 * the order of the result, so that neighbouring invocations have neighbouring elements both times. In between it is in shared memory.
 *
 *   box 32×32 of y[i, j] = f(x[j, i]):   tile[i − i0][j − j0] = x[j, i] for neighbours along i · barrier · y[i, j] = f(tile[i − i0][j − j0]) for neighbours along j
 */
import { IngotError } from '../../base/error.js'
import { add, ceilDiv, divExact, floorDiv, min, mod, mul, product, sub, type Dim } from '../../ir/dims.js'
import type { Axis, Compute } from '../../ir/kernel/compute.js'
import { binary, indexValue, local, REGISTER, type Expr, type RegisterType } from '../../ir/kernel/expr.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import type { GroupTranspose } from '../../ir/kernel/schedule.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { rewriteCompute } from '../rewrite-compute.js'
import { freeSymbols, sharedLets, storesAt, writeLets } from './apply.js'
import { loadKey, Movement, type Load } from './movement.js'
import { bindLets, type TilePoint } from './points.js'
import { SharedMemory } from './shared-memory.js'
import { Memo, type Env, type ValueNode } from './values.js'
import type { Pending } from './writer.js'

/** Words of shared memory that are read at once, each from a bank of its own. An element is left free after so many: a column of a box then lies in different banks too. */
const BANKS = 32

/** An axis of the box, as far as it is known which points a workgroup has of it. */
interface Side { readonly axis: Axis; readonly points: Dim; /** Elements of the box from one of its points to the next, in the order of writing. */ readonly pitch: Dim; /** No workgroup has points beyond the axis. */ readonly exact: boolean }

interface Site {
  readonly compute: Compute
  /** With registers in place of what is brought. */
  readonly rest: Compute
  readonly memory: SharedMemory
  readonly threads: number
  /** The sides of the box in the orders in which it is read and written, the fastest first, and its points. */
  readonly read: readonly Side[]
  readonly written: readonly Side[]
  readonly points: Dim
  /** What is brought, and where to. */
  readonly loads: readonly { readonly load: Load; readonly local: string; readonly tile: string }[]
}

/** Elements of shared memory for each load. */
export const sharedLength = (most: number): number => most + Math.ceil(most / BANKS)

/** The kernel of a compute without sums by boxes. Throws `bad-option` for other computes, and for boxes that do not fit the axes. */
export function applyGroupTranspose(compute: Compute, directive: GroupTranspose, name: string): Kernel {
  const { box, order, threads, most } = directive, [first, last] = [box.at(-1)?.axis, order.at(-1)]
  const fits = compute.stages.every((s) => s.kind === 'let' || (s.kind === 'store' && s.axes.length === 0)) && compute.axes.every((a) => a.lo === undefined)
  if (!fits || first === undefined || last === undefined || box.length !== order.length || !box.every((b) => order.includes(b.axis))) throw new IngotError('bad-option', `schedule: ${compute.name} cannot be moved in boxes along ${order.join(', ')}`)
  const params = freeSymbols(compute), memory = new SharedMemory(compute, params), { writer } = memory.work
  const sides = box.map(({ axis, points }, i): Side => {
    const found = compute.axes.find((a) => a.name === axis)
    if (found === undefined) throw new IngotError('bad-option', `schedule: ${axis} is no outer axis of ${compute.name}`)
    return { axis: found, points, pitch: product(box.slice(i + 1).map((b) => b.points)), exact: divExact(found.hi, points) !== undefined }
  })
  const typeOf = (buffer: string): RegisterType => REGISTER[compute.buffers.find((b) => b.name === buffer)?.dtype ?? 'float32']
  const loads = new Movement(compute).distantAlong(first, last).map((load, i) => ({ load, local: `(tile ${i})`, tile: memory.add('tile', typeOf(load.buffer), sharedLength(most)) }))
  const site: Site = { compute, rest: withLocals(compute, loads, typeOf), memory, threads, loads, points: product(box.map((b) => b.points)), written: [...sides].reverse(), read: [...order].reverse().flatMap((axis) => sides.filter((s) => s.axis.name === axis)) }
  const counts = compute.axes.map((axis) => ({ axis, side: sides.find((s) => s.axis === axis) })).map(({ axis, side }) => ({ axis, side, count: side === undefined ? axis.hi : boxesOf(axis.hi, side.points) }))
  writer.loop('box', 0, product(counts.map((c) => c.count)), 1, 'parallel', (group) => {
    const corner = new Map<string, Dim>()
    let rest = group
    for (const [i, { axis, side, count }] of [...counts.entries()].reverse()) {
      corner.set(axis.name, mul(side?.points ?? 1, i === 0 ? rest : mod(rest, count)))
      rest = floorDiv(rest, count)
    }
    writer.loop('t', 0, threads, 1, 'local', (t) => {
      const rounds = Array.from({ length: Math.ceil((typeof site.points === 'number' ? site.points : most) / threads) }, (_, k) => k * threads)
      bring(site, corner, t, rounds)
      memory.barrier()
      for (const from of rounds) storePoint(site, corner, t, from)
    })
  })
  return memory.kernel(name, compute, params)
}

/** Boxes along an axis. Without a difference, from which shaders could not tell that it is not negative: their division of other integers takes longer. */
const boxesOf = (extent: Dim, points: Dim): Dim => (typeof points === 'number' ? ceilDiv(extent, points) : add(floorDiv(extent, points), min(1, mod(extent, points))))

/** `compute` with registers in place of what is brought. */
function withLocals(compute: Compute, loads: Site['loads'], typeOf: (buffer: string) => RegisterType): Compute {
  const locals = new Map(loads.map((l) => [loadKey(l.load), l.local]))
  return rewriteCompute(compute, { load: (buffer, index) => { const found = locals.get(loadKey({ buffer, index })); return found === undefined ? undefined : local(found, typeOf(buffer)) } })
}

/** Where point `t + from` of the box lies on each of `sides`, the fastest first; it may be beyond the last one. */
function placeIn(sides: readonly Side[], t: Dim, from: number): ReadonlyMap<Side, Dim> {
  const places = new Map<Side, Dim>()
  let rest = t, offset = from
  for (const [i, side] of sides.entries()) {
    const { points } = side
    // A whole number of turns around this side changes nothing but the next one's place.
    const turns = typeof points === 'number' && offset % points === 0 ? offset / points : undefined
    const number = turns === undefined ? add(rest, offset) : rest
    places.set(side, i === sides.length - 1 ? add(rest, offset) : mod(number, points))
    rest = floorDiv(number, points)
    offset = turns ?? 0
  }
  return places
}

/** Where element number `at` of the box lies in shared memory. */
const padded = (at: Dim): Dim => add(at, floorDiv(at, BANKS))

/** Whether point `t + from` is one of the box; undefined where all invocations have one. */
function isPoint({ points, threads }: Site, t: Dim, from: number): Expr | undefined {
  return typeof points === 'number' && from + threads <= points ? undefined : binary('lt', indexValue(add(t, from)), indexValue(points))
}

/** Brings the box of each load to shared memory. All are loaded before the first is stored, so that none waits for another. */
function bring(site: Site, corner: ReadonlyMap<string, Dim>, t: Dim, rounds: readonly number[]): void {
  const { compute, memory: { work }, loads, read } = site, { writer, values } = work
  const brought = rounds.map((from) => {
    const places = placeIn(read, t, from), inside = isPoint(site, t, from), dims = new Map(corner)
    for (const [side, place] of places) {
      const { axis, exact } = side, at = add(corner.get(axis.name) ?? 0, place), overflows = inside !== undefined && side === read.at(-1)
      // Beyond the end the last element is read once more, and not used.
      dims.set(axis.name, exact && !overflows ? at : min(at, sub(axis.hi, 1)))
    }
    const index = simplifyDim(padded(add(...[...places].map(([side, place]) => mul(side.pitch, place)))), writer.rangeOf)
    // Of what stages define, indices that data gives may be needed; what is not used is not written.
    const point = compute.stages.reduce<Env>((env, stage) => bindLets(work, stage.lets, env, new Memo()), { dims, locals: new Map() })
    return { inside, index, values: loads.map(({ load }) => values.build(load, point, writer, new Memo())) }
  })
  writer.write(brought.flatMap((b) => b.values.map((value): Pending => ({ kind: 'keep', value }))))
  for (const { inside, index, values: loaded } of brought) {
    onlyWhere(site, inside, () => { writer.write(loaded.map((value, i): Pending => ({ kind: 'store', buffer: loads[i]?.tile ?? '', index, value }))) })
  }
}

function onlyWhere({ memory: { work: { writer, values } } }: Site, condition: Expr | undefined, body: () => void): void {
  if (condition === undefined) return body()
  writer.when(values.build(condition, NOWHERE, writer, new Memo()), body)
}

const NOWHERE: TilePoint = { dims: new Map(), locals: new Map() }

/** The stages at point `t + from` of the box, in the order of writing. */
function storePoint(site: Site, corner: ReadonlyMap<string, Dim>, t: Dim, from: number): void {
  const { rest, memory, written, loads } = site, { work } = memory, { writer, values } = work, shared = sharedLets(rest)
  const places = placeIn(written, t, from), dims = new Map(corner), inside = isPoint(site, t, from), conditions: Expr[] = inside === undefined ? [] : [inside]
  for (const [{ axis, exact }, place] of places) {
    const at = add(corner.get(axis.name) ?? 0, place)
    dims.set(axis.name, at)
    if (!exact) conditions.push(binary('lt', indexValue(at), indexValue(axis.hi)))
  }
  const [first, ...others] = conditions
  onlyWhere(site, first && others.reduce((a, b) => binary('and', a, b), first), () => {
    const index = add(padded(t), from % BANKS === 0 ? from + from / BANKS : sub(padded(add(t, from)), padded(t)))
    let point: TilePoint = { dims, locals: new Map(loads.map(({ local: register, tile }): readonly [string, ValueNode] => [register, memory.load(tile, index)])) }
    for (const stage of rest.stages) {
      if (stage.kind === 'let') point = writeLets(work, stage, point, shared)
      else if (stage.kind === 'store') { const memo = new Memo(); writer.write(storesAt(work, stage, bindLets(work, stage.lets, point, memo), memo)) }
    }
  })
  values.touch()
}

/**
 * Moves of data in which neighbours in the result are no neighbours in an operand: transposes, other permutations and what is
 * fused with them. Boxes of points go through shared memory, so that reads and writes are both of neighbours.
 *
 * A box takes so many points of the axes in whose order is read that these are a run in memory, and likewise of those in whose
 * order is written. Where an axis is short, a run goes on along the one that is next in memory: [N, HW, 3] from [N, 3, HW] is
 * moved in boxes of 3 × 320 points, whose rows of 960 and of 320 elements lie together. Extents that are symbols may turn out
 * short: then boxes are longer the other way, by division in the kernel.
 */
import { dimsEqual, floorDiv, max, min, mul, product, type Dim } from '../../../ir/dims.js'
import type { Axis, Compute, StoreStage } from '../../../ir/kernel/compute.js'
import type { BoxSide, GroupTranspose, Plan } from '../../../ir/kernel/schedule.js'
import { Movement, type Load } from '../../schedule/movement.js'
import { sharedLength } from '../../schedule/group-transpose.js'
import { readsItself } from './reads-itself.js'

/** Points of a run, and the square of a box of them: 32 words are what one transaction of any GPU brings. With many operands boxes are smaller, to fit in shared memory. */
const EDGES = [32, 16]
const THREADS = 256
/** Words of shared memory. */
const MOST_SHARED = 4096
/** With fewer elements than this an operand stays in caches that are near, and there are less than 64 boxes: too few for a GPU. */
const LEAST = 65536
/** Where so many invocations in turn have neighbours in an operand, a workgroup of 64 has runs of 8 elements in it: whole transactions, without shared memory. */
const NEAR = 8

/** The plan of such a move; undefined where neighbours read neighbours, or near enough, and where there is little to move. */
export function scheduleTransposes(compute: Compute): Plan | undefined {
  const stores = compute.stages.filter((s): s is StoreStage => s.kind === 'store'), movement = new Movement(compute)
  const plain = compute.stages.every((s) => s.kind === 'let' || (s.kind === 'store' && s.axes.length === 0)) && compute.axes.every((a) => a.lo === undefined && a.valid === undefined && movement.axesOf(a.hi).size === 0)
  if (!plain || readsItself(compute)) return undefined
  const [flat, ...more] = stores.map((s) => movement.flatIndex(s)), written = flat === undefined ? [] : runOf(compute, movement, flat), [first] = written
  if (flat === undefined || first === undefined || !more.every((other) => movement.step(other, first.name) === 1)) return undefined
  const runs = movement.distant(first.name).filter((e) => isLarge(compute, movement, e)).map((e) => runOf(compute, movement, movement.flatIndex(e)))
  const read = runs.find(([last]) => last !== undefined && !isNear(movement.step(flat, last.name))), [last] = read ?? []
  if (read === undefined || last === undefined) return undefined
  const count = movement.distantAlong(first.name, last.name).length, edge = EDGES.find((e) => count * sharedLength(e * e) <= MOST_SHARED)
  return edge === undefined ? undefined : [boxOf(compute, read, written, edge)]
}

/** The axes along which a buffer is a run in memory, as far as that is known, the fastest first; none where no axis has its neighbours. */
function runOf({ axes }: Compute, movement: Movement, flat: Dim): readonly Axis[] {
  const run: Axis[] = []
  for (let length: Dim = 1; ;) {
    const next = axes.find((a) => { const step = movement.step(flat, a.name); return step !== undefined && step !== null && !run.includes(a) && a.hi !== 1 && dimsEqual(step, length) })
    if (next === undefined) return run
    run.push(next)
    length = mul(length, next.hi)
  }
}

/** True where the elements that a load reads may be many. */
function isLarge({ axes }: Compute, movement: Movement, load: Load): boolean {
  const along = movement.axesOf(movement.flatIndex(load)), count = product(axes.filter((a) => along.has(a.name)).map((a) => a.hi))
  return typeof count !== 'number' || count >= LEAST
}

/** True where points between which so many elements are written have invocations of the same few groups of a workgroup. */
const isNear = (step: ReturnType<Movement['step']>): boolean => typeof step === 'number' && Math.abs(step) <= NEAR

/** The box of `edge` points along both runs, and more where one of them ends before. */
function boxOf({ axes }: Compute, read: readonly Axis[], written: readonly Axis[], edge: number): GroupTranspose {
  const limits = new Map<Axis, Dim>(), limitOf = (a: Axis): Dim => limits.get(a) ?? 1, most = edge * edge
  const points = (a: Axis): Dim => (limitOf(a) === 1 ? 1 : max(1, min(a.hi, limitOf(a))))
  /** Gives a run its edge; the axis in which it ends, if it does not end before. */
  const cover = (run: readonly Axis[]): Axis | undefined => {
    let left = edge
    for (const a of run) {
      limits.set(a, max(limitOf(a), left))
      if (typeof a.hi !== 'number' || a.hi > left) return a
      left = Math.floor(left / a.hi)
    }
    return undefined
  }
  // What the edges leave of the box goes to where the runs end, and to other axes where both have ended for certain.
  for (const a of new Set([cover(written), cover(read), ...written, ...[...axes].reverse()])) {
    if (a === undefined || points(a) === a.hi) continue
    const others = product(axes.flatMap((x) => (x === a ? [] : [points(x)])))
    if (typeof others !== 'number' && !limits.has(a)) continue
    limits.set(a, max(limitOf(a), a === written[0] || a === read[0] ? mul(edge, floorDiv(edge, others)) : floorDiv(most, others)))
  }
  const sides = (run: readonly Axis[]): readonly Axis[] => [...new Set([...run, ...written, ...read, ...axes])].filter((a) => points(a) !== 1).reverse()
  return { kind: 'group-transpose', box: sides(written).map((a): BoxSide => ({ axis: a.name, points: points(a) })), order: sides(read).map((a) => a.name), threads: THREADS, most }
}

/**
 * A sum in blocks: the outermost axis goes through blocks of the summed one, and between them sums wait in the memory of the
 * result. What a block reads stays in the first cache then, however long the sum is.
 *
 *   axes i j · reduce k < 1024: acc = 0 + … · store y[i, j] = f(acc)
 *   ⇒ axes b < 4, i, j · reduce k < 256: acc = (b = 0 ? 0 : y[i, j]) + … · store y[i, j] = b < 3 ? acc : f(acc)
 */
import { IngotError } from '../../base/error.js'
import { add, divExact, mul } from '../../ir/dims.js'
import type { Accumulator, Compute, ReduceStage, StoreStage } from '../../ir/kernel/compute.js'
import { binary, constant, indexValue, load, selectExpr } from '../../ir/kernel/expr.js'
import type { Preparation } from '../../ir/kernel/schedule.js'
import { loadsFrom } from '../../ir/kernel/walk.js'
import { rewriteCompute } from '../rewrite-compute.js'

type Block = Extract<Preparation, { kind: 'block' }>

/** The sum and the store of a compute whose sum can wait in the result; undefined for others. */
export function waitingSum(compute: Compute): { readonly reduce: ReduceStage; readonly store: StoreStage; readonly sum: Accumulator } | undefined {
  const [reduce, store, ...others] = compute.stages
  if (reduce?.kind !== 'reduce' || store?.kind !== 'store' || others.length > 0 || store.axes.length > 0 || store.lets.length > 0) return undefined
  const [sum, ...more] = reduce.accumulators, out = compute.buffers.find((b) => b.name === store.buffer)
  if (sum?.type !== 'f32' || sum.combine !== 'add' || more.length > 0 || out?.dtype !== 'float32' || compute.axes.some((a) => a.valid !== undefined)) return undefined
  return compute.stages.some((s) => loadsFrom(s, store.buffer)) ? undefined : { reduce, store, sum }
}

/** `compute` with its summed axis in blocks. Throws `bad-option` where it has no such sum, or `points` do not divide the axis. */
export function blockSum(compute: Compute, { axis, points, outer }: Block): Compute {
  const found = waitingSum(compute), summed = found?.reduce.axes.find((a) => a.name === axis)
  const blocks = summed === undefined || summed.lo !== undefined ? undefined : divExact(summed.hi, points)
  if (found === undefined || typeof blocks !== 'number') throw new IngotError('bad-option', `schedule: the sum along ${axis} cannot be taken in blocks of ${points}`)
  const { reduce, store, sum } = found
  const { stages: [moved] } = rewriteCompute({ ...compute, stages: [reduce] }, { name: (s) => (s === axis ? add(mul(points, outer), axis) : undefined) })
  const init = selectExpr(binary('eq', indexValue(outer), constant('i32', 0)), sum.init, load(store.buffer, store.index))
  return {
    ...compute, axes: [{ name: outer, hi: blocks, rounds: true }, ...compute.axes],
    stages: [
      { ...moved as ReduceStage, axes: reduce.axes.map((a) => (a === summed ? { name: axis, hi: points } : a)), accumulators: (moved as ReduceStage).accumulators.map((a) => ({ ...a, init })) },
      { ...store, until: { axis: outer, last: blocks - 1, sum: sum.name } },
    ],
  }
}

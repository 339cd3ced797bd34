/** A schedule that divides an axis: the computes over its parts, each with the directives that hold for it. */
import { IngotError } from '../../base/error.js'
import { add, floorDiv, mod, mul, sub } from '../../ir/dims.js'
import type { Compute } from '../../ir/kernel/compute.js'
import type { Schedule } from '../../ir/kernel/schedule.js'

/** Part of the points of a compute, and how it runs. */
export interface Part { readonly compute: Compute; readonly schedule: Schedule }

/** The parts that `schedule` divides `compute` into, in order, without those that have no points; the whole where it divides nothing. Throws `bad-option` for parts that leave points out. */
export function partsOf(compute: Compute, schedule: Schedule): readonly Part[] {
  const [divide, ...shared] = schedule
  if (divide?.kind !== 'divide') return [{ compute, schedule }]
  const at = compute.axes.findIndex((a) => a.name === divide.axis), axis = compute.axes[at]
  if (axis === undefined) throw new IngotError('bad-option', `schedule: ${divide.axis} is divided but is no outer axis of ${compute.name}`)
  // What is left is kept as remainders, of which it is known how large they can be.
  let lo = axis.lo ?? 0, rest = sub(axis.hi, lo)
  const parts = divide.parts.flatMap(({ size, count, schedule: own }): Part[] => {
    const from = lo, points = mul(size, count ?? floorDiv(rest, size))
    rest = count === undefined ? mod(rest, size) : sub(rest, points)
    if (points === 0) return []
    lo = add(from, points)
    return [{ compute: { ...compute, axes: compute.axes.map((a) => (a === axis ? { name: a.name, lo: from, hi: lo } : a)) }, schedule: [...own, ...shared] }]
  })
  const left = sub(axis.hi, lo), last = divide.parts.at(-1)
  if (left !== 0 && (typeof left === 'number' || last?.size !== 1 || last.count !== undefined)) throw new IngotError('bad-option', `schedule: the parts of ${divide.axis} do not cover it`, { hint: 'end with a part of single points' })
  return parts
}

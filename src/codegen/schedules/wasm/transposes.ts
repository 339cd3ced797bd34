/**
 * Copies that read along one axis and write along another: changes of memory order, transposes, pads that change the order on
 * the way. A tile of 4 × up to 4 elements is read in vectors along the one and written in vectors along the other.
 */
import type { Axis, Compute, StoreStage } from '../../../ir/kernel/compute.js'
import { LANES } from '../../../ir/kernel/expr.js'
import type { Schedule } from '../../../ir/kernel/schedule.js'
import { accessesOf, boundsDependOn, fixedExtent, isLong, stageOperations, strideAlong } from './strides.js'
import { cutPoints, cutVectors, directivesOf, uncut } from './tile.js'

/** The schedule of `compute` if it is such a copy of 32-bit elements; undefined if it is something else. */
export function scheduleTranspose(compute: Compute): Schedule | undefined {
  const stores = compute.stages.filter((s): s is StoreStage => s.kind === 'store')
  const copies = stores.filter((s) => accessesOf(compute, s).length > 1), [copy] = copies
  if (copy === undefined || copies.length > 1 || stores.length < compute.stages.length || copy.lets.length > 0 || stageOperations(copy) > 0) return undefined
  const written = compute.axes.find((a) => a.lo === undefined && (fixedExtent(a) ?? LANES) > 1 && !boundsDependOn(compute, a.name) && stores.every((s) => strideOf(compute, s, a, true) === 1) && [0, 1].every((n) => strideOf(compute, copy, a, false) !== n))
  const free = [...compute.axes, ...copy.axes].filter((a) => isLong(a) && !boundsDependOn(compute, a.name))
  const read = free.findLast((a) => a !== written && strideOf(compute, copy, a, false) === 1 && strideOf(compute, copy, a, true) !== 1)
  if (written === undefined || read === undefined) return undefined
  const lanes = cutVectors(read, 1), points = cutPoints(written, LANES)
  if (copy.axes.includes(read)) return [...directivesOf(compute.axes.map((a) => (a === written ? points : uncut(a))), [points]), ...lanes.splits, ...lanes.marks]
  const others = compute.axes.filter((a) => a !== written && a !== read).map(uncut)
  return copy.axes.length > 0 ? undefined : directivesOf([...others, lanes, points], [points, lanes])
}

/** By how far apart neighbours along `axis` are where `stage` writes them, or reads them; undefined where that is not one number, or not of elements that vectors have. */
function strideOf(compute: Compute, stage: StoreStage, axis: Axis, stored: boolean): number | undefined {
  const accesses = accessesOf(compute, stage).filter((a) => a.store === stored), [first] = accesses
  return accesses.length === 1 && first !== undefined && first.plain ? strideAlong(first.flat, axis.name) : undefined
}

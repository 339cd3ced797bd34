/**
 * Which sums are taken in blocks. A tile of rows reads its rows once for each panel of columns; where rows are long, the panel
 * that passes drives them out of the first cache, and both come from further away every time.
 */
import type { Compute } from '../../../ir/kernel/compute.js'
import { LANES } from '../../../ir/kernel/expr.js'
import { multipleOf } from '../../../ir/kernel/ranges.js'
import type { Preparation } from '../../../ir/kernel/schedule.js'
import { waitingSum } from '../../schedule/blocks.js'
import { FEW_ROWS, findContraction } from './contraction.js'
import { fixedExtent, moves, strideAlong } from './strides.js'

/** Points of a block: a panel of so many rows takes a quarter of the first cache, the rows of a tile another. */
const LEAST = 128, MOST = 256
/** Sums that are worth it, bytes of the operand in panels from which on it does not stay near, and rows that keep a panel busy for so long that it does not matter. */
const LONG = 512, BYTES = 256 * 1024, MANY_ROWS = 48

/** Columns beside which those that are left over, one by one, are little. */
const WIDE = 256

/** The blocks that the sum of `compute` is taken in; undefined where it is short, or cannot wait. */
export function blocksOf(compute: Compute): Extract<Preparation, { kind: 'block' }> | undefined {
  const found = findContraction(compute), waiting = found === undefined ? undefined : waitingSum(compute)
  if (found === undefined || waiting === undefined) return undefined
  const [summed, ...more] = waiting.reduce.axes, length = summed === undefined || summed.lo !== undefined ? undefined : fixedExtent(summed)
  if (summed === undefined || length === undefined || length < LONG || more.length > 0) return undefined
  const constants = new Set(compute.buffers.flatMap((b) => (b.constant === true ? [b.name] : [])))
  const weights = found.loads.find((l) => constants.has(l.buffer)), other = found.loads.find((l) => l !== weights)
  if (weights === undefined || other === undefined || strideAlong(other.flat, summed.name) !== 1) return undefined
  const columns = compute.axes.filter((a) => moves(weights, a.name)), rows = compute.axes.filter((a) => moves(other, a.name) && !moves(weights, a.name))
  const [column] = columns, width = columns.length === 1 && column !== undefined && strideAlong(weights.flat, column.name) === 1 ? fixedExtent(column) : undefined
  if (width === undefined || (width % LANES > 0 && width < WIDE) || width * length * 4 < BYTES) return undefined
  // Of an open extent it is known at best what divides it.
  const isOpen = rows.some((a) => fixedExtent(a) === undefined), height = rows.reduce((n, a) => n * (fixedExtent(a) ?? multipleOf(a.hi, () => undefined)), 1)
  if (height >= MANY_ROWS || (height <= FEW_ROWS && !isOpen)) return undefined
  const points = divisorOf(length)
  return points === undefined ? undefined : { kind: 'block', axis: summed.name, points, outer: `${summed.name}_b` }
}

/** The largest divisor that is a good block: a multiple of four where there is one. */
function divisorOf(length: number): number | undefined {
  const divisors = Array.from({ length: MOST - LEAST + 1 }, (_, k) => MOST - k).filter((n) => length % n === 0)
  return divisors.find((n) => n % 4 === 0) ?? divisors[0]
}

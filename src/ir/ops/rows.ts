/** Rows: what softmax, norms and the like share. A row is what is left of a tensor when all axes but some are fixed. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import type { Axis } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { binary, cast, indexValue, type BinaryOp, type Expr, type RegisterType } from '../kernel/expr.js'
import type { ConcreteType } from '../op.js'
import { newElements, numbersOf, tensorOfElements } from './elements.js'
import { number } from './expressions.js'
import { offsetsOver } from './offsets.js'

/** Axes of a tensor split in those that number the rows and those within a row; `index` reads an element. */
export interface RowAxes { readonly outer: readonly Axis[]; readonly inner: readonly Axis[]; readonly index: readonly string[] }

/** `isInner` says of each axis whether it runs within a row. */
export function rowAxes(shape: readonly Dim[], isInner: (axis: number) => boolean): RowAxes {
  const all = axesOver(shape)
  return { outer: all.filter((_, i) => !isInner(i)), inner: all.filter((_, i) => isInner(i)), index: all.map((a) => a.name) }
}

/**
 * The reference of ops that map each row to a row of the same extents: `map` gets a row as doubles and writes it over in
 * place; `at(k)` is the position of its element `k` in the tensor.
 */
export function mapRows(x: HostTensor, output: ConcreteType, isInner: (axis: number) => boolean, map: (row: Float64Array, at: (k: number) => number) => void): HostTensor {
  const from = numbersOf(x)
  const out = newElements(output.dtype, elementCount(output.shape))
  const starts = offsetsOver(x.shape, (a) => !isInner(a)), steps = offsetsOver(x.shape, isInner)
  const row = new Float64Array(steps.length)
  for (const start of starts) {
    for (let k = 0; k < steps.length; k++) row[k] = from[start + (steps[k] as number)] as number
    map(row, (k) => start + (steps[k] as number))
    for (let k = 0; k < steps.length; k++) out[start + (steps[k] as number)] = row[k] as number
  }
  return tensorOfElements(output, out)
}

/** A sum over `axes` into `name`. */
export const sumStage = (name: string, axes: readonly Axis[], type: RegisterType, value: Expr): { readonly kind: 'reduce'; readonly axes: readonly Axis[]; readonly lets: readonly []; readonly accumulators: readonly [{ readonly name: string; readonly type: RegisterType; readonly init: Expr; readonly combine: BinaryOp; readonly value: Expr }] } =>
  ({ kind: 'reduce', axes, lets: [], accumulators: [{ name, type, init: number(type, 0), combine: 'add', value }] })

/** `sum / count` with the count of elements an index expression. */
export const divideByCount = (sum: Expr, count: Dim, type: RegisterType): Expr => binary('div', sum, cast(type, indexValue(count)))

/** Mean and variance (of the population) of doubles; NaN without elements. */
export function momentsOf(row: Float64Array): { readonly mean: number; readonly variance: number } {
  let sum = 0
  for (const x of row) sum += x
  const mean = sum / row.length
  let squares = 0
  for (const x of row) squares += (x - mean) ** 2
  return { mean, variance: squares / row.length }
}

/** Conversion of single elements between dtypes, as `cast` and everything that casts on the way does it. */
import type { DType } from '../../base/dtype.js'
import { DTYPES } from '../../base/dtype.js'
import { cast, narrow, REGISTER, type Expr } from '../kernel/expr.js'
import { limitsOf, type Element } from './elements.js'
import { findElementClass } from './operands.js'

/** Integer dtypes of 8 and 16 bits: floats reach them by way of int32, so that in-range results wrap as C conversions of small values do. */
const isNarrowInteger = (to: DType): boolean => findElementClass(to) === 'int' && DTYPES[to].bits < 32

/**
 * The function that makes elements of `to` from elements of `from`. Floats to integers truncate; NaN gives 0; beyond the
 * range of the 32- or 64-bit register they saturate. Integers to integers wrap as they are written. To bool: not 0.
 */
export function convertElement(from: DType, to: DType): (x: Element) => Element {
  const source = findElementClass(from), target = findElementClass(to)
  if (target === 'bool') return (x) => (Number(x) !== 0 ? 1 : 0)
  if (target === 'float') return Number
  if (source === 'float') {
    const { lowest, highest } = limitsOf(isNarrowInteger(to) ? 'int32' : to)
    if (target === 'int') return (x) => (Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x as number), lowest as number), highest as number))
    return (x) => (Number.isNaN(x) ? 0n : x <= lowest ? lowest : x >= highest ? highest : BigInt(Math.trunc(x as number)))
  }
  if (target === 'big') return BigInt
  return source === 'big' ? (x) => Number(BigInt.asIntN(32, x as bigint)) : (x) => x
}

/** The register expression of the same conversion. The result is what a store to `to` and a load back would give. */
export function convertExpr(x: Expr, to: DType): Expr {
  if (to === 'uint8' || to === 'uint16') return narrow(to, cast('u32', cast('i32', x)))
  const register = cast(REGISTER[to], x)
  return to === 'int8' || to === 'int16' || to === 'float16' || to === 'bfloat16' ? narrow(to, register) : register
}

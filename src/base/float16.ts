/** float16 and bfloat16 as their bits. Encoding rounds to nearest, ties to even; NaN encodes as the quiet NaN. */
import { decodeSmallFloat, encodeSmallFloat, SMALL_FLOATS } from './small-float.js'

/** The number that float16 `bits` stand for. */
export function float16ToNumber(bits: number): number {
  return decodeSmallFloat(SMALL_FLOATS.float16, bits)
}

/** The float16 bits nearest to `n`; infinity from 65520 on. */
export function numberToFloat16(n: number): number {
  return encodeSmallFloat(SMALL_FLOATS.float16, n)
}

/** The number that bfloat16 `bits` stand for. */
export function bfloat16ToNumber(bits: number): number {
  return decodeSmallFloat(SMALL_FLOATS.bfloat16, bits)
}

/** The bfloat16 bits nearest to `n`. */
export function numberToBfloat16(n: number): number {
  return encodeSmallFloat(SMALL_FLOATS.bfloat16, n)
}

/**
 * float16 and bfloat16 as their bits. Encoding rounds to nearest, ties to even; NaN encodes as the quiet NaN. Each function
 * stands on its own, because emitted modules carry the text of those that they use.
 */

/** The number that float16 `bits` stand for. */
export function float16ToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023
  const size = exponent === 31 ? (fraction === 0 ? Infinity : NaN) : exponent === 0 ? fraction * 2 ** -24 : (fraction + 1024) * (1 << exponent) * 2 ** -25
  return bits & 0x8000 ? -size : size
}

/** The float16 bits nearest to `n`; infinity from 65520 on. */
export function numberToFloat16(n: number): number {
  const size = Math.abs(n), sign = n < 0 || Object.is(n, -0) ? 0x8000 : 0
  if (!(size < 65520)) return size >= 65520 ? sign | 0x7c00 : 0x7e00
  const exponent = Math.max(0, 31 - Math.clz32(size * 2 ** 14))
  // Adding and taking away 2^52 rounds a smaller number to an integer, ties to even; a carry goes into the exponent.
  return sign | ((exponent << 10) + ((size * 2 ** 24) / (1 << exponent) + 2 ** 52 - 2 ** 52))
}

/** The number that bfloat16 `bits` stand for. */
export function bfloat16ToNumber(bits: number): number {
  const exponent = (bits >> 7) & 255, fraction = bits & 127
  const size = exponent === 255 ? (fraction === 0 ? Infinity : NaN) : exponent === 0 ? fraction * 2 ** -133 : (fraction + 128) * 2 ** (exponent - 134)
  return bits & 0x8000 ? -size : size
}

/** The bfloat16 bits nearest to `n`. */
export function numberToBfloat16(n: number): number {
  const size = Math.abs(n), sign = n < 0 || Object.is(n, -0) ? 0x8000 : 0
  if (!(size < 2 ** 128)) return size > 1 ? sign | 0x7f80 : 0x7fc0
  // The logarithm may come out one off beside a power of two; carrying the significand into the exponent gives the same bits.
  const exponent = Math.max(0, Math.min(253, Math.floor(Math.log2(size)) + 126))
  return sign | (exponent * 128 + (size / 2 ** (exponent - 133) + 2 ** 52 - 2 ** 52))
}

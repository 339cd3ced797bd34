/** float16 and bfloat16 as their bits. Encoding rounds to nearest, ties to even; NaN encodes as the quiet NaN. */

/** Fraction bits and the exponent of the least normal number. Both have the sign in bit 15, and all exponent bits set mean infinity or NaN. */
interface Format { readonly fraction: number; readonly least: number }
const HALF: Format = { fraction: 10, least: -14 }
const BRAIN: Format = { fraction: 7, least: -126 }

function decode({ fraction, least }: Format, bits: number): number {
  const magnitude = bits & 0x7fff, infinity = 0x8000 - (1 << fraction)
  const exponent = magnitude >> fraction, rest = magnitude & ((1 << fraction) - 1)
  const value = magnitude < infinity ? (exponent === 0 ? rest : rest + (1 << fraction)) * 2 ** (least - fraction + Math.max(0, exponent - 1)) : magnitude === infinity ? Infinity : NaN
  return bits & 0x8000 ? -value : value
}

function encode({ fraction, least }: Format, n: number): number {
  const sign = n < 0 || Object.is(n, -0) ? 0x8000 : 0, a = Math.abs(n), infinity = 0x8000 - (1 << fraction)
  if (a !== a) return infinity | (1 << (fraction - 1))
  // The exponent may come out one off beside a power of two; carrying the significand into it gives the same bits.
  const exponent = Math.max(least, Math.min(2 - least, Math.floor(Math.log2(a))))
  // Adding and taking away 2^52 rounds a smaller number to an integer, ties to even.
  const significand = Math.min(a / 2 ** (exponent - fraction), 2 ** 50) + 2 ** 52 - 2 ** 52
  return sign | Math.min((exponent - least) * 2 ** fraction + significand, infinity)
}

/** The number that float16 `bits` stand for. */
export function float16ToNumber(bits: number): number {
  return decode(HALF, bits)
}

/** The float16 bits nearest to `n`; infinity from 65520 on. */
export function numberToFloat16(n: number): number {
  return encode(HALF, n)
}

/** The number that bfloat16 `bits` stand for. */
export function bfloat16ToNumber(bits: number): number {
  return decode(BRAIN, bits)
}

/** The bfloat16 bits nearest to `n`. */
export function numberToBfloat16(n: number): number {
  return encode(BRAIN, n)
}

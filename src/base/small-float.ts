/**
 * Binary floats narrower than 32 bits: sign, exponent, mantissa, rounded to nearest with ties to even from a double.
 * Sources: IEEE 754 binary16; bfloat16; OCP 8-bit floats and ONNX's table of float8/float4 casts.
 */
export interface SmallFloatFormat {
  readonly mantissaBits: number
  /** Exponent of the least normal number; subnormals share its step. */
  readonly minExponent: number
  /** The sign bit as a mask. */
  readonly sign: number
  /** Bits of the largest finite magnitude. */
  readonly largest: number
  /** Bits of infinity; null where the format has none, so that overflow gives the largest finite number. */
  readonly infinity: number | null
  /** Bits of the NaN that encoding gives; null where the format has none, so that NaN encodes as zero. */
  readonly nan: number | null
}

export const SMALL_FLOATS = {
  float16: { mantissaBits: 10, minExponent: -14, sign: 0x8000, largest: 0x7bff, infinity: 0x7c00, nan: 0x7e00 },
  bfloat16: { mantissaBits: 7, minExponent: -126, sign: 0x8000, largest: 0x7f7f, infinity: 0x7f80, nan: 0x7fc0 },
  float8e4m3fn: { mantissaBits: 3, minExponent: -6, sign: 0x80, largest: 0x7e, infinity: null, nan: 0x7f },
  float8e4m3fnuz: { mantissaBits: 3, minExponent: -7, sign: 0x80, largest: 0x7f, infinity: null, nan: 0x80 },
  float8e5m2: { mantissaBits: 2, minExponent: -14, sign: 0x80, largest: 0x7b, infinity: 0x7c, nan: 0x7f },
  float8e5m2fnuz: { mantissaBits: 2, minExponent: -15, sign: 0x80, largest: 0x7f, infinity: null, nan: 0x80 },
  float4e2m1: { mantissaBits: 1, minExponent: 0, sign: 0x8, largest: 0x7, infinity: null, nan: null },
} as const satisfies Readonly<Record<string, SmallFloatFormat>>

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0
/** Adding and subtracting it rounds a smaller number to an integer, ties to even. */
const ROUNDER = 2 ** 52

/** The number that `bits` stand for. */
export function decodeSmallFloat(format: SmallFloatFormat, bits: number): number {
  const magnitude = bits & (format.sign - 1)
  const sign = (bits & format.sign) !== 0 ? -1 : 1
  if (magnitude > format.largest) return magnitude === format.infinity ? sign * Infinity : NaN
  if (bits === format.nan) return NaN
  const exponent = magnitude >> format.mantissaBits
  const fraction = magnitude & ((1 << format.mantissaBits) - 1)
  const step = 2 ** (format.minExponent - format.mantissaBits + Math.max(0, exponent - 1))
  return sign * step * (exponent === 0 ? fraction : fraction + (1 << format.mantissaBits))
}

/** The bits nearest to `n`, ties to even. Beyond the largest number: infinity, or where there is none the largest number. */
export function encodeSmallFloat(format: SmallFloatFormat, n: number): number {
  if (Number.isNaN(n)) return format.nan ?? 0
  const sign = n < 0 || Object.is(n, -0) ? format.sign : 0
  const magnitude = encodeMagnitude(format, Math.abs(n))
  // formats whose NaN is the pattern of minus zero have no minus zero
  return magnitude === 0 && format.nan === format.sign ? 0 : sign | magnitude
}

function encodeMagnitude(format: SmallFloatFormat, n: number): number {
  const overflow = format.infinity ?? format.largest
  if (n === Infinity) return overflow
  double[0] = n
  const exponent = Math.max((((words[HIGH_WORD] as number) >>> 20) & 0x7ff) - 1023, format.minExponent)
  const steps = n * 2 ** (format.mantissaBits - exponent) + ROUNDER - ROUNDER
  // a mantissa that rounds up to the next power of two carries into the exponent field by itself
  const bits = (exponent - format.minExponent) * 2 ** format.mantissaBits + steps
  return bits > format.largest ? overflow : bits
}

/** The power of two that the bits of a `float8e8m0` stand for; 0xff is NaN. */
export function decodeFloat8e8m0(bits: number): number {
  return bits === 0xff ? NaN : 2 ** (bits - 127)
}

/** The least `float8e8m0` not below |n| (ONNX Cast-24, round mode `up`), at most 2^127. */
export function encodeFloat8e8m0(n: number): number {
  if (Number.isNaN(n)) return 0xff
  const magnitude = Math.abs(n)
  if (magnitude >= 2 ** 127) return 0xfe
  let bits = 0
  while (decodeFloat8e8m0(bits) < magnitude) bits++
  return bits
}

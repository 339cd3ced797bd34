/**
 * Functions that rendered kernels call, as `$name`. Integer division and remainder by zero give 0 (NaN before a number is
 * brought into its type's range); negative integer exponents give the truncated power. Each stands on its own, because
 * emitted modules carry the text of those that they use.
 */
import { erf as erfWide } from '../../base/erf.js'
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../../base/float16.js'

export const HELPERS = {
  erfWide, bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16,
  index(kernel: string, value: number, extent: number): number {
    const i = value < 0 ? value + extent : value
    if (i >= 0 && i < extent) return i
    throw Object.assign(new RangeError(`index ${value} is outside an axis of extent ${extent} in kernel ${kernel}`), { code: 'index-out-of-range', kernel, value, extent })
  },
  // Adding and taking away 2^52 rounds a smaller non-negative double to an integer, ties to even.
  roundEven(x: number): number {
    const a = Math.abs(x)
    return a < 2 ** 52 ? Math.sign(x) * (a + 2 ** 52 - 2 ** 52) : x
  },
  floorMod(a: number, b: number): number {
    const r = a % b
    return r !== 0 && r < 0 !== b < 0 ? r + b : r
  },
  // ECMAScript gives NaN where IEEE 754 and C give 1.
  power: (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  intPower(a: number, b: number): number {
    if (b < 0) return a === 1 ? 1 : a === -1 ? (b & 1 ? -1 : 1) : 0
    let r = 1
    for (; b > 0; b >>>= 1, a = Math.imul(a, a)) if (b & 1) r = Math.imul(r, a)
    return r
  },
  bigPower(a: bigint, b: bigint): bigint {
    if (b < 0n) return a === 1n ? 1n : a === -1n ? (b & 1n ? -1n : 1n) : 0n
    let r = 1n
    for (; b > 0n; b >>= 1n, a = BigInt.asIntN(64, a * a)) if (b & 1n) r = BigInt.asIntN(64, r * a)
    return r
  },
  bigDiv: (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a / b),
  bigRem: (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a % b),
  bigMod(a: bigint, b: bigint): bigint {
    const r = b === 0n ? 0n : a % b
    return r !== 0n && r < 0n !== b < 0n ? r + b : r
  },
  bigSign: (x: bigint): bigint => (x > 0n ? 1n : x < 0n ? -1n : 0n),
  /** Truncates to an integer from `low` up to but not including `end`; NaN gives 0. */
  clampI32: (x: number): number => (x > 2147483647 ? 2147483647 : x < -2147483648 ? -2147483648 : x | 0),
  clampU32: (x: number): number => (x > 4294967295 ? 4294967295 : x > 0 ? x >>> 0 : 0),
  // 2^63 and 2^64 are doubles, the greatest integers below them are not.
  clampI64: (x: number): bigint => (x >= 2 ** 63 ? 2n ** 63n - 1n : x > -(2 ** 63) ? BigInt(Math.trunc(x)) : x < 0 ? -(2n ** 63n) : 0n),
  clampU64: (x: number): bigint => (x >= 2 ** 64 ? 2n ** 64n - 1n : x > 0 ? BigInt(Math.trunc(x)) : 0n),
  // Within 1e-8: below 3/4 a fit of erf(x)/x over x², above it one of erfc(x)^(-1/16). Chebyshev nodes.
  erf(x: number): number {
    const a = Math.abs(x), u = x * x
    if (a < 0.75) return x * (1.12837916558 + u * (-0.376126194694 + u * (0.112833865384 + u * (-0.0268351145686 + u * (0.00511533211253 - u * 0.000675647956868)))))
    if (!(a < 4)) return a === a ? Math.sign(x) : x
    const p = 1.0000162123 + a * (0.070425423206 + a * (0.042532135588 + a * (0.0089092386047 + a * (0.0004964681882 + a * (0.000026180368074 + a * (0.00018732867089 + a * (-0.000057729367264 + a * (0.000013353926301 + a * (-0.0000015583693302 + a * 9.863946798e-8)))))))))
    const p2 = p * p, p4 = p2 * p2, p8 = p4 * p4
    return Math.sign(x) * (1 - 1 / (p8 * p8))
  },
}

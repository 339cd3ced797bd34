/**
 * Functions that rendered kernels call, as text: each is written into the output only when used. Integer division and
 * remainder by zero give 0 (NaN before a number is brought into its type's range); negative integer exponents give the
 * truncated power.
 */

/** Adding and taking away 2^52 rounds a smaller non-negative double to an integer, ties to even. */
const ROUNDER = '4503599627370496'

/** Text after `function name`, or after `const name` where it begins with `=`. */
const HELPERS: Readonly<Record<string, string>> = {
  floatBits: '= new Float32Array(1)',
  wordBits: '= new Uint32Array(floatBits.buffer)',
  dataIndex: `(kernel, value, extent) {
  const i = value < 0 ? value + extent : value
  if (i >= 0 && i < extent) return i
  throw Object.assign(new RangeError(\`index \${value} is outside an axis of extent \${extent} in kernel \${kernel}\`), { code: 'index-out-of-range', kernel, value, extent })
}`,
  roundEven: `(x) {
  const a = Math.abs(x)
  return a < ${ROUNDER} ? Math.sign(x) * (a + ${ROUNDER} - ${ROUNDER}) : x
}`,
  floorMod: `(a, b) {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}`,
  // ECMAScript gives NaN where IEEE 754 and C give 1.
  power: '(a, b) { return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b) }',
  intPower: `(a, b) {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b & 1 ? -1 : 1) : 0
  let r = 1
  for (; b > 0; b >>>= 1, a = Math.imul(a, a)) if (b & 1) r = Math.imul(r, a)
  return r
}`,
  bigPower: `(a, b) {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b & 1n ? -1n : 1n) : 0n
  let r = 1n
  for (; b > 0n; b >>= 1n, a = BigInt.asIntN(64, a * a)) if (b & 1n) r = BigInt.asIntN(64, r * a)
  return r
}`,
  bigDiv: '(a, b) { return b === 0n ? 0n : a / b }',
  bigRem: '(a, b) { return b === 0n ? 0n : a % b }',
  bigMod: `(a, b) {
  const r = bigRem(a, b)
  return r !== 0n && r < 0n !== b < 0n ? r + b : r
}`,
  bigMin: '(a, b) { return a < b ? a : b }',
  bigMax: '(a, b) { return a > b ? a : b }',
  bigSign: '(x) { return x > 0n ? 1n : x < 0n ? -1n : 0n }',
  bigAbs: '(x) { return x < 0n ? -x : x }',
  toI32: '(x) { return x > 2147483647 ? 2147483647 : x < -2147483648 ? -2147483648 : x | 0 }',
  toU32: '(x) { return x > 4294967295 ? 4294967295 : x > 0 ? x >>> 0 : 0 }',
  // 2^63 and 2^64 are doubles, the greatest integers below them are not.
  toI64: '(x) { return x >= 2 ** 63 ? 2n ** 63n - 1n : x > -(2 ** 63) ? BigInt(Math.trunc(x)) : x < 0 ? -(2n ** 63n) : 0n }',
  toU64: '(x) { return x >= 2 ** 64 ? 2n ** 64n - 1n : x > 0 ? BigInt(Math.trunc(x)) : 0n }',
  // A half's exponent and fraction shifted into those of a float, times 2^112 for the difference of biases.
  fromHalf: `(h) {
  wordBits[0] = (h & 32767) << 13
  const a = (h & 31744) === 31744 ? (h & 1023 ? NaN : Infinity) : floatBits[0] * 2 ** 112
  return h & 32768 ? -a : a
}`,
  // The fraction scaled to an integer and rounded; a carry goes into the exponent.
  toHalf: `(x) {
  floatBits[0] = x
  const w = wordBits[0], sign = w >>> 16 & 32768, exponent = Math.max((w >>> 23 & 255) - 127, -14), a = Math.abs(floatBits[0])
  if (!(a < 65520)) return a === a ? sign | 31744 : 32256
  wordBits[0] = 137 - exponent << 23
  return sign | (exponent + 14 << 10) + (a * floatBits[0] + ${ROUNDER} - ${ROUNDER})
}`,
  fromBrain: `(h) {
  wordBits[0] = h << 16
  return floatBits[0]
}`,
  toBrain: `(x) {
  floatBits[0] = x
  const w = wordBits[0]
  return x === x ? w + 32767 + (w >>> 16 & 1) >>> 16 : 32704
}`,
  // Within 1e-8: below 3/4 a fit of erf(x)/x over x², above it one of erfc(x)^(-1/16). Chebyshev nodes.
  erf: `(x) {
  const a = Math.abs(x), u = x * x
  if (a < 0.75) return x * (1.12837916558 + u * (-0.376126194694 + u * (0.112833865384 + u * (-0.0268351145686 + u * (0.00511533211253 - u * 0.000675647956868)))))
  if (!(a < 4)) return a === a ? Math.sign(x) : x
  let p = 1.0000162123 + a * (0.070425423206 + a * (0.042532135588 + a * (0.0089092386047 + a * (0.0004964681882 + a * (0.000026180368074 + a * (0.00018732867089 + a * (-0.000057729367264 + a * (0.000013353926301 + a * (-0.0000015583693302 + a * 9.863946798e-8)))))))))
  p *= p
  p *= p
  p *= p
  return Math.sign(x) * (1 - 1 / (p * p))
}`,
  // erf(x) = 2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, all terms of one sign.
  erfWide: `(x) {
  if (!(Math.abs(x) < 6)) return x === x ? Math.sign(x) : x
  let term = x, sum = x
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= 2 * x * x / n
  return 1.1283791670955126 * Math.exp(-x * x) * sum
}`,
}

/** Names that helpers have in program text. */
export const HELPER_NAMES: readonly string[] = Object.keys(HELPERS)

/** The text of the helpers that `program` mentions and of those they mention, each once and after what it mentions. */
export function helperText(program: string): string {
  const done = new Set<string>()
  const lines: string[] = []
  const mention = (text: string): void => {
    const words = new Set(text.match(/\w+/g))
    for (const name of HELPER_NAMES) {
      if (!words.has(name) || done.has(name)) continue
      done.add(name)
      const helper = HELPERS[name] as string
      mention(helper)
      lines.push(helper.startsWith('=') ? `const ${name} ${helper}` : `function ${name}${helper}`)
    }
  }
  mention(program)
  return lines.join('\n')
}

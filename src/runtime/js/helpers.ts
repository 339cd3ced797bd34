/**
 * Functions that rendered kernels call, as text: each is written into the output only when used. Integer division and
 * remainder by zero give 0; negative integer exponents give the truncated power.
 */

/** `needs` names the constants and helpers that the text uses. */
interface Helper { readonly text: string; readonly needs?: readonly string[] }

/** Adding and taking away 2^52 rounds a smaller non-negative double to an integer, ties to even. */
const ROUNDER = '4503599627370496'

export const HELPERS: Readonly<Record<string, Helper>> = {
  floatBits: { text: 'const floatBits = new Float32Array(1)' },
  wordBits: { text: 'const wordBits = new Uint32Array(floatBits.buffer)', needs: ['floatBits'] },
  fault: {
    text: `function fault(kernel, value, extent) {
  throw Object.assign(new RangeError(\`index \${value} is outside an axis of extent \${extent} in kernel \${kernel}\`), { code: 'index-out-of-range', kernel, value, extent })
}`,
  },
  dataIndex: {
    text: `function dataIndex(kernel, value, extent) {
  const i = value < 0 ? value + extent : value
  if (!(i >= 0 && i < extent)) fault(kernel, value, extent)
  return i
}`,
    needs: ['fault'],
  },
  roundEven: {
    text: `function roundEven(x) {
  const a = Math.abs(x)
  return a < ${ROUNDER} ? Math.sign(x) * (a + ${ROUNDER} - ${ROUNDER}) : x
}`,
  },
  floatMod: {
    text: `function floatMod(a, b) {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}`,
  },
  intMod: {
    text: `function intMod(a, b) {
  const r = b === 0 ? 0 : a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}`,
  },
  // ECMAScript gives NaN where IEEE 754 and C give 1.
  power: { text: 'function power(a, b) { return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : Math.pow(a, b) }' },
  intPower: {
    text: `function intPower(a, b) {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b & 1 ? -1 : 1) : 0
  let r = 1
  for (; b > 0; b >>>= 1, a = Math.imul(a, a)) if (b & 1) r = Math.imul(r, a)
  return r
}`,
  },
  bigPower: {
    text: `function bigPower(a, b) {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b & 1n ? -1n : 1n) : 0n
  let r = 1n
  for (; b > 0n; b >>= 1n, a = BigInt.asIntN(64, a * a)) if (b & 1n) r = BigInt.asIntN(64, r * a)
  return r
}`,
  },
  bigDiv: { text: 'function bigDiv(a, b) { return b === 0n ? 0n : a / b }' },
  bigRem: { text: 'function bigRem(a, b) { return b === 0n ? 0n : a % b }' },
  bigMod: {
    text: `function bigMod(a, b) {
  const r = b === 0n ? 0n : a % b
  return r !== 0n && r < 0n !== b < 0n ? r + b : r
}`,
  },
  bigMin: { text: 'function bigMin(a, b) { return a < b ? a : b }' },
  bigMax: { text: 'function bigMax(a, b) { return a > b ? a : b }' },
  bigSign: { text: 'function bigSign(x) { return x > 0n ? 1n : x < 0n ? -1n : 0n }' },
  bigAbs: { text: 'function bigAbs(x) { return x < 0n ? -x : x }' },
  // 2^63 and 2^64 are doubles, the greatest integers below them are not.
  toI32: { text: 'function toI32(x) { return x > 2147483647 ? 2147483647 : x < -2147483648 ? -2147483648 : x | 0 }' },
  toU32: { text: 'function toU32(x) { return x > 4294967295 ? 4294967295 : x > 0 ? x >>> 0 : 0 }' },
  toI64: { text: 'function toI64(x) { return x >= 2 ** 63 ? 2n ** 63n - 1n : x > -(2 ** 63) ? BigInt(Math.trunc(x)) : x < 0 ? -(2n ** 63n) : 0n }' },
  toU64: { text: 'function toU64(x) { return x >= 2 ** 64 ? 2n ** 64n - 1n : x > 0 ? BigInt(Math.trunc(x)) : 0n }' },
  fromHalf: {
    // A half's exponent and fraction shifted into those of a float, times 2^112 for the difference of biases.
    text: `function fromHalf(h) {
  wordBits[0] = (h & 32767) << 13
  const a = (h & 31744) === 31744 ? (h & 1023 ? NaN : Infinity) : floatBits[0] * 5192296858534827628530496329220096
  return h & 32768 ? -a : a
}`,
    needs: ['wordBits'],
  },
  toHalf: {
    text: `function toHalf(x) {
  floatBits[0] = x
  const sign = wordBits[0] >>> 16 & 32768, exponent = Math.max((wordBits[0] >>> 23 & 255) - 127, -14), a = Math.abs(floatBits[0])
  if (!(a < 65520)) return a === Infinity || a === a ? sign | 31744 : 32256
  wordBits[0] = 137 - exponent << 23
  return sign | (exponent + 14 << 10) + (a * floatBits[0] + ${ROUNDER} - ${ROUNDER})
}`,
    needs: ['wordBits'],
  },
  fromBrain: {
    text: `function fromBrain(h) {
  wordBits[0] = h << 16
  return floatBits[0]
}`,
    needs: ['wordBits'],
  },
  toBrain: {
    text: `function toBrain(x) {
  floatBits[0] = x
  const w = wordBits[0]
  return x === x ? w + 32767 + (w >>> 16 & 1) >>> 16 : 32704
}`,
    needs: ['wordBits'],
  },
  // Within 1e-8: below 3/4 a fit of erf(x)/x over x², above it one of erfc(x)^(-1/16). Chebyshev nodes.
  erf: {
    text: `function erf(x) {
  const a = Math.abs(x), u = x * x
  if (a < 0.75) return x * (1.12837916558 + u * (-0.376126194694 + u * (0.112833865384 + u * (-0.0268351145686 + u * (0.00511533211253 - u * 0.000675647956868)))))
  if (!(a < 4)) return a === a ? Math.sign(x) : x
  let p = 1.0000162123 + a * (0.070425423206 + a * (0.042532135588 + a * (0.0089092386047 + a * (0.0004964681882 + a * (0.000026180368074 + a * (0.00018732867089 + a * (-0.000057729367264 + a * (0.000013353926301 + a * (-0.0000015583693302 + a * 9.863946798e-8)))))))))
  p *= p
  p *= p
  p *= p
  return Math.sign(x) * (1 - 1 / (p * p))
}`,
  },
  // erf(x) = 2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, all terms of one sign.
  erfWide: {
    text: `function erfWide(x) {
  if (!(Math.abs(x) < 6)) return x === x ? Math.sign(x) : x
  let term = x, sum = x
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) sum += term *= 2 * x * x / n
  return 1.1283791670955126 * Math.exp(-x * x) * sum
}`,
  },
}

/** The text of the helpers in `used` and of all they need, each once and after its needs. */
export function helperText(used: Iterable<string>): string {
  const done = new Set<string>()
  const lines: string[] = []
  const add = (name: string): void => {
    const helper = HELPERS[name]
    if (helper === undefined || done.has(name)) return
    done.add(name)
    helper.needs?.forEach(add)
    lines.push(helper.text)
  }
  for (const name of [...used].sort()) add(name)
  return lines.join('\n')
}

/**
 * Mathematical functions of f32 as arithmetic that vectors have. Ranges are reduced in two parts; polynomials are fits of
 * least greatest error. Powers of two come from the low bits of a sum whose size leaves no place for a fraction.
 */
import { binary, bitcast, cast, constant, madd, selectExpr, unary, type Expr, type UnaryOp } from '../ir/kernel/expr.js'

/** How sums of products are ordered: one long chain of multiply-adds, or by pairs where a product and its sum are two instructions that wait for each other. */
export type Chain = 'fused' | 'paired'

const num = (x: number | string): Expr => constant('f32', typeof x === 'number' ? Math.fround(x) : x)
const int = (x: number): Expr => constant('i32', x)
const add = (a: Expr, b: Expr): Expr => binary('add', a, b)
const sub = (a: Expr, b: Expr): Expr => binary('sub', a, b)
const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)
const div = (a: Expr, b: Expr): Expr => binary('div', a, b)
const abs = (x: Expr): Expr => unary('abs', x)
const lt = (a: Expr, b: Expr): Expr => binary('lt', a, b)
const eq = (a: Expr, b: Expr): Expr => binary('eq', a, b)
/** `x` within bounds; NaN stays. */
const clamp = (x: Expr, low: number, high: number): Expr => binary('min', binary('max', x, num(low)), num(high))

/** c0 + x·(c1 + x·(…)). */
function polynomial(x: Expr, coefficients: readonly number[], chain: Chain): Expr {
  if (chain === 'fused' || coefficients.length < 4) return coefficients.slice(0, -1).reduceRight<Expr>((sum, c) => madd(sum, x, num(c)), num(coefficients.at(-1) as number))
  const square = mul(x, x)
  const pairs = Array.from({ length: Math.ceil(coefficients.length / 2) }, (_, k): Expr => {
    const low = num(coefficients[2 * k] as number), high = coefficients[2 * k + 1]
    return high === undefined ? low : madd(x, num(high), low)
  })
  return pairs.slice(0, -1).reduceRight<Expr>((sum, pair) => madd(sum, square, pair), pairs.at(-1) as Expr)
}

/** `magnitude` with the sign of `sign`. */
const withSign = (magnitude: Expr, sign: Expr): Expr => bitcast('f32', binary('or', bitcast('i32', magnitude), binary('and', bitcast('i32', sign), int(-2147483648))))

/** ln 2 as a sum; the first part has so few digits that its products with exponents are exact. */
const LN2_HIGH = 0.693359375, LN2_LOW = Math.LN2 - LN2_HIGH

/** Added to a number below 2^22 it leaves no place for a fraction: the low bits are the number rounded, plus the bias of exponents. */
const ROUNDER = 1.5 * 2 ** 23 + 127

/** x rounded to a whole number of `unit`s: that number, and 2 to its power; powers of -127 and 128 are 0 and infinity. */
function wholePart(x: Expr, unit: number): { readonly count: Expr; readonly power: Expr } {
  const shifted = unit === 1 ? add(x, num(ROUNDER)) : madd(x, num(1 / unit), num(ROUNDER))
  return { count: sub(shifted, num(ROUNDER)), power: bitcast('f32', binary('shl', bitcast('i32', shifted), int(23))) }
}

/** x - count·unit·ln 2. */
const restOf = (x: Expr, count: Expr, unit: number): Expr => madd(count, num(-unit * LN2_LOW), madd(count, num(-unit * LN2_HIGH), x))

/** e^r for |r| ≤ 0.694. */
const EXP_WIDE = [1, 1, 0.5000003576278687, 0.16666613519191742, 0.04166126996278763, 0.008336103521287441, 0.0014104469446465373, 0.00019611598690971732]

/** x = 2n·ln 2 + r: 2^n twice, since 2n may be beyond the exponents of normal numbers. */
function exp(argument: Expr, chain: Chain): Expr {
  const x = clamp(argument, -104, 89), { count, power } = wholePart(x, 2 * Math.LN2)
  return mul(mul(polynomial(restOf(x, count, 2), EXP_WIDE, chain), power), power)
}

/** e^r for |r| ≤ 0.347. */
const EXP = [1, 1, 0.499992311000824, 0.16667115688323975, 0.041890330612659454, 0.008312501013278961]

/** `base` + e^(±x), where it is the same below e^-87 and above e^88.3, which give 0 and infinity here: in a denominator. */
export function plusExp(base: Expr, x: Expr, negative: boolean, chain: Chain): Expr {
  const side = negative ? -1 : 1, within = negative ? clamp(x, -89, 88) : clamp(x, -88, 89)
  const { count, power } = wholePart(within, side * Math.LN2)
  // With a negative exponent the rest is that of -x, negated: its odd powers change sides.
  const rest = restOf(within, count, side)
  return madd(polynomial(rest, EXP.map((c, k) => (k % 2 === 1 ? side * c : c)), chain), power, base)
}

/** 2^f for |f| ≤ ½. */
const EXP2 = [1, 0.6931470036506653, 0.24022240936756134, 0.055507346987724304, 0.00967157632112503, 0.001326464582234621]

/** 2^x for x between -127 (which gives 0) and 127, as two factors. */
function exp2(x: Expr, chain: Chain): readonly [Expr, Expr] {
  const { count, power } = wholePart(x, 1)
  return [polynomial(sub(x, count), EXP2, chain), power]
}

/** (e^r - 1 - r) / r² for |r| ≤ 0.347. */
const EXPM1 = [0.4999999701976776, 0.1666654348373413, 0.04166720062494278, 0.008366547524929047, 0.0013882516650483012]

/** e^r - 1. */
const smallExpm1 = (r: Expr, chain: Chain): Expr => madd(mul(r, r), polynomial(r, EXPM1, chain), r)

/** e^x - 1 = 2·(2^(n-1)·(e^r - 1) + (2^(n-1) - ½)): half of it, since 2^n may be beyond the greatest number. */
function expm1(argument: Expr, chain: Chain): Expr {
  const x = clamp(argument, -40, 89), shifted = madd(x, num(Math.LOG2E), num(ROUNDER - 1)), count = sub(shifted, num(ROUNDER - 1))
  const half = bitcast('f32', binary('shl', bitcast('i32', shifted), int(23)))
  const y = madd(smallExpm1(restOf(x, count, 1), chain), half, sub(half, num(0.5)))
  // -0 is its own result.
  return selectExpr(eq(argument, num(0)), argument, add(y, y))
}

/** With e = e^2x - 1: e / (e + 2). */
function tanh(argument: Expr, chain: Chain): Expr {
  const x = clamp(argument, -9.1, 9.1), { count, power } = wholePart(x, Math.LN2 / 2)
  const e = madd(smallExpm1(restOf(add(x, x), count, 1), chain), power, sub(power, num(1)))
  return withSign(div(e, add(e, num(2))), argument)
}

/** (2·atanh(s) - 2s) / s³ over s² ≤ 0.0296. */
const LOG = [0.6666666269302368, 0.4000034034252167, 0.2853691875934601, 0.2358998954296112]
const SQRT_HALF_BITS = 0x3f3504f3

/** x = 2^k·(1 + f) with 1 + f in [√½, √2); log(1 + f) = 2·atanh(f / (2 + f)). */
function log(x: Expr, chain: Chain): Expr {
  const small = lt(x, num(2 ** -126)), scaled = selectExpr(small, mul(x, num(2 ** 23)), x)
  const bits = bitcast('i32', scaled)
  const k = binary('shr', sub(bits, int(SQRT_HALF_BITS)), int(23))
  const f = sub(bitcast('f32', sub(bits, binary('shl', k, int(23)))), num(1))
  const e = sub(cast('f32', k), selectExpr(small, num(23), num(0)))
  const s = div(f, add(f, num(2))), z = mul(s, s)
  const y = add(mul(e, num(LN2_HIGH)), sub(f, sub(mul(s, sub(f, mul(z, polynomial(z, LOG, chain)))), mul(e, num(LN2_LOW)))))
  const finite = selectExpr(eq(x, num(0)), num('-inf'), selectExpr(lt(x, num(0)), num('nan'), y))
  // Neither infinity nor NaN is below infinity.
  return selectExpr(lt(x, num('inf')), finite, x)
}

/** u = 1 + x; what its rounding left out is added as it changes the logarithm. */
function log1p(x: Expr, chain: Chain): Expr {
  const u = add(x, num(1)), rest = sub(x, sub(u, num(1)))
  const y = add(log(u, chain), div(rest, u))
  return selectExpr(binary('or', eq(u, num(1)), eq(x, num('inf'))), x, selectExpr(eq(u, num(0)), num('-inf'), y))
}

/** erf(x)/x over x² ≤ 0.85², and the binary logarithm of erfc(x), over x, between 0.85 and 4. */
const ERF_NEAR = [1.128379225730896, -0.37612637877464294, 0.11283749341964722, -0.026862626895308495, 0.005209682043641806, -0.0008248977246694267, 8.857768261805177e-05]
const ERF_FAR = [-1.6281201839447021, -0.9170867204666138, -0.15194076299667358, 0.03307436406612396, -0.004654086194932461, 0.0003106353688053787]

function erf(x: Expr, chain: Chain): Expr {
  const size = abs(x), t = binary('min', size, num(4))
  const [y, power] = exp2(mul(t, polynomial(t, ERF_FAR, chain)), chain)
  const far = sub(num(1), mul(y, power))
  return selectExpr(lt(size, num(0.85)), mul(x, polynomial(mul(x, x), ERF_NEAR, chain)), withSign(far, x))
}

/** The binary logarithm of erfc(x/√2), over x, where that is not negligible beside 1; falling beyond. */
const TAIL = [-1.1511046886444092, -0.459217369556427, -0.05244600027799606, 0.006941870786249638, 1.6873647837201133e-05, -0.0002954909869004041, 8.377465564990416e-05, -1.2783350939571392e-05, 1.0904034297709586e-06, -4.075033288586383e-08]

/** ½x·(1 + erf(x/√2)) = max(x, 0) - ½|x|·erfc(|x|/√2), of which nothing cancels; 0 at minus infinity. */
export function gelu(x: Expr, chain: Chain): Expr {
  const size = binary('min', abs(x), num(2 ** 100)), [y, power] = exp2(binary('max', mul(size, polynomial(size, TAIL, chain)), num(-127)), chain)
  return sub(binary('max', x, num(0)), mul(mul(mul(size, num(0.5)), power), y))
}

/** 1, -1, or x itself where it is 0 or NaN. */
const sign = (x: Expr): Expr => selectExpr(lt(num(0), x), num(1), selectExpr(lt(x, num(0)), num(-1), x))

/** The functions that are written out. */
export const EXPANSIONS: Readonly<Partial<Record<UnaryOp, (x: Expr, chain: Chain) => Expr>>> = { exp, expm1, log, log1p, tanh, erf, sign }

/**
 * Mathematical functions of f32 as arithmetic, for targets with lanes: the same operations stand for scalars and for vectors, so
 * that an element does not depend on where in a tensor it is. Ranges are reduced in two parts; polynomials are fits of least
 * greatest error. Within 2 units in the last place (`tanh`, `erf`, `log1p` 3); functions that are not here stay calls.
 */
import { typeOfExpr, binary, bitcast, cast, constant, selectExpr, unary, type Expr, type UnaryOp } from '../ir/kernel/expr.js'
import type { DType } from '../base/dtype.js'
import type { Compute, Stage } from '../ir/kernel/compute.js'
import { mapExpr } from '../ir/kernel/walk.js'

const num = (x: number | string): Expr => constant('f32', typeof x === 'number' ? Math.fround(x) : x)
const int = (x: number): Expr => constant('i32', x)
const add = (a: Expr, b: Expr): Expr => binary('add', a, b)
const sub = (a: Expr, b: Expr): Expr => binary('sub', a, b)
const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)
const div = (a: Expr, b: Expr): Expr => binary('div', a, b)
const abs = (x: Expr): Expr => unary('abs', x)
const lt = (a: Expr, b: Expr): Expr => binary('lt', a, b)
const eq = (a: Expr, b: Expr): Expr => binary('eq', a, b)

/** c0 + x·(c1 + x·(…)). */
function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  return coefficients.slice(0, -1).reduceRight<Expr>((sum, c) => add(mul(sum, x), num(c)), num(coefficients.at(-1) as number))
}

/** 2^k for k in [-126, 127]. */
const powerOfTwo = (k: Expr): Expr => bitcast('f32', binary('shl', add(k, int(127)), int(23)))
/** `magnitude` with the sign of `sign`. */
const withSign = (magnitude: Expr, sign: Expr): Expr => bitcast('f32', binary('or', bitcast('i32', magnitude), binary('and', bitcast('i32', sign), int(-2147483648))))

/** ln 2 as a sum; the first part has so few digits that its products with exponents are exact. */
const LN2_HIGH = 0.693359375, LN2_LOW = Math.LN2 - LN2_HIGH

/** (e^r - 1 - r) / r² for |r| ≤ 0.3466. */
const EXP = [0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.008368715643882751, 0.0013814602280035615]

/** Added to a number below 2^22 it leaves no place for a fraction: the number rounded stands in the low bits. */
const ROUNDER = 1.5 * 2 ** 23
const ROUNDER_BITS = 0x4b400000

/** x = n·ln 2 + r; 2^n in two factors, since n may be beyond the exponents of normal numbers. */
function exp(argument: Expr): Expr {
  const x = binary('min', binary('max', argument, num(-104)), num(89))
  const shifted = add(mul(x, num(Math.LOG2E)), num(ROUNDER)), n = sub(shifted, num(ROUNDER))
  const r = sub(sub(x, mul(n, num(LN2_HIGH))), mul(n, num(LN2_LOW)))
  const y = add(add(mul(mul(r, r), polynomial(r, EXP)), r), num(1))
  const k = sub(bitcast('i32', shifted), int(ROUNDER_BITS)), half = binary('shr', k, int(1))
  return mul(mul(y, powerOfTwo(half)), powerOfTwo(sub(k, half)))
}

/** (2·atanh(s) - 2s) / s³ over s² ≤ 0.0296. */
const LOG = [0.6666666269302368, 0.4000034034252167, 0.2853691875934601, 0.2358998954296112]
const SQRT_HALF_BITS = 0x3f3504f3

/** x = 2^k·(1 + f) with 1 + f in [√½, √2); log(1 + f) = 2·atanh(f / (2 + f)). */
function log(x: Expr): Expr {
  const small = lt(x, num(2 ** -126)), scaled = selectExpr(small, mul(x, num(2 ** 23)), x)
  const bits = bitcast('i32', scaled)
  const k = binary('shr', sub(bits, int(SQRT_HALF_BITS)), int(23))
  const f = sub(bitcast('f32', sub(bits, binary('shl', k, int(23)))), num(1))
  const e = sub(cast('f32', k), selectExpr(small, num(23), num(0)))
  const s = div(f, add(f, num(2))), z = mul(s, s)
  const y = add(mul(e, num(LN2_HIGH)), sub(f, sub(mul(s, sub(f, mul(z, polynomial(z, LOG)))), mul(e, num(LN2_LOW)))))
  const finite = selectExpr(eq(x, num(0)), num('-inf'), selectExpr(lt(x, num(0)), num('nan'), y))
  // Neither infinity nor NaN is below infinity.
  return selectExpr(lt(x, num('inf')), finite, x)
}

/** u = 1 + x; what its rounding left out is added as it changes the logarithm. */
function log1p(x: Expr): Expr {
  const u = add(x, num(1)), rest = sub(x, sub(u, num(1)))
  const y = add(log(u), div(rest, u))
  return selectExpr(binary('or', eq(u, num(1)), eq(x, num('inf'))), x, selectExpr(eq(u, num(0)), num('-inf'), y))
}

/** (tanh(x)/x - 1) / x² over x² ≤ 0.625². */
const TANH = [-0.3333328366279602, 0.13331490755081177, -0.05374349653720856, 0.02065058797597885, -0.005717045161873102]

function tanh(x: Expr): Expr {
  const z = mul(x, x), size = abs(x)
  const near = add(x, mul(x, mul(z, polynomial(z, TANH))))
  const far = sub(num(1), div(num(2), add(exp(add(size, size)), num(1))))
  return selectExpr(lt(size, num(0.625)), near, withSign(far, x))
}

/** erf(x)/x over x² ≤ 0.85², and -log(erfc(x))/x between 0.85 and 4. */
const ERF_NEAR = [1.128379225730896, -0.37612637877464294, 0.11283749341964722, -0.026862626895308495, 0.005209682043641806, -0.0008248977246694267, 8.857768261805177e-05]
const ERF_FAR = [1.1286089420318604, 0.635316014289856, 0.10595811158418655, -0.023516692221164703, 0.003524072701111436, -0.0002931338967755437, 8.214836270781234e-06]

function erf(x: Expr): Expr {
  const size = abs(x), t = binary('min', size, num(4))
  const far = sub(num(1), exp(mul(sub(num(0), t), polynomial(t, ERF_FAR))))
  return selectExpr(lt(size, num(0.85)), mul(x, polynomial(mul(x, x), ERF_NEAR)), withSign(far, x))
}

/** 1, -1, or x itself where it is 0 or NaN. */
const sign = (x: Expr): Expr => selectExpr(lt(num(0), x), num(1), selectExpr(lt(x, num(0)), num(-1), x))

/** The functions that are written out. */
export const EXPANSIONS: Readonly<Partial<Record<UnaryOp, (x: Expr) => Expr>>> = { exp, log, log1p, tanh, erf, sign }

/** Writes out what `e` itself is, over buffers of the given dtypes. */
export function mathExpander(buffers: readonly { readonly name: string; readonly dtype: DType }[]): (e: Expr) => Expr {
  const dtypes = new Map(buffers.map((b) => [b.name, b.dtype]))
  return (e) => {
    const expand = e.kind === 'unary' ? EXPANSIONS[e.op] : undefined
    return e.kind === 'unary' && expand !== undefined && typeOfExpr(e.x, (name) => dtypes.get(name) ?? 'float64') === 'f32' ? expand(e.x) : e
  }
}

/** `compute` with the functions of f32 written out. */
export function expandMath(compute: Compute): Compute {
  const rewrite = mathExpander(compute.buffers)
  const memo = new Map<Expr, Expr>()
  const map = (e: Expr): Expr => mapExpr(e, rewrite, memo)
  const stages = compute.stages.map((s): Stage => {
    const lets = s.lets.map((l) => ({ ...l, value: map(l.value) }))
    switch (s.kind) {
      case 'let': return { ...s, lets }
      case 'store': return { ...s, lets, value: map(s.value) }
      case 'reduce': return { ...s, lets, accumulators: s.accumulators.map((a) => ({ ...a, init: map(a.init), value: map(a.value) })) }
    }
  })
  return { ...compute, stages }
}

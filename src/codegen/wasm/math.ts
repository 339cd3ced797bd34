/**
 * Mathematical functions as WebAssembly: none is imported, so results are the same everywhere. All compute in f64, f32 ones
 * by conversion, and are within 1 unit in the last place of a float and a few of a double; less for doubles only in `pow`
 * (1e-13 relative) and in angles beyond 2^20 that are near a multiple of π/2. Series are Taylor's; ranges are reduced so
 * far that the terms written are enough for a double.
 */
import { branch, constant, get, loop, loopWhile, op, select, set, tee, type Code, type ValueType } from './instructions.js'

/** Gives the code that calls a helper by name. */
export type CallHelper = (name: string, ...operands: readonly Code[]) => Code

export interface HelperFunction {
  readonly params: readonly ValueType[]
  /** Absent for one that gives nothing. */
  readonly result?: ValueType
  readonly locals?: readonly ValueType[]
  body(call: CallHelper): Code
}

export const num = (x: number): Code => constant('f64', x)
const add = (a: Code, b: Code): Code => op('f64.add', a, b)
const sub = (a: Code, b: Code): Code => op('f64.sub', a, b)
const mul = (a: Code, b: Code): Code => op('f64.mul', a, b)
const div = (a: Code, b: Code): Code => op('f64.div', a, b)
const abs = (a: Code): Code => op('f64.abs', a)
const lt = (a: Code, b: Code): Code => op('f64.lt', a, b)
const eq = (a: Code, b: Code): Code => op('f64.eq', a, b)
const ne = (a: Code, b: Code): Code => op('f64.ne', a, b)
const sqrt = (a: Code): Code => op('f64.sqrt', a)
const or = (a: Code, b: Code): Code => op('i32.or', a, b)
const choose = (condition: Code, a: Code, b: Code): Code => branch('f64', condition, a, b)
const i64 = (x: number | bigint): Code => constant('i64', x)
const withSign = (magnitude: Code, sign: Code): Code => op('f64.copysign', magnitude, sign)
const NAN = num(NaN), HALF_PI = num(Math.PI / 2)

/** c0 + x·(c1 + x·(…)). */
function polynomial(x: Code, coefficients: readonly number[]): Code {
  return coefficients.slice(0, -1).reduceRight<Code>((sum, c) => add(num(c), mul(x, sum)), num(coefficients.at(-1) as number))
}

function factorial(n: number): number { let f = 1; for (let k = 2; k <= n; k++) f *= k; return f }
const series = (terms: number, term: (k: number) => number): number[] => Array.from({ length: terms }, (_, k) => term(k))
const x = get(0), y = get(1)
const unary = (locals: readonly ValueType[], body: (call: CallHelper) => Code): HelperFunction => ({ params: ['f64'], result: 'f64', locals, body })

/** ln 2 as a sum: the first part has 20 low bits of 0, so that its products with exponents are exact. */
const LN2_HIGH = 0.6931471803691238, LN2_LOW = 1.9082149292705877e-10
/** 2^k for k in [-1022, 1023], as code on an i64. */
const powerOfTwo = (k: Code): Code => op('f64.reinterpret_i64', op('i64.shl', op('i64.add', k, i64(1023)), i64(52)))

const EXPONENTIALS: Readonly<Record<string, HelperFunction>> = {
  // x = n·ln 2 + r with |r| ≤ 0.347; 2^n in two factors, since n may be beyond the exponents of normal numbers.
  exp: unary(['i64', 'f64'], () => [
    set(0, op('f64.min', op('f64.max', x, num(-746)), num(710))),
    set(2, op('f64.nearest', mul(x, num(Math.LOG2E)))),
    set(1, op('i64.trunc_sat_f64_s', get(2))),
    set(0, sub(sub(x, mul(get(2), num(LN2_HIGH))), mul(get(2), num(LN2_LOW)))),
    mul(mul(polynomial(x, series(14, (k) => 1 / factorial(k))), powerOfTwo(op('i64.shr_s', get(1), i64(1)))), powerOfTwo(op('i64.sub', get(1), op('i64.shr_s', get(1), i64(1))))),
  ]),
  // Kahan: the error of u = exp(x) cancels in (u - 1) / log(u).
  expm1: unary(['f64'], (call) => [
    set(1, call('exp', x)),
    choose(or(eq(get(1), num(1)), eq(x, num(0))), x,
      choose(or(eq(get(1), num(Infinity)), lt(x, num(-40))), sub(get(1), num(1)), div(mul(sub(get(1), num(1)), x), call('log', get(1))))),
  ]),
  // x = 2^k·(1 + f) with 1 + f in [√½, √2); log(1 + f) = f - s·(f - 2z/3 - 2z²/5 - …), s = f / (2 + f), z = s².
  log: unary(['i64', 'f64', 'f64', 'f64', 'f64'], () => [
    set(2, num(0)),
    branch(undefined, lt(x, num(2 ** -1022)), [set(0, mul(x, num(2 ** 54))), set(2, num(-54))], []),
    set(1, op('i64.sub', op('i64.reinterpret_f64', x), i64(0x3fe6a09e667f3bcdn))),
    set(2, add(get(2), op('f64.convert_i64_s', op('i64.shr_s', get(1), i64(52))))),
    set(3, sub(op('f64.reinterpret_i64', op('i64.add', op('i64.and', get(1), i64(0xfffffffffffffn)), i64(0x3fe6a09e667f3bcdn))), num(1))),
    set(4, div(get(3), add(num(2), get(3)))),
    set(5, mul(get(4), get(4))),
    choose(op('i32.and', op('f64.gt', x, num(0)), lt(x, num(Infinity))),
      add(mul(get(2), num(LN2_HIGH)), add(sub(get(3), mul(get(4), sub(get(3), mul(get(5), polynomial(get(5), series(12, (k) => 2 / (2 * k + 3))))))), mul(get(2), num(LN2_LOW)))),
      choose(eq(x, num(0)), num(-Infinity), choose(eq(x, num(Infinity)), x, NAN))),
  ]),
  log1p: unary(['f64'], (call) => [
    set(1, add(x, num(1))),
    choose(or(eq(get(1), num(1)), eq(x, num(Infinity))), x, div(mul(call('log', get(1)), x), sub(get(1), num(1)))),
  ]),
  tanh: unary(['f64'], (call) => [
    set(1, call('expm1', mul(num(2), abs(x)))),
    withSign(choose(op('f64.gt', abs(x), num(22)), num(1), div(get(1), add(get(1), num(2)))), x),
  ]),
  sinh: unary(['f64'], (call) => [
    set(1, choose(op('f64.gt', abs(x), num(40)), call('exp', mul(num(0.5), abs(x))), call('expm1', abs(x)))),
    withSign(choose(op('f64.gt', abs(x), num(40)), mul(mul(num(0.5), get(1)), get(1)), mul(num(0.5), add(get(1), div(get(1), add(get(1), num(1)))))), x),
  ]),
  cosh: unary(['f64'], (call) => [
    set(1, call('exp', choose(op('f64.gt', abs(x), num(40)), mul(num(0.5), abs(x)), abs(x)))),
    choose(op('f64.gt', abs(x), num(40)), mul(mul(num(0.5), get(1)), get(1)), mul(num(0.5), add(get(1), div(num(1), get(1))))),
  ]),
  asinh: unary(['f64'], (call) => [
    set(1, abs(x)),
    withSign(choose(op('f64.gt', get(1), num(2 ** 28)), add(call('log', get(1)), num(Math.LN2)),
      call('log1p', add(get(1), div(mul(get(1), get(1)), add(num(1), sqrt(add(mul(get(1), get(1)), num(1)))))))), x),
  ]),
  acosh: unary(['f64'], (call) => [
    set(1, sub(x, num(1))),
    choose(lt(x, num(1)), NAN, choose(op('f64.gt', x, num(2 ** 28)), add(call('log', x), num(Math.LN2)), call('log1p', add(get(1), sqrt(mul(get(1), add(num(2), get(1)))))))),
  ]),
  atanh: unary([], (call) => withSign(mul(num(0.5), call('log1p', div(mul(num(2), abs(x)), sub(num(1), abs(x))))), x)),
  // |x|^y, then the sign or NaN of a negative base. Small integer exponents by multiplication: squares are exact.
  pow: {
    params: ['f64', 'f64'], result: 'f64', locals: ['f64', 'f64', 'f64'],
    body: (call) => [
      branch(undefined, or(eq(y, num(0)), eq(x, num(1))), [num(1), 0x0f], []),
      branch(undefined, op('i32.and', eq(op('f64.nearest', y), y), op('f64.le', abs(y), num(32))), [
        set(2, num(1)), set(3, x), set(4, abs(y)),
        loop([
          branch(undefined, ne(op('f64.trunc', mul(get(4), num(0.5))), mul(get(4), num(0.5))), set(2, mul(get(2), get(3))), []),
          set(3, mul(get(3), get(3))), set(4, op('f64.trunc', mul(get(4), num(0.5)))),
        ], op('f64.gt', get(4), num(0))),
        choose(lt(y, num(0)), div(num(1), get(2)), get(2)), 0x0f], []),
      set(2, choose(eq(abs(x), num(1)), choose(eq(y, y), num(1), NAN), call('exp', mul(y, call('log', abs(x)))))),
      choose(lt(withSign(num(1), x), num(0)),
        choose(op('i32.and', lt(abs(y), num(2 ** 53)), op('i32.and', eq(op('f64.trunc', y), y), ne(op('f64.trunc', mul(y, num(0.5))), mul(y, num(0.5))))), op('f64.neg', get(2)),
          choose(op('i32.and', ne(op('f64.trunc', y), y), op('i32.and', ne(x, num(0)), ne(x, num(-Infinity)))), NAN, get(2))),
        get(2)),
    ],
  },
}

/** 2/π as 64-bit words after the binary point, most significant first: enough for every double. */
const TWO_OVER_PI = 'a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb1'
const WORDS: readonly bigint[] = Array.from({ length: TWO_OVER_PI.length / 16 }, (_, i) => BigInt(`0x${TWO_OVER_PI.slice(i * 16, i * 16 + 16)}`))
/** π/2 in parts of 33 bits, so that their products with numbers below 2^20 are exact. */
const HALF_PI_PARTS = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const
const SIN = series(9, (k) => (k % 2 === 0 ? 1 : -1) / factorial(2 * k + 1))
const COS = series(9, (k) => (k % 2 === 0 ? 1 : -1) / factorial(2 * k))

/** Quadrant and remainder of x over π/2: local `r` gets the remainder (|r| ≤ π/4), local `q` (i64) the quadrant. */
function reduceAngle(call: CallHelper, r: number, q: number): Code {
  const n = op('f64.nearest', mul(x, num(2 / Math.PI)))
  return branch(undefined, lt(abs(x), num(2 ** 20)), [
    set(r, n),
    set(q, op('i64.trunc_sat_f64_s', get(r))),
    set(r, sub(sub(sub(x, mul(get(r), num(HALF_PI_PARTS[0]))), mul(get(r), num(HALF_PI_PARTS[1]))), mul(get(r), num(HALF_PI_PARTS[2])))),
  ], [
    set(q, call('quadrants', x)),
    // x - x makes NaN of what is not finite
    set(r, add(mul(withSign(num(Math.PI / 2 * 2 ** -64), x), op('f64.convert_i64_s', op('i64.shl', get(q), i64(2)))), sub(x, x))),
    set(q, op('i64.shr_u', op('i64.add', get(q), i64(1n << 61n)), i64(62))),
    branch(undefined, lt(x, num(0)), set(q, op('i64.sub', i64(0), get(q))), []),
  ])
}

const sine = (r: Code): Code => mul(r, polynomial(mul(r, r), SIN))
const cosine = (r: Code): Code => polynomial(mul(r, r), COS)
/** Sine of the angle whose quadrant is `q` and remainder `r`. */
const quadrantSine = (q: Code, r: Code): Code => mul(
  choose(op('i32.wrap_i64', op('i64.and', q, i64(1))), cosine(r), sine(r)),
  choose(op('i32.wrap_i64', op('i64.and', q, i64(2))), num(-1), num(1)))

const ANGLES: Readonly<Record<string, HelperFunction>> = {
  sin: unary(['f64', 'i64'], (call) => [reduceAngle(call, 1, 2), choose(eq(x, num(0)), x, quadrantSine(get(2), get(1)))]),
  cos: unary(['f64', 'i64'], (call) => [reduceAngle(call, 1, 2), set(2, op('i64.add', get(2), i64(1))), quadrantSine(get(2), get(1))]),
  tan: unary(['f64', 'i64'], (call) => [
    reduceAngle(call, 1, 2),
    choose(eq(x, num(0)), x, choose(op('i32.wrap_i64', op('i64.and', get(2), i64(1))), op('f64.neg', div(cosine(get(1)), sine(get(1)))), div(sine(get(1)), cosine(get(1))))),
  ]),
  // |x| = m·2^e; the product of m with the bits of 2/π from place e on, modulo 4, as a fixed-point number of 2 + 62 bits (Payne & Hanek).
  quadrants: {
    params: ['f64'], result: 'i64', locals: ['i64', 'i64'],
    body: (call) => {
      // at: the place of the most significant of 64 bits of 2/π, the first of which make whole turns
      const m = get(1), at = get(2)
      const word = (k: number): Code => call('two_over_pi', op('i64.add', op('i64.shr_s', at, i64(6)), i64(k)))
      const shifted = (k: number): Code => call('funnel', word(k), word(k + 1), op('i64.and', at, i64(63)))
      return [
        branch(undefined, op('i32.eqz', lt(abs(x), num(Infinity))), [i64(0), 0x0f], []),
        set(1, op('i64.or', op('i64.and', op('i64.reinterpret_f64', x), i64(0xfffffffffffffn)), i64(1n << 52n))),
        set(2, op('i64.sub', op('i64.and', op('i64.shr_u', op('i64.reinterpret_f64', x), i64(52)), i64(2047)), i64(1075 + 2))),
        op('i64.add', op('i64.mul', m, shifted(0)), call('high_product', m, shifted(1))),
      ]
    },
  },
  // (a, b) shifted left by s: the upper word.
  funnel: { params: ['i64', 'i64', 'i64'], result: 'i64', body: () => op('i64.or', op('i64.shl', get(0), get(2)), op('i64.shr_u', op('i64.shr_u', get(1), i64(1)), op('i64.sub', i64(63), get(2)))) },
  two_over_pi: { params: ['i64'], result: 'i64', body: () => WORDS.reduceRight<Code>((rest, w, k) => branch('i64', op('i64.eq', get(0), i64(k)), i64(w), rest), i64(0)) },
  // Upper 64 bits of a product of unsigned words, from 32-bit halves.
  high_product: {
    params: ['i64', 'i64'], result: 'i64', locals: ['i64'],
    body: () => {
      const low = (v: Code): Code => op('i64.and', v, i64(0xffffffffn)), high = (v: Code): Code => op('i64.shr_u', v, i64(32)), times = (a: Code, b: Code): Code => op('i64.mul', a, b)
      return [
        set(2, op('i64.add', times(high(x), low(y)), high(times(low(x), low(y))))),
        op('i64.add', op('i64.add', times(high(x), high(y)), high(get(2))), high(op('i64.add', times(low(x), high(y)), low(get(2))))),
      ]
    },
  },
  // |x| into [0, tan π/8] by 1/t and (t - 1)/(t + 1).
  atan: unary(['f64', 'f64'], () => [
    set(1, abs(x)),
    set(1, choose(op('f64.gt', get(1), num(1)), div(num(1), get(1)), get(1))),
    set(2, num(0)),
    branch(undefined, op('f64.gt', get(1), num(Math.SQRT2 - 1)), [set(2, num(Math.PI / 4)), set(1, div(sub(get(1), num(1)), add(get(1), num(1))))], []),
    set(1, add(get(2), mul(get(1), polynomial(mul(get(1), get(1)), series(23, (k) => (k % 2 === 0 ? 1 : -1) / (2 * k + 1)))))),
    withSign(choose(op('f64.gt', abs(x), num(1)), sub(HALF_PI, get(1)), get(1)), x),
  ]),
  atan2: {
    params: ['f64', 'f64'], result: 'f64', locals: ['f64', 'f64', 'f64'],
    body: (call) => [
      set(2, abs(x)), set(3, abs(y)),
      set(4, call('atan', choose(eq(get(2), get(3)), choose(eq(get(2), num(0)), num(0), num(1)), div(op('f64.min', get(2), get(3)), op('f64.max', get(2), get(3)))))),
      branch(undefined, op('f64.gt', get(2), get(3)), set(4, sub(HALF_PI, get(4))), []),
      branch(undefined, lt(withSign(num(1), y), num(0)), set(4, sub(num(Math.PI), get(4))), []),
      withSign(get(4), x),
    ],
  },
  asin: unary([], (call) => call('atan2', x, sqrt(mul(sub(num(1), x), add(num(1), x))))),
  acos: unary([], (call) => mul(num(2), call('atan2', sqrt(sub(num(1), x)), sqrt(add(num(1), x))))),
}

/** erf(x)/x over x² below 3/4, and erfc(x)^(-1/16) up to 4: fits at Chebyshev nodes, within 1e-8. */
const ERF_NEAR = [1.12837916558, -0.376126194694, 0.112833865384, -0.0268351145686, 0.00511533211253, -0.000675647956868]
const ERF_FAR = [1.0000162123, 0.070425423206, 0.042532135588, 0.0089092386047, 0.0004964681882, 0.000026180368074, 0.00018732867089, -0.000057729367264, 0.000013353926301, -0.0000015583693302, 9.863946798e-8]
const square = (local: number): Code => set(local, mul(get(local), get(local)))

const OTHERS: Readonly<Record<string, HelperFunction>> = {
  // For f32 arguments.
  erf: unary(['f64'], () => [
    set(1, abs(x)),
    choose(lt(get(1), num(0.75)), mul(x, polynomial(mul(x, x), ERF_NEAR)),
      choose(lt(get(1), num(4)), [set(1, polynomial(get(1), ERF_FAR)), square(1), square(1), square(1), withSign(sub(num(1), div(num(1), mul(get(1), get(1)))), x)],
        choose(eq(x, x), withSign(num(1), x), x))),
  ]),
  // Abramowitz & Stegun 7.1.6: terms of one sign.
  erf_wide: unary(['f64', 'f64', 'f64'], (call) => [
    branch(undefined, op('i32.eqz', lt(abs(x), num(6))), [choose(eq(x, x), withSign(num(1), x), x), 0x0f], []),
    set(1, x), set(2, x), set(3, num(1)),
    loop([set(3, add(get(3), num(2))), set(1, mul(get(1), div(mul(mul(num(2), x), x), get(3)))), set(2, add(get(2), get(1)))], op('f64.gt', abs(get(1)), mul(num(1e-17), abs(get(2))))),
    mul(mul(num(2 / Math.sqrt(Math.PI)), call('exp', op('f64.neg', mul(x, x)))), get(2)),
  ]),
  // Exact: multiples y·2^k are taken away from the greatest down, each difference without rounding.
  rem: {
    params: ['f64', 'f64'], result: 'f64', locals: ['f64', 'f64', 'f64'],
    body: () => [
      set(2, abs(x)), set(3, abs(y)),
      branch(undefined, or(op('i32.eqz', op('f64.gt', get(3), num(0))), op('i32.eqz', lt(get(2), num(Infinity)))), [NAN, 0x0f], []),
      branch(undefined, eq(get(3), num(Infinity)), [x, 0x0f], []),
      set(4, get(3)),
      loopWhile(op('f64.le', get(4), mul(get(2), num(0.5))), set(4, add(get(4), get(4)))),
      loopWhile(op('f64.ge', get(4), get(3)), [branch(undefined, op('f64.ge', get(2), get(4)), set(2, sub(get(2), get(4))), []), set(4, mul(get(4), num(0.5)))]),
      withSign(get(2), x),
    ],
  },
  mod: {
    params: ['f64', 'f64'], result: 'f64', locals: ['f64'],
    body: (call) => choose(op('i32.and', ne(tee(2, call('rem', x, y)), num(0)), op('i32.xor', lt(get(2), num(0)), lt(y, num(0)))), add(get(2), y), get(2)),
  },
  sign: unary([], () => select(op('i32.and', ne(x, num(0)), eq(x, x)), withSign(num(1), x), x)),
}

/** Helpers on f64 by name. */
export const MATH: Readonly<Record<string, HelperFunction>> = { ...EXPONENTIALS, ...ANGLES, ...OTHERS }

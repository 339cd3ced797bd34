/** Powers whose exponent is a number that products and square roots reach, within 2 units in the last place; at zeros, infinities and NaN as the power itself. */
import { binary, constant, selectExpr, unary, type Expr } from '../ir/kernel/expr.js'

const num = (x: number | string): Expr => constant('f32', x)
const mul = (a: Expr, b: Expr): Expr => binary('mul', a, b)
const sqrt = (x: Expr): Expr => unary('sqrt', x)

/** Powers by products. */
const WHOLE: Readonly<Record<string, (x: Expr) => Expr>> = {
  '1': (x) => x,
  '2': (x) => mul(x, x),
  '3': (x) => mul(mul(x, x), x),
  '4': (x) => { const square = mul(x, x); return mul(square, square) },
  '-1': (x) => unary('recip', x),
}

/** Powers by square roots, of numbers that are neither -0 nor -∞. */
const BROKEN: Readonly<Record<string, (x: Expr) => Expr>> = {
  '0.25': (x) => sqrt(sqrt(x)),
  '0.5': sqrt,
  '0.75': (x) => { const root = sqrt(x); return mul(root, sqrt(root)) },
  '1.5': (x) => mul(x, sqrt(x)),
  '-0.5': (x) => unary('recip', sqrt(x)),
}

/** `x` (f32) to the power of `exponent`; undefined where that takes logarithms. */
export function powerOf(x: Expr, exponent: number): Expr | undefined {
  const key = String(exponent), whole = WHOLE[key], broken = BROKEN[key]
  if (whole !== undefined) return whole(x)
  if (broken === undefined) return undefined
  // A sum with 0 makes +0 of -0, and a root of -∞ would be NaN.
  const positive = binary('add', x, num(0))
  return selectExpr(binary('eq', x, num('-inf')), num(exponent > 0 ? 'inf' : 0), broken(positive))
}

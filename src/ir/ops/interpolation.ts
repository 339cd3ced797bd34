/** Weights by which neighbours are interpolated: Keys' cubic convolution kernel with parameter a (IEEE ASSP-29, 1981), as numbers and as expressions. */
import type { Dim } from '../dims.js'
import { cast, constant, indexValue, type Expr, type RegisterType } from '../kernel/expr.js'
import { minus, plus, times } from './expressions.js'

/** The weight at distance `d` ≥ 0; 0 from 2 on. */
export function cubicWeight(a: number, d: number): number {
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0
}

/** The same for distances up to 1, and from there to 2. */
export function cubicWeightExprs(a: number, d: Expr, type: RegisterType): { readonly near: Expr; readonly far: Expr } {
  const c = (value: number): Expr => constant(type, value)
  return {
    near: plus(times(times(minus(times(c(a + 2), d), c(a + 3)), d), d), c(1)),
    far: minus(times(plus(times(minus(times(c(a), d), c(5 * a)), d), c(8 * a)), d), c(4 * a)),
  }
}

/** An index as a coordinate. */
export const fromIndex = (type: RegisterType, index: Dim): Expr => (typeof index === 'number' ? constant(type, index) : cast(type, indexValue(index)))

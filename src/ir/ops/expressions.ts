/** Shorthands with which op records write the value of one element. */
import type { DType } from '../../base/dtype.js'
import { binary, constant, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Element } from './elements.js'

/** A constant of a register type: infinities, NaN, -0 and integers beyond 2^53 become text. */
export function number(type: RegisterType, value: Element): Expr {
  if (typeof value === 'bigint') return constant(type, value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : String(value))
  if (Number.isNaN(value)) return constant(type, 'nan')
  if (value === Infinity || value === -Infinity) return constant(type, value > 0 ? 'inf' : '-inf')
  return constant(type, Math.abs(value) > 2 ** 53 && (type === 'i64' || type === 'u64') ? String(BigInt(value)) : value)
}

/** A constant of a dtype's register type. */
export const numberOf = (dtype: DType, value: Element): Expr => number(REGISTER[dtype], value)

export const plus = (a: Expr, b: Expr): Expr => binary('add', a, b)
export const minus = (a: Expr, b: Expr): Expr => binary('sub', a, b)
export const times = (a: Expr, b: Expr): Expr => binary('mul', a, b)
export const over = (a: Expr, b: Expr): Expr => binary('div', a, b)
export const least = (a: Expr, b: Expr): Expr => binary('min', a, b)
export const greatest = (a: Expr, b: Expr): Expr => binary('max', a, b)
export const negated = (x: Expr): Expr => unary('neg', x)
/** `x < 0 ? a : b` in registers of `type`. */
export const ifNegative = (type: RegisterType, x: Expr, a: Expr, b: Expr): Expr => selectExpr(binary('lt', x, number(type, 0)), a, b)
/** `1 / (1 + exp(-x))`, which is 0 and 1 at the infinities. */
export const logistic = (type: RegisterType, x: Expr): Expr => unary('recip', plus(number(type, 1), unary('exp', negated(x))))
/** `log(1 + exp(x))` without overflow. */
export const softplus = (type: RegisterType, x: Expr): Expr => plus(greatest(x, number(type, 0)), unary('log1p', unary('exp', negated(unary('abs', x)))))

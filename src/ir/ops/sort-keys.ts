/** Integers in whose order elements are: NaN is greatest, 0 and -0 are equal. Integers are their own. */
import type { DType } from '../../base/dtype.js'
import { binary, bitcast, constant, local, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { letBe } from '../kernel/statements.js'

/** What keys of a register type are held in, and stored as; undefined for types without keys. */
export const KEYS: Readonly<Partial<Record<RegisterType, { readonly type: RegisterType; readonly dtype: DType }>>> = {
  f32: { type: 'i32', dtype: 'int32' }, i32: { type: 'i32', dtype: 'int32' }, u32: { type: 'u32', dtype: 'uint32' }, i64: { type: 'i64', dtype: 'int64' }, u64: { type: 'u64', dtype: 'uint64' },
}

const INFINITY = 0x7f800000, GREATEST = 0x7fffffff

/** Statements that give the key of `x` in the register `name`. */
export function keyOf(name: string, x: Expr, type: RegisterType): Stmt[] {
  if (type !== 'f32') return [letBe(name, type, x)]
  const integer = (value: number): Expr => constant('i32', value), bits = local(`${name}_bits`, 'i32'), size = local(`${name}_size`, 'i32')
  return [
    letBe(`${name}_bits`, 'i32', bitcast('i32', x)),
    letBe(`${name}_size`, 'i32', binary('and', bits, integer(GREATEST))),
    letBe(name, 'i32', selectExpr(binary('gt', size, integer(INFINITY)), integer(GREATEST), selectExpr(binary('lt', bits, integer(0)), unary('neg', size), size))),
  ]
}

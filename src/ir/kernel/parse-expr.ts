/** Expressions of kernel text. One infix operation a level: `(a * b) + c`. */
import { isDType } from '../../base/dtype.js'
import type { Cursor } from '../cursor.js'
import { binary, bitcast, cast, constant, indexValue, LANES, load, local, madd, narrow, selectExpr, splat, unary, type BinaryOp, type Expr, type RegisterType, type ScalarType, type UnaryOp } from './expr.js'
import { INFIX } from './print.js'

/** Types of the registers that are defined. */
export type Locals = ReadonlyMap<string, RegisterType>

const SCALARS: readonly ScalarType[] = ['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool']
export const REGISTER_TYPES: readonly RegisterType[] = [...SCALARS, 'f32x4', 'i32x4', 'b32x4']

const UNARY: Readonly<Record<UnaryOp, true>> = {
  neg: true, abs: true, not: true, bitnot: true, sqrt: true, rsqrt: true, recip: true, exp: true, expm1: true, log: true, log1p: true, sin: true, cos: true,
  tan: true, asin: true, acos: true, atan: true, sinh: true, cosh: true, tanh: true, asinh: true, acosh: true, atanh: true, erf: true, floor: true,
  ceil: true, trunc: true, round: true, sign: true, isnan: true, isinf: true,
}
const BINARY: Readonly<Record<BinaryOp, true>> = {
  add: true, sub: true, mul: true, div: true, rem: true, mod: true, pow: true, atan2: true, min: true, max: true, pmin: true, pmax: true, dot16: true,
  and: true, or: true, xor: true, shl: true, shr: true, eq: true, ne: true, lt: true, le: true, gt: true, ge: true,
}
/** Longer marks first, so that `<=` is not read as `<`. */
const MARKS = (Object.entries(INFIX) as [BinaryOp, string][]).sort((a, b) => b[1].length - a[1].length)

const isUnary = (name: string): name is UnaryOp => Object.hasOwn(UNARY, name)
const isBinary = (name: string): name is BinaryOp => Object.hasOwn(BINARY, name)

/** Reads an expression. */
export function parseExpr(cursor: Cursor, locals: Locals): Expr {
  const a = parseOperand(cursor, locals)
  const infix = MARKS.find(([, mark]) => cursor.take(mark))
  return infix === undefined ? a : binary(infix[0], a, parseOperand(cursor, locals))
}

function parseOperand(cursor: Cursor, locals: Locals): Expr {
  if (cursor.take('(')) {
    const e = parseExpr(cursor, locals)
    cursor.expect(')')
    return e
  }
  if (/[-\d]/.test(cursor.text[cursor.offset] ?? '')) return constant('f32', cursor.number())
  const at = cursor.offset, name = cursor.name('an expression')
  if (cursor.sees('[')) {
    const element = load(name, cursor.list('[', ']', () => cursor.dim()))
    return cursor.take(`:${LANES}`) && element.kind === 'load' ? { ...element, lanes: LANES } : element
  }
  if (cursor.take('(')) {
    const e = parseCall(cursor, locals, name, at)
    cursor.expect(')')
    return e
  }
  const type = locals.get(name)
  return type === undefined ? cursor.fail('a register that is defined', at) : local(name, type)
}

/** What stands between the parentheses after `name`. */
function parseCall(cursor: Cursor, locals: Locals, name: string, at: number): Expr {
  const next = (): Expr => { cursor.expect(','); return parseExpr(cursor, locals) }
  const type = SCALARS.find((t) => t === name)
  if (type !== undefined) return constant(type, constantOf(type, cursor.numberText()))
  if (name === 'idx') return indexValue(cursor.dim())
  if (isUnary(name)) return unary(name, parseExpr(cursor, locals))
  if (isBinary(name)) { const a = parseExpr(cursor, locals); return binary(name, a, next()) }
  if (name === 'select') { const condition = parseExpr(cursor, locals), a = next(); return selectExpr(condition, a, next()) }
  if (name === 'madd') { const a = parseExpr(cursor, locals), b = next(); return madd(a, b, next()) }
  if (name === 'splat') return splat(parseExpr(cursor, locals))
  if (name === 'vector') { const a = parseExpr(cursor, locals), b = next(), c = next(); return { kind: 'vector', items: [a, b, c, next()] } }
  if (/^lane\d$/.test(name)) return { kind: 'lane', lane: Number(name.slice(4)), x: parseExpr(cursor, locals) }
  const bits = REGISTER_TYPES.find((t) => name === `bits_${t}`)
  if (bits !== undefined) return bitcast(bits, parseExpr(cursor, locals))
  const to = REGISTER_TYPES.find((t) => name === `to_${t}`)
  if (to !== undefined) return cast(to, parseExpr(cursor, locals))
  const dtype = name.startsWith('narrow_') ? name.slice('narrow_'.length) : ''
  return isDType(dtype) ? narrow(dtype, parseExpr(cursor, locals)) : cursor.fail('an operation', at)
}

/** Integers beyond 2^53 and non-finite numbers stay text. */
function constantOf(type: RegisterType, text: string): number | string {
  const value = Number(text)
  return Number.isFinite(value) && (type === 'f32' || type === 'f64' || Number.isSafeInteger(value)) ? value : text.toLowerCase()
}

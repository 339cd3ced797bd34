/** Kernel expressions on vectors of four lanes as WebAssembly SIMD. A mask has all bits of a true lane set. */
import { IngotError } from '../../base/error.js'
import type { Dim } from '../../base/dim.js'
import { isVector, laneType, REGISTER, VECTOR_DTYPES, vectorOf, type BinaryOp, type Expr, type RegisterType, type UnaryOp, type VectorType } from '../../ir/kernel/expr.js'
import { renderShuffle } from './shuffle.js'
import { elementBytes, renderAddress, renderExpr, type FunctionScope, type Typed } from './expression.js'
import { get, laneOp, loadFrom, loadLane, op, tee, vectorConstant, type Code } from './instructions.js'

export interface VectorTyped { readonly type: VectorType; readonly code: Code }

export const isVectorTyped = (x: Typed): x is VectorTyped => isVector(x.type)

/** The instructions' prefix for lanes of a type; masks are integers. */
const shapeOf = (type: VectorType): 'f32x4' | 'i32x4' => (type === 'f32x4' ? type : 'i32x4')

function refuse(name: string, type: RegisterType): never {
  throw new IngotError('verify-kernel', `operation ${name} does not apply to ${type}`)
}

const splatConstant = (type: 'f32' | 'i32', x: number): Code => vectorConstant(type, [x, x, x, x])

/** Consecutive elements of a buffer. */
export function renderVectorLoad(buffer: string, index: Dim, scope: FunctionScope): Typed {
  const { dtype } = scope.buffer(buffer)
  if (!VECTOR_DTYPES.has(dtype)) return refuse('vector load', REGISTER[dtype])
  const { address, offset } = renderAddress(buffer, index, elementBytes(dtype), scope)
  return { type: vectorOf(REGISTER[dtype]), code: loadFrom('v128.load', elementBytes(dtype), address, offset) }
}

/** The bits of a constant of 32 bits as a lane; undefined for what is no constant. */
function constantLane(e: Expr): number | undefined {
  if (e.kind !== 'const') return undefined
  if (e.type === 'bool') return Number(e.value) !== 0 ? -1 : 0
  if (e.type === 'i32') return Number(e.value) | 0
  if (e.type !== 'f32') return undefined
  return e.value === 'nan' ? NaN : e.value === 'inf' ? Infinity : e.value === '-inf' ? -Infinity : Number(e.value)
}

const isDirectLoad = (e: Expr, scope: FunctionScope): e is Extract<Expr, { kind: 'load' }> => e.kind === 'load' && e.lanes === undefined && VECTOR_DTYPES.has(scope.buffer(e.buffer).dtype)

function loadAddress(e: Extract<Expr, { kind: 'load' }>, scope: FunctionScope): { readonly address: Code; readonly offset: number } {
  return renderAddress(e.buffer, e.index[0] ?? 0, elementBytes(scope.buffer(e.buffer).dtype), scope)
}

/** A scalar in all lanes; a load goes into them directly. */
export function renderSplat(x: Expr, scope: FunctionScope): Typed {
  const bits = constantLane(x)
  if (x.kind === 'const' && bits !== undefined) return { type: vectorOf(x.type), code: splatConstant(x.type === 'f32' ? 'f32' : 'i32', bits) }
  if (isDirectLoad(x, scope)) {
    const { address, offset } = loadAddress(x, scope)
    return { type: vectorOf(REGISTER[scope.buffer(x.buffer).dtype]), code: loadFrom('v128.load32_splat', 4, address, offset) }
  }
  const { type, code } = renderExpr(x, scope), vector = vectorOf(type), filled = op(`${shapeOf(vector)}.splat`, code)
  return { type: vector, code: vector === 'b32x4' ? op('i32x4.neg', filled) : filled }
}

/** Four scalars as the lanes of a vector; loads go into their lanes directly. */
export function renderVector(items: readonly [Expr, Expr, Expr, Expr], scope: FunctionScope): Typed {
  const constants = items.map(constantLane)
  const [first] = items
  if (first.kind === 'const' && constants.every((c) => c !== undefined)) return { type: vectorOf(first.type), code: vectorConstant(first.type === 'f32' ? 'f32' : 'i32', constants) }
  const shuffled = renderShuffle(items, scope)
  if (shuffled !== undefined) return shuffled
  const start = renderSplat(first, scope)
  if (!isVectorTyped(start)) return refuse('vector', start.type)
  const shape = shapeOf(start.type), mask = start.type === 'b32x4'
  const code = items.slice(1).reduce<Code>((vector, item, k) => {
    if (isDirectLoad(item, scope)) { const { address, offset } = loadAddress(item, scope); return loadLane(address, offset, k + 1, vector) }
    const { type, code: value } = renderExpr(item, scope)
    if (type !== laneType(start.type)) refuse('vector', type)
    return laneOp(`${shape}.replace_lane`, k + 1, vector, mask ? op('i32.sub', [0x41, 0], value) : value)
  }, start.code)
  return { type: start.type, code }
}

/** One lane of a vector. */
export function renderLane(x: Typed, lane: number): Typed {
  if (!isVectorTyped(x)) return refuse('lane', x.type)
  const code = laneOp(`${shapeOf(x.type)}.extract_lane`, lane, x.code)
  return { type: laneType(x.type), code: x.type === 'b32x4' ? op('i32.and', code, [0x41, 1]) : code }
}

const FLOAT_UNARY: Readonly<Partial<Record<UnaryOp, string>>> = { neg: 'neg', abs: 'abs', sqrt: 'sqrt', floor: 'floor', ceil: 'ceil', trunc: 'trunc', round: 'nearest' }

/** An operation on every lane. */
export function renderVectorUnary(name: UnaryOp, x: VectorTyped, scope: FunctionScope): Typed {
  const { type, code } = x
  const same = (c: Code): Typed => ({ type, code: c })
  if (name === 'not' && type === 'b32x4') return same(op('v128.not', code))
  if (type === 'f32x4') {
    const instruction = FLOAT_UNARY[name]
    if (instruction !== undefined) return same(op(`f32x4.${instruction}`, code))
    switch (name) {
      case 'recip': return same(op('f32x4.div', splatConstant('f32', 1), code))
      case 'rsqrt': return same(op('f32x4.div', splatConstant('f32', 1), op('f32x4.sqrt', code)))
      case 'isnan': { const t = scope.temporary('v128'); return { type: 'b32x4', code: op('f32x4.ne', tee(t, code), get(t)) } }
      case 'isinf': return { type: 'b32x4', code: op('f32x4.eq', op('f32x4.abs', code), splatConstant('f32', Infinity)) }
      default: return refuse(name, type)
    }
  }
  if (type !== 'i32x4') return refuse(name, type)
  switch (name) {
    case 'neg': case 'abs': return same(op(`i32x4.${name}`, code))
    case 'bitnot': return same(op('v128.not', code))
    default: return refuse(name, type)
  }
}

const FLOAT_BINARY: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul', 'div', 'min', 'max', 'pmin', 'pmax'])
const COMPARISONS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge'])
const INT_BINARY: Readonly<Partial<Record<BinaryOp, string>>> = { add: 'i32x4.add', sub: 'i32x4.sub', mul: 'i32x4.mul', min: 'i32x4.min_s', max: 'i32x4.max_s', dot16: 'i32x4.dot_i16x8_s', and: 'v128.and', or: 'v128.or', xor: 'v128.xor', eq: 'i32x4.eq', ne: 'i32x4.ne', lt: 'i32x4.lt_s', le: 'i32x4.le_s', gt: 'i32x4.gt_s', ge: 'i32x4.ge_s' }
const MASK_BINARY: Readonly<Partial<Record<BinaryOp, string>>> = { and: 'v128.and', min: 'v128.and', mul: 'v128.and', or: 'v128.or', max: 'v128.or', add: 'v128.or', xor: 'v128.xor', ne: 'v128.xor', eq: 'i32x4.eq' }

/** The number that an expression is, in all its lanes; undefined for NaN and where that is not known. */
export function numberIn(e: Expr, scope: FunctionScope): number | undefined {
  if (e.kind === 'splat') return numberIn(e.x, scope)
  if (e.kind === 'local') return scope.register(e.name).constant
  return e.kind !== 'const' ? undefined : typeof e.value === 'number' ? e.value : SPECIAL_NUMBERS[e.value]
}

const SPECIAL_NUMBERS: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, '-0': -0 }

/**
 * The lesser or greater lanes. Where one side is a number, one instruction that takes the other side if that is NaN will do (the
 * full one is eight on x86); a sum with 0 makes the -0 that it leaves of a maximum with 0 the 0 that it must be.
 */
function extremeLanes(name: 'min' | 'max', a: VectorTyped, b: Typed, limit: number | undefined): Code {
  if (limit === undefined || (name === 'min' && Object.is(limit, -0))) return op(`f32x4.${name}`, a.code, b.code)
  const code = op(`f32x4.p${name}`, a.code, b.code)
  return name === 'max' && Object.is(limit, 0) ? op('f32x4.add', code, splatConstant('f32', 0)) : code
}

/** The one instruction that does `b < a ? a : b` or `a < b ? a : b`, taking `b` first; undefined for other selections. */
export function extremeOf({ condition, a, b }: Extract<Expr, { kind: 'select' }>): 'f32x4.pmax' | 'f32x4.pmin' | undefined {
  if (condition.kind !== 'binary' || condition.op !== 'lt') return undefined
  const same = (x: Expr, y: Expr): boolean => x === y || (x.kind === 'local' && y.kind === 'local' && x.name === y.name)
  if (same(condition.a, b) && same(condition.b, a)) return 'f32x4.pmax'
  return same(condition.a, a) && same(condition.b, b) ? 'f32x4.pmin' : undefined
}

/** An operation on the lanes of two vectors; shifts take one count for all lanes. */
export function renderVectorBinary(name: BinaryOp, a: VectorTyped, right: Expr, scope: FunctionScope): Typed {
  const result: VectorType = COMPARISONS.has(name) ? 'b32x4' : a.type
  if ((name === 'shl' || name === 'shr') && a.type === 'i32x4') {
    const count = renderExpr(right, scope)
    if (count.type !== 'i32') return refuse(name, count.type)
    return { type: result, code: op(name === 'shl' ? 'i32x4.shl' : 'i32x4.shr_s', a.code, count.code) }
  }
  const b = renderExpr(right, scope)
  if (b.type !== a.type) throw new IngotError('verify-kernel', `operation ${name} on ${a.type} and ${b.type}`)
  if (a.type === 'f32x4' && (name === 'min' || name === 'max')) return { type: result, code: extremeLanes(name, a, b, numberIn(right, scope)) }
  if (a.type === 'f32x4') return FLOAT_BINARY.has(name) || COMPARISONS.has(name) ? { type: result, code: op(`f32x4.${name}`, a.code, b.code) } : refuse(name, a.type)
  const instruction = (a.type === 'i32x4' ? INT_BINARY : MASK_BINARY)[name]
  return instruction === undefined ? refuse(name, a.type) : { type: result, code: op(instruction, a.code, b.code) }
}

/** a·b + c: one instruction in modules that may use relaxed SIMD, else two. A scalar is rounded as lanes are. */
export function renderMadd(a: Typed, b: Typed, c: Typed, scope: FunctionScope): Typed {
  if (a.type !== b.type || a.type !== c.type) throw new IngotError('verify-kernel', `a madd of ${a.type}, ${b.type} and ${c.type}`)
  const { type } = a
  if (type !== 'f32' && type !== 'f64' && type !== 'f32x4') return refuse('madd', type)
  if (scope.relaxed && type === 'f32x4') return { type, code: op('f32x4.relaxed_madd', a.code, b.code, c.code) }
  if (scope.relaxed && type === 'f32') return { type, code: laneOp('f32x4.extract_lane', 0, op('f32x4.relaxed_madd', op('f32x4.splat', a.code), op('f32x4.splat', b.code), op('f32x4.splat', c.code))) }
  return { type, code: op(`${type}.add`, c.code, op(`${type}.mul`, a.code, b.code)) }
}

/** Conversion of every lane: float to int truncates and saturates, a mask gives 0 and 1. */
export function renderVectorCast(to: RegisterType, x: VectorTyped): Typed {
  if (!isVector(to)) return refuse('cast', to)
  if (x.type === to) return x
  if (to === 'b32x4') return { type: to, code: op(`${shapeOf(x.type)}.ne`, x.code, splatConstant(x.type === 'f32x4' ? 'f32' : 'i32', 0)) }
  if (x.type === 'b32x4') return { type: to, code: op('v128.and', x.code, to === 'f32x4' ? splatConstant('f32', 1) : splatConstant('i32', 1)) }
  return { type: to, code: op(to === 'f32x4' ? 'f32x4.convert_i32x4_s' : 'i32x4.trunc_sat_f32x4_s', x.code) }
}

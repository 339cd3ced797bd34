/** Kernel expressions and indices as scalar WebAssembly code. */
import { type DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Dim } from '../../base/dim.js'
import { isVector, REGISTER, VECTOR_DTYPES, vectorOf, type BinaryOp, type Expr, type RegisterType, type UnaryOp } from '../../ir/kernel/expr.js'
import { WASM_TYPE } from './helpers.js'
import { constant, get, laneOp, loadFrom, op, select, storeTo, tee, type Code, type ValueType } from './instructions.js'
import type { CallHelper } from './math.js'
import { extremeOf, isVectorTyped, numberIn, renderLane, renderMadd, renderSplat, renderVector, renderVectorBinary, renderVectorCast, renderVectorLoad, renderVectorUnary } from './vector.js'

/** Code that leaves a value of a register type. */
export interface Typed { readonly type: RegisterType; readonly code: Code }

/** An index as code; `positive` where it is known to be ≥ 0. */
export interface IndexCode { readonly code: Code; readonly positive: boolean; readonly constant?: number }

/** What expressions are rendered against: names in scope, fresh locals, helpers. */
export interface FunctionScope {
  index(name: string): { readonly local: number; readonly positive: boolean }
  /** `constant`: the number that all lanes of the register are, where that is known. */
  register(name: string): { readonly local: number; readonly type: RegisterType; readonly constant?: number }
  buffer(name: string): { readonly local: number; readonly dtype: DType }
  /** Where an element is: a local that holds the address of one near it, and the bytes from there; undefined where no such local is kept. */
  pointer(buffer: string, index: Dim): { readonly local: number; readonly offset: number } | undefined
  temporary(type: ValueType): number
  readonly call: CallHelper
  /** Whether the module may use instructions of relaxed SIMD. */
  readonly relaxed: boolean
}

const isFloat = (t: RegisterType): t is 'f32' | 'f64' => t === 'f32' || t === 'f64'
const isSigned = (t: RegisterType): boolean => t === 'i32' || t === 'i64'
const i32 = (n: number): Code => constant('i32', n)

/** The value of a dim; all arithmetic is on i32. */
export function renderIndex(dim: Dim, scope: FunctionScope): IndexCode {
  if (typeof dim === 'number') return { code: i32(dim), positive: dim >= 0, constant: dim }
  if (typeof dim === 'string') { const { local, positive } = scope.index(dim); return { code: get(local), positive } }
  const args = (dim.slice(1) as Dim[]).map((d) => renderIndex(d, scope))
  const [a, b, c] = args as [IndexCode, IndexCode, IndexCode]
  const all = args.every((p) => p.positive)
  const fold = (name: string): IndexCode => ({ code: args.map((p) => p.code).reduce((l, r) => op(name, l, r)), positive: all })
  switch (dim[0]) {
    case '+': return fold('i32.add')
    case '*': return fold('i32.mul')
    case 'floordiv': return { code: renderDivision(a, b, scope), positive: all }
    case 'mod': return { code: renderRemainder(a, b, scope), positive: b.positive }
    case 'min': case 'max': {
      const name = dim[0] === 'min' ? 'i32.lt_s' : 'i32.gt_s'
      const code = args.map((p) => p.code).reduce((l, r) => { const s = scope.temporary('i32'), t = scope.temporary('i32'); return [tee(s, l), tee(t, r), op(name, get(s), get(t)), 0x1b] })
      return { code, positive: dim[0] === 'min' ? all : args.some((p) => p.positive) }
    }
    case 'eq': return { code: op('i32.eq', a.code, b.code), positive: true }
    case 'lt': return { code: op('i32.lt_s', a.code, b.code), positive: true }
    case 'select': return { code: select(a.code, b.code, c.code), positive: b.positive && c.positive }
  }
}

const shiftOf = (n: number | undefined): number | undefined => (n !== undefined && n > 0 && Number.isInteger(Math.log2(n)) ? Math.log2(n) : undefined)

function renderDivision(a: IndexCode, b: IndexCode, scope: FunctionScope): Code {
  const shift = shiftOf(b.constant)
  if (shift !== undefined) return op('i32.shr_s', a.code, i32(shift))
  return a.positive && b.constant !== undefined && b.constant > 0 ? op('i32.div_u', a.code, b.code) : scope.call('floor_div', a.code, b.code)
}

function renderRemainder(a: IndexCode, b: IndexCode, scope: FunctionScope): Code {
  if (shiftOf(b.constant) !== undefined) return op('i32.and', a.code, i32((b.constant as number) - 1))
  return a.positive && b.constant !== undefined && b.constant > 0 ? op('i32.rem_u', a.code, b.code) : scope.call('mod_i32', a.code, b.code)
}

/** Instruction names and bytes of an element of each dtype that kernels read and write. */
const ACCESS: Readonly<Partial<Record<DType, { readonly load: string; readonly store: string; readonly bytes: number }>>> = {
  float32: { load: 'f32.load', store: 'f32.store', bytes: 4 }, float64: { load: 'f64.load', store: 'f64.store', bytes: 8 },
  float16: { load: 'i32.load16_u', store: 'i32.store16', bytes: 2 }, bfloat16: { load: 'i32.load16_u', store: 'i32.store16', bytes: 2 },
  int8: { load: 'i32.load8_s', store: 'i32.store8', bytes: 1 }, uint8: { load: 'i32.load8_u', store: 'i32.store8', bytes: 1 }, bool: { load: 'i32.load8_u', store: 'i32.store8', bytes: 1 },
  int16: { load: 'i32.load16_s', store: 'i32.store16', bytes: 2 }, uint16: { load: 'i32.load16_u', store: 'i32.store16', bytes: 2 },
  int32: { load: 'i32.load', store: 'i32.store', bytes: 4 }, uint32: { load: 'i32.load', store: 'i32.store', bytes: 4 },
  int64: { load: 'i64.load', store: 'i64.store', bytes: 8 }, uint64: { load: 'i64.load', store: 'i64.store', bytes: 8 },
}

function accessOf(dtype: DType): { readonly load: string; readonly store: string; readonly bytes: number } {
  const access = ACCESS[dtype]
  if (access === undefined) throw new IngotError('unsupported-dtype', `WebAssembly kernels cannot read or write ${dtype}`, { where: { dtype } })
  return access
}

/** Bytes of an element of `dtype`. */
export const elementBytes = (dtype: DType): number => accessOf(dtype).bytes

/** The address of an element, less a constant part that goes into the instruction. */
export function renderAddress(buffer: string, index: Dim, bytes: number, scope: FunctionScope): { readonly address: Code; readonly offset: number } {
  const pointer = scope.pointer(buffer, index)
  if (pointer !== undefined) return { address: get(pointer.local), offset: pointer.offset }
  const base = scope.buffer(buffer).local
  const parts = typeof index === 'object' && index[0] === '+' ? (index.slice(1) as Dim[]) : [index]
  const offset = parts.reduce<number>((s, d) => (typeof d === 'number' ? s + d : s), 0)
  const rest = parts.filter((d) => typeof d !== 'number')
  if (rest.length === 0 && offset >= 0) return { address: get(base), offset: offset * bytes }
  const split = offset >= 0 && rest.length < parts.length
  const { code, positive } = renderIndex(split ? (rest.length === 1 ? (rest[0] as Dim) : ['+', ...rest]) : index, scope)
  // A negative variable part could take the address below 0 before the offset is added.
  if (split && !positive) return { address: op('i32.add', get(base), scaled(renderIndex(index, scope).code, bytes)), offset: 0 }
  return { address: op('i32.add', get(base), scaled(code, bytes)), offset: split ? offset * bytes : 0 }
}

const scaled = (index: Code, bytes: number): Code => (bytes === 1 ? index : op('i32.shl', index, i32(Math.log2(bytes))))

/** The statement that stores a register to an element. */
export function renderStore(buffer: string, index: Dim, value: Typed, scope: FunctionScope): Code {
  const { dtype } = scope.buffer(buffer)
  const access = accessOf(dtype)
  const { address, offset } = renderAddress(buffer, index, access.bytes, scope)
  if (isVector(value.type) && VECTOR_DTYPES.has(dtype)) {
    expectType(value, vectorOf(REGISTER[dtype]), `stored as ${dtype}`)
    return storeTo('v128.store', access.bytes, address, offset, value.code)
  }
  expectType(value, REGISTER[dtype], `stored as ${dtype}`)
  const code = dtype === 'float16' ? scope.call('to_half', value.code) : dtype === 'bfloat16' ? scope.call('to_brain', value.code) : value.code
  return storeTo(access.store, access.bytes, address, offset, code)
}

function expectType(value: Typed, type: RegisterType, where: string): void {
  if (value.type !== type) throw new IngotError('verify-kernel', `a ${value.type} is ${where}, which needs a ${type}`)
}

/** The value of an expression. */
export function renderExpr(e: Expr, scope: FunctionScope): Typed {
  switch (e.kind) {
    case 'const': return { type: e.type, code: renderConstant(e.type, e.value) }
    case 'index': return { type: 'i32', code: renderIndex(e.index, scope).code }
    case 'local': { const { local, type } = scope.register(e.name); return { type, code: get(local) } }
    case 'load': return e.lanes === undefined ? renderLoad(e.buffer, e.index[0] ?? 0, scope) : renderVectorLoad(e.buffer, e.index[0] ?? 0, scope)
    case 'unary': { const x = renderExpr(e.x, scope); return isVectorTyped(x) ? renderVectorUnary(e.op, x, scope) : renderUnary(e.op, x, scope) }
    case 'binary': {
      // A number stands second where sides are alike: extremes are cheap then.
      const swapped = (e.op === 'min' || e.op === 'max') && numberIn(e.a, scope) !== undefined
      const a = renderExpr(swapped ? e.b : e.a, scope)
      if (isVectorTyped(a)) return renderVectorBinary(e.op, a, swapped ? e.a : e.b, scope)
      if (swapped) return renderBinary(e.op, renderExpr(e.a, scope), a, scope)
      return renderBinary(e.op, a, renderExpr(e.b, scope), scope)
    }
    case 'madd': return renderMadd(renderExpr(e.a, scope), renderExpr(e.b, scope), renderExpr(e.c, scope), scope)
    case 'splat': return renderSplat(e.x, scope)
    case 'vector': return renderVector(e.items, scope)
    case 'lane': return renderLane(renderExpr(e.x, scope), e.lane)
    case 'bitcast': return renderBitcast(e.to, renderExpr(e.x, scope))
    case 'cast': { const x = renderExpr(e.x, scope); return isVectorTyped(x) ? renderVectorCast(e.to, x) : renderCast(e.to, x) }
    case 'narrow': return renderNarrow(e.dtype, renderCast(REGISTER[e.dtype], renderExpr(e.x, scope)), scope)
    case 'select': {
      const c = renderExpr(e.condition, scope), a = renderExpr(e.a, scope), b = renderExpr(e.b, scope)
      expectType(b, a.type, 'the other side of a select')
      if (isVector(a.type)) {
        expectType(c, 'b32x4', 'a condition')
        const extreme = a.type === 'f32x4' ? extremeOf(e) : undefined
        if (extreme !== undefined) return { type: a.type, code: op(extreme, b.code, a.code) }
        return { type: a.type, code: op('v128.bitselect', a.code, b.code, c.code) }
      }
      expectType(c, 'bool', 'a condition')
      return { type: a.type, code: select(c.code, a.code, b.code) }
    }
  }
}

function renderBitcast(to: RegisterType, x: Typed): Typed {
  if (isVector(to) || x.type === to) return { type: to, code: x.code }
  return { type: to, code: op(to === 'i32' ? 'i32.reinterpret_f32' : 'f32.reinterpret_i32', x.code) }
}

function renderConstant(type: RegisterType, value: number | string): Code {
  if (type === 'bool') return i32(Number(value) !== 0 ? 1 : 0)
  if (isVector(type)) throw new IngotError('verify-kernel', `a constant of type ${type}`)
  if (!isFloat(type)) return constant(WASM_TYPE[type], BigInt(value))
  return constant(type, value === 'nan' ? NaN : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value))
}

function renderLoad(buffer: string, index: Dim, scope: FunctionScope): Typed {
  const { dtype } = scope.buffer(buffer)
  const access = accessOf(dtype)
  const { address, offset } = renderAddress(buffer, index, access.bytes, scope)
  const raw = loadFrom(access.load, access.bytes, address, offset)
  const type = REGISTER[dtype]
  if (dtype === 'bool') return { type, code: op('i32.ne', raw, i32(0)) }
  if (dtype === 'float16') return { type, code: scope.call('from_half', raw) }
  return { type, code: dtype === 'bfloat16' ? op('f32.reinterpret_i32', op('i32.shl', raw, i32(16))) : raw }
}

/** Instructions of float operations; others are helpers on f64. */
const FLOAT_INSTRUCTIONS: Readonly<Partial<Record<UnaryOp | BinaryOp, string>>> = {
  neg: 'neg', abs: 'abs', sqrt: 'sqrt', floor: 'floor', ceil: 'ceil', trunc: 'trunc', round: 'nearest',
  add: 'add', sub: 'sub', mul: 'mul', div: 'div', min: 'min', max: 'max', eq: 'eq', ne: 'ne', lt: 'lt', le: 'le', gt: 'gt', ge: 'ge',
}
const INT_INSTRUCTIONS: Readonly<Partial<Record<BinaryOp, string>>> = { add: 'add', sub: 'sub', mul: 'mul', and: 'and', or: 'or', xor: 'xor', shl: 'shl', eq: 'eq', ne: 'ne' }
const SIGNED_INSTRUCTIONS: Readonly<Partial<Record<BinaryOp, string>>> = { shr: 'shr', lt: 'lt', le: 'le', gt: 'gt', ge: 'ge' }
const COMPARISONS: ReadonlySet<string> = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge'])

function refuse(name: string, type: RegisterType): never {
  throw new IngotError('verify-kernel', `operation ${name} does not apply to ${type}`)
}

/** A helper on f64 applied to floats of `type`. */
function viaDouble(type: 'f32' | 'f64', name: string, operands: readonly Typed[], scope: FunctionScope): Typed {
  if (type === 'f64') return { type, code: scope.call(name, ...operands.map((x) => x.code)) }
  return { type, code: op('f32.demote_f64', scope.call(name, ...operands.map((x) => op('f64.promote_f32', x.code)))) }
}

function renderUnary(name: UnaryOp, { type, code }: Typed, scope: FunctionScope): Typed {
  if (isVector(type)) return refuse(name, type)
  const x: Typed = { type, code }
  const native = WASM_TYPE[type]
  const zero = constant(native, 0)
  if (name === 'not') return { type: 'bool', code: isFloat(type) ? op(`${native}.eq`, x.code, zero) : op(`${native}.eqz`, x.code) }
  if (isFloat(type)) {
    const instruction = FLOAT_INSTRUCTIONS[name]
    if (instruction !== undefined) return { type, code: op(`${type}.${instruction}`, x.code) }
    const one = constant(type, 1)
    switch (name) {
      case 'recip': return { type, code: op(`${type}.div`, one, x.code) }
      case 'rsqrt': return { type, code: op(`${type}.div`, one, op(`${type}.sqrt`, x.code)) }
      case 'isnan': { const t = scope.temporary(native); return { type: 'bool', code: op(`${type}.ne`, tee(t, x.code), get(t)) } }
      case 'isinf': return { type: 'bool', code: op(`${type}.eq`, op(`${type}.abs`, x.code), constant(type, Infinity)) }
      case 'bitnot': return refuse(name, type)
      default: return viaDouble(type, name === 'erf' && type === 'f64' ? 'erf_wide' : name, [x], scope)
    }
  }
  if (type === 'bool') return refuse(name, type)
  const t = scope.temporary(native)
  switch (name) {
    case 'neg': return { type, code: op(`${native}.sub`, zero, x.code) }
    case 'bitnot': return { type, code: op(`${native}.xor`, x.code, constant(native, -1)) }
    case 'floor': case 'ceil': case 'trunc': case 'round': return x
    case 'isnan': case 'isinf': return { type: 'bool', code: [x.code, op('drop'), i32(0)] }
    case 'abs': return isSigned(type) ? { type, code: absolute(native, x.code, t) } : x
    case 'sign': return { type, code: signOf(native, isSigned(type), x.code, t) }
    default: return renderCast(type, viaDouble('f64', name, [renderCast('f64', x)], scope))
  }
}

/** (x ^ s) - s with s = x >> (width - 1). */
function absolute(native: 'i32' | 'i64' | 'f32' | 'f64', x: Code, t: number): Code {
  const sign = op(`${native}.shr_s`, get(t), constant(native, native === 'i32' ? 31 : 63))
  return op(`${native}.sub`, op(`${native}.xor`, tee(t, x), sign), sign)
}

/** (x > 0) - (x < 0). */
function signOf(native: 'i32' | 'i64' | 'f32' | 'f64', signed: boolean, x: Code, t: number): Code {
  const zero = constant(native, 0)
  const difference = op('i32.sub', op(`${native}.${signed ? 'gt_s' : 'gt_u'}`, tee(t, x), zero), signed ? op(`${native}.lt_s`, get(t), zero) : i32(0))
  return native === 'i64' ? op('i64.extend_i32_s', difference) : difference
}

function renderBinary(name: BinaryOp, a: Typed, b: Typed, scope: FunctionScope): Typed {
  const { type } = a
  if (type !== b.type) throw new IngotError('verify-kernel', `operation ${name} on ${type} and ${b.type}`)
  const native = WASM_TYPE[type]
  const result: RegisterType = COMPARISONS.has(name) ? 'bool' : type
  if (isFloat(type)) {
    const instruction = FLOAT_INSTRUCTIONS[name]
    if (instruction !== undefined) return { type: result, code: op(`${type}.${instruction}`, a.code, b.code) }
    if ((name === 'pmin' || name === 'pmax') && type === 'f32') return { type, code: laneOp('f32x4.extract_lane', 0, op(`f32x4.${name}`, op('f32x4.splat', a.code), op('f32x4.splat', b.code))) }
    return ['rem', 'mod', 'pow', 'atan2'].includes(name) ? viaDouble(type, name, [a, b], scope) : refuse(name, type)
  }
  if (type === 'bool') {
    const logical = { min: 'and', mul: 'and', max: 'or', add: 'or' }[name as string]
    if (logical !== undefined) return { type, code: op(`i32.${logical}`, a.code, b.code) }
    if (!['and', 'or', 'xor'].includes(name) && result !== 'bool') return refuse(name, type)
  }
  const plain = INT_INSTRUCTIONS[name], signed = SIGNED_INSTRUCTIONS[name]
  if (plain !== undefined) return { type: result, code: op(`${native}.${plain}`, a.code, b.code) }
  const suffix = isSigned(type) ? 's' : 'u'
  if (signed !== undefined) return { type: result, code: op(`${native}.${signed}_${suffix}`, a.code, b.code) }
  if (name === 'min' || name === 'max') {
    const s = scope.temporary(native), t = scope.temporary(native)
    return { type, code: [tee(s, a.code), tee(t, b.code), op(`${native}.${name === 'min' ? 'lt' : 'gt'}_${suffix}`, get(s), get(t)), 0x1b] }
  }
  if (name === 'dot16') return { type, code: laneOp('i32x4.extract_lane', 0, op('i32x4.dot_i16x8_s', op('i32x4.splat', a.code), op('i32x4.splat', b.code))) }
  return name === 'atan2' ? refuse(name, type) : { type, code: scope.call(`${name}_${type}`, a.code, b.code) }
}

/** Conversion as the kernel language defines it; 64-bit integers reach f32 through f64, as in the interpreter. */
function renderCast(to: RegisterType, x: Typed): Typed {
  const from = x.type, { code } = x
  if (from === to) return x
  if (isVector(from)) return refuse('cast', from)
  const source = WASM_TYPE[from], target = WASM_TYPE[to]
  const typed = (c: Code): Typed => ({ type: to, code: c })
  if (to === 'bool') return typed(op(`${source}.ne`, code, constant(source, 0)))
  if (isFloat(from)) {
    if (to === 'f32') return typed(op('f32.demote_f64', code))
    return typed(to === 'f64' ? op('f64.promote_f32', code) : op(`${target}.trunc_sat_${from}_${isSigned(to) ? 's' : 'u'}`, code))
  }
  const suffix = isSigned(from) ? 's' : 'u'
  if (to === 'f32' && source === 'i64') return typed(op('f32.demote_f64', op(`f64.convert_i64_${suffix}`, code)))
  if (isFloat(to)) return typed(op(`${to}.convert_${source}_${suffix}`, code))
  if (source === target) return typed(code)
  return typed(source === 'i64' ? op('i32.wrap_i64', code) : op(`i64.extend_i32_${suffix}`, code))
}

function renderNarrow(dtype: DType, x: Typed, scope: FunctionScope): Typed {
  const typed = (code: Code): Typed => ({ type: x.type, code })
  switch (dtype) {
    case 'float16': return typed(scope.call('from_half', scope.call('to_half', x.code)))
    case 'bfloat16': return typed(op('f32.reinterpret_i32', op('i32.shl', scope.call('to_brain', x.code), i32(16))))
    case 'int8': return typed(op('i32.extend8_s', x.code))
    case 'int16': return typed(op('i32.extend16_s', x.code))
    case 'uint8': case 'uint16': return typed(op('i32.and', x.code, i32(dtype === 'uint8' ? 255 : 65535)))
    default: return x
  }
}

/** Kernel expressions and indices as WGSL text. */
import { add, divExact } from '../../ir/dims.js'
import type { Dim } from '../../base/dim.js'
import type { DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { isVector, laneType, LANES, REGISTER, vectorOf, type BinaryOp, type Expr, type RegisterType, type UnaryOp, type VectorType } from '../../ir/kernel/expr.js'

/** Register types that WGSL has. */
export type WgslType = 'f32' | 'i32' | 'u32' | 'bool' | VectorType

/** The type as WGSL writes it. */
export const typeText = (type: WgslType): string => (isVector(type) ? `vec4<${laneType(type)}>` : type)

/** Text with its binding strength: 4 a primary, 3 a product, 2 a sum, 1 anything else. */
export interface Text { readonly text: string; readonly level: number }
export interface Typed extends Text { readonly type: WgslType }
export interface IndexText extends Text { readonly positive: boolean }

/** What expressions are rendered against. */
export interface WgslScope {
  index(name: string): { readonly id: string; readonly positive: boolean }
  register(name: string): { readonly id: string; readonly type: WgslType }
  /** `wide`: an array of vectors of four elements. `half`: stored as float16, whatever the dtype. */
  buffer(name: string): { readonly id: string; readonly dtype: DType; readonly wide: boolean; readonly half: boolean }
  /** Notes that a helper is used and gives its name. */
  use(helper: string): string
}

const at = (t: Text, level: number): string => (t.level < level ? `(${t.text})` : t.text)
const infix = (op: string, level: number, a: Text, b: Text): Text => ({ text: `${at(a, level)} ${op} ${at(b, level + 1)}`, level })
const call = (name: string, ...args: readonly Text[]): Text => ({ text: `${name}(${args.map((a) => a.text).join(', ')})`, level: 4 })
/** Comparisons and bit operations: operands need parentheses unless they are sums. */
const loose = (op: string, a: Text, b: Text): Text => ({ text: `${at(a, 2)} ${op} ${at(b, 2)}`, level: 1 })
const tight = (op: string, a: Text, b: Text): Text => ({ text: `${at(a, 4)} ${op} ${at(b, 4)}`, level: 1 })
const minus = (x: Text): Text => ({ text: `-${at(x, 4)}`, level: 1 })

/** Throws `unsupported-dtype` for register types that WGSL lacks. */
export function wgslType(type: RegisterType): WgslType {
  if (type === 'f64' || type === 'i64' || type === 'u64') throw new IngotError('unsupported-dtype', `WGSL has no ${type}`, { where: { dtype: type }, hint: 'compile for the wasm or js target' })
  return type
}

/** An index; all arithmetic is on i32. */
export function renderIndex(dim: Dim, scope: WgslScope): IndexText {
  if (typeof dim === 'number') return { text: String(dim), level: dim < 0 ? 1 : 4, positive: dim >= 0 }
  if (typeof dim === 'string') { const { id, positive } = scope.index(dim); return { text: id, level: 4, positive } }
  const args = (dim.slice(1) as Dim[]).map((d) => renderIndex(d, scope))
  const [a, b, c] = args as [IndexText, IndexText, IndexText]
  const all = args.every((p) => p.positive)
  const fold = (f: (l: Text, r: Text) => Text): Text => (args as Text[]).reduce(f)
  switch (dim[0]) {
    case '+': return { ...fold((l, r) => infix('+', 2, l, r)), positive: all }
    case '*': return { ...fold((l, r) => infix('*', 3, l, r)), positive: all }
    case 'floordiv': return { ...(all && typeof dim[2] === 'number' ? infix('/', 3, a, b) : call(scope.use(all ? 'quotient' : 'floor_divide'), a, b)), positive: all }
    case 'mod': return { ...(all && typeof dim[2] === 'number' ? infix('%', 3, a, b) : call(scope.use(all ? 'remainder' : 'modulo_i32'), a, b)), positive: b.positive }
    case 'min': return { ...fold((l, r) => call('min', l, r)), positive: all }
    case 'max': return { ...fold((l, r) => call('max', l, r)), positive: args.some((p) => p.positive) }
    case 'eq': case 'lt': return { text: `select(0, 1, ${renderTest(dim, scope)})`, level: 4, positive: true }
    case 'select': return { text: `select(${c.text}, ${b.text}, ${renderTest(dim[1] as Dim, scope)})`, level: 4, positive: b.positive && c.positive }
  }
}

/** A dim as a condition: true where it is not 0. */
function renderTest(dim: Dim, scope: WgslScope): string {
  if (typeof dim === 'object' && (dim[0] === 'eq' || dim[0] === 'lt')) return loose(dim[0] === 'eq' ? '==' : '<', renderIndex(dim[1] as Dim, scope), renderIndex(dim[2] as Dim, scope)).text
  return loose('!=', renderIndex(dim, scope), { text: '0', level: 4 }).text
}

const LANE_NUMBERS = Array.from({ length: LANES }, (_, k) => k)

/** Where in an array of vectors the one lies that begins at element `index`. */
export function quarterOf(index: Dim, scope: WgslScope): string {
  const exact = divExact(index, LANES)
  return exact === undefined ? infix('/', 3, renderIndex(index, scope), { text: String(LANES), level: 4 }).text : renderIndex(exact, scope).text
}

/** The value of an expression. */
export function renderExpr(e: Expr, scope: WgslScope): Typed {
  switch (e.kind) {
    case 'const': return { ...renderConstant(wgslType(e.type), e.value, scope), type: wgslType(e.type) }
    case 'index': return { ...renderIndex(e.index, scope), type: 'i32' }
    case 'local': { const { id, type } = scope.register(e.name); return { text: id, level: 4, type } }
    case 'load': {
      const { id, dtype, wide, half } = scope.buffer(e.buffer), index = e.index[0] ?? 0, type = wgslType(REGISTER[dtype])
      const as = (to: string, text: string): Text => ({ text: half ? `${to}(${text})` : text, level: 4 })
      if (wide) return { ...as('vec4<f32>', `${id}[${quarterOf(index, scope)}]`), type: vectorOf(type) }
      if (e.lanes !== undefined) return { ...as('vec4<f32>', `vec4<${half ? 'f16' : type}>(${LANE_NUMBERS.map((k) => `${id}[${renderIndex(add(index, k), scope).text}]`).join(', ')})`), type: vectorOf(type) }
      const element = as('f32', `${id}[${renderIndex(index, scope).text}]`)
      return dtype === 'bool' ? { ...loose('!=', element, { text: '0u', level: 4 }), type: 'bool' } : { ...element, type }
    }
    case 'unary': { const x = renderExpr(e.x, scope); return renderUnary(e.op, x, scope) }
    case 'binary': return renderBinary(e.op, renderExpr(e.a, scope), renderExpr(e.b, scope), scope)
    case 'select': { const a = renderExpr(e.a, scope); return { ...call('select', renderExpr(e.b, scope), a, renderExpr(e.condition, scope)), type: a.type } }
    case 'cast': return renderCast(wgslType(e.to), renderExpr(e.x, scope))
    case 'narrow': return renderNarrow(e.dtype, renderCast(wgslType(REGISTER[e.dtype]), renderExpr(e.x, scope)), scope)
    case 'madd': return renderExpr({ kind: 'binary', op: 'add', a: { kind: 'binary', op: 'mul', a: e.a, b: e.b }, b: e.c }, scope)
    case 'bitcast': return { ...call(`bitcast<${typeText(wgslType(e.to))}>`, renderExpr(e.x, scope)), type: wgslType(e.to) }
    case 'splat': { const x = renderExpr(e.x, scope), type = vectorOf(x.type) as VectorType; return { ...call(typeText(type), x), type } }
    case 'vector': { const items = e.items.map((x) => renderExpr(x, scope)), type = vectorOf((items[0] as Typed).type) as VectorType; return { ...call(typeText(type), ...items), type } }
    case 'lane': { const x = renderExpr(e.x, scope); return { text: `${at(x, 4)}.${'xyzw'[e.lane]}`, level: 4, type: wgslType(laneType(x.type)) } }
  }
}

function renderConstant(type: WgslType, value: number | string, scope: WgslScope): Text {
  if (type === 'bool') return { text: Number(value) !== 0 ? 'true' : 'false', level: 4 }
  if (type === 'u32') return { text: `${Number(value) >>> 0}u`, level: 4 }
  if (type === 'i32') { const n = Number(value) | 0; return { text: n < 0 ? `i32(${n})` : `${n}i`, level: 4 } }
  if (value === 'nan' || Number.isNaN(value)) return call(scope.use('not_a_number'))
  const x = Math.fround(value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value))
  const magnitude = Number.isFinite(x) ? { text: `${Math.abs(x)}f`, level: 4 } : call(scope.use('infinity'))
  return x < 0 || Object.is(x, -0) ? minus(magnitude) : magnitude
}

const FLOAT_CALLS: Readonly<Partial<Record<UnaryOp, string>>> = {
  abs: 'abs', sqrt: 'sqrt', rsqrt: 'inverseSqrt', exp: 'exp', sin: 'sin', cos: 'cos', tan: 'tan', asin: 'asin', acos: 'acos', atan: 'atan',
  sinh: 'sinh', cosh: 'cosh', asinh: 'asinh', acosh: 'acosh', atanh: 'atanh', floor: 'floor', ceil: 'ceil', trunc: 'trunc', round: 'round', sign: 'sign',
}
const FLOAT_HELPERS: Readonly<Partial<Record<UnaryOp, string>>> = { expm1: 'expm1_f32', log: 'log_f32', log1p: 'log1p_f32', erf: 'erf_f32', tanh: 'tanh_f32', isnan: 'is_nan', isinf: 'is_inf' }

function refuse(op: string, type: WgslType): never {
  throw new IngotError('verify-kernel', `operation ${op} does not apply to ${type}`)
}

function renderUnary(op: UnaryOp, x: Typed, scope: WgslScope): Typed {
  const { type } = x
  const typed = (t: Text, result: WgslType = type): Typed => ({ ...t, type: result })
  if (op === 'not') return typed(type === 'bool' ? { text: `!${at(x, 4)}`, level: 1 } : loose('==', x, { text: '0', level: 4 }), 'bool')
  if (type === 'bool') return refuse(op, type)
  if (op === 'neg') return typed(type === 'u32' ? loose('-', { text: '0u', level: 4 }, x) : minus(x))
  if (laneType(type) === 'f32') {
    const direct = FLOAT_CALLS[op], helper = FLOAT_HELPERS[op]
    if (direct !== undefined) return typed(call(direct, x))
    if (helper !== undefined) return typed(call(scope.use(helper), x), op === 'isnan' || op === 'isinf' ? 'bool' : type)
    return op === 'recip' ? typed(infix('/', 3, { text: '1', level: 4 }, x)) : refuse(op, type)
  }
  switch (op) {
    case 'bitnot': return typed({ text: `~${at(x, 4)}`, level: 1 })
    case 'floor': case 'ceil': case 'trunc': case 'round': return x
    case 'abs': return type === 'u32' ? x : typed(call('abs', x))
    case 'sign': return typed(type === 'u32' ? call('min', x, { text: '1u', level: 4 }) : call('sign', x))
    default: return refuse(op, type)
  }
}

const SYMBOLS: Readonly<Partial<Record<BinaryOp, string>>> = { add: '+', sub: '-', mul: '*', div: '/', rem: '%', eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=', and: '&', or: '|', xor: '^', shl: '<<', shr: '>>' }
const COMPARISONS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge'])

function renderBinary(op: BinaryOp, a: Typed, b: Typed, scope: WgslScope): Typed {
  const { type } = a
  if (type !== b.type) throw new IngotError('verify-kernel', `operation ${op} on ${type} and ${b.type}`)
  const symbol = SYMBOLS[op] ?? ''
  if (type === 'bool') return { ...renderBool(op, a, b), type: 'bool' }
  if (COMPARISONS.has(op)) return { ...loose(symbol, a, b), type: isVector(type) ? 'b32x4' : 'bool' }
  const typed = (t: Text): Typed => ({ ...t, type })
  switch (op) {
    case 'add': case 'sub': return typed(infix(symbol, 2, a, b))
    case 'mul': return typed(infix(symbol, 3, a, b))
    case 'div': return typed(laneType(type) === 'f32' ? infix(symbol, 3, a, b) : call(scope.use(`divide_${type}`), a, b))
    case 'rem': return typed(type === 'f32' ? call(scope.use('remainder_f32'), a, b) : infix(symbol, 3, a, b))
    case 'mod': return typed(call(scope.use(`modulo_${type}`), a, b))
    case 'pow': return typed(call(scope.use(`power_${type}`), a, b))
    case 'min': case 'max': return typed(call(op, a, b))
    case 'atan2': return type === 'f32' ? typed(call('atan2', a, b)) : refuse(op, type)
    case 'and': case 'or': case 'xor': return type === 'f32' ? refuse(op, type) : typed(tight(symbol, a, b))
    case 'shl': case 'shr': return type === 'f32' ? refuse(op, type) : typed({ text: `${at(a, 4)} ${symbol} (u32(${b.text}) & 31u)`, level: 1 })
    default: return refuse(op, type)
  }
}

function renderBool(op: BinaryOp, a: Text, b: Text): Text {
  const not = (t: Text): Text => ({ text: `!${at(t, 4)}`, level: 1 })
  switch (op) {
    case 'and': case 'min': case 'mul': return tight('&&', a, b)
    case 'or': case 'max': case 'add': return tight('||', a, b)
    case 'eq': return tight('==', a, b)
    case 'ne': case 'xor': return tight('!=', a, b)
    case 'lt': return tight('&&', not(a), b)
    case 'le': return tight('||', not(a), b)
    case 'gt': return tight('&&', a, not(b))
    case 'ge': return tight('||', a, not(b))
    default: return refuse(op, 'bool')
  }
}

function renderCast(to: WgslType, x: Typed): Typed {
  if (x.type === to) return x
  return to === 'bool' ? { ...loose('!=', x, { text: '0', level: 4 }), type: to } : { ...call(typeText(to), x), type: to }
}

/** A value of `dtype`'s register type as the element that a buffer of it holds: 0 or 1 for a bool, rounded or wrapped where the dtype is narrower. */
export function renderStored(dtype: DType, x: Typed, scope: WgslScope): Typed {
  return dtype === 'bool' ? { ...call('select', { text: '0u', level: 4 }, { text: '1u', level: 4 }, x), type: 'u32' } : renderNarrow(dtype, x, scope)
}

function renderNarrow(dtype: DType, x: Typed, scope: WgslScope): Typed {
  const { type } = x
  switch (dtype) {
    case 'float16': return { ...call(scope.use('narrow_half'), x), type }
    case 'bfloat16': return { ...call(scope.use('narrow_brain'), x), type }
    case 'int8': case 'int16': { const n = dtype === 'int8' ? 24 : 16; return { text: `(${at(x, 4)} << ${n}u) >> ${n}u`, level: 1, type } }
    case 'uint8': case 'uint16': return { text: `${at(x, 4)} & ${dtype === 'uint8' ? 255 : 65535}u`, level: 1, type }
    default: return x
  }
}

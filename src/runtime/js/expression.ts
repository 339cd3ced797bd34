/** Kernel expressions and indices as JavaScript text, with as few parentheses as precedence allows. */
import type { Dim } from '../../base/dim.js'
import type { ExprCode } from './kernel-code.js'
import { damaged, type Names } from './names.js'

/** Text of an expression: its precedence level (20 is a primary, 3 a conditional), and its register type or index sign (see `Declared`). */
export interface Piece { readonly text: string; readonly level: number; readonly type: string }

/** Where expressions are rendered: visible names, and the set of helpers that the text uses. */
export interface Place { readonly names: Names; readonly used: Set<string> }

const piece = (text: string, level: number, type: string): Piece => ({ text, level, type })
/** The text of `p` for a place that needs at least `level`. */
export const at = (p: Piece, level: number): string => (p.level < level ? `(${p.text})` : p.text)

/** Operators: text and precedence. */
const INFIX: Readonly<Record<string, readonly [string, number]>> = {
  add: ['+', 12], sub: ['-', 12], mul: ['*', 13], div: ['/', 13], rem: ['%', 13], and: ['&', 8], xor: ['^', 7], or: ['|', 6], shl: ['<<', 11], shr: ['>>', 11],
  eq: ['===', 9], ne: ['!==', 9], lt: ['<', 10], le: ['<=', 10], gt: ['>', 10], ge: ['>=', 10],
}
const BOOL_INFIX: Readonly<Record<string, readonly [string, number]>> = { and: ['&&', 5], min: ['&&', 5], mul: ['&&', 5], or: ['||', 4], max: ['||', 4], add: ['||', 4], xor: ['!==', 9] }
const FLOAT_MATH = new Set('abs sqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh floor ceil trunc sign'.split(' '))
/** Operations that leave 64-bit integers as they are. */
const ROUNDINGS = new Set(['floor', 'ceil', 'trunc', 'round'])

/** Register type of each dtype that a kernel's buffer may have. */
const REGISTERS: Readonly<Record<string, string>> = {
  float32: 'f32', float64: 'f64', float16: 'f32', bfloat16: 'f32', int8: 'i32', int16: 'i32', int32: 'i32', int64: 'i64',
  uint8: 'u32', uint16: 'u32', uint32: 'u32', uint64: 'u64', bool: 'bool',
}
const lookup = <T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined => (typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined)

/** The register type of a dtype; throws `artefact-damaged` for others. */
export function registerOf(dtype: unknown): string {
  const type = lookup(REGISTERS, dtype)
  if (type === undefined) throw damaged('dtype', dtype)
  return type
}

function infix([op, level]: readonly [string, number], a: Piece, b: Piece, type: string): Piece {
  return piece(`${at(a, level)} ${op} ${at(b, level + 1)}`, level, type)
}

function call(place: Place, name: string, args: readonly Piece[], type: string): Piece {
  if (!name.includes('.')) place.used.add(name)
  return piece(`${name}(${args.map((a) => at(a, 2)).join(', ')})`, 20, type)
}

const WRAPS: Readonly<Record<string, (p: Piece) => Piece>> = {
  i32: (p) => piece(`${at(p, 7)} | 0`, 6, 'i32'),
  u32: (p) => piece(`${at(p, 11)} >>> 0`, 11, 'u32'),
  i64: (p) => piece(`BigInt.asIntN(64, ${p.text})`, 20, 'i64'),
  u64: (p) => piece(`BigInt.asUintN(64, ${p.text})`, 20, 'u64'),
}
const wrap = (p: Piece): Piece => (WRAPS[p.type] as (p: Piece) => Piece)(p)
/** An integer result brought back into its type's range; floats need nothing. */
const fit = (p: Piece): Piece => (isFloat(p.type) ? p : wrap(p))
const isFloat = (type: string): boolean => type === 'f32' || type === 'f64'
const isBig = (type: string): boolean => type === 'i64' || type === 'u64'

/** A flat index or bound as text; type `''` where it is known to be ≥ 0, else `'-'`. Parameters and extents are ≥ 0. */
export function renderIndex(dim: Dim, place: Place): Piece {
  if (typeof dim === 'number' && Number.isSafeInteger(dim)) return piece(String(dim), dim < 0 ? 15 : 20, dim < 0 ? '-' : '')
  if (typeof dim === 'string') { const d = place.names.get('index', dim); return piece(d.id, 20, d.type) }
  if (!Array.isArray(dim) || dim.length < 3) throw damaged('index', dim)
  if (dim[0] === '+') return renderSum(dim.slice(1) as Dim[], place)
  const args = (dim.slice(1) as Dim[]).map((d) => renderIndex(d, place))
  const [a, b, c] = args as [Piece, Piece, Piece | undefined]
  const sign = args.some((p) => p.type !== '') ? '-' : ''
  switch (dim[0]) {
    case '*': return piece(args.map((p) => at(p, 13)).join(' * '), 13, sign)
    case 'floordiv': return sign === '' ? piece(`${at(a, 13)} / ${at(b, 14)} | 0`, 6, '') : piece(`Math.floor(${at(a, 13)} / ${at(b, 14)})`, 20, sign)
    case 'mod': return sign === '' ? infix(['%', 13], a, b, '') : piece(`(${at(a, 13)} % ${at(b, 14)} + ${at(b, 13)}) % ${at(b, 14)}`, 13, b.type)
    case 'min': return call(place, 'Math.min', args, sign)
    case 'max': return call(place, 'Math.max', args, args.some((p) => p.type === '') ? '' : '-')
    case 'eq': case 'lt': return piece(`${renderTest(dim, place)} ? 1 : 0`, 3, '')
    case 'select': if (c !== undefined) return piece(`${renderTest(dim[1] as Dim, place)} ? ${at(b, 3)} : ${at(c, 3)}`, 3, b.type === '' ? c.type : '-')
  }
  throw damaged('index', dim)
}

/** A dim as a condition: true where it is not 0. */
function renderTest(dim: Dim, place: Place): string {
  if (Array.isArray(dim) && (dim[0] === 'eq' || dim[0] === 'lt') && dim.length === 3) {
    return infix(dim[0] === 'eq' ? ['===', 9] : ['<', 10], renderIndex(dim[1] as Dim, place), renderIndex(dim[2] as Dim, place), '').text
  }
  return `${at(renderIndex(dim, place), 10)} !== 0`
}

/** Terms with a minus come last; a sum of only such starts from 0, so that no -0 arises. */
function renderSum(terms: readonly Dim[], place: Place): Piece {
  const negated = (d: Dim): Dim | undefined => {
    if (typeof d === 'number') return d < 0 ? -d : undefined
    if (!Array.isArray(d) || d[0] !== '*' || typeof d[1] !== 'number' || d[1] >= 0) return undefined
    if (d[1] !== -1) return ['*', -d[1], ...(d.slice(2) as Dim[])]
    return d.length === 3 ? (d[2] as Dim) : ['*', ...(d.slice(2) as Dim[])]
  }
  const plus = terms.filter((t) => negated(t) === undefined).map((t) => renderIndex(t, place))
  const minus = terms.map(negated).filter((t) => t !== undefined).map((t) => renderIndex(t, place))
  const text = `${plus.map((p) => at(p, 12)).join(' + ') || '0'}${minus.map((p) => ` - ${at(p, 13)}`).join('')}`
  return piece(text, 12, minus.length > 0 || plus.some((p) => p.type !== '') ? '-' : '')
}

/** A value as text; its type is the register type. */
export function renderExpr(e: ExprCode, place: Place): Piece {
  switch (e.kind) {
    case 'const': return renderConstant(e.type, e.value)
    case 'index': return { ...renderIndex(e.index, place), type: 'i32' }
    case 'local': { const d = place.names.get('register', e.name); return piece(d.id, 20, d.type) }
    case 'load': return renderLoad(e.buffer, e.index, place)
    case 'unary': return renderUnary(e.op, renderExpr(e.x, place), place)
    case 'binary': return renderBinary(e.op, renderExpr(e.a, place), renderExpr(e.b, place), place)
    case 'cast': return renderCast(e.to, renderExpr(e.x, place), place)
    case 'narrow': return renderNarrow(e.dtype, renderExpr(e.x, place), place)
    case 'select': {
      const c = renderExpr(e.condition, place), a = renderExpr(e.a, place), b = renderExpr(e.b, place)
      if (c.type === 'bool' && a.type === b.type) return piece(`${at(c, 4)} ? ${at(a, 3)} : ${at(b, 3)}`, 3, a.type)
    }
  }
  throw damaged('expression', e)
}

function renderConstant(type: string, value: unknown): Piece {
  if (isFloat(type)) {
    const n = value === 'nan' ? NaN : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value)
    const x = type === 'f32' ? Math.fround(n) : n
    return piece(Object.is(x, -0) ? '-0' : String(x), x < 0 || Object.is(x, -0) ? 15 : 20, type)
  }
  if (isBig(type) && /^-?\d{1,20}$/.test(String(value))) {
    const n = type === 'i64' ? BigInt.asIntN(64, BigInt(String(value))) : BigInt.asUintN(64, BigInt(String(value)))
    return piece(`${n}n`, n < 0n ? 15 : 20, type)
  }
  if (type === 'bool') return piece(Number(value) !== 0 ? 'true' : 'false', 20, type)
  if (type !== 'i32' && type !== 'u32') throw damaged('constant of type', type)
  const n = type === 'i32' ? Number(value) | 0 : Number(value) >>> 0
  return piece(String(n), n < 0 ? 15 : 20, type)
}

function renderLoad(buffer: string, index: readonly Dim[], place: Place): Piece {
  const { id, type: dtype } = place.names.get('buffer', buffer)
  const element = piece(`${id}[${renderIndex(index[0] as Dim, place).text}]`, 20, registerOf(dtype))
  if (dtype === 'bool') return piece(`${element.text} !== 0`, 9, 'bool')
  return dtype === 'float16' || dtype === 'bfloat16' ? call(place, dtype === 'float16' ? 'fromHalf' : 'fromBrain', [element], 'f32') : element
}

/** `p` as an element of a buffer of `dtype`: typed arrays wrap and round by themselves, but for 16-bit floats and bools. */
export function renderElement(dtype: string, p: Piece, place: Place): Piece {
  if (registerOf(dtype) !== p.type) throw damaged(`a ${p.type} is stored as ${dtype}`)
  if (dtype === 'bool') return piece(`${at(p, 4)} ? 1 : 0`, 3, '')
  return dtype === 'float16' || dtype === 'bfloat16' ? call(place, dtype === 'float16' ? 'toHalf' : 'toBrain', [p], 'u32') : p
}

function renderUnary(op: string, x: Piece, place: Place): Piece {
  const { type } = x
  if (op === 'not') return type === 'bool' ? piece(`!${at(x, 15)}`, 15, type) : infix(['===', 9], x, piece(isBig(type) ? '0n' : '0', 20, type), 'bool')
  if (type === 'bool') throw damaged('operation on bool:', op)
  if (op === 'neg' || (op === 'bitnot' && !isFloat(type))) return fit(piece(`${op === 'neg' ? '-' : '~'}${at(x, 16)}`, 15, type))
  if (isBig(type)) {
    if (ROUNDINGS.has(op)) return x
    if (op === 'abs' || op === 'sign') return fit(call(place, op === 'abs' ? 'bigAbs' : 'bigSign', [x], type))
  } else if (FLOAT_MATH.has(op)) return fit(call(place, `Math.${op}`, [x], type))
  switch (op) {
    case 'recip': return fit(infix(['/', 13], piece('1', 20, type), x, type))
    case 'rsqrt': return fit(piece(`1 / Math.sqrt(${x.text})`, 13, type))
    case 'round': return call(place, 'roundEven', [x], type)
    case 'erf': return fit(call(place, type === 'f64' ? 'erfWide' : 'erf', [x], type))
    case 'isnan': return call(place, 'Number.isNaN', [x], 'bool')
    case 'isinf': return isBig(type) ? piece('false', 20, 'bool') : piece(`Math.abs(${x.text}) === Infinity`, 9, 'bool')
  }
  throw damaged(`operation on ${type}:`, op)
}

function renderBinary(op: string, a: Piece, b: Piece, place: Place): Piece {
  const { type } = a
  const operator = lookup(INFIX, op)
  if (type === b.type) {
    if (operator !== undefined && operator[1] > 8 && operator[1] < 11) return infix(operator, a, b, 'bool')
    const p = type === 'bool' ? renderBool(op, a, b) : isFloat(type) ? renderFloat(op, a, b, place) : isBig(type) ? renderBig(op, a, b, place) : renderInt(op, a, b, place)
    if (p !== undefined) return p
  }
  throw damaged(`operation on ${type} and ${b.type}:`, op)
}

function renderBool(op: string, a: Piece, b: Piece): Piece | undefined {
  const operator = lookup(BOOL_INFIX, op)
  return operator && infix(operator, a, b, 'bool')
}

function renderFloat(op: string, a: Piece, b: Piece, place: Place): Piece | undefined {
  const operator = lookup(INFIX, op)
  if (operator !== undefined) return operator[1] > 11 ? infix(operator, a, b, a.type) : undefined
  const name = lookup({ min: 'Math.min', max: 'Math.max', atan2: 'Math.atan2', mod: 'floorMod', pow: 'power' }, op)
  return name === undefined ? undefined : call(place, name, [a, b], a.type)
}

function renderInt(op: string, a: Piece, b: Piece, place: Place): Piece | undefined {
  const { type } = a
  if (op === 'min' || op === 'max') return call(place, `Math.${op}`, [a, b], type)
  if (op === 'shr' && type === 'u32') return infix(['>>>', 11], a, b, type)
  const name = lookup({ mul: 'Math.imul', mod: 'floorMod', pow: 'intPower' }, op)
  const operator = lookup(INFIX, op)
  const p = name !== undefined ? call(place, name, [a, b], type) : operator && infix(operator, a, b, type)
  return p === undefined || (type === 'i32' && (name === 'Math.imul' || name === 'intPower' || p.level < 12)) ? p : wrap(p)
}

function renderBig(op: string, a: Piece, b: Piece, place: Place): Piece | undefined {
  const { type } = a
  const name = lookup({ min: 'bigMin', max: 'bigMax', div: 'bigDiv', rem: 'bigRem', mod: 'bigMod', pow: 'bigPower' }, op)
  if (name !== undefined) return op === 'min' || op === 'max' ? call(place, name, [a, b], type) : wrap(call(place, name, [a, b], type))
  const operator = lookup(INFIX, op)
  if (operator === undefined) return undefined
  const shifts = operator[1] === 11
  const p = infix(operator, a, shifts ? piece(`(${at(b, 8)} & 63n)`, 20, type) : b, type)
  return operator[1] < 9 || op === 'shr' ? p : wrap(p)
}

function renderCast(to: unknown, x: Piece, place: Place): Piece {
  const from = x.type
  if (to === from) return x
  if (to === 'bool') return piece(`${at(x, 10)} !== ${isBig(from) ? '0n' : '0'}`, 9, 'bool')
  if (typeof to !== 'string' || !(isFloat(to) || Object.hasOwn(WRAPS, to))) throw damaged('cast to', to)
  if (from === 'bool') return piece(`${at(x, 4)} ? ${isBig(to) ? '1n : 0n' : '1 : 0'}`, 3, to)
  if (isFloat(to)) {
    const n = isBig(from) ? call(place, 'Number', [x], to) : { ...x, type: to }
    return to === 'f32' ? piece(`Math.fround(${n.text})`, 20, to) : n
  }
  if (isFloat(from)) return call(place, `to${to.toUpperCase()}`, [x], to)
  if (isBig(to)) return isBig(from) ? wrap({ ...x, type: to }) : to === 'u64' && from === 'i32' ? wrap(piece(`BigInt(${x.text})`, 20, to)) : piece(`BigInt(${x.text})`, 20, to)
  return isBig(from) ? piece(`Number(BigInt.as${to === 'i32' ? 'Int' : 'Uint'}N(32, ${x.text}))`, 20, to) : wrap({ ...x, type: to })
}

function renderNarrow(dtype: string, value: Piece, place: Place): Piece {
  const type = registerOf(dtype), x = renderCast(type, value, place)
  switch (dtype) {
    case 'float32': return piece(`Math.fround(${x.text})`, 20, type)
    case 'float16': return call(place, 'fromHalf', [renderElement(dtype, x, place)], type)
    case 'bfloat16': return call(place, 'fromBrain', [renderElement(dtype, x, place)], type)
    case 'int8': case 'int16': { const n = dtype === 'int8' ? 24 : 16; return piece(`${at(x, 11)} << ${n} >> ${n}`, 11, type) }
    case 'uint8': case 'uint16': return piece(`${at(x, 8)} & ${dtype === 'uint8' ? 255 : 65535}`, 8, type)
    default: return x
  }
}

/** Kernel expressions and indices as JavaScript text. */
import type { Dim } from '../../base/dim.js'
import type { ExprCode } from './kernel-code.js'
import { damaged, type Names } from './names.js'
import { at, convert, fill, find, operate, type Piece } from './operations.js'

const number = (text: string, type: string): Piece => ({ text, level: text[0] === '-' ? 0 : 2, type })

/** Register type of each dtype that a kernel's buffer may have. */
const REGISTERS: Readonly<Record<string, string>> = {
  float32: 'f32', float64: 'f64', float16: 'f32', bfloat16: 'f32', int8: 'i32', int16: 'i32', int32: 'i32', int64: 'i64',
  uint8: 'u32', uint16: 'u32', uint32: 'u32', uint64: 'u64', bool: 'bool',
}

/** How elements are read and written where a typed array's own conversion is not it. */
const READ: Readonly<Record<string, string>> = { bool: 'a !== 0', float16: '$float16ToNumber(a)', bfloat16: '$bfloat16ToNumber(a)' }
const WRITTEN: Readonly<Record<string, string>> = { bool: '+(a)', float16: '$numberToFloat16(a)', bfloat16: '$numberToBfloat16(a)' }
const NARROWED: Readonly<Record<string, string>> = { float32: 'Math.fround(a)', int8: 'a << 24 >> 24', int16: 'a << 16 >> 16', uint8: 'a & 255', uint16: 'a & 65535' }

const through = (templates: Readonly<Record<string, string>>, dtype: string, type: string, x: Piece): Piece => {
  const template = find(templates, dtype)
  return template === undefined ? { ...x, type } : fill(template, type, x)
}

/** The register type of a dtype; throws `artefact-damaged` for others. */
export function registerOf(dtype: unknown): string {
  const type = find(REGISTERS, dtype)
  if (type === undefined) throw damaged(dtype)
  return type
}

/** `p` as an element of a buffer of `dtype`. */
export const renderElement = (dtype: string, p: Piece): string => through(WRITTEN, dtype, '', typed(p, registerOf(dtype))).text

/** `p`, which has to be of `type`. */
export function typed(p: Piece, type: string): Piece {
  if (p.type !== type) throw damaged(p.text)
  return p
}

/** A flat index or bound; parameters and extents are ≥ 0. */
export function renderIndex(dim: Dim, names: Names): Piece {
  if (Number.isSafeInteger(dim)) return number(`${dim as number}`, (dim as number) < 0 ? '-' : '')
  if (typeof dim === 'string') { const { id, type } = names.get('index', dim); return { text: id, level: 2, type } }
  if (!Array.isArray(dim) || dim.length < 3) throw damaged(dim)
  const [op, ...dims] = dim as readonly [string, ...Dim[]]
  if (op === '+') return renderSum(dims, names)
  const operands = dims.map((d) => renderIndex(d, names)) as [Piece, Piece, ...Piece[]]
  const [a, b, c] = operands, sign = operands.some((p) => p.type !== '') ? '-' : ''
  switch (op) {
    case '*': return { text: operands.map((p) => at(p)).join(' * '), level: 1, type: sign }
    case 'floordiv': return fill(sign === '' ? 'a / b | 0' : 'Math.floor(a / b)', sign, a, b)
    case 'mod': return fill(sign === '' ? 'a % b' : '(a % b + b) % b', b.type, a, b)
    case 'min': case 'max': return { text: `Math.${op}(${operands.map((p) => p.text).join(', ')})`, level: 2, type: op === 'max' && operands.some((p) => p.type === '') ? '' : sign }
    case 'eq': return fill('+(a === b)', '', a, b)
    case 'lt': return fill('+(a < b)', '', a, b)
    case 'select': if (c !== undefined) return { text: `${at(a)} ? ${at(b)} : ${at(c)}`, level: 0, type: b.type === '' ? c.type : '-' }
  }
  throw damaged(dim)
}

/** The term without its minus; undefined where it has none. */
function negated(d: Dim): Dim | undefined {
  if (typeof d === 'number') return d < 0 ? -d : undefined
  if (!Array.isArray(d) || d[0] !== '*' || !(d[1] < 0)) return undefined
  const rest = d.slice(2) as Dim[]
  return d[1] !== -1 ? ['*', -d[1], ...rest] : rest.length === 1 ? rest[0] : ['*', ...rest]
}

/** Terms with a minus come last; a sum of only such starts from 0, so that no -0 arises. */
function renderSum(terms: readonly Dim[], names: Names): Piece {
  let plus = '', minus = '', type = ''
  for (const term of terms) {
    const less = negated(term), p = renderIndex(less ?? term, names)
    if (less !== undefined) minus += ` - ${at(p, 1)}`
    else plus += `${plus === '' ? '' : ' + '}${at(p, 1)}`
    if (less !== undefined || p.type !== '') type = '-'
  }
  return { text: (plus || '0') + minus, level: 0, type }
}

/** A value; its type is the register type. */
export function renderExpr(e: ExprCode, names: Names): Piece {
  const render = (inner: ExprCode): Piece => renderExpr(inner, names)
  let result: Piece | undefined
  switch (e.kind) {
    case 'const': result = renderConstant(e.type, e.value); break
    case 'index': result = { ...renderIndex(e.index, names), type: 'i32' }; break
    case 'local': { const { id, type } = names.get('register', e.name); result = { text: id, level: 2, type }; break }
    case 'load': {
      const { id, type } = names.get('buffer', e.buffer)
      result = through(READ, type, registerOf(type), { text: `${id}[${renderIndex(e.index[0] as Dim, names).text}]`, level: 2, type: '' })
      break
    }
    case 'unary': result = operate(e.op, [render(e.x)]); break
    case 'binary': result = operate(e.op, [render(e.a), render(e.b)]); break
    case 'cast': result = convert(e.to, render(e.x)); break
    case 'narrow': {
      const type = registerOf(e.dtype), x = convert(type, render(e.x)) as Piece
      result = through(READ, e.dtype, type, through({ ...WRITTEN, ...NARROWED }, e.dtype, type, x))
      break
    }
    case 'select': {
      const condition = typed(render(e.condition), 'bool'), a = render(e.a), b = typed(render(e.b), a.type)
      result = { text: `${at(condition)} ? ${at(a)} : ${at(b)}`, level: 0, type: a.type }
    }
  }
  if (result === undefined) throw damaged(e)
  return result
}

function renderConstant(type: string, value: unknown): Piece | undefined {
  switch (type) {
    case 'f32': case 'f64': {
      const n = value === 'nan' ? NaN : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value)
      const x = type === 'f32' ? Math.fround(n) : n
      return number(Object.is(x, -0) ? '-0' : `${x}`, type)
    }
    case 'bool': return number(`${Number(value) !== 0}`, type)
    case 'i32': return number(`${Number(value) | 0}`, type)
    case 'u32': return number(`${Number(value) >>> 0}`, type)
    case 'i64': return number(`${BigInt.asIntN(64, BigInt(value as string))}n`, type)
    case 'u64': return number(`${BigInt.asUintN(64, BigInt(value as string))}n`, type)
  }
  return undefined
}

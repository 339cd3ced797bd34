/** Kernel expressions and indices as JavaScript text, with as few parentheses as precedence allows. */
import type { Dim } from '../../base/dim.js'
import type { ExprCode } from './kernel-code.js'
import { damaged, type Names } from './names.js'
import { at, convert, fill, find, operate, type Piece } from './operations.js'

const piece = (text: string, level: number, type: string): Piece => ({ text, level, type })
const number = (text: string, type: string): Piece => piece(text, text[0] === '-' ? 15 : 20, type)

/** Register type of each dtype that a kernel's buffer may have. */
const REGISTERS: Readonly<Record<string, string>> = {
  float32: 'f32', float64: 'f64', float16: 'f32', bfloat16: 'f32', int8: 'i32', int16: 'i32', int32: 'i32', int64: 'i64',
  uint8: 'u32', uint16: 'u32', uint32: 'u32', uint64: 'u64', bool: 'bool',
}

/** The register type of a dtype; throws `artefact-damaged` for others. */
export const registerOf = (dtype: unknown): string => find(REGISTERS, dtype) ?? fail('dtype', dtype)

function fail(what: string, value: unknown): never { throw damaged(what, value) }

/** A flat index or bound as text; type `''` where it is known to be ≥ 0, else `'-'`. Parameters and extents are ≥ 0. */
export function renderIndex(dim: Dim, names: Names): Piece {
  if (Number.isSafeInteger(dim)) return number(String(dim), (dim as number) < 0 ? '-' : '')
  if (typeof dim === 'string') { const d = names.get('index', dim); return piece(d.id, 20, d.type) }
  if (!Array.isArray(dim) || dim.length < 3) return fail('index', dim)
  if (dim[0] === '+') return renderSum(dim.slice(1) as Dim[], names)
  const args = (dim.slice(1) as Dim[]).map((d) => renderIndex(d, names))
  const [a, b, c] = args as [Piece, Piece, Piece | undefined]
  const all = args.every((p) => p.type === '')
  const sign = all ? '' : '-'
  switch (dim[0]) {
    case '*': return piece(args.map((p) => at(p, 13)).join(' * '), 13, sign)
    case 'floordiv': return fill(all ? '6|a13 / b14 | 0' : '20|Math.floor(a13 / b14)', sign, a, b)
    case 'mod': return fill(all ? '13|a13 % b14' : '13|(a13 % b14 + b13) % b14', b.type, a, b)
    case 'min': return piece(`Math.min(${args.map((p) => p.text).join(', ')})`, 20, sign)
    case 'max': return piece(`Math.max(${args.map((p) => p.text).join(', ')})`, 20, args.some((p) => p.type === '') ? '' : '-')
    case 'eq': case 'lt': return piece(`${renderTest(dim, names)} ? 1 : 0`, 3, '')
    case 'select': if (c !== undefined) return piece(`${renderTest(dim[1] as Dim, names)} ? ${at(b, 3)} : ${at(c, 3)}`, 3, b.type === '' ? c.type : '-')
  }
  return fail('index', dim)
}

/** A dim as a condition: true where it is not 0. */
function renderTest(dim: Dim, names: Names): string {
  if (!Array.isArray(dim) || (dim[0] !== 'eq' && dim[0] !== 'lt')) return fill('9|a10 !== 0', '', renderIndex(dim, names)).text
  return fill(dim[0] === 'eq' ? '9|a9 === b10' : '10|a10 < b11', '', renderIndex(dim[1] as Dim, names), renderIndex(dim[2] as Dim, names)).text
}

/** The term without its minus; undefined where it has none. */
function negated(d: Dim): Dim | undefined {
  if (typeof d === 'number') return d < 0 ? -d : undefined
  if (!Array.isArray(d) || d[0] !== '*' || typeof d[1] !== 'number' || d[1] >= 0) return undefined
  if (d[1] !== -1) return ['*', -d[1], ...(d.slice(2) as Dim[])]
  return d.length === 3 ? (d[2] as Dim) : ['*', ...(d.slice(2) as Dim[])]
}

/** Terms with a minus come last; a sum of only such starts from 0, so that no -0 arises. */
function renderSum(terms: readonly Dim[], names: Names): Piece {
  const plus = terms.filter((t) => negated(t) === undefined).map((t) => renderIndex(t, names))
  const minus = terms.map(negated).filter((t) => t !== undefined).map((t) => renderIndex(t, names))
  const text = `${plus.map((p) => at(p, 12)).join(' + ') || '0'}${minus.map((p) => ` - ${at(p, 13)}`).join('')}`
  return piece(text, 12, minus.length > 0 || plus.some((p) => p.type !== '') ? '-' : '')
}

/** A value as text; its type is the register type. */
export function renderExpr(e: ExprCode, names: Names): Piece {
  switch (e.kind) {
    case 'const': return renderConstant(e.type, e.value)
    case 'index': return { ...renderIndex(e.index, names), type: 'i32' }
    case 'local': { const d = names.get('register', e.name); return piece(d.id, 20, d.type) }
    case 'load': {
      const { id, type: dtype } = names.get('buffer', e.buffer)
      return decode(dtype, piece(`${id}[${renderIndex(e.index[0] as Dim, names).text}]`, 20, registerOf(dtype)))
    }
    case 'unary': { const x = renderExpr(e.x, names); return operate(e.op, [x]) ?? fail(`operation on ${x.type}:`, e.op) }
    case 'binary': { const a = renderExpr(e.a, names), b = renderExpr(e.b, names); return operate(e.op, [a, b]) ?? fail(`operation on ${a.type} and ${b.type}:`, e.op) }
    case 'cast': return convert(e.to, renderExpr(e.x, names)) ?? fail('cast to', e.to)
    case 'narrow': return renderNarrow(e.dtype, convert(registerOf(e.dtype), renderExpr(e.x, names)) as Piece)
    case 'select': {
      const c = renderExpr(e.condition, names), a = renderExpr(e.a, names), b = renderExpr(e.b, names)
      if (c.type === 'bool' && a.type === b.type) return piece(`${at(c, 4)} ? ${at(a, 3)} : ${at(b, 3)}`, 3, a.type)
    }
  }
  return fail('expression', e)
}

function renderConstant(type: string, value: unknown): Piece {
  switch (type) {
    case 'f32': case 'f64': {
      const n = value === 'nan' ? NaN : value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value)
      const x = type === 'f32' ? Math.fround(n) : n
      return number(Object.is(x, -0) ? '-0' : String(x), type)
    }
    case 'bool': return number(String(Number(value) !== 0), type)
    case 'i32': return number(String(Number(value) | 0), type)
    case 'u32': return number(String(Number(value) >>> 0), type)
    case 'i64': case 'u64': {
      const n = BigInt(value as string)
      return number(`${type === 'i64' ? BigInt.asIntN(64, n) : BigInt.asUintN(64, n)}n`, type)
    }
  }
  return fail('constant of type', type)
}

const isHalf = (dtype: string): boolean => dtype === 'float16' || dtype === 'bfloat16'

/** The register that an element of a buffer gives. */
function decode(dtype: string, element: Piece): Piece {
  if (dtype === 'bool') return fill('9|a9 !== 0', 'bool', element)
  return isHalf(dtype) ? fill(dtype === 'float16' ? '20|fromHalf(a2)' : '20|fromBrain(a2)', 'f32', element) : element
}

/** `p` as an element of a buffer of `dtype`: typed arrays wrap and round by themselves, but for 16-bit floats and bools. */
export function renderElement(dtype: string, p: Piece): Piece {
  if (registerOf(dtype) !== p.type) throw damaged(`a ${p.type} is stored as ${dtype}`)
  if (dtype === 'bool') return fill('3|a4 ? 1 : 0', '', p)
  return isHalf(dtype) ? fill(dtype === 'float16' ? '20|toHalf(a2)' : '20|toBrain(a2)', '', p) : p
}

const NARROWINGS: Readonly<Record<string, string>> = { float32: '20|Math.fround(a2)', int8: '11|a11 << 24 >> 24', int16: '11|a11 << 16 >> 16', uint8: '8|a8 & 255', uint16: '8|a8 & 65535' }

function renderNarrow(dtype: string, x: Piece): Piece {
  if (isHalf(dtype)) return decode(dtype, renderElement(dtype, x))
  const template = find(NARROWINGS, dtype)
  return template === undefined ? x : fill(template, x.type, x)
}

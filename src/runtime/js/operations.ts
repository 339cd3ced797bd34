/**
 * JavaScript of every kernel operation, as templates over the operands `a` and `b`; `$name` is a helper. Results of integer
 * types are brought back into their range.
 */

/** Text, how tightly it binds (2 a name, number or call, 1 a product, 0 anything else), and its register type (or, of an index, `''` where it is ≥ 0, else `'-'`). */
export interface Piece { readonly text: string; readonly level: number; readonly type: string }
type Templates = Readonly<Record<string, string>>

const of = (names: string, template: (name: string) => string): Templates => Object.fromEntries(names.split(' ').map((name) => [name, template(name)]))

const COMPARISONS: Templates = { eq: 'a === b', ne: 'a !== b', lt: 'a < b', le: 'a <= b', gt: 'a > b', ge: 'a >= b' }
const ARITHMETIC: Templates = { ...COMPARISONS, add: 'a + b', sub: 'a - b', mul: 'a * b', neg: '-a' }
const BITS: Templates = { and: 'a & b', or: 'a | b', xor: 'a ^ b', shl: 'a << b', shr: 'a >> b', bitnot: '~a' }
const FLOATS: Templates = {
  ...ARITHMETIC,
  ...of('abs sqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh floor ceil trunc sign', (name) => `Math.${name}(a)`),
  ...of('min max atan2', (name) => `Math.${name}(a, b)`),
  div: 'a / b', rem: 'a % b', mod: '$floorMod(a, b)', pow: '$power(a, b)', not: 'a === 0',
  recip: '1 / a', rsqrt: '1 / Math.sqrt(a)', round: '$roundEven(a)', erf: '$erf(a)', isnan: 'Number.isNaN(a)', isinf: 'Math.abs(a) === Infinity',
}
const INTS: Templates = { ...FLOATS, ...BITS, mul: 'Math.imul(a, b)', pow: '$intPower(a, b)' }
const BIGS: Templates = {
  ...ARITHMETIC, ...BITS,
  ...of('floor ceil trunc round', () => 'a'), ...of('isnan isinf', () => 'false'),
  div: '$bigDiv(a, b)', rem: '$bigRem(a, b)', mod: '$bigMod(a, b)', pow: '$bigPower(a, b)', min: 'a < b ? a : b', max: 'a > b ? a : b',
  shl: 'a << (b & 63n)', shr: 'a >> (b & 63n)', abs: 'a < 0n ? -a : a', sign: '$bigSign(a)', not: 'a === 0n',
}
const AND = 'a && b', OR = 'a || b'

/** Templates of operations by register type of their operands. */
const OPERATIONS: Readonly<Record<string, Templates>> = {
  f32: FLOATS, f64: { ...FLOATS, erf: '$erfWide(a)' }, i32: INTS, u32: { ...INTS, shr: 'a >>> b' }, i64: BIGS, u64: BIGS,
  bool: { ...COMPARISONS, and: AND, min: AND, mul: AND, or: OR, max: OR, add: OR, xor: 'a !== b', not: '!a' },
}

/** Brings a value into a type's range. */
const RANGES: Templates = { i32: 'a | 0', u32: 'a >>> 0', i64: 'BigInt.asIntN(64, a)', u64: 'BigInt.asUintN(64, a)' }

/** The entry of a table; undefined where `key` is no own key of it. */
export const find = <T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined => (typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined)

/** The text of `p` for a place that needs at least `level`. */
export const at = (p: Piece, level = 2): string => (p.level < level ? `(${p.text})` : p.text)

/** A template filled in; operands stand in parentheses, but for arguments of calls, products in sums and to the left in products. */
export function fill(template: string, type: string, ...[a, b]: readonly Piece[]): Piece {
  const level = /^(a|[\w.$]+\([\w, ]+\)|false)$/.test(template) ? 2 : /^a [*/] b$/.test(template) ? 1 : 0
  const product = level === 1 ? 'a' : /^a [-+] b$/.test(template) ? 'ab' : ''
  const text = template.replace(/(?<=([(,] ?)?)\b[ab]\b(?=([,)])?)/g, (name, open: string | undefined, close: string | undefined) => at((name === 'a' ? a : b) as Piece, open && close ? 0 : product.includes(name) ? 1 : 2))
  return { text, level, type }
}

/** An operation on operands of one type; undefined where there is none. */
export function operate(op: unknown, operands: readonly Piece[]): Piece | undefined {
  const { type } = operands[0] as Piece
  const template = find(OPERATIONS[type] as Templates, op)
  // A template names its second operand where the operation has one.
  if (template === undefined || /\bb\b/.test(template) !== operands.length > 1 || operands.some((p) => p.type !== type)) return undefined
  if (/^(eq|ne|[lg][te]|not|isnan|isinf)$/.test(op as string)) return fill(template, 'bool', ...operands)
  const result = fill(template, type, ...operands), range = RANGES[type]
  return range === undefined ? result : fill(range, type, result)
}

const isBig = (type: string): boolean => type === 'i64' || type === 'u64'

/** Conversion between register types; undefined for what is none. */
export function convert(to: unknown, x: Piece): Piece | undefined {
  const from = x.type
  if (typeof to !== 'string' || find(OPERATIONS, to) === undefined) return undefined
  if (to === from) return x
  const big = isBig(from), n = big ? 'n' : ''
  if (to === 'bool') return fill(`a !== 0${n}`, to, x)
  // Engines make a jump of a choice, and a move of this.
  if (from === 'bool') return convert(to, fill('+(a)', 'u32', x))
  if (to[0] === 'f') {
    const number = big ? fill('Number(a)', to, x) : { ...x, type: to }
    return to === 'f32' ? fill('Math.fround(a)', to, number) : number
  }
  if (from[0] === 'f') return fill(`$clamp${to.toUpperCase()}(a)`, to, x)
  const same = big === isBig(to) ? x : fill(big ? 'Number(BigInt.asIntN(32, a))' : 'BigInt(a)', to, x)
  return fill(RANGES[to] as string, to, same)
}

/**
 * JavaScript of every kernel operation, as templates: the precedence level of the result, then text in which `a13` is the
 * first operand at level 13 or above (in parentheses if it is below). After the level, `w` says that an integer result is
 * to be brought back into its type's range, `u` that only an unsigned one is.
 */

/** Text with its precedence (20 a primary, 3 a conditional) and its register type (or, of an index, `''` where it is ≥ 0, else `'-'`). */
export interface Piece { readonly text: string; readonly level: number; readonly type: string }
type Templates = Readonly<Record<string, string>>

const of = (names: string, template: (name: string) => string): Templates => Object.fromEntries(names.split(' ').map((n) => [n, template(n)]))

const COMPARISONS: Templates = { eq: '9|a9 === b10', ne: '9|a9 !== b10', lt: '10|a10 < b11', le: '10|a10 <= b11', gt: '10|a10 > b11', ge: '10|a10 >= b11' }
const NUMBERS: Templates = {
  ...COMPARISONS,
  ...of('abs sqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh floor ceil trunc sign', (n) => `20w|Math.${n}(a2)`),
  ...of('min max atan2', (n) => `20|Math.${n}(a2, b2)`),
  add: '12w|a12 + b13', sub: '12w|a12 - b13', div: '13w|a13 / b14', rem: '13w|a13 % b14', mod: '20w|floorMod(a2, b2)', neg: '15w|-a16', not: '9|a9 === 0',
  recip: '13w|1 / a14', rsqrt: '13w|1 / Math.sqrt(a2)', round: '20|roundEven(a2)', erf: '20w|erf(a2)', isnan: '20|Number.isNaN(a2)', isinf: '9|Math.abs(a2) === Infinity',
}
const FLOATS: Templates = { ...NUMBERS, mul: '13|a13 * b14', pow: '20|power(a2, b2)' }
const INTS: Templates = {
  ...NUMBERS, atan2: '20w|Math.atan2(a2, b2)', mul: '20u|Math.imul(a2, b2)', pow: '20u|intPower(a2, b2)', and: '8u|a8 & b9', or: '6u|a6 | b7', xor: '7u|a7 ^ b8', shl: '11u|a11 << b12', shr: '11|a11 >> b12', bitnot: '15u|~a15',
}
const BIGS: Templates = {
  ...COMPARISONS,
  ...of('floor ceil trunc round', () => '20|a20'), ...of('isnan isinf', () => '20|false'),
  add: '12w|a12 + b13', sub: '12w|a12 - b13', mul: '13w|a13 * b14', div: '20w|bigDiv(a2, b2)', rem: '20|bigRem(a2, b2)', mod: '20|bigMod(a2, b2)', pow: '20w|bigPower(a2, b2)', min: '20|bigMin(a2, b2)', max: '20|bigMax(a2, b2)',
  and: '8|a8 & b9', or: '6|a6 | b7', xor: '7|a7 ^ b8', shl: '11w|a11 << (b8 & 63n)', shr: '11|a11 >> (b8 & 63n)', neg: '15w|-a16', abs: '20w|bigAbs(a2)', sign: '20|bigSign(a2)', bitnot: '15u|~a15', not: '9|a9 === 0n',
}
const AND = '5|a5 && b6', OR = '4|a4 || b5'

/** Templates of operations by register type of their operands. */
const OPERATIONS: Readonly<Record<string, Templates>> = {
  f32: FLOATS, f64: { ...FLOATS, erf: '20|erfWide(a2)' }, i32: INTS, u32: { ...INTS, shr: '11|a11 >>> b12' }, i64: BIGS, u64: BIGS,
  bool: { ...COMPARISONS, and: AND, min: AND, mul: AND, or: OR, max: OR, add: OR, xor: '9|a9 !== b10', not: '15|!a15' },
}
const TO_BOOL = new Set('eq ne lt le gt ge not isnan isinf'.split(' '))

/** Brings a value into an integer type's range. */
const RANGES: Templates = { i32: '6|a7 | 0', u32: '11|a11 >>> 0', i64: '20|BigInt.asIntN(64, a2)', u64: '20|BigInt.asUintN(64, a2)' }

/** The entry of a table; undefined where `key` is no own key of it. */
export const find = <T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined => (typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined)

/** The text of `p` for a place that needs at least `level`. */
export const at = (p: Piece, level: number): string => (p.level < level ? `(${p.text})` : p.text)

/** A template filled in. */
export function fill(template: string, type: string, ...operands: readonly Piece[]): Piece {
  const [head, text] = template.split(/\|(.*)/s) as [string, string]
  const p = { text: text.replace(/\b([ab])(\d+)\b/g, (_, name: string, level: string) => at(operands[name === 'a' ? 0 : 1] as Piece, Number(level))), level: parseInt(head), type }
  const range = RANGES[type]
  return range !== undefined && (head.endsWith('w') || (head.endsWith('u') && type[0] === 'u')) ? fill(range, type, p) : p
}

/** An operation on operands of one type; undefined where there is none. */
export function operate(op: unknown, operands: readonly Piece[]): Piece | undefined {
  const { type } = operands[0] as Piece
  const template = find(OPERATIONS[type] as Templates, op)
  // A template names its second operand where the operation has one.
  if (template === undefined || /\bb\d/.test(template) !== operands.length > 1 || operands.some((p) => p.type !== type)) return undefined
  return fill(template, TO_BOOL.has(op as string) ? 'bool' : type, ...operands)
}

/** Conversion between register types; undefined for what is none. */
export function convert(to: unknown, x: Piece): Piece | undefined {
  const from = x.type, big = from.endsWith('64') && from !== 'f64', toBig = to === 'i64' || to === 'u64'
  if (typeof to !== 'string' || !Object.hasOwn(OPERATIONS, to)) return undefined
  if (to === from) return x
  if (to === 'bool') return fill(`9|a9 !== 0${big ? 'n' : ''}`, to, x)
  if (from === 'bool') return fill(toBig ? '3|a4 ? 1n : 0n' : '3|a4 ? 1 : 0', to, x)
  if (to[0] === 'f') {
    const n = big ? fill('20|Number(a2)', to, x) : { ...x, type: to }
    return to === 'f32' ? fill('20|Math.fround(a2)', to, n) : n
  }
  if (from[0] === 'f') return fill(`20|to${to.toUpperCase()}(a2)`, to, x)
  if (big === toBig) return fill(RANGES[to] as string, to, x)
  if (toBig) return fill(from === 'i32' && to === 'u64' ? '20w|BigInt(a2)' : '20|BigInt(a2)', to, x)
  return fill(to === 'i32' ? '20|Number(BigInt.asIntN(32, a2))' : '20|Number(BigInt.asUintN(32, a2))', to, x)
}

/** WebAssembly instructions as bytes. Code is a nested list of bytes, operands before their instruction. Source: WebAssembly core specification 2.0, §5.4. */

/** Bytes of code; nested so that pieces are joined without copying. */
export type Code = readonly (number | Code)[]
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

/** Encodings of value types. */
export const VALUE_TYPES: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** Names of consecutive opcodes from `first` on. */
function opcodes<const N extends string>(first: number, names: string): Record<N, number> {
  return Object.fromEntries(names.split(' ').map((n, i) => [n, first + i])) as Record<N, number>
}

const ints = (t: string): string => ['eqz', 'eq', 'ne', 'lt_s', 'lt_u', 'gt_s', 'gt_u', 'le_s', 'le_u', 'ge_s', 'ge_u'].map((n) => `${t}.${n}`).join(' ')
const floats = (t: string): string => ['eq', 'ne', 'lt', 'gt', 'le', 'ge'].map((n) => `${t}.${n}`).join(' ')
const intMath = (t: string): string => ['clz', 'ctz', 'popcnt', 'add', 'sub', 'mul', 'div_s', 'div_u', 'rem_s', 'rem_u', 'and', 'or', 'xor', 'shl', 'shr_s', 'shr_u', 'rotl', 'rotr'].map((n) => `${t}.${n}`).join(' ')
const floatMath = (t: string): string => ['abs', 'neg', 'ceil', 'floor', 'trunc', 'nearest', 'sqrt', 'add', 'sub', 'mul', 'div', 'min', 'max', 'copysign'].map((n) => `${t}.${n}`).join(' ')

/** Opcodes of one byte, without immediates. */
const PLAIN: Readonly<Record<string, number>> = {
  unreachable: 0x00, return: 0x0f, drop: 0x1a, select: 0x1b,
  ...opcodes(0x45, `${ints('i32')} ${ints('i64')} ${floats('f32')} ${floats('f64')} ${intMath('i32')} ${intMath('i64')} ${floatMath('f32')} ${floatMath('f64')}`),
  ...opcodes(0xa7, 'i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u '
    + 'f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32 '
    + 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64 i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'),
}
/** Opcodes after the prefix 0xfc. */
const SATURATING: Readonly<Record<string, number>> = opcodes(0, 'i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u')
/** Opcodes after the prefix 0xfd, without immediates. */
const VECTOR: Readonly<Record<string, number>> = {
  'i32x4.splat': 17, 'f32x4.splat': 19,
  ...opcodes(55, 'i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge'),
  ...opcodes(77, 'v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect'),
  ...opcodes(103, 'f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest'),
  ...opcodes(160, 'i32x4.abs i32x4.neg'),
  ...opcodes(171, 'i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add'), 'i32x4.sub': 177,
  ...opcodes(181, 'i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s'),
  ...opcodes(224, 'f32x4.abs f32x4.neg'), ...opcodes(227, 'f32x4.sqrt f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax'),
  ...opcodes(248, 'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u'),
  'f32x4.relaxed_madd': 0x105,
}
const VECTOR_ACCESS: Readonly<Record<string, number>> = { 'v128.load': 0, 'v128.load32_splat': 9, 'v128.store': 11, 'v128.load32_lane': 86, 'v128.load32_zero': 92 }
const LANE_ACCESS: Readonly<Record<string, number>> = { 'i32x4.extract_lane': 27, 'i32x4.replace_lane': 28, 'f32x4.extract_lane': 31, 'f32x4.replace_lane': 32 }
const LOADS: Readonly<Record<string, number>> = opcodes(0x28, 'i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u')
const STORES: Readonly<Record<string, number>> = opcodes(0x36, 'i32.store i64.store f32.store f64.store i32.store8 i32.store16')

/** Unsigned LEB128 of an integer below 2^53. */
export function unsigned(n: number): number[] {
  const out: number[] = []
  for (let rest = n; ; ) {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    out.push(rest > 0 ? low | 128 : low)
    if (rest === 0) return out
  }
}

/** Signed LEB128. */
export function signed(n: bigint): number[] {
  const out: number[] = []
  for (let rest = n; ; ) {
    const low = Number(rest & 127n)
    rest >>= 7n
    const done = (rest === 0n && low < 64) || (rest === -1n && low >= 64)
    out.push(done ? low : low | 128)
    if (done) return out
  }
}

/** A plain instruction on operands: `op('f64.add', a, b)`. */
export function op(name: string, ...operands: readonly Code[]): Code {
  const plain = PLAIN[name]
  if (plain !== undefined) return [...operands, plain]
  const vector = VECTOR[name]
  if (vector !== undefined) return [...operands, 0xfd, ...unsigned(vector)]
  const saturating = SATURATING[name]
  if (saturating === undefined) throw new RangeError(`no instruction ${name}`)
  return [...operands, 0xfc, saturating]
}

/** A constant; numbers of f32 are rounded, integers taken modulo their width. */
export function constant(type: Exclude<ValueType, 'v128'>, value: number | bigint): Code {
  if (type === 'i32') return [0x41, ...signed(BigInt.asIntN(32, BigInt(value)))]
  if (type === 'i64') return [0x42, ...signed(BigInt.asIntN(64, BigInt(value)))]
  const view = new DataView(new ArrayBuffer(8))
  if (type === 'f32') view.setFloat32(0, Number(value), true)
  else view.setFloat64(0, Number(value), true)
  return [type === 'f32' ? 0x43 : 0x44, ...new Uint8Array(view.buffer, 0, type === 'f32' ? 4 : 8)]
}

/** A vector constant of four 32-bit lanes. */
export function vectorConstant(type: 'f32' | 'i32', lanes: readonly number[]): Code {
  const view = new DataView(new ArrayBuffer(16))
  lanes.forEach((x, k) => { if (type === 'f32') view.setFloat32(4 * k, x, true); else view.setInt32(4 * k, x, true) })
  return [0xfd, 12, ...new Uint8Array(view.buffer)]
}

/** `i32x4.extract_lane` and the like. */
export const laneOp = (name: string, lane: number, ...operands: readonly Code[]): Code => [...operands, 0xfd, LANE_ACCESS[name] as number, lane]

/** `i8x16.shuffle` of 32-bit lanes: 0 … 3 are those of `a`, 4 … 7 those of `b`. */
export const shuffle = (lanes: readonly number[], a: Code, b: Code): Code => [a, b, 0xfd, 13, ...lanes.flatMap((k) => [4 * k, 4 * k + 1, 4 * k + 2, 4 * k + 3])]

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number, value: Code): Code => [value, 0x21, ...unsigned(local)]
export const tee = (local: number, value: Code): Code => [value, 0x22, ...unsigned(local)]
export const getGlobal = (global: number): Code => [0x23, ...unsigned(global)]
export const setGlobal = (global: number, value: Code): Code => [value, 0x24, ...unsigned(global)]
/** A call of function `index` on arguments. */
export const call = (index: number, ...operands: readonly Code[]): Code => [...operands, 0x10, ...unsigned(index)]
/** `condition ? a : b`, both evaluated. */
export const select = (condition: Code, a: Code, b: Code): Code => [a, b, condition, 0x1b]
/** `condition ? a : b`, one evaluated; without a type the branches leave nothing. */
export const branch = (type: ValueType | undefined, condition: Code, a: Code, b: Code): Code => [condition, 0x04, type === undefined ? 0x40 : VALUE_TYPES[type], a, ...(b.length > 0 ? [0x05, b] : []), 0x0b]
/** Runs `body`, and again while `condition` is not 0 after it. */
export const loop = (body: Code, condition: Code): Code => [0x03, 0x40, body, condition, 0x0d, 0, 0x0b]
/** Runs `body` while `condition` is not 0 before it. */
export const loopWhile = (condition: Code, body: Code): Code => [0x02, 0x40, 0x03, 0x40, condition, 0x45, 0x0d, 1, body, 0x0c, 0, 0x0b, 0x0b]

const log2 = (bytes: number): number => Math.log2(bytes)
/** A load from `address` + `offset`; `name` is the instruction, `bytes` its width and alignment. */
export function loadFrom(name: string, bytes: number, address: Code, offset: number): Code {
  const vector = VECTOR_ACCESS[name]
  if (vector !== undefined) return [address, 0xfd, vector, log2(bytes), ...unsigned(offset)]
  return [address, LOADS[name] as number, log2(bytes), ...unsigned(offset)]
}
/** A store of `value` to `address` + `offset`. */
export function storeTo(name: string, bytes: number, address: Code, offset: number, value: Code): Code {
  const vector = VECTOR_ACCESS[name]
  if (vector !== undefined) return [address, value, 0xfd, vector, log2(bytes), ...unsigned(offset)]
  return [address, value, STORES[name] as number, log2(bytes), ...unsigned(offset)]
}
/** Atomic instructions on aligned i32, after the prefix 0xfe. Source: WebAssembly threads proposal, §binary. */
const ATOMIC = { 'memory.atomic.notify': 0, 'memory.atomic.wait32': 1, 'i32.atomic.load': 16, 'i32.atomic.store': 23, 'i32.atomic.rmw.add': 30 } as const
/** An atomic instruction at `offset` bytes from the address, which is its first operand. */
export const atomic = (name: keyof typeof ATOMIC, offset: number, ...operands: readonly Code[]): Code => [...operands, 0xfe, ATOMIC[name], 2, ...unsigned(offset)]
/** `vector` with one lane loaded from `address` + `offset`. */
export const loadLane = (address: Code, offset: number, lane: number, vector: Code): Code => [address, vector, 0xfd, VECTOR_ACCESS['v128.load32_lane'] as number, 2, ...unsigned(offset), lane]

/** Nested code as one list of bytes. */
export function flatten(code: Code, into: number[] = []): number[] {
  for (const c of code) {
    if (typeof c === 'number') into.push(c)
    else flatten(c, into)
  }
  return into
}

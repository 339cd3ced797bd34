/**
 * What each unary and binary operation gives for each register type: the meaning of kernel arithmetic, exactly. i32 and u32
 * wrap, i64 and u64 are BigInt and wrap, bool is 0 or 1; integer division by 0 gives 0; shifts take the count modulo the width.
 */
import { erf } from '../../base/erf.js'
import type { BinaryOp, ScalarType, UnaryOp } from './expr.js'

/** The contents of a register: a bigint for i64 and u64, else a number. */
export type Scalar = number | bigint
type Unary<T> = (x: T) => Scalar
type Binary<T> = (a: T, b: T) => Scalar

/** Nearest integer, halves to even. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x), rest = x - low
  if (rest < 0.5) return low === 0 && Object.is(Math.sign(x), -0) ? -0 : low
  if (rest > 0.5) return low + 1 === 0 ? -0 : low + 1
  if (!(rest === 0.5)) return x
  const even = low % 2 === 0 ? low : low + 1
  return even === 0 && x < 0 ? -0 : even
}

/** The remainder of doubles with the sign of the divisor. */
export function floorMod(a: number, b: number): number {
  const r = a % b
  return r !== 0 && r < 0 !== b < 0 ? r + b : r
}

/** The remainder of integers with the sign of the divisor; 0 for a divisor of 0. */
export function floorModBig(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n
  const r = a % b
  return r !== 0n && r < 0n !== b < 0n ? r + b : r
}

/** Integer power by squaring; negative exponents truncate towards 0. */
function power(a: bigint, b: bigint, wrap: (x: bigint) => bigint): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n
  let result = 1n, base = a
  for (let e = b; e > 0n; e >>= 1n) {
    if ((e & 1n) === 1n) result = wrap(result * base)
    base = wrap(base * base)
  }
  return result
}

const FLOAT_UNARY: Readonly<Record<UnaryOp, Unary<number>>> = {
  neg: (x) => -x, abs: Math.abs, not: (x) => (x === 0 ? 1 : 0), bitnot: (x) => ~x,
  sqrt: Math.sqrt, rsqrt: (x) => 1 / Math.sqrt(x), recip: (x) => 1 / x, exp: Math.exp, expm1: Math.expm1, log: Math.log, log1p: Math.log1p,
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan,
  sinh: Math.sinh, cosh: Math.cosh, tanh: Math.tanh, asinh: Math.asinh, acosh: Math.acosh, atanh: Math.atanh, erf,
  floor: Math.floor, ceil: Math.ceil, trunc: Math.trunc, round: roundHalfEven, sign: Math.sign,
  isnan: (x) => (x !== x ? 1 : 0), isinf: (x) => (x === Infinity || x === -Infinity ? 1 : 0),
}

const FLOAT_BINARY: Readonly<Record<BinaryOp, Binary<number>>> = {
  add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b, rem: (a, b) => a % b, mod: floorMod,
  pow: (a, b) => (a === 1 || ((a === -1) && (b === Infinity || b === -Infinity)) ? 1 : a ** b), atan2: Math.atan2, min: Math.min, max: Math.max,
  pmin: (a, b) => (b < a ? b : a), pmax: (a, b) => (a < b ? b : a), dot16: (a, b) => (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16),
  and: (a, b) => a & b, or: (a, b) => a | b, xor: (a, b) => a ^ b, shl: (a, b) => a << b, shr: (a, b) => a >> b,
  eq: (a, b) => (a === b ? 1 : 0), ne: (a, b) => (a !== b ? 1 : 0), lt: (a, b) => (a < b ? 1 : 0), le: (a, b) => (a <= b ? 1 : 0),
  gt: (a, b) => (a > b ? 1 : 0), ge: (a, b) => (a >= b ? 1 : 0),
}

const BIG_BINARY = (wrap: (x: bigint) => bigint): Readonly<Record<BinaryOp, Binary<bigint>>> => ({
  add: (a, b) => wrap(a + b), sub: (a, b) => wrap(a - b), mul: (a, b) => wrap(a * b),
  div: (a, b) => (b === 0n ? 0n : wrap(a / b)), rem: (a, b) => (b === 0n ? 0n : a % b), mod: floorModBig,
  pow: (a, b) => power(a, b, wrap), atan2: (a, b) => wrap(BigInt(Math.trunc(Math.atan2(Number(a), Number(b))))),
  min: (a, b) => (a < b ? a : b), max: (a, b) => (a > b ? a : b), pmin: (a, b) => (b < a ? b : a), pmax: (a, b) => (a < b ? b : a), dot16: (a, b) => wrap(BigInt.asIntN(16, a) * BigInt.asIntN(16, b) + BigInt.asIntN(16, a >> 16n) * BigInt.asIntN(16, b >> 16n)),
  and: (a, b) => wrap(a & b), or: (a, b) => wrap(a | b), xor: (a, b) => wrap(a ^ b), shl: (a, b) => wrap(a << (b & 63n)), shr: (a, b) => a >> (b & 63n),
  eq: (a, b) => (a === b ? 1 : 0), ne: (a, b) => (a !== b ? 1 : 0), lt: (a, b) => (a < b ? 1 : 0), le: (a, b) => (a <= b ? 1 : 0),
  gt: (a, b) => (a > b ? 1 : 0), ge: (a, b) => (a >= b ? 1 : 0),
})

const asI64 = (x: bigint): bigint => BigInt.asIntN(64, x)
const asU64 = (x: bigint): bigint => BigInt.asUintN(64, x)
const BIG: Readonly<Record<'i64' | 'u64', Readonly<Record<BinaryOp, Binary<bigint>>>>> = { i64: BIG_BINARY(asI64), u64: BIG_BINARY(asU64) }
/** Operations that are the identity on integers. */
const ROUNDING: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['floor', 'ceil', 'trunc', 'round'])

function bigUnary(op: UnaryOp, wrap: (x: bigint) => bigint): Unary<bigint> {
  if (ROUNDING.has(op)) return (x) => x
  switch (op) {
    case 'neg': return (x) => wrap(-x)
    case 'abs': return (x) => wrap(x < 0n ? -x : x)
    case 'bitnot': return (x) => wrap(~x)
    case 'not': return (x) => (x === 0n ? 1 : 0)
    case 'sign': return (x) => (x > 0n ? 1n : x < 0n ? wrap(-1n) : 0n)
    case 'isnan': case 'isinf': return () => 0
    default: { const f = FLOAT_UNARY[op] as (x: number) => number; return (x) => { const y = f(Number(x)); return Number.isFinite(y) ? wrap(BigInt(Math.trunc(y))) : 0n } }
  }
}

/** `op` on a register of `type`; f32 rounds each result when `round` holds, else computes in double. */
export function unaryFunction(op: UnaryOp, type: ScalarType, round: boolean): (x: Scalar) => Scalar {
  if (type === 'i64' || type === 'u64') return bigUnary(op, type === 'i64' ? asI64 : asU64) as (x: Scalar) => Scalar
  const f = FLOAT_UNARY[op] as (x: number) => number
  if (op === 'isnan' || op === 'isinf' || op === 'not') return f as (x: Scalar) => Scalar
  switch (type) {
    case 'f64': return f as (x: Scalar) => Scalar
    case 'f32': return (round ? (x: number) => Math.fround(f(x)) : f) as (x: Scalar) => Scalar
    case 'i32': return (ROUNDING.has(op) ? (x: number) => x : (x: number) => f(x) | 0) as (x: Scalar) => Scalar
    case 'u32': return (ROUNDING.has(op) ? (x: number) => x : (x: number) => f(x) >>> 0) as (x: Scalar) => Scalar
    case 'bool': return ((x: number) => (f(x) !== 0 ? 1 : 0)) as (x: Scalar) => Scalar
  }
}

function intBinary(op: BinaryOp, signed: boolean): (a: number, b: number) => number {
  const f = FLOAT_BINARY[op] as (a: number, b: number) => number
  if (op === 'eq' || op === 'ne' || op === 'lt' || op === 'le' || op === 'gt' || op === 'ge') return f
  if (op === 'mul') return signed ? Math.imul : (a, b) => Math.imul(a, b) >>> 0
  if (op === 'pow') {
    const wrap = signed ? (x: bigint) => BigInt.asIntN(32, x) : (x: bigint) => BigInt.asUintN(32, x)
    return (a, b) => Number(power(BigInt(a), BigInt(b), wrap))
  }
  if (op === 'shr' && !signed) return (a, b) => a >>> b
  return signed ? (a, b) => f(a, b) | 0 : (a, b) => f(a, b) >>> 0
}

/** `op` on two registers of `type`; f32 rounds each result when `round` holds, else computes in double. */
export function binaryFunction(op: BinaryOp, type: ScalarType, round: boolean): (a: Scalar, b: Scalar) => Scalar {
  const f = FLOAT_BINARY[op]
  switch (type) {
    case 'i64': case 'u64': return BIG[type][op] as (a: Scalar, b: Scalar) => Scalar
    case 'f64': return f as (a: Scalar, b: Scalar) => Scalar
    case 'f32': return (round ? (a: number, b: number) => Math.fround(f(a, b) as number) : f) as (a: Scalar, b: Scalar) => Scalar
    case 'i32': return intBinary(op, true) as (a: Scalar, b: Scalar) => Scalar
    case 'u32': return intBinary(op, false) as (a: Scalar, b: Scalar) => Scalar
    case 'bool': return ((a: number, b: number) => (f(a, b) !== 0 ? 1 : 0)) as (a: Scalar, b: Scalar) => Scalar
  }
}

const saturate = (x: number, low: number, high: number): number => (x !== x ? 0 : x <= low ? low : x >= high ? high : Math.trunc(x))

function saturateBig(x: number, low: bigint, high: bigint): bigint {
  if (x !== x) return 0n
  return x <= Number(low) ? low : x >= Number(high) ? high : BigInt(Math.trunc(x))
}

/** Conversion between register types: float to int truncates and saturates (NaN gives 0), int to int wraps, to bool tests for non-zero. */
export function castFunction(from: ScalarType, to: ScalarType): (x: Scalar) => Scalar {
  if (from === to) return (x) => x
  const fromFloat = from === 'f32' || from === 'f64', fromBig = from === 'i64' || from === 'u64'
  switch (to) {
    case 'bool': return fromBig ? (x) => (x !== 0n ? 1 : 0) : (x) => (x !== 0 ? 1 : 0)
    case 'f64': return (x) => Number(x)
    case 'f32': return (x) => Math.fround(Number(x))
    case 'i32': return fromFloat ? (x) => saturate(x as number, -2147483648, 2147483647) | 0 : fromBig ? (x) => Number(BigInt.asIntN(32, x as bigint)) : (x) => (x as number) | 0
    case 'u32': return fromFloat ? (x) => saturate(x as number, 0, 4294967295) >>> 0 : fromBig ? (x) => Number(BigInt.asUintN(32, x as bigint)) : (x) => (x as number) >>> 0
    case 'i64': return fromFloat ? (x) => saturateBig(x as number, -(1n << 63n), (1n << 63n) - 1n) : (x) => asI64(BigInt(x))
    case 'u64': return fromFloat ? (x) => saturateBig(x as number, 0n, (1n << 64n) - 1n) : (x) => asU64(BigInt(x))
  }
}

const cells = new DataView(new ArrayBuffer(4))

/** The same 32 bits as an f32 or as an i32. */
export function bitcastFunction(from: ScalarType, to: ScalarType): (x: Scalar) => Scalar {
  if (from === to) return (x) => x
  if (to === 'i32') return (x) => { cells.setFloat32(0, x as number); return cells.getInt32(0) }
  return (x) => { cells.setInt32(0, x as number); return cells.getFloat32(0) }
}

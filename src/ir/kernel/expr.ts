/**
 * Expressions of computes and kernels: what one element's value is. Plain data. Indices are dims over loop variables,
 * parameters and integer locals (see `ir/dims.ts`); values have one of the register types below.
 */
import type { DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Dim } from '../dims.js'

/** Types that a register holds. 8- and 16-bit integers live in i32/u32 and 16-bit floats in f32; `store` narrows, rounding to nearest even for floats and wrapping for integers. */
export type ScalarType = 'f32' | 'f64' | 'i32' | 'u32' | 'i64' | 'u64' | 'bool'
/** Four lanes of one scalar type; `b32x4` is what comparing vectors gives, a bool a lane. */
export type VectorType = 'f32x4' | 'i32x4' | 'b32x4'
export type RegisterType = ScalarType | VectorType

/** Lanes of every vector. */
export const LANES = 4

/** The vector type with lanes of each scalar type, for those that have one. */
export const VECTOR_OF: Readonly<Partial<Record<RegisterType, VectorType>>> = { f32: 'f32x4', i32: 'i32x4', bool: 'b32x4' }
/** The type of each vector type's lanes. */
export const LANE_OF: Readonly<Record<VectorType, ScalarType>> = { f32x4: 'f32', i32x4: 'i32', b32x4: 'bool' }

export const isVector = (type: RegisterType): type is VectorType => Object.hasOwn(LANE_OF, type)
/** The type of a register's lanes: its own where it is a scalar. */
export const laneType = (type: RegisterType): ScalarType => (isVector(type) ? LANE_OF[type] : type)

/** Dtypes whose elements a vector load or store moves as they are. */
export const VECTOR_DTYPES: ReadonlySet<DType> = new Set<DType>(['float32', 'int32'])

export type UnaryOp =
  | 'neg' | 'abs' | 'not' | 'bitnot' | 'sqrt' | 'rsqrt' | 'recip' | 'exp' | 'expm1' | 'log' | 'log1p' | 'sin' | 'cos' | 'tan' | 'asin' | 'acos' | 'atan'
  | 'sinh' | 'cosh' | 'tanh' | 'asinh' | 'acosh' | 'atanh' | 'erf' | 'floor' | 'ceil' | 'trunc' | 'round' | 'sign' | 'isnan' | 'isinf'
/** `div` of integers truncates, and any integer division by 0 gives 0; shifts take the count modulo the width, vectors one i32 for all lanes; `mod` has the sign of the divisor, `rem` that of the dividend; `min`/`max` return NaN if either is NaN, `pmin` is `b < a ? b : a` and `pmax` is `a < b ? b : a`, of f32; `dot16` of i32 is the sum of the products of their halves, as signed 16-bit integers; `round` is to nearest even. */
export type BinaryOp =
  | 'add' | 'sub' | 'mul' | 'div' | 'rem' | 'mod' | 'pow' | 'atan2' | 'min' | 'max' | 'pmin' | 'pmax' | 'dot16'
  | 'and' | 'or' | 'xor' | 'shl' | 'shr' | 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

export type Expr =
  /** `value` is a string for i64/u64 beyond 2^53 and for 'nan', 'inf', '-inf', '-0' */
  | { readonly kind: 'const'; readonly type: RegisterType; readonly value: number | string }
  | { readonly kind: 'index'; readonly index: Dim }
  /** With `lanes`: as many consecutive elements from the index on, in a kernel. */
  | { readonly kind: 'load'; readonly buffer: string; readonly index: readonly Dim[]; readonly lanes?: 4 }
  | { readonly kind: 'local'; readonly name: string; readonly type: RegisterType }
  | { readonly kind: 'unary'; readonly op: UnaryOp; readonly x: Expr }
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'select'; readonly condition: Expr; readonly a: Expr; readonly b: Expr }
  | { readonly kind: 'cast'; readonly to: RegisterType; readonly x: Expr }
  /** Rounds or wraps a register to what `dtype` can hold, as a store to it and a load back would. */
  | { readonly kind: 'narrow'; readonly dtype: DType; readonly x: Expr }
  /** a·b + c; rounded once instead of twice only where the target's features allow it. */
  | { readonly kind: 'madd'; readonly a: Expr; readonly b: Expr; readonly c: Expr }
  /** The same 32 bits as another type: f32 and i32, or their vectors. */
  | { readonly kind: 'bitcast'; readonly to: RegisterType; readonly x: Expr }
  /** A vector with `x` in every lane. */
  | { readonly kind: 'splat'; readonly x: Expr }
  /** A vector of four scalars. */
  | { readonly kind: 'vector'; readonly items: readonly [Expr, Expr, Expr, Expr] }
  /** One lane of a vector. */
  | { readonly kind: 'lane'; readonly x: Expr; readonly lane: number }

/** The register type in which elements of a dtype are computed. Throws nothing: dtypes without kernels (string, packed, 8-bit floats) map to their decoded form. */
export const REGISTER: Readonly<Record<DType, ScalarType>> = {
  float32: 'f32', float64: 'f64', float16: 'f32', bfloat16: 'f32',
  int8: 'i32', int16: 'i32', int32: 'i32', int64: 'i64', uint8: 'u32', uint16: 'u32', uint32: 'u32', uint64: 'u64',
  bool: 'bool', string: 'i32',
  float8e4m3fn: 'f32', float8e4m3fnuz: 'f32', float8e5m2: 'f32', float8e5m2fnuz: 'f32', float8e8m0: 'f32',
  float4e2m1: 'f32', int4: 'i32', uint4: 'u32', int2: 'i32', uint2: 'u32',
}

/** The dtype of elements that hold a register as it is. */
export const HELD_AS: Readonly<Record<ScalarType, DType>> = { f32: 'float32', i32: 'int32', u32: 'uint32', i64: 'int64', u64: 'uint64', f64: 'float64', bool: 'bool' }

/** The vector of a scalar type. Throws `verify-kernel` for types without one. */
export function vectorOf(type: RegisterType): VectorType {
  const vector = VECTOR_OF[type]
  if (vector === undefined) throw new IngotError('verify-kernel', `there are no vectors of ${type}`)
  return vector
}

const boolOf = (type: RegisterType): RegisterType => (isVector(type) ? 'b32x4' : 'bool')

const COMPARISONS: ReadonlySet<string> = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge'])

/** The register type of an expression; `dtypeOf` gives the dtype of a buffer. */
export function typeOfExpr(e: Expr, dtypeOf: (buffer: string) => DType): RegisterType {
  switch (e.kind) {
    case 'const': case 'local': return e.type
    case 'index': return 'i32'
    case 'load': return e.lanes === undefined ? REGISTER[dtypeOf(e.buffer)] : vectorOf(REGISTER[dtypeOf(e.buffer)])
    case 'unary': return e.op === 'isnan' || e.op === 'isinf' || e.op === 'not' ? boolOf(typeOfExpr(e.x, dtypeOf)) : typeOfExpr(e.x, dtypeOf)
    case 'binary': return COMPARISONS.has(e.op) ? boolOf(typeOfExpr(e.a, dtypeOf)) : typeOfExpr(e.a, dtypeOf)
    case 'madd': return typeOfExpr(e.a, dtypeOf)
    case 'bitcast': return e.to
    case 'splat': return vectorOf(typeOfExpr(e.x, dtypeOf))
    case 'vector': return vectorOf(typeOfExpr(e.items[0], dtypeOf))
    case 'lane': return laneType(typeOfExpr(e.x, dtypeOf))
    case 'select': return typeOfExpr(e.a, dtypeOf)
    case 'cast': return e.to
    case 'narrow': return REGISTER[e.dtype]
  }
}

/** A constant of a register type. */
export const constant = (type: RegisterType, value: number | string): Expr => ({ kind: 'const', type, value })
/** An index used as an i32 value. */
export const indexValue = (index: Dim): Expr => ({ kind: 'index', index })
/** True where one index is below another. */
export const isBelow = (at: Dim, end: Dim): Expr => binary('lt', indexValue(at), indexValue(end))
/** The element of a buffer at a multi-dimensional index. */
export const load = (buffer: string, index: readonly Dim[]): Expr => ({ kind: 'load', buffer, index })
/** A register bound earlier. */
export const local = (name: string, type: RegisterType): Expr => ({ kind: 'local', name, type })
export const unary = (op: UnaryOp, x: Expr): Expr => ({ kind: 'unary', op, x })
export const binary = (op: BinaryOp, a: Expr, b: Expr): Expr => ({ kind: 'binary', op, a, b })
/** `condition ? a : b`; both sides are evaluated. */
export const selectExpr = (condition: Expr, a: Expr, b: Expr): Expr => ({ kind: 'select', condition, a, b })
/** Conversion between register types: float to int truncates and saturates, int to int wraps, to bool tests for non-zero. */
export const cast = (to: RegisterType, x: Expr): Expr => ({ kind: 'cast', to, x })
export const narrow = (dtype: DType, x: Expr): Expr => ({ kind: 'narrow', dtype, x })
/** a·b + c. */
export const madd = (a: Expr, b: Expr, c: Expr): Expr => ({ kind: 'madd', a, b, c })
/** The same bits as another type of the same width. */
export const bitcast = (to: RegisterType, x: Expr): Expr => ({ kind: 'bitcast', to, x })
/** A vector with `x` in every lane; `x` itself where it is a vector already. */
export const splat = (x: Expr): Expr => ({ kind: 'splat', x })

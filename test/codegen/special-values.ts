/** Values at which arithmetic goes wrong, per register type, and kernels that apply one operation to all of them. */
import type { DType, TensorStorage } from '../../src/base/dtype.js'
import { binary, cast, load, unary, type BinaryOp, type ScalarType, type UnaryOp } from '../../src/ir/kernel/expr.js'
import type { Kernel } from '../../src/ir/kernel/kernel.js'
import { mapKernel } from './sample-kernels.js'

const floats = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3.49, 0.1, -0.3, 1e-7, -3e-5, 1e-40, -1e-45, 1e-300, 5e-324, 7.25, -12.75, 88.5, -100, 710, 1000.5, 65504, 123456.789, -8388609, 2147483648, -2147483649, 4294967296, 1e10, 9.3e18, -9.3e18, 1.9e19, 1e30, -3.4e38, 1e300, Infinity, -Infinity, NaN]
const ints = [0, 1, -1, 2, 3, -3, 7, 31, 32, 33, 100, -128, 255, 65535, 65536, -46341, 123456789, 2147483647, -2147483648, -2147483647]
const bigs = [0n, 1n, -1n, 2n, 3n, -3n, 7n, 63n, 64n, 100n, -128n, 4294967296n, -4294967297n, 123456789012345n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]

/** Storage dtype whose elements are each register type. */
export const STORED: Readonly<Record<ScalarType, DType>> = { f32: 'float32', f64: 'float64', i32: 'int32', u32: 'uint32', i64: 'int64', u64: 'uint64', bool: 'bool' }

const ARRAYS: Readonly<Record<ScalarType, () => TensorStorage>> = {
  f32: () => Float32Array.from(floats), f64: () => Float64Array.from(floats), i32: () => Int32Array.from(ints), u32: () => Uint32Array.from(ints),
  i64: () => BigInt64Array.from(bigs), u64: () => BigUint64Array.from(bigs.map((b) => BigInt.asUintN(64, b))), bool: () => Uint8Array.from([0, 1]),
}

/** The special values of a type. */
export const specialValues = (type: ScalarType): TensorStorage => ARRAYS[type]()

/** All pairs of special values of a type. */
export function specialPairs(type: ScalarType): readonly [TensorStorage, TensorStorage] {
  const v = specialValues(type) as Float32Array, n = v.length
  const make = (at: (i: number) => number): TensorStorage => { const a = new (v.constructor as Float32ArrayConstructor)(n * n); for (let i = 0; i < n * n; i++) a[i] = v[at(i)] as number; return a }
  return [make((i) => Math.floor(i / n)), make((i) => i % n)]
}

export const FLOAT_UNARY: readonly UnaryOp[] = ['neg', 'abs', 'not', 'sqrt', 'rsqrt', 'recip', 'exp', 'expm1', 'log', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'erf', 'floor', 'ceil', 'trunc', 'round', 'sign', 'isnan', 'isinf']
export const INT_UNARY: readonly UnaryOp[] = ['neg', 'abs', 'not', 'bitnot', 'sign', 'floor', 'ceil', 'trunc', 'round']
export const FLOAT_BINARY: readonly BinaryOp[] = ['add', 'sub', 'mul', 'div', 'rem', 'mod', 'pow', 'atan2', 'min', 'max', 'eq', 'ne', 'lt', 'le', 'gt', 'ge']
export const INT_BINARY: readonly BinaryOp[] = ['add', 'sub', 'mul', 'div', 'rem', 'mod', 'pow', 'min', 'max', 'and', 'or', 'xor', 'shl', 'shr', 'eq', 'ne', 'lt', 'le', 'gt', 'ge']
export const BOOL_BINARY: readonly BinaryOp[] = ['min', 'max', 'and', 'or', 'xor', 'eq', 'ne', 'lt', 'le', 'gt', 'ge']
export const TYPES: readonly ScalarType[] = ['f32', 'f64', 'i32', 'u32', 'i64', 'u64', 'bool']

export const unariesOf = (type: ScalarType): readonly UnaryOp[] => (type === 'bool' ? ['not'] : type[0] === 'f' ? FLOAT_UNARY : INT_UNARY)
export const binariesOf = (type: ScalarType): readonly BinaryOp[] => (type === 'bool' ? BOOL_BINARY : type[0] === 'f' ? FLOAT_BINARY : INT_BINARY)
const COMPARISONS: ReadonlySet<string> = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'not', 'isnan', 'isinf'])
const resultOf = (op: string, type: ScalarType): ScalarType => (COMPARISONS.has(op) ? 'bool' : type)

/** y = op(x0) over `length` elements of a type. */
export function unaryKernel(op: UnaryOp, type: ScalarType): Kernel {
  return mapKernel(`${op}_${type}`, [['x0', STORED[type]]], STORED[resultOf(op, type)], unary(op, load('x0', ['i'])))
}

/** y = op(x0, x1). */
export function binaryKernel(op: BinaryOp, type: ScalarType): Kernel {
  return mapKernel(`${op}_${type}`, [['x0', STORED[type]], ['x1', STORED[type]]], STORED[resultOf(op, type)], binary(op, load('x0', ['i']), load('x1', ['i'])))
}

/** y = x0 converted. */
export function castKernel(from: ScalarType, to: ScalarType): Kernel {
  return mapKernel(`cast_${from}_${to}`, [['x0', STORED[from]]], STORED[to], cast(to, load('x0', ['i'])))
}

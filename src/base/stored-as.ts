/**
 * How elements lie in memory that shaders share: one 32-bit word each, so that no two invocations ever write the same word. 64-bit
 * integers become 32-bit ones where the compiler has proved that their values fit (see `codegen/wgsl/narrow-integers.ts`).
 */
import type { DType } from './dtype.js'

const STORED: Readonly<Partial<Record<DType, DType>>> = {
  float32: 'float32', float16: 'float32', bfloat16: 'float32',
  int8: 'int32', int16: 'int32', int32: 'int32', int64: 'int32',
  uint8: 'uint32', uint16: 'uint32', uint32: 'uint32', uint64: 'uint32', bool: 'uint32',
  float8e4m3fn: 'uint32', float8e4m3fnuz: 'uint32', float8e5m2: 'uint32', float8e5m2fnuz: 'uint32', float8e8m0: 'uint32',
  float4e2m1: 'uint32', int4: 'uint32', uint4: 'uint32', int2: 'uint32', uint2: 'uint32',
}

/** The dtype of the words that hold elements of `dtype`; undefined for dtypes that shaders cannot have. */
export const storedAs = (dtype: DType): DType | undefined => STORED[dtype]

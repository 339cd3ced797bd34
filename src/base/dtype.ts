/**
 * Element types and how they are stored. Sources: ONNX TensorProto.DataType (IR 13) for the list, DESIGN of the
 * storage rule: one typed array per dtype; 16-bit floats as their bits; packed types with the first element in the low bits.
 */
export type DType =
  | 'float32' | 'float64' | 'float16' | 'bfloat16'
  | 'int8' | 'int16' | 'int32' | 'int64' | 'uint8' | 'uint16' | 'uint32' | 'uint64'
  | 'bool' | 'string'
  | 'float8e4m3fn' | 'float8e4m3fnuz' | 'float8e5m2' | 'float8e5m2fnuz' | 'float8e8m0'
  | 'float4e2m1' | 'int4' | 'uint4' | 'int2' | 'uint2'

/** Raw storage of a tensor's elements in row-major order. */
export type TensorStorage =
  | Float32Array | Float64Array | Int8Array | Int16Array | Int32Array | BigInt64Array
  | Uint8Array | Uint16Array | Uint32Array | BigUint64Array | readonly string[]

/** A tensor on the host: dtype, concrete extents, row-major elements. Plain data, shared freely, never written to once made. */
export interface HostTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TensorStorage
}

export interface DTypeInfo {
  /** Bits one element takes in storage; 0 for strings. */
  readonly bits: number
  readonly kind: 'float' | 'int' | 'uint' | 'bool' | 'string'
  /** Storage array constructor; `null` for strings (a plain array). */
  readonly array: StorageConstructor | null
}

export type StorageConstructor =
  | typeof Float32Array | typeof Float64Array | typeof Int8Array | typeof Int16Array | typeof Int32Array | typeof BigInt64Array
  | typeof Uint8Array | typeof Uint16Array | typeof Uint32Array | typeof BigUint64Array

export const DTYPES: Readonly<Record<DType, DTypeInfo>> = {
  float32: { bits: 32, kind: 'float', array: Float32Array },
  float64: { bits: 64, kind: 'float', array: Float64Array },
  float16: { bits: 16, kind: 'float', array: Uint16Array },
  bfloat16: { bits: 16, kind: 'float', array: Uint16Array },
  int8: { bits: 8, kind: 'int', array: Int8Array },
  int16: { bits: 16, kind: 'int', array: Int16Array },
  int32: { bits: 32, kind: 'int', array: Int32Array },
  int64: { bits: 64, kind: 'int', array: BigInt64Array },
  uint8: { bits: 8, kind: 'uint', array: Uint8Array },
  uint16: { bits: 16, kind: 'uint', array: Uint16Array },
  uint32: { bits: 32, kind: 'uint', array: Uint32Array },
  uint64: { bits: 64, kind: 'uint', array: BigUint64Array },
  bool: { bits: 8, kind: 'bool', array: Uint8Array },
  string: { bits: 0, kind: 'string', array: null },
  float8e4m3fn: { bits: 8, kind: 'float', array: Uint8Array },
  float8e4m3fnuz: { bits: 8, kind: 'float', array: Uint8Array },
  float8e5m2: { bits: 8, kind: 'float', array: Uint8Array },
  float8e5m2fnuz: { bits: 8, kind: 'float', array: Uint8Array },
  float8e8m0: { bits: 8, kind: 'float', array: Uint8Array },
  float4e2m1: { bits: 4, kind: 'float', array: Uint8Array },
  int4: { bits: 4, kind: 'int', array: Uint8Array },
  uint4: { bits: 4, kind: 'uint', array: Uint8Array },
  int2: { bits: 2, kind: 'int', array: Uint8Array },
  uint2: { bits: 2, kind: 'uint', array: Uint8Array },
}

/** True for a dtype name; narrows strings that come from text or files. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(DTYPES, name)
}

/** Bytes that `count` elements of `dtype` take, packed types rounded up to whole bytes. */
export function storageBytes(dtype: DType, count: number): number {
  return Math.ceil((count * DTYPES[dtype].bits) / 8)
}

/** Number of elements of a concrete shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  let n = 1
  for (const d of shape) n *= d
  return n
}

/** Fresh zeroed storage for `count` elements of `dtype` (empty strings for `string`). */
export function allocate(dtype: DType, count: number): TensorStorage {
  const info = DTYPES[dtype]
  if (info.array === null) return new Array<string>(count).fill('')
  return new info.array(info.bits < 8 ? storageBytes(dtype, count) : count)
}

/** `storage` seen as its bytes, without copying; strings have none. */
export function bytesOf(storage: TensorStorage): Uint8Array {
  return ArrayBuffer.isView(storage) ? new Uint8Array(storage.buffer, storage.byteOffset, storage.byteLength) : new Uint8Array(0)
}

/** Storage of `dtype` holding a copy of `bytes` (little-endian), which must be whole elements. */
export function storageOf(dtype: DType, bytes: Uint8Array): TensorStorage {
  const info = DTYPES[dtype]
  if (info.array === null) return []
  // Not `slice`: that of Node's Buffer shares memory, and its `buffer` is more than itself.
  return new info.array(new Uint8Array(bytes).buffer)
}

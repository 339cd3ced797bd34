/** TensorProto → HostTensor, for every dtype and every way in which ONNX stores elements. Raw bytes are viewed where alignment allows. */
import { allocate, DTYPES, storageBytes, type DType, type HostTensor, type TensorStorage } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Message } from './schema.js'

const BY_NUMBER: readonly (DType | undefined)[] = [
  undefined, 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool', 'float16', 'float64', 'uint32', 'uint64',
  undefined, undefined, 'bfloat16', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1',
  'float8e8m0', 'uint2', 'int2',
]

/** The TensorProto.DataType number of a dtype. */
export function numberOfDType(dtype: DType): number {
  return BY_NUMBER.indexOf(dtype)
}

/** Extents above this are taken for damage: no tensor of the kind fits anywhere. */
export const MAX_EXTENT = 2 ** 31 - 1

/** The dtype of a TensorProto.DataType number; throws `unsupported-dtype`. */
export function dtypeOfNumber(number: number, what: string): DType {
  const dtype = BY_NUMBER[number]
  if (dtype !== undefined) return dtype
  const name = number === 14 ? 'complex64' : number === 15 ? 'complex128' : number === 0 ? 'undefined' : `number ${number}`
  throw new IngotError('unsupported-dtype', `${what} has element type ${name}`, { hint: 'convert it to a float or integer type', where: { dtype: name } })
}

/** Reads the external bytes of a tensor whose data lie outside the model. */
export type ExternalReader = (tensor: Message<'TensorProto'>, bytes: number) => Uint8Array

/** Decodes a tensor. Throws `onnx-bad-dim`, `onnx-invalid`, `unsupported-dtype` or what `external` throws. */
export function tensorFromProto(proto: Message<'TensorProto'>, external?: ExternalReader): HostTensor {
  const what = `tensor '${proto.name ?? ''}'`
  const dtype = dtypeOfNumber(proto.dataType ?? 0, what)
  if (proto.segment !== undefined) throw new IngotError('onnx-invalid', `${what} is stored in segments`, { hint: 'no exporter writes segments; save the model again with onnx.save' })
  const shape = proto.dims
  const count = checkedCount(shape, what)
  if (proto.dataLocation === 1) {
    if (dtype === 'string') throw new IngotError('onnx-invalid', `${what} holds strings outside the model, which ONNX forbids`)
    if (external === undefined) throw new IngotError('external-data-missing', `${what} is stored outside the model, and no external data were given`, { hint: 'import from a path, or pass externalData' })
    return { dtype, shape, data: fromRaw(dtype, count, external(proto, storageBytes(dtype, count)), what) }
  }
  if (proto.rawData !== undefined && (proto.rawData.length > 0 || dtype !== 'string')) return { dtype, shape, data: fromRaw(dtype, count, proto.rawData, what) }
  return { dtype, shape, data: fromFields(dtype, count, proto, what) }
}

function checkedCount(shape: readonly number[], what: string): number {
  let count = 1
  for (const d of shape) {
    if (d < 0 || d > MAX_EXTENT) throw new IngotError('onnx-bad-dim', `${what} has the extent ${d} in its shape [${shape.join(', ')}]`, { hint: 'extents lie between 0 and 2147483647' })
    count *= d
  }
  if (count > 2 ** 40) throw new IngotError('onnx-bad-dim', `${what} of shape [${shape.join(', ')}] would have ${count} elements`, { hint: 'the model is damaged, or made to exhaust memory' })
  return count
}

/** Little-endian bytes as storage of `count` elements: a view where the alignment allows one, else a copy. */
function fromRaw(dtype: DType, count: number, bytes: Uint8Array, what: string): TensorStorage {
  const { array } = DTYPES[dtype]
  if (array === null) throw new IngotError('onnx-invalid', `${what} holds strings as raw bytes, which ONNX forbids`)
  const wanted = storageBytes(dtype, count)
  if (bytes.length !== wanted) throw sizeMismatch(what, dtype, count, `${wanted} bytes`, `${bytes.length}`)
  const size = array.BYTES_PER_ELEMENT
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, wanted / size)
}

function sizeMismatch(what: string, dtype: DType, count: number, wanted: string, found: string): IngotError {
  return new IngotError('onnx-invalid', `${what} of ${count} ${dtype} elements needs ${wanted} but holds ${found}`, { hint: 'the file is damaged or truncated', where: { dtype } })
}

function fromFields(dtype: DType, count: number, proto: Message<'TensorProto'>, what: string): TensorStorage {
  const source = fieldOf(dtype, proto)
  const { bits } = DTYPES[dtype]
  const wanted = bits > 0 && bits < 8 ? storageBytes(dtype, count) : count
  if (source.length !== wanted) throw sizeMismatch(what, dtype, count, `${wanted} values`, `${source.length}`)
  if (dtype === 'string') return proto.stringData.map((b) => new TextDecoder().decode(b))
  if (dtype === 'float32' && source instanceof Float32Array) return source
  if (dtype === 'float64' && source instanceof Float64Array) return source
  const out = allocate(dtype, count) as unknown as (number | bigint)[]
  const big = dtype === 'int64' || dtype === 'uint64'
  for (let i = 0; i < wanted; i++) out[i] = big ? (source[i] as bigint) : Number(source[i])
  return out as unknown as TensorStorage
}

/** The field that holds the elements of a dtype (onnx.proto, comments of TensorProto). */
function fieldOf(dtype: DType, proto: Message<'TensorProto'>): ArrayLike<unknown> {
  switch (dtype) {
    case 'float32': return proto.floatData
    case 'float64': return proto.doubleData
    case 'int64': return proto.int64Data
    case 'uint32': case 'uint64': return proto.uint64Data
    case 'string': return proto.stringData
    default: return proto.int32Data
  }
}

/** A sparse tensor as a dense one: indices are linear `[nnz]` or coordinates `[nnz, rank]`. */
export function denseFromSparse(proto: Message<'SparseTensorProto'>, external?: ExternalReader): HostTensor {
  if (proto.values === undefined || proto.indices === undefined) throw new IngotError('onnx-invalid', 'a sparse tensor lacks its values or indices')
  const values = tensorFromProto(proto.values, external)
  const indices = tensorFromProto(proto.indices, external)
  const what = `sparse tensor '${proto.values.name ?? ''}'`
  const count = checkedCount(proto.dims, what)
  if (DTYPES[values.dtype].bits < 8) throw new IngotError('unsupported-dtype', `${what} has elements that are no whole bytes`, { where: { dtype: values.dtype } })
  const out = allocate(values.dtype, count) as unknown as unknown[]
  const rank = indices.shape.length === 2 ? (indices.shape[1] as number) : 1
  const coordinates = indices.data as ArrayLike<bigint>
  for (let k = 0; k < values.data.length; k++) {
    let at = 0
    if (indices.shape.length === 2) for (let j = 0; j < rank; j++) at = at * (proto.dims[j] ?? 0) + Number(coordinates[k * rank + j])
    else at = Number(coordinates[k])
    if (!(at >= 0 && at < count)) throw new IngotError('onnx-invalid', `${what} has the index ${at} outside its ${count} elements`)
    out[at] = values.data[k]
  }
  return { dtype: values.dtype, shape: proto.dims, data: out as unknown as TensorStorage }
}

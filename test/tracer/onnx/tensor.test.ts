import { describe, expect, test } from 'vitest'
import { decodeOptionalProto, decodeSequenceProto, decodeTensorProto } from '../../../src/tracer/onnx/index.js'
import { DATA_TYPE, errorOf, onnx } from './onnx-models.js'

const encode = (t: onnx.ITensorProto): Uint8Array => onnx.TensorProto.encode(onnx.TensorProto.create(t)).finish()
const decode = (t: onnx.ITensorProto) => decodeTensorProto(encode(t))
const raw = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

describe('tensors in typed fields', () => {
  test.each<readonly [string, onnx.ITensorProto, unknown]>([
    ['float32', { dataType: DATA_TYPE.FLOAT, floatData: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ['float64', { dataType: DATA_TYPE.DOUBLE, doubleData: [1.1, -2] }, Float64Array.of(1.1, -2)],
    ['int64', { dataType: DATA_TYPE.INT64, int64Data: [1, -2] }, BigInt64Array.of(1n, -2n)],
    ['uint64', { dataType: DATA_TYPE.UINT64, uint64Data: [1, 2 ** 40] }, BigUint64Array.of(1n, 2n ** 40n)],
    ['uint32', { dataType: DATA_TYPE.UINT32, uint64Data: [1, 2 ** 32 - 1] }, Uint32Array.of(1, 2 ** 32 - 1)],
    ['int32', { dataType: DATA_TYPE.INT32, int32Data: [-1, 2 ** 31 - 1] }, Int32Array.of(-1, 2 ** 31 - 1)],
    ['int16', { dataType: DATA_TYPE.INT16, int32Data: [-1, 300] }, Int16Array.of(-1, 300)],
    ['int8', { dataType: DATA_TYPE.INT8, int32Data: [-128, 127] }, Int8Array.of(-128, 127)],
    ['uint8', { dataType: DATA_TYPE.UINT8, int32Data: [0, 255] }, Uint8Array.of(0, 255)],
    ['uint16', { dataType: DATA_TYPE.UINT16, int32Data: [0, 65535] }, Uint16Array.of(0, 65535)],
    ['bool', { dataType: DATA_TYPE.BOOL, int32Data: [1, 0] }, Uint8Array.of(1, 0)],
    ['float16', { dataType: DATA_TYPE.FLOAT16, int32Data: [0x3c00, 0xc000] }, Uint16Array.of(0x3c00, 0xc000)],
    ['bfloat16', { dataType: DATA_TYPE.BFLOAT16, int32Data: [0x3f80, 0xc000] }, Uint16Array.of(0x3f80, 0xc000)],
    ['string', { dataType: DATA_TYPE.STRING, stringData: [new TextEncoder().encode('a'), new TextEncoder().encode('è')] }, ['a', 'è']],
    ['float8e4m3fn', { dataType: 17, int32Data: [1, 254] }, Uint8Array.of(1, 254)],
    ['float8e8m0', { dataType: 24, int32Data: [127, 128] }, Uint8Array.of(127, 128)],
  ])('%s', (dtype, proto, data) => {
    expect(decode({ ...proto, dims: [2] })).toEqual({ dtype, shape: [2], data })
  })

  test('packed 4-bit and 2-bit elements keep their bytes, the first element in the low bits', () => {
    expect(decode({ dims: [3], dataType: 22, int32Data: [0x21, 0x03] })).toEqual({ dtype: 'int4', shape: [3], data: Uint8Array.of(0x21, 0x03) })
    expect(decode({ dims: [5], dataType: 25, rawData: Uint8Array.of(0xe4, 0x01) })).toEqual({ dtype: 'uint2', shape: [5], data: Uint8Array.of(0xe4, 0x01) })
  })

  test('a scalar has no axes and one element', () => {
    expect(decode({ dataType: DATA_TYPE.FLOAT, floatData: [3] })).toEqual({ dtype: 'float32', shape: [], data: Float32Array.of(3) })
  })
})

describe('tensors as raw bytes', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])('float64 and int64 are right at any alignment: name of %i letters', (letters) => {
    const name = 'n'.repeat(letters)
    expect(decode({ name, dims: [2], dataType: DATA_TYPE.DOUBLE, rawData: raw(Float64Array.of(1.25, -3)) }).data).toEqual(Float64Array.of(1.25, -3))
    expect(decode({ name, dims: [2], dataType: DATA_TYPE.INT64, rawData: raw(BigInt64Array.of(-1n, 2n ** 62n)) }).data).toEqual(BigInt64Array.of(-1n, 2n ** 62n))
  })

  test('aligned bytes are viewed, not copied', () => {
    const bytes = encode({ dims: [8], dataType: DATA_TYPE.UINT8, rawData: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) })
    const own = new Uint8Array(bytes)
    const { data } = decodeTensorProto(own)
    own.fill(9, own.indexOf(1, own.length - 8))
    expect(data).toEqual(new Uint8Array(8).fill(9))
  })

  test('no elements need no bytes', () => {
    expect(decode({ dims: [0, 4], dataType: DATA_TYPE.FLOAT })).toEqual({ dtype: 'float32', shape: [0, 4], data: new Float32Array(0) })
  })

  test.each<readonly [string, onnx.ITensorProto]>([
    ['too few bytes', { dims: [3], dataType: DATA_TYPE.FLOAT, rawData: new Uint8Array(8) }],
    ['too many bytes', { dims: [1], dataType: DATA_TYPE.FLOAT, rawData: new Uint8Array(8) }],
    ['too few values', { dims: [3], dataType: DATA_TYPE.INT64, int64Data: [1] }],
    ['strings as bytes', { dims: [1], dataType: DATA_TYPE.STRING, rawData: new Uint8Array(8) }],
    ['segments', { dims: [1], dataType: DATA_TYPE.FLOAT, floatData: [1], segment: { begin: 0, end: 1 } }],
  ])('%s are refused', async (_, proto) => {
    expect((await errorOf(() => decode(proto))).code).toBe('onnx-invalid')
  })
})

describe('sequences and optionals', () => {
  const one = { dims: [1], dataType: DATA_TYPE.FLOAT, floatData: [1] }

  test('a sequence is a list of tensors', () => {
    // SequenceProto: elem_type = 1 (tensor), tensor_values = 3.
    const inner = encode(one)
    expect(decodeSequenceProto(Uint8Array.from([0x10, 1, 0x1a, inner.length, ...inner, 0x1a, inner.length, ...inner]))).toHaveLength(2)
  })

  test('an optional is its value, or null', () => {
    const inner = encode(one)
    expect(decodeOptionalProto(Uint8Array.from([0x10, 1, 0x1a, inner.length, ...inner]))).toMatchObject({ dtype: 'float32', shape: [1] })
    expect(decodeOptionalProto(Uint8Array.of(0x10, 1))).toBeNull()
  })
})

/** Quantised products and convolutions as onnxruntime's tools write them: bytes times signed weights that are constant, summed as int32. */
import { createRequire } from 'node:module'
import { seededTensor } from '../../dist/src/index.js'

const { onnx } = createRequire(new URL('../../package.json', import.meta.url))('onnx-proto')
const { UINT8, INT8, INT32 } = onnx.TensorProto.DataType, { INTS } = onnx.AttributeProto.AttributeType
const ZERO_POINT = 120

const port = (name, elemType, shape) => ({ name, type: { tensorType: { elemType, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } } })

/** A model of one node that multiplies bytes `a` of a shape by `w`. */
function quantised(name, opType, shape, weight, result, flops, attributes = {}) {
  const { data } = seededTensor('int8', weight, 5, [-127, 128])
  const graph = {
    name: 'quantised', input: [port('a', UINT8, shape)], output: [port('y', INT32, result)],
    initializer: [{ name: 'w', dataType: INT8, dims: weight, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }, { name: 'zero', dataType: UINT8, dims: [], rawData: Uint8Array.of(ZERO_POINT) }],
    node: [{ opType, name: opType, input: ['a', 'w', 'zero'], output: ['y'], attribute: Object.entries(attributes).map(([key, ints]) => ({ name: key, type: INTS, ints })) }],
  }
  const bytes = onnx.ModelProto.encode(onnx.ModelProto.create({ irVersion: 8, opsetImport: [{ domain: '', version: 17 }], graph })).finish()
  return { group: 'quantised', name, flops, graph: () => bytes, feeds: { a: seededTensor('uint8', shape, 1, [0, 256]) } }
}

const product = (m, k, n) => quantised(`${m}×${k}×${n}`, 'MatMulInteger', [m, k], [k, n], [m, n], 2 * m * k * n)

const convolution = (extent, channels, out, kernel) => quantised(`${kernel}×${kernel}: ${extent}² × ${channels} → ${out}`, 'ConvInteger', [1, channels, extent, extent], [out, channels, kernel, kernel], [1, out, extent, extent],
  2 * extent ** 2 * channels * out * kernel ** 2, { pads: [0, 0, 0, 0].fill(kernel >> 1) })

export const quantisedOperations = [product(128, 384, 1536), product(128, 768, 768), product(1, 1024, 1024), convolution(56, 64, 64, 3), convolution(28, 128, 512, 1), convolution(14, 1024, 256, 1)]

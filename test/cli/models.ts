/** Small ONNX models for the command line, written by onnx-proto. */
import { DATA_TYPE, model, node, port } from '../tracer/onnx/onnx-models.js'

const floats = (name: string, dims: readonly number[], values: readonly number[]) => ({ name, dataType: DATA_TYPE.FLOAT, dims: [...dims], floatData: [...values] })

/** y[batch, 2] = softmax(relu(x[batch, 3] · w + b)). */
export const classifier = (): Uint8Array => model({
  inputs: [port('x', ['batch', 3])],
  initializers: [floats('w', [3, 2], [1, -1, 0.5, 2, -2, 0.25]), floats('b', [2], [0.1, -0.1])],
  nodes: [node('Gemm', ['x', 'w', 'b'], ['g'], {}, { name: '/fc/Gemm' }), node('Relu', ['g'], ['r'], {}, { name: '/Relu' }), node('Softmax', ['r'], ['y'], { axis: -1 }, { name: '/Softmax' })],
})

/** a/b = x + 1 and a_b = -x, both outputs, over x[2] of int64. */
export const twoOutputs = (): Uint8Array => model({
  inputs: [port('x', [2], DATA_TYPE.INT64)], outputs: ['a/b', 'a_b'],
  initializers: [{ name: 'one', dataType: DATA_TYPE.INT64, dims: [1], int64Data: [1] }],
  nodes: [node('Add', ['x', 'one'], ['a/b']), node('Neg', ['x'], ['a_b'])],
})

/** y = the rows of all tensors in the sequence xs, each of them [n, 2]. */
export const joined = (): Uint8Array => model({
  inputs: [{ name: 'xs', type: { sequenceType: { elemType: port('', ['n', 2]).type ?? null } } }],
  nodes: [node('ConcatFromSequence', ['xs'], ['y'], { axis: 0 })],
})

/** A model with an op that nobody knows. */
export const unknownOp = (): Uint8Array => model({ inputs: [port('x', [2])], nodes: [node('Frobnicate', ['x'], ['y'], {}, { name: '/layer1/Frob' })] })

/** A chain of `length` tanh and products with constants of `weights` floats each. */
export function longModel(length: number, weights: number): Uint8Array {
  const nodes = [], initializers = []
  for (let i = 0; i < length; i++) {
    initializers.push({ name: `w${i}`, dataType: DATA_TYPE.FLOAT, dims: [weights], rawData: new Uint8Array(new Float32Array(weights).fill(i).buffer) })
    nodes.push(node('Mul', [i === 0 ? 'x' : `t${i - 1}`, `w${i}`], [`m${i}`]), node('Tanh', [`m${i}`], [`t${i}`]))
  }
  return model({ inputs: [port('x', [weights])], outputs: [`t${length - 1}`], nodes, initializers })
}

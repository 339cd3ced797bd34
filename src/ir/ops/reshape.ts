/** Reshape: the same elements in the same order under another shape. Costs nothing. */
import { dimsOf } from '../integer-elements.js'
import { printShape } from '../dims-text.js'
import { product } from '../dims.js'
import type { Value } from '../graph.js'
import { inputShape, linear } from '../gradients.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { onlyOutput, required } from './elementwise.js'
import { tensorInput } from './operands.js'

const reshape = defineOp({
  name: 'reshape',
  doc: 'The same elements in row-major order under another shape.',
  source: 'ONNX Reshape-21, Squeeze-21, Unsqueeze-21, Flatten-21; torch.reshape',
  attrs: { shape: 'dims' },
  pattern: 'alias',
  infer(call, ctx) {
    const x = tensorInput(call, 0)
    ctx.assume(product(x.shape), product(call.attrs.shape), `${printShape(x.shape)} is reshaped to ${printShape(call.attrs.shape)}, which must have as many elements`)
    return [tensorType(x.dtype, call.attrs.shape)]
  },
  symbolic: (call) => dimsOf(call.inputs[0] as Value),
  reference({ inputs, outputs }) {
    const [x] = required(inputs)
    const { dtype, shape } = onlyOutput(outputs)
    return [{ dtype, shape, data: x.data }]
  },
  grad: linear((g, dy, call) => g.reshape(dy, inputShape(call, 0))),
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3] }], attrs: { shape: [3, 2] } },
    { inputs: [{ dtype: 'int64', shape: [] }], attrs: { shape: [1, 1] } },
    { inputs: [{ dtype: 'float16', shape: [4, 0] }], attrs: { shape: [0, 7] } },
    { inputs: [{ dtype: 'bool', shape: [6] }], attrs: { shape: [2, 1, 3] } },
  ],
})

/** Ops that only rename extents. */
export const RESHAPES = [reshape]

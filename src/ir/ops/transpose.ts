/** Transpose: axes in another order. */
import { printShape } from '../dims-text.js'
import { dimsOf } from '../integer-elements.js'
import type { Dim } from '../dims.js'
import type { Value } from '../graph.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load } from '../kernel/expr.js'
import { linear } from '../gradients.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { pick } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { axisOffsets, boxOffsets, rowMajorStrides } from './offsets.js'
import { checkAttribute, tensorInput } from './operands.js'

/** Transpose; `perm[i]` is the input axis that becomes axis `i`. */
export const transpose = defineOp({
  name: 'transpose',
  doc: 'The axes in another order: axis i of the result is axis perm[i] of the input.',
  source: 'ONNX Transpose-23; torch.permute',
  attrs: { perm: 'ints' },
  pattern: 'injective',
  infer(call) {
    const x = tensorInput(call, 0)
    const { perm } = call.attrs
    const once = perm.length === x.shape.length && x.shape.every((_, i) => perm.includes(i))
    checkAttribute(once, `perm [${perm.join(', ')}] does not name every axis of ${printShape(x.shape)} once`)
    return [tensorType(x.dtype, perm.map((p) => x.shape[p] as Dim))]
  },
  symbolic: (call, output) => (output.shape.length <= 1 ? dimsOf(call.inputs[0] as Value) : undefined),
  reference({ inputs, attrs, outputs }) {
    const [x] = required(inputs)
    const output = onlyOutput(outputs)
    const strides = rowMajorStrides(x.shape)
    return [pick(x, output, boxOffsets(attrs.perm.map((p, i) => axisOffsets(output.shape[i] as number, strides[p] as number))))]
  },
  grad: linear<{ readonly perm: readonly number[] }>((g, dy, call) => g.transpose(dy, call.attrs.perm.map((_, i) => call.attrs.perm.indexOf(i)))),
  compute(ctx) {
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    const from = index.map((_, i) => index[ctx.attrs.perm.indexOf(i)] as string)
    return { name: 'transpose', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: load('x0', from) }] }
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 5] }], attrs: { perm: [2, 0, 1] } },
    { inputs: [{ dtype: 'float16', shape: [4, 3] }], attrs: { perm: [1, 0] } },
    { inputs: [{ dtype: 'int64', shape: [7] }], attrs: { perm: [0] } },
    { inputs: [{ dtype: 'bool', shape: [] }], attrs: { perm: [] } },
    { inputs: [{ dtype: 'float32', shape: [2, 0, 3] }], attrs: { perm: [1, 2, 0] } },
  ],
})

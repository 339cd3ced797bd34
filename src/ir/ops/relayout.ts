/** Relayout: the same tensor in another memory order, which its result carries (`Value.order`). */
import { axesOver } from '../kernel/elementwise-compute.js'
import { load } from '../kernel/expr.js'
import { defineOp } from '../op.js'
import { onlyOutput, required } from './elementwise.js'
import { tensorInput } from './operands.js'

/** A copy that becomes a transposition in memory; to everything that does not look at memory it is the identity. */
export const relayout = defineOp({
  name: 'relayout',
  doc: 'The same tensor in another memory order, that of its result.',
  source: 'Ingot: placed by the pass choose-layout',
  attrs: {},
  pattern: 'injective',
  infer: (call) => [tensorInput(call, 0)],
  reference({ inputs, outputs }) {
    const [x] = required(inputs)
    return [{ ...onlyOutput(outputs), data: x.data.slice() as typeof x.data }]
  },
  compute(ctx) {
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    return { name: 'relayout', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: load('x0', index) }] }
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 5] }], attrs: {} },
    { inputs: [{ dtype: 'float16', shape: [1, 4, 3, 2] }], attrs: {} },
    { inputs: [{ dtype: 'int64', shape: [0, 7] }], attrs: {} },
    { inputs: [{ dtype: 'bool', shape: [] }], attrs: {} },
  ],
})

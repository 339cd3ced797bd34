/** Repetition: expand (numpy broadcast) and tile. */
import { printShape } from '../dims-text.js'
import { dimsOf } from '../integer-elements.js'
import { mod, mul, type Dim } from '../dims.js'
import type { Value } from '../graph.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load } from '../kernel/expr.js'
import { inputShape, linear, sumTo } from '../gradients.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { broadcastIndex, checkBroadcastTo } from './broadcast.js'
import { pick } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { tileGrad } from './movement-grad.js'
import { axisOffsets, boxOffsets, broadcastOffsets, rowMajorStrides } from './offsets.js'
import { checkAttribute, tensorInput } from './operands.js'

const expand = defineOp({
  name: 'expand',
  doc: 'The input broadcast to exactly `shape`.',
  source: 'ONNX Expand-13; numpy.broadcast_to; torch.expand',
  attrs: { shape: 'dims' },
  pattern: 'injective',
  infer(call, ctx) {
    const x = tensorInput(call, 0)
    checkBroadcastTo(x.shape, call.attrs.shape, ctx)
    return [tensorType(x.dtype, call.attrs.shape)]
  },
  symbolic(call, output) {
    const x = call.inputs[0] as Value
    const known = dimsOf(x)
    if (known === undefined || x.type.kind !== 'tensor') return undefined
    const shape = output.shape as readonly number[]
    const offsets = broadcastOffsets(x.type.shape as readonly number[], shape)
    return offsets === undefined ? known : Array.from(offsets, (at) => known[at] as Dim)
  },
  reference({ inputs, outputs }) {
    const [x] = required(inputs)
    const output = onlyOutput(outputs)
    const offsets = broadcastOffsets(x.shape, output.shape)
    return [offsets === undefined ? x : pick(x, output, offsets)]
  },
  grad: linear((g, dy, call) => sumTo(g.ctx, dy, inputShape(call, 0))),
  compute(ctx) {
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    const value = load('x0', broadcastIndex(ctx.inputs[0]?.shape ?? [], index))
    return { name: 'expand', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value }] }
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 1] }], attrs: { shape: [2, 3, 4] } },
    { inputs: [{ dtype: 'int64', shape: [] }], attrs: { shape: [5] } },
    { inputs: [{ dtype: 'float16', shape: [1, 3] }], attrs: { shape: [0, 3] } },
    { inputs: [{ dtype: 'bool', shape: [2, 3] }], attrs: { shape: [2, 3] } },
  ],
})

const tile = defineOp({
  name: 'tile',
  doc: 'The input repeated `repeats[i]` times along axis i.',
  source: 'ONNX Tile-13; numpy.tile; torch.tile',
  attrs: { repeats: 'dims' },
  pattern: 'injective',
  infer(call) {
    const x = tensorInput(call, 0)
    const { repeats } = call.attrs
    checkAttribute(repeats.length === x.shape.length, `repeats has ${repeats.length} entries for ${printShape(x.shape)}; it needs one per axis`)
    checkAttribute(repeats.every((r) => typeof r !== 'number' || r >= 0), `repeats ${printShape(repeats)} must not be negative`)
    return [tensorType(x.dtype, x.shape.map((d, i) => mul(d, repeats[i] as Dim)))]
  },
  reference({ inputs, outputs }) {
    const [x] = required(inputs)
    const output = onlyOutput(outputs)
    const strides = rowMajorStrides(x.shape)
    return [pick(x, output, boxOffsets(output.shape.map((n, i) => axisOffsets(n, strides[i] as number, (k) => k % (x.shape[i] as number)))))]
  },
  compute(ctx) {
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    const value = load('x0', (ctx.inputs[0]?.shape ?? []).map((d, i) => (d === 1 ? 0 : ctx.attrs.repeats[i] === 1 ? (index[i] as string) : mod(index[i] as string, d))))
    return { name: 'tile', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value }] }
  },
  grad: tileGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3] }], attrs: { repeats: [2, 3] } },
    { inputs: [{ dtype: 'int64', shape: [3] }], attrs: { repeats: [0] } },
    { inputs: [{ dtype: 'float16', shape: [1, 3] }], attrs: { repeats: [3, 1] } },
    { inputs: [{ dtype: 'bool', shape: [] }], attrs: { repeats: [] } },
    { inputs: [{ dtype: 'int32', shape: [0, 2] }], attrs: { repeats: [2, 2] } },
  ],
})

/** Ops that repeat elements. */
export const REPEATS = [expand, tile]

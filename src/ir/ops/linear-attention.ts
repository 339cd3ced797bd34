/** Attention without softmax: a state of keys times values for each head, which every step changes and its queries read. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { dimsEqual, floorDiv, mul, type Dim } from '../dims.js'
import { fromNumbers } from '../host-tensor.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { numbersOf, type Numbers } from './elements.js'
import { linearAttentionKernel, LINEAR_ATTENTION_ATTRS, type LinearAttentionAttrs } from './linear-attention-kernel.js'
import { checkAttribute, checkShape, findTensorInput, tensorInput } from './operands.js'

/** One head of one sequence after another, step by step. */
function reference({ inputs, attrs, outputs }: ReferenceCall<LinearAttentionAttrs>): HostTensor[] {
  const [q, k, v, start, decay, beta] = inputs as readonly [HostTensor, HostTensor, HostTensor, ...(HostTensor | null)[]], [out, state] = outputs as readonly [ConcreteType, ConcreteType]
  const { heads, query_heads: queryHeads, scale } = attrs, [batch, steps] = q.shape as readonly [number, number], [, , size, width] = state.shape as readonly [number, number, number, number], shared = queryHeads / heads
  const elements = (t: HostTensor | null | undefined): Numbers | undefined => (t == null ? undefined : numbersOf(t)), [qs, ks, vs] = [q, k, v].map(numbersOf) as [Numbers, Numbers, Numbers]
  const factors = elements(decay), rates = elements(beta), held = Float64Array.from(elements(start) ?? new Float64Array(elementCount(state.shape))), y = new Float64Array(elementCount(out.shape))
  const at = (list: Numbers, t: HostTensor, row: number, i: number): number => list[row * (t.shape[2] as number) + i] as number
  for (let b = 0; b < batch; b++) for (let h = 0; h < heads; h++) for (let t = 0; t < steps; t++) {
    const row = b * steps + t, place = (d: number, m: number): number => ((b * heads + h) * size + d) * width + m, rate = rates === undefined ? undefined : at(rates, beta as HostTensor, row, (beta as HostTensor).shape[2] === 1 ? 0 : h)
    for (let m = 0; m < width; m++) {
      let found = 0
      for (let d = 0; d < size; d++) {
        if (factors !== undefined) held[place(d, m)] = (held[place(d, m)] as number) * at(factors, decay as HostTensor, row, (decay as HostTensor).shape[2] === heads ? h : h * size + d)
        found += (held[place(d, m)] as number) * at(ks, k, row, h * size + d)
      }
      const value = at(vs, v, row, h * width + m), written = rate === undefined ? value : rate * (value - found)
      for (let d = 0; d < size; d++) held[place(d, m)] = (held[place(d, m)] as number) + at(ks, k, row, h * size + d) * written
      for (let g = h * shared; g < (h + 1) * shared; g++) {
        let sum = 0
        for (let d = 0; d < size; d++) sum += at(qs, q, row, g * size + d) * (held[place(d, m)] as number)
        y[(row * queryHeads + g) * width + m] = scale * sum
      }
    }
  }
  return [fromNumbers(out.dtype, out.shape, y), fromNumbers(state.dtype, state.shape, held)]
}

interface SampleShape { readonly steps?: number; readonly heads?: number; readonly shared?: number; readonly size?: number; readonly width?: number; readonly start?: boolean; readonly decay?: 'head' | 'key'; readonly beta?: 'head' | 'one' }

function sample({ steps = 4, heads = 2, shared = 1, size = 3, width = 5, start = false, decay, beta }: SampleShape) {
  const batch = 2, of = (last: number, range: readonly [number, number] = [-1, 1]) => ({ dtype: 'float32' as const, shape: [batch, steps, last], range })
  return {
    inputs: [of(heads * shared * size), of(heads * size), of(heads * width), start ? { dtype: 'float32' as const, shape: [batch, heads, size, width] } : null,
      decay === undefined ? null : of(decay === 'head' ? heads : heads * size, [0.2, 1]), beta === undefined ? null : of(beta === 'head' ? heads : 1, [0, 1])],
    attrs: { heads, query_heads: heads * shared, scale: 0.5 },
  }
}

/** ONNX LinearAttention, whose decays are factors instead of their logarithms. */
export const linearAttention = defineOp({
  name: 'linear_attention',
  doc: 'Of queries, keys and values [batch, steps, heads · size]: a state [size, width] for each head, from the fourth input or 0, is multiplied by the decays (for each head or each of its keys), where there are rates loses what it holds of the key, gains key times value (times rate) and is read by the queries of its heads, times scale. Results: what is read, and the last states.',
  source: 'ONNX LinearAttention-27; Katharopoulos et al., Transformers are RNNs; Yang et al., Gated Delta Networks',
  attrs: LINEAR_ATTENTION_ATTRS, pattern: 'opaque',
  infer(call, ctx) {
    const [q, k, v] = [0, 1, 2].map((i) => tensorInput(call, i, ['float32', 'float64'])) as [TensorType, TensorType, TensorType], { heads, query_heads: queryHeads } = call.attrs, more = [3, 4, 5].map((i) => findTensorInput(call, i))
    checkAttribute(heads >= 1 && queryHeads >= 1 && queryHeads % heads === 0, `${queryHeads} query heads cannot share ${heads} heads`)
    checkShape([q, k, v].every((t) => t.shape.length === 3), 'queries, keys and values have three axes: batch, steps, and what all heads have')
    const [batch, steps, queries] = q.shape as readonly [Dim, Dim, Dim], size = floorDiv(k.shape[2] as Dim, heads), width = floorDiv(v.shape[2] as Dim, heads), states = [batch, heads, size, width]
    const like = (t: TensorType, shape: readonly Dim[], what: string): void => { checkShape(t.dtype === q.dtype && t.shape.length === shape.length, `${what}: ${q.dtype} of rank ${shape.length}`); shape.forEach((d, i) => { ctx.assume(t.shape[i] as Dim, d, what) }) }
    like(k, [batch, steps, mul(heads, size)], 'linear_attention has a key for each step and head')
    like(v, [batch, steps, mul(heads, width)], 'linear_attention has a value for each step and head')
    ctx.assume(queries, mul(queryHeads, size), 'queries of linear_attention are as long as keys')
    const [start, decay, beta] = more
    if (start !== undefined) like(start, states, 'linear_attention starts from a state for each head')
    checkShape(decay === undefined || typeof decay.shape[2] === 'number' || dimsEqual(decay.shape[2] ?? 0, k.shape[2] as Dim), 'whether linear_attention has a decay for each head or for each element of its key must be known')
    checkShape(beta === undefined || typeof beta.shape[2] === 'number', 'whether linear_attention has one rate for each step or for each head must be known')
    if (decay !== undefined) like(decay, [batch, steps, dimsEqual(decay.shape[2] ?? 0, heads) ? heads : mul(heads, size)], 'linear_attention has a decay for each head or each element of its key')
    if (beta !== undefined) like(beta, [batch, steps, beta.shape[2] === 1 ? 1 : heads], 'linear_attention has one rate for each step or for each head')
    return [tensorType(q.dtype, [batch, steps, mul(queryHeads, width)]), tensorType(q.dtype, states)]
  },
  reference, kernel: linearAttentionKernel,
  samples: [
    sample({}), sample({ decay: 'head', start: true }), sample({ beta: 'head' }), sample({ decay: 'key', beta: 'one', shared: 3, start: true }), sample({ decay: 'head', beta: 'head', heads: 1, shared: 2, width: 8, size: 4 }),
    sample({ steps: 1, start: true, decay: 'key' }), sample({ steps: 0, start: true }), sample({ size: 1, heads: 3, decay: 'head', width: 1 }),
  ],
})

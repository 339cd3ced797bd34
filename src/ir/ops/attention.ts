/** Scaled dot-product attention, its heads wherever they lie. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { fromNumbers } from '../host-tensor.js'
import { defineOp, type ReferenceCall, type Sample } from '../op.js'
import { tensorType } from '../types.js'
import { attentionChain, attentionKernel } from './attention-kernel.js'
import { ATTENTION_ATTRS, attentionExtents, inferAttention, layoutAt, stridesIn, type AttentionAttrs, type PerAxis } from './attention-layout.js'
import { numbersOf } from './elements.js'
import { onlyOutput } from './elementwise.js'
import { checkSameDType, findTensorInput, FLOATS, tensorInput } from './operands.js'

/** Reads an element by batch, head, row and position. */
type Reader = (b: number, h: number, n: number, d: number) => number

function readerOf(tensor: HostTensor, strides: PerAxis<number>): Reader {
  const values = numbersOf(tensor)
  return (b, h, n, d) => values[b * strides.b + h * strides.h + n * strides.n + d * strides.d] as number
}

/** Scores of one query, masked. */
function scoresOf(count: number, score: (j: number) => number, mask: ((j: number) => number) | undefined, attrs: AttentionAttrs): number[] {
  return Array.from({ length: count }, (_, j) => {
    const at = mask?.(j)
    if (at === undefined) return score(j)
    return attrs.masking === 'add' ? score(j) + at : at === 0 ? attrs.fill : score(j)
  })
}

function softmaxOf(scores: readonly number[], zeros: boolean): number[] {
  const peak = scores.reduce((a, b) => Math.max(a, b), -Infinity)
  if (zeros && peak === -Infinity) return scores.map(() => 0)
  const exponentials = scores.map((s) => Math.exp(s - peak)), sum = exponentials.reduce((a, b) => a + b, 0)
  return exponentials.map((e) => e / sum)
}

function reference({ inputs, attrs, outputs }: ReferenceCall<AttentionAttrs>): HostTensor[] {
  const [q, k, v, mask] = inputs as readonly [HostTensor, HostTensor, HostTensor, HostTensor | null | undefined]
  const output = onlyOutput(outputs), e = attentionExtents([q.shape, k.shape, v.shape], attrs)
  const strides = (i: number, shape: readonly number[]): PerAxis<number> => stridesIn(layoutAt(attrs, i), shape) as PerAxis<number>
  const query = readerOf(q, strides(0, q.shape)), key = readerOf(k, strides(1, k.shape)), value = readerOf(v, strides(2, v.shape)), to = strides(3, output.shape)
  const masks = mask == null ? undefined : numbersOf(mask)
  const maskAt = mask == null ? [] : mask.shape.map((d, i) => (d === 1 ? 0 : mask.shape.slice(i + 1).reduce((n, x) => n * x, 1)))
  const y = new Float64Array(elementCount(output.shape))
  for (let b = 0; b < e.batch; b++) for (let h = 0; h < e.heads; h++) for (let i = 0; i < e.queries; i++) {
    const shared = Math.floor(h / e.group)
    const dot = (j: number): number => { let sum = 0; for (let d = 0; d < e.depth; d++) sum += query(b, h, i, d) * key(b, shared, j, d); return sum * attrs.scale }
    const row = masks === undefined ? undefined : (j: number): number => masks[[b, h, i, j].reduce((at, x, axis) => at + x * (maskAt[axis] as number), 0)] as number
    const weights = softmaxOf(scoresOf(e.keys, dot, row, attrs), attrs.zeros)
    for (let c = 0; c < e.width; c++) {
      y[b * to.b + h * to.h + i * to.n + c * to.d] = weights.reduce((sum, w, j) => sum + w * value(b, shared, j, c), 0)
    }
  }
  return [fromNumbers(output.dtype, output.shape, y)]
}

const float = (...shape: readonly number[]) => ({ dtype: 'float32', shape }) as const
const wide = (...shape: readonly number[]) => ({ dtype: 'float64', shape }) as const, narrow = (...shape: readonly number[]) => ({ dtype: 'float16', shape }) as const
const ROWS_OUTSIDE = ['bnhd', 'bnhd', 'bnhd', 'bnhd'], HEADS_OUTSIDE = ['bhnd', 'bhnd', 'bhnd', 'bhnd']
const plain = { scale: 0.5, masking: 'none', fill: 0, zeros: false } as const

const SAMPLES: readonly Sample<AttentionAttrs>[] = [
  { inputs: [float(2, 11, 3, 8), float(2, 13, 3, 8), float(2, 13, 3, 8), null], attrs: { ...plain, layouts: ROWS_OUTSIDE } },
  { inputs: [float(1, 4, 9, 6), float(1, 2, 7, 6), float(1, 2, 7, 5), float(1, 1, 9, 7)], attrs: { ...plain, masking: 'add', layouts: HEADS_OUTSIDE } },
  { inputs: [float(2, 2, 1, 8), float(2, 2, 10, 8), float(2, 2, 10, 8), float(2, 1, 1, 10)], attrs: { ...plain, masking: 'add', layouts: ['bhnd', 'bhnd', 'bhnd', 'bnhd'] } },
  { inputs: [float(1, 2, 8, 4), float(1, 2, 4, 9), float(1, 9, 2, 7), { dtype: 'float32', shape: [1, 2, 8, 9], data: Array.from({ length: 144 }, (_, i) => (i * 7) % 5 % 2) }], attrs: { ...plain, masking: 'keep', fill: -2, layouts: ['bhnd', 'bhdn', 'bnhd', 'bhnd'] } },
  { inputs: [float(2, 3, 2, 3), float(2, 2, 2, 3), float(2, 2, 2, 3), null], attrs: { ...plain, layouts: ['bnhd', 'bnhd', 'bnhd', 'bndh'] } },
  { inputs: [float(1, 1, 8, 4), float(1, 1, 8, 4), float(1, 1, 8, 4), { dtype: 'float32', shape: [1, 1, 1, 8], data: Array.from({ length: 8 }, () => -Infinity) }], attrs: { ...plain, masking: 'add', layouts: HEADS_OUTSIDE } },
  { inputs: [float(1, 1, 9, 4), float(1, 1, 7, 4), float(1, 1, 7, 4), { dtype: 'float32', shape: [1, 1, 9, 7], data: Array.from({ length: 63 }, (_, i) => (i < 35 ? -Infinity : 0)) }], attrs: { ...plain, masking: 'add', zeros: true, layouts: HEADS_OUTSIDE } },
  { inputs: [wide(1, 9, 2, 3), wide(1, 7, 2, 3), wide(1, 7, 2, 3), wide(1, 1, 9, 7)], attrs: { ...plain, masking: 'add', layouts: ROWS_OUTSIDE } },
  { inputs: [narrow(1, 9, 2, 3), narrow(1, 7, 1, 3), narrow(1, 7, 1, 3), null], attrs: { ...plain, layouts: ROWS_OUTSIDE } },
  ...[2, 18].map((queries): Sample<AttentionAttrs> => ({ inputs: [narrow(1, queries, 2, 8), narrow(1, 7, 1, 8), narrow(1, 7, 1, 32), null], attrs: { ...plain, layouts: ROWS_OUTSIDE } })),
  { inputs: [float(2, 13, 1, 1), float(2, 11, 1, 1), float(2, 11, 1, 1), float(1, 1, 13, 11)], attrs: { ...plain, masking: 'add', layouts: ROWS_OUTSIDE } },
  { inputs: [float(1, 1, 9, 4), float(1, 1, 0, 4), float(1, 1, 0, 4), null], attrs: { ...plain, layouts: HEADS_OUTSIDE } },
]

/** Softmax of scaled scores times values, per head. */
export const attention = defineOp({
  name: 'attention',
  doc: 'For each head softmax(scale·QKᵀ, masked) times V; a mask is added to the scores, or (`keep`) replaces those where it is 0 by `fill`; where all scores of a query are minus infinity the result is NaN, or 0 with `zeros`; `layouts` say in which order the axes batch, head, row and element of query, key, value and result lie; heads of keys may be shared.',
  source: 'torch.nn.functional.scaled_dot_product_attention; ONNX Attention-23',
  attrs: ATTENTION_ATTRS,
  pattern: 'opaque',
  infer(call, ctx) {
    const [q, k, v] = [0, 1, 2].map((i) => tensorInput(call, i, FLOATS)) as [ReturnType<typeof tensorInput>, ReturnType<typeof tensorInput>, ReturnType<typeof tensorInput>]
    const mask = findTensorInput(call, 3)
    for (const [other, what] of [[k, 'key'], [v, 'value'], ...(mask === undefined ? [] : [[mask, 'mask'] as const])] as const) checkSameDType(q, other, `the query and the ${what}`)
    return [tensorType(q.dtype, inferAttention(q, k, v, mask, call.attrs, ctx))]
  },
  reference,
  kernel: attentionKernel,
  chain: attentionChain,
  samples: SAMPLES,
})

/** Matrix products, convolutions and pools as ONNX nodes. */
import { product, type Dim } from '../../../ir/dims.js'
import { bool, float, int, ints, text, type AttributeDrafts } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type RuleTable } from '../node-export.js'

const matmul = rule<{ readonly trans_a: boolean; readonly trans_b: boolean }>((e, attrs) => {
  const ranks = [e.type(0).shape.length, e.type(1).shape.length]
  const [a, b] = [attrs.trans_a && (ranks[0] ?? 0) >= 2, attrs.trans_b && (ranks[1] ?? 0) >= 2]
  if ((a || b) && ranks.every((r) => r === 2)) { e.result('Gemm', [e.input(0), e.input(1)], { transA: bool(a), transB: bool(b) }); return }
  const operand = (i: number, flipped: boolean): Ref => (flipped ? e.add('Transpose', [e.input(i)], { perm: ints(lastTwoSwapped(ranks[i] ?? 0)) }) : e.input(i))
  e.result('MatMul', [operand(0, a), operand(1, b)])
})

const lastTwoSwapped = (rank: number): number[] => Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i))

interface WindowAttrs { readonly strides: readonly number[]; readonly dilations: readonly number[]; readonly pads: readonly Dim[] }

const isPlainPad = (d: Dim): d is number => typeof d === 'number' && d >= 0

/** Window attributes; ONNX has pads as numbers that are not negative. */
function windowOf(e: NodeExport, { strides, dilations, pads }: WindowAttrs): AttributeDrafts {
  if (!pads.every(isPlainPad)) return e.fail('unsupported-op', `ONNX has no ${e.node.op} whose pads are negative or known only while running`, 'pad the input by a node of its own')
  return { strides: ints(strides), dilations: ints(dilations), pads: ints(pads) }
}

/** Pads that ONNX cannot say in a convolution go into a Pad before it. */
const conv = rule<WindowAttrs & { readonly group: number }>((e, attrs) => {
  const { pads, group } = attrs, rank = pads.length / 2
  const apart = !pads.every(isPlainPad)
  const x = apart ? e.add('Pad', [e.input(0), e.dims([0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)])]) : e.input(0)
  const window = windowOf(e, apart ? { ...attrs, pads: pads.map(() => 0) } : attrs)
  e.result('Conv', [x, e.input(1), e.optional(2)], { ...window, group: int(group) })
})

const convTranspose = rule<WindowAttrs & { readonly group: number; readonly output_padding: readonly number[] }>((e, attrs) => {
  e.result('ConvTranspose', [e.input(0), e.input(1), e.optional(2)], { ...windowOf(e, attrs), group: int(attrs.group), output_padding: ints(attrs.output_padding) })
})

interface PoolAttrs extends WindowAttrs { readonly kernel: readonly number[]; readonly ceil_mode: boolean }

/** Opset whose pools, like ours, leave out a last window that starts behind the input; before, `ceil_mode` counts it. */
const CEIL_OPSET = 22

/**
 * The same pool without ceil_mode, where an older opset would count other windows: pads at the ends grow until the last window fits. Undefined where
 * there is no need, where extents are unknown, or where growing pads are counted (`counts`).
 */
function withoutCeil(e: NodeExport, attrs: PoolAttrs, counts: boolean): PoolAttrs | undefined {
  const shape = e.type(0).shape.slice(2), windows = e.resultType().shape.slice(2), { kernel, strides, dilations, pads } = attrs, rank = kernel.length
  const numbers = [...shape, ...windows, ...pads].every((d) => typeof d === 'number')
  if (!attrs.ceil_mode || e.opset >= CEIL_OPSET || !numbers) return undefined
  const at = (list: readonly Dim[], i: number): number => list[i] as number
  const span = (i: number): number => at(dilations, i) * (at(kernel, i) - 1) + 1
  const counted = kernel.map((_, i) => Math.ceil((at(shape, i) + at(pads, i) + at(pads, rank + i) - span(i)) / at(strides, i)) + 1)
  if (counted.every((n, i) => n === windows[i])) return undefined
  const after = kernel.map((_, i) => Math.max(at(pads, rank + i), (at(windows, i) - 1) * at(strides, i) + span(i) - at(shape, i) - at(pads, i)))
  if (counts && after.some((a, i) => a !== pads[rank + i])) return undefined
  return { ...attrs, ceil_mode: false, pads: [...pads.slice(0, rank), ...after] }
}

function poolOf(e: NodeExport, given: PoolAttrs, counts = false): AttributeDrafts {
  const attrs = withoutCeil(e, given, counts) ?? given
  return { ...windowOf(e, attrs), kernel_shape: ints(attrs.kernel), ceil_mode: bool(attrs.ceil_mode) }
}

/** ONNX has all elements of a block along one axis, and all blocks along another. */
const col2im = rule<WindowAttrs & { readonly shape: readonly Dim[] }>((e, attrs) => {
  const { shape } = e.type(0), rank = attrs.shape.length, kernel = shape.slice(2, 2 + rank)
  const flat = e.add('Reshape', [e.input(0), e.dims([shape[0] as Dim, product([shape[1] as Dim, ...kernel]), product(shape.slice(2 + rank))])])
  e.result('Col2Im', [flat, e.dims(attrs.shape), e.dims(kernel)], windowOf(e, attrs))
})

/** The opset that brought LinearAttention. */
const LINEAR_ATTENTION_OPSET = 27

/** ONNX has logarithms of decays, and a name for what is read beside queries, keys and values. */
const linearAttention = rule<{ readonly heads: number; readonly query_heads: number; readonly scale: number }>((e, attrs) => {
  if (e.opset < LINEAR_ATTENTION_OPSET) e.fail('unsupported-op', `ONNX has no linear attention before opset ${LINEAR_ATTENTION_OPSET}`, `export with the option opset: ${LINEAR_ATTENTION_OPSET}`)
  const decay = e.optional(4), beta = e.optional(5), update = decay === null ? (beta === null ? 'linear' : 'delta') : beta === null ? 'gated' : 'gated_delta'
  e.results('LinearAttention', [e.input(0), e.input(1), e.input(2), e.optional(3), decay && e.add('Log', [decay]), beta], { kv_num_heads: int(attrs.heads), q_num_heads: int(attrs.query_heads), scale: float(attrs.scale), update_rule: text(update) })
})

/** Products, convolutions and pools. */
export const CONTRACTIONS: RuleTable = {
  matmul, conv, col2im, linear_attention: linearAttention,
  det: rule((e) => { e.result('Det', [e.input(0)]) }),
  conv_transpose: convTranspose,
  max_pool: rule<PoolAttrs>((e, attrs) => { e.result('MaxPool', [e.input(0)], poolOf(e, attrs)) }),
  max_pool_indices: rule<PoolAttrs & { readonly storage_order: number }>((e, attrs) => {
    e.secondResult('MaxPool', [e.input(0)], { ...poolOf(e, attrs), storage_order: int(attrs.storage_order) })
  }),
  average_pool: rule<PoolAttrs & { readonly count_include_pad: boolean }>((e, attrs) => {
    e.result('AveragePool', [e.input(0)], { ...poolOf(e, attrs, attrs.count_include_pad), count_include_pad: bool(attrs.count_include_pad) })
  }),
  lp_pool: rule<PoolAttrs & { readonly p: number }>((e, attrs) => { e.result('LpPool', [e.input(0)], { ...poolOf(e, attrs), p: int(attrs.p) }) }),
}

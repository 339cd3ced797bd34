/** Matrix products, convolutions and pools as ONNX nodes. */
import type { Dim } from '../../../ir/dims.js'
import { bool, int, ints, type AttributeDrafts } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type Rule, type RuleTable } from '../node-export.js'

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

const poolOf = (e: NodeExport, attrs: PoolAttrs): AttributeDrafts => ({ ...windowOf(e, attrs), kernel_shape: ints(attrs.kernel), ceil_mode: bool(attrs.ceil_mode) })

const pool = <A extends object>(opType: string, more: (attrs: A) => AttributeDrafts): Rule =>
  rule<PoolAttrs & A>((e, attrs) => { e.result(opType, [e.input(0)], { ...poolOf(e, attrs), ...more(attrs) }) })

/** Products, convolutions and pools. */
export const CONTRACTIONS: RuleTable = {
  matmul, conv,
  conv_transpose: convTranspose,
  max_pool: pool('MaxPool', () => ({})),
  max_pool_indices: rule<PoolAttrs & { readonly storage_order: number }>((e, attrs) => {
    e.secondResult('MaxPool', [e.input(0)], { ...poolOf(e, attrs), storage_order: int(attrs.storage_order) })
  }),
  average_pool: pool<{ readonly count_include_pad: boolean }>('AveragePool', (a) => ({ count_include_pad: bool(a.count_include_pad) })),
  lp_pool: pool<{ readonly p: number }>('LpPool', (a) => ({ p: int(a.p) })),
}

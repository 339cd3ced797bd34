/**
 * Goal: convolutions whose inner loops never ask whether they are at a border: the zeros around the input are written once
 * by a `pad`, which fuses with what makes the input. Zeros at the end that no window reaches are left out.
 *
 *   %y = conv{pads: [1, 1, 1, 1], …}(%x, %w)   ⇒   %p = pad{before: [0, 0, 1, 1], after: [0, 0, 1, 1]}(%x)
 *                                                   %y = conv{pads: [0, 0, 0, 0], …}(%p, %w)
 *
 * Does not: touch convolutions without pads, 1×1 kernels, pools (their borders are no zeros) or conv_transpose (whose pads
 * crop). A policy of targets, so not in the default pipeline.
 * Stage: inference or later, not fused; stage unchanged. Preserves bits (for finite weights: a zero of the border times an
 * infinite weight is NaN). Idempotent.
 */
import { shapeOf, type Node, type Value } from '../ir/graph.js'
import type { Dim } from '../ir/dims.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rule } from './rewriter.js'

export const expandPadding: Pass = {
  name: 'expand-padding',
  doc: 'Writes the zeros around a convolution\'s input once instead of testing for the border in its loops.',
  needs: 'inference',
  preserves: 'bits',
  run: (graph) => rewriteNodes(graph, expandConv),
}

const expandConv: Rule = (node, rewriting) => {
  if ((node.op !== 'conv' && node.op !== 'paired_conv') || !wantsPadding(node)) return undefined
  const [x, ...others] = node.inputs
  if (x === null || x === undefined) return undefined
  const pads = node.attrs['pads'] as readonly Dim[]
  const spatial = pads.length / 2
  const before = pads.slice(0, spatial), after = before.map((_, axis) => reached(node, axis))
  const isBordered = [...before, ...after].some((p) => p !== 0)
  const padded = isBordered ? rewriting.add('pad', [x], { mode: 'constant', before: [0, 0, ...before], after: [0, 0, ...after] }, node.origin) : x
  return rewriting.replace(node, node.op, [padded, ...others], { ...node.attrs, pads: pads.map(() => 0) })
}

/** How many of the zeros behind a spatial axis windows reach: with a stride, the last may be beyond them all. */
function reached({ inputs: [x, w], outputs: [y], attrs }: Node, axis: number): Dim {
  const pads = attrs['pads'] as readonly Dim[], after = pads[pads.length / 2 + axis] as Dim
  const extentOf = (v: Value | null | undefined): Dim | undefined => (v === null || v === undefined ? undefined : shapeOf(v)[2 + axis])
  const before = pads[axis], extent = extentOf(x), kernel = extentOf(w), count = extentOf(y)
  if (typeof after !== 'number' || typeof before !== 'number' || typeof extent !== 'number' || typeof kernel !== 'number' || typeof count !== 'number' || count < 1) return after
  const [stride, dilation] = [attrs['strides'], attrs['dilations']].map((list) => (list as readonly number[])[axis]) as [number, number]
  return Math.min(after, Math.max(0, (count - 1) * stride + (kernel - 1) * dilation + 1 - before - extent))
}

function wantsPadding(node: Node): boolean {
  const w = node.inputs[1]
  if (w === null || w === undefined || (node.attrs['pads'] as readonly Dim[]).every((p) => p === 0)) return false
  return shapeOf(w).slice(2).some((k) => k !== 1)
}

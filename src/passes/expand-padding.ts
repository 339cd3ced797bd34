/**
 * Goal: convolutions whose inner loops never ask whether they are at a border: the zeros around the input are written once
 * by a `pad`, which fuses with what makes the input.
 *
 *   %y = conv{pads: [1, 1, 1, 1], …}(%x, %w)   ⇒   %p = pad{before: [0, 0, 1, 1], after: [0, 0, 1, 1]}(%x)
 *                                                   %y = conv{pads: [0, 0, 0, 0], …}(%p, %w)
 *
 * Does not: touch convolutions without pads, 1×1 kernels, pools (their borders are no zeros) or conv_transpose (whose pads
 * crop). A policy of targets, so not in the default pipeline.
 * Stage: inference or later, not fused; stage unchanged. Preserves bits (for finite weights: a zero of the border times an
 * infinite weight is NaN). Idempotent.
 */
import { shapeOf, type Node } from '../ir/graph.js'
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
  const padded = rewriting.add('pad', [x], { mode: 'constant', before: [0, 0, ...pads.slice(0, spatial)], after: [0, 0, ...pads.slice(spatial)] }, node.origin)
  return rewriting.replace(node, node.op, [padded, ...others], { ...node.attrs, pads: pads.map(() => 0) })
}

function wantsPadding(node: Node): boolean {
  const w = node.inputs[1]
  if (w === null || w === undefined || (node.attrs['pads'] as readonly Dim[]).every((p) => p === 0)) return false
  return shapeOf(w).slice(2).some((k) => k !== 1)
}

/**
 * Goal: sums of products of small integers two products at a time, for targets that multiply and add pairs of 16-bit integers in one
 * instruction. Sums of int32 wrap, so that they are the same in any order, of any length.
 *
 *   %p: int32 = matmul(%q, w)   ⇒   %p: int32 = paired_matmul(pair_halves{axis: 1}(%q), pair_halves{axis: 0}(w))
 *
 * x64 has one instruction for it, with which quantised products took 0.6 of the time of choose-float-products' ones; ARM has three, which was not measured.
 * That operands fit in 16 bits follows from where they come from (a cast of 8 bits less a zero point).
 * Does not: touch grouped convolutions (neighbours may belong to different sums), sums of a single product, other integers than int32, or
 * operands that may be larger.
 * Stage: inference or later, not fused; stage unchanged. Preserves bits. Idempotent. A policy of targets, so not in the default pipeline.
 */
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { isWithin } from '../ir/kernel/interval.js'
import { summedByConv, summedByMatmul } from '../ir/ops/summed-axes.js'
import { integerInterval } from './integer-interval.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rule } from './rewriter.js'

const HALF = { lo: -(2 ** 15), hi: 2 ** 15 - 1 }

export const choosePairedProducts: Pass = {
  name: 'choose-paired-products',
  doc: 'Computes products of integers of 16 bits or less two at a time.',
  needs: 'inference',
  preserves: 'bits',
  run: (graph) => rewriteNodes(graph, toPairs),
}

const PAIRED: Readonly<Record<string, string>> = { matmul: 'paired_matmul', conv: 'paired_conv' }

const toPairs: Rule = (node, rewriting) => {
  const op = PAIRED[node.op], [x, w, ...others] = node.inputs
  if (op === undefined || x == null || w == null || dtypeOf(x) !== 'int32' || (node.op === 'conv' && node.attrs['group'] !== 1)) return undefined
  const axes = node.op === 'conv' ? summedByConv() : summedByMatmul([shapeOf(x).length, shapeOf(w).length], node.attrs)
  if (shapeOf(w)[axes[1]] === 1 || ![x, w].every((v) => fits(v, (of) => rewriting.producer(of)))) return undefined
  const paired = [x, w].map((v, i) => rewriting.add('pair_halves', [v], { axis: axes[i] as number }, node.origin))
  return rewriting.replace(node, op, [...paired, ...others], node.attrs)
}

function fits(value: Value, producer: (v: Value) => Node | undefined): boolean {
  const found = integerInterval(value, producer)
  return found !== undefined && isWithin(found, HALF)
}

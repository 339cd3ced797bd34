/**
 * Goal: a batch normalisation that no convolution could take becomes a product and a sum, which fuse with their neighbours.
 *
 *   %y = batch_norm{epsilon: ε}(%x, %scale, %bias, %mean, %var)   ⇒   %m = mul(%x, s)   %y = add(%m, t)
 *
 *   s = scale · 1/√(var + ε)     t = bias − mean · s     both of shape [C, 1, …], computed while compiling if they are constant
 *
 * Does not: touch 16-bit floats, which batch_norm computes in float32.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent.
 */
import { dtypeOf, shapeOf, type Value } from '../ir/graph.js'
import { fromNumbers } from '../ir/host-tensor.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rule } from './rewriter.js'

export const expandBatchNorm: Pass = {
  name: 'expand-batch-norm',
  doc: 'Writes batch normalisation as a product and a sum per channel.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => rewriteNodes(graph, expandNode),
}

const expandNode: Rule = (node, rewriting) => {
  const [x, scale, bias, mean, variance] = node.inputs
  if (node.op !== 'batch_norm' || x === null || x === undefined) return undefined
  const dtype = dtypeOf(x)
  const parameters = [scale, bias, mean, variance].filter((v): v is Value => v !== null && v !== undefined && dtypeOf(v) === dtype)
  if ((dtype !== 'float32' && dtype !== 'float64') || parameters.length < 4) return undefined
  const add = (op: string, a: Value, b?: Value): Value => rewriting.add(op, b === undefined ? [a] : [a, b], {}, node.origin)
  const [s0, b0, m0, v0] = parameters as [Value, Value, Value, Value]
  const epsilon = rewriting.constant(fromNumbers(dtype, [], [node.attrs['epsilon'] as number]), 'epsilon')
  const factor = add('mul', s0, add('rsqrt', add('add', v0, epsilon)))
  const shift = add('sub', b0, add('mul', m0, factor))
  const shape = [...shapeOf(s0), ...shapeOf(x).slice(2).map(() => 1)]
  const along = (v: Value): Value => rewriting.add('reshape', [v], { shape }, node.origin)
  return rewriting.replace(node, 'add', [add('mul', x, along(factor)), along(shift)], {})
}

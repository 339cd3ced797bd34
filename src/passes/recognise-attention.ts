/**
 * Goal: attention written out becomes one op, which never holds all scores at once and reads and writes heads where they lie.
 *
 *   %q1 = transpose{perm: [0, 2, 1, 3]}(%q)     %k1 = transpose{perm: [0, 2, 3, 1]}(%k)
 *   %s = mul(matmul(%q1, %k1), 0.125)           %p = softmax{axis: 3}(add(%s, %mask))
 *   %y = transpose{perm: [0, 2, 1, 3]}(matmul(%p, transpose{perm: [0, 2, 1, 3]}(%v)))
 *   ⇒ %y = attention{scale: 0.125, masking: "add", fill: 0, zeros: false, layouts: ["bnhd", …]}(%q, %k, %v, %mask)
 *
 * Scales may stand at queries, keys or scores, as products or quotients; a mask is added, or chosen by `where` over a constant;
 * heads of keys that are repeated for several of queries are shared; queries that see no key may be given zeros. Products of rank 3 are heads of one batch.
 * Does not: fuse where scores or weights are used otherwise, where heads or their elements are symbolic, or where batches broadcast.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent. A policy of targets whose kernel gains
 * by it, so not in the default pipeline. Leaves unused nodes to drop-dead.
 */
import { dimsEqual, shapesEqual, type Dim } from '../ir/dims.js'
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { findMask, type Mask } from './attention-mask.js'
import { splatOf } from './constants.js'
import { operandOf, scaledBy, type Operand } from './attention-operand.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const recogniseAttention: Pass = {
  name: 'recognise-attention',
  doc: 'Finds scaled dot-product attention, with masks and shared heads, among products and softmaxes.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteNodes(graph, (node, rewriting) => (node.op === 'matmul' ? attentionOf(node, rewriting) : node.op === 'transpose' ? transposed(node, rewriting) : undefined))),
}

/** The product of weights and values. */
const attentionOf: Rule = (node, rewriting) => {
  const found = findScores(node, rewriting)
  if (found === undefined) return undefined
  const { product, mask, scale, zeros } = found, [a, b] = product.inputs as [Value, Value], v = node.inputs[1] as Value
  const rank = shapeOf(a).length, flag = (n: Node, name: string): boolean => n.attrs[name] === true
  const q = operandOf(a, flag(product, 'trans_a') ? 'dn' : 'nd', rewriting), k = operandOf(b, flag(product, 'trans_b') ? 'nd' : 'dn', rewriting), values = operandOf(v, flag(node, 'trans_b') ? 'dn' : 'nd', rewriting)
  if (q === undefined || k === undefined || values === undefined || !fit(q, k, values) || values.scale !== 1) return undefined
  const inputs = [...[q, k, values].map((o) => o.place(rewriting, node.origin)), mask === undefined ? null : mask.place(rewriting, node.origin)]
  const attrs = { scale: scale * q.scale * k.scale, masking: mask?.masking ?? 'none', fill: mask?.fill ?? 0, zeros, layouts: [q.layout, k.layout, values.layout, 'bhnd'] }
  const origin = joined(product, found.softmax, node)
  if (rank === 4) return rewriting.replace({ ...node, origin }, 'attention', inputs, attrs)
  const heads = rewriting.add('attention', inputs, attrs, origin)
  return rewriting.replace(node, 'reshape', [heads], { shape: shapeOf(node.outputs[0] as Value) })
}

const joined = (...nodes: readonly (Node | undefined)[]): string => [...new Set(nodes.flatMap((n) => n?.origin.split(' + ') ?? []))].join(' + ')

const extent = (operand: Operand, axis: string): Dim => operand.shape[operand.layout.indexOf(axis)] as Dim

/** True where the operands' extents fit together as they are, and are numbers where they must be. */
function fit(q: Operand, k: Operand, v: Operand): boolean {
  const heads = extent(q, 'h'), shared = extent(k, 'h')
  const same = (a: Operand, b: Operand, axis: string): boolean => dimsEqual(extent(a, axis), extent(b, axis))
  const numbers = [heads, shared, extent(q, 'd'), extent(v, 'd')].every((d) => typeof d === 'number' && d > 0)
  return numbers && (heads as number) % (shared as number) === 0 && same(q, k, 'b') && same(q, v, 'b') && same(k, v, 'h') && same(k, v, 'n') && same(q, k, 'd')
}

interface Scores { readonly product: Node; readonly softmax: Node; readonly mask: Mask | undefined; readonly scale: number; readonly zeros: boolean }

/** From the product of weights and values back to that of queries and keys. */
function findScores(node: Node, rewriting: Rewriting): Scores | undefined {
  const [weights, values] = node.inputs
  if (weights == null || values == null || node.attrs['trans_a'] === true || rewriting.uses(weights) !== 1) return undefined
  const plain = rewriting.producer(weights), guarded = plain?.op === 'where' ? zeroedSoftmax(plain, rewriting) : undefined, softmax = guarded ?? plain
  if (softmax?.op !== 'softmax') return undefined
  const rank = shapeOf(weights).length
  if ((rank !== 3 && rank !== 4) || softmax.attrs['axis'] !== rank - 1 || shapeOf(values).length !== rank || dtypeOf(weights) !== 'float32') return undefined
  let scores = softmax.inputs[0] as Value
  if (rewriting.uses(scores) !== (guarded === undefined ? 1 : 2)) return undefined
  const mask = findMask(scores, rewriting)
  if (mask !== undefined) scores = mask.scores
  const { value, factor } = scaledBy(scores, rewriting, true)
  const product = rewriting.producer(value)
  if (product?.op !== 'matmul' || rewriting.uses(value) !== 1 || rewriting.uses(scores) !== 1) return undefined
  if (!product.inputs.every((v) => v !== null && shapeOf(v).length === rank)) return undefined
  return shapesEqual(shapeOf(value), shapeOf(weights)) ? { product, softmax, mask, scale: factor, zeros: guarded !== undefined } : undefined
}

/** The softmax of `where(eq(max(s), -∞), 0, softmax(s))`, nothing of which is used otherwise. */
function zeroedSoftmax(where: Node, rewriting: Rewriting): Node | undefined {
  const [condition, zero, weights] = where.inputs, softmax = weights == null ? undefined : rewriting.producer(weights), isEmpty = condition == null ? undefined : rewriting.producer(condition)
  if (zero == null || weights == null || splatOf(zero) !== 0 || softmax?.op !== 'softmax' || rewriting.uses(weights) !== 1 || isEmpty?.op !== 'eq') return undefined
  const [most, limit] = isEmpty.inputs, max = most == null ? undefined : rewriting.producer(most), axes = max?.attrs['axes'] as readonly number[] | undefined
  const fits = max?.op === 'reduce_max' && limit != null && splatOf(limit) === -Infinity && max.inputs[0] === softmax.inputs[0]
  return fits && max.attrs['keepdims'] === true && axes?.length === 1 && axes[0] === softmax.attrs['axis'] ? softmax : undefined
}

/** A transpose of attention is attention that writes its result so. */
const transposed: Rule = (node, rewriting) => {
  const [x] = node.inputs, attention = x == null ? undefined : rewriting.producer(x)
  if (x == null || attention?.op !== 'attention' || rewriting.uses(x) !== 1) return undefined
  const layouts = attention.attrs['layouts'] as readonly string[], perm = node.attrs['perm'] as readonly number[]
  const result = perm.map((p) => (layouts[3] as string)[p]).join('')
  return rewriting.replace({ ...node, origin: joined(attention, node) }, 'attention', attention.inputs, { ...attention.attrs, layouts: [...layouts.slice(0, 3), result] })
}

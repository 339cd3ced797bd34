/**
 * Goal: group normalisation written as an instance normalisation of reshaped groups becomes one op.
 *
 *   %r = reshape{shape: [n, 8, 4*h*w]}(%x)
 *   %i = group_norm{groups: 8}(%r, 1, 0)
 *   %s = reshape{shape: [n, 32, h, w]}(%i)            ⇒   %y = group_norm{groups: 8}(%x, %scale, %bias)
 *   %y = add(mul(%s, %scale), %bias)
 *
 * First the normalisation alone is found (scale 1, bias 0); then the multiplication and addition after it join it.
 * Does not: take an inner scale or bias that differ from 1 and 0, or a normalisation that something else uses too.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent. Leaves unused nodes to drop-dead.
 */
import { dimsEqual, shapesEqual, type Dim } from '../ir/dims.js'
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { typesEqual } from '../ir/types.js'
import { splatOf, splatTensor } from './constants.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const recogniseGroupNorm: Pass = {
  name: 'recognise-group-norm',
  doc: 'Finds group normalisation written as reshapes around an instance normalisation.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteNodes(graph, groupNormOf)),
}

const groupNormOf: Rule = (node, rewriting) => {
  switch (node.op) {
    case 'reshape': return core(node, rewriting)
    case 'mul': return withParameter(node, rewriting, 1)
    case 'add': return withParameter(node, rewriting, 2)
    default: return undefined
  }
}

function core(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const norm = definer(node.inputs[0], rewriting)
  const grouped = norm?.op === 'group_norm' ? definer(norm.inputs[0], rewriting) : undefined
  const x = grouped?.op === 'reshape' ? grouped.inputs[0] : undefined
  if (norm === undefined || x === null || x === undefined || splatOf(norm.inputs[1]) !== 1 || splatOf(norm.inputs[2]) !== 0) return undefined
  const inner = shapeOf(norm.inputs[0] as Value), outer = shapeOf(x), result = node.outputs[0]
  const channels = outer[1], groups = norm.attrs['groups'] as number
  // The groups must be runs of whole channels: axis 1 of the reshaped tensor is the group, the rest are elements of one.
  if (result === undefined || !shapesEqual(shapeOf(result), outer) || typeof channels !== 'number' || inner[1] !== groups) return undefined
  if (!dimsEqual(inner[0] as Dim, outer[0] as Dim) || channels % groups !== 0) return undefined
  const parameter = (n: number, name: string): Value => rewriting.constant(splatTensor(dtypeOf(x), [channels], n), name)
  return rewriting.replace(node, 'group_norm', [x, parameter(1, 'ones'), parameter(0, 'zeros')], norm.attrs)
}

/** Joins a multiplication (`at` 1, the scale) or an addition (`at` 2, the bias) by a value per channel. */
function withParameter(node: Node, rewriting: Rewriting, at: 1 | 2): readonly Value[] | undefined {
  const [a, b] = node.inputs
  for (const [value, other] of [[a, b], [b, a]]) {
    const norm = definer(value, rewriting)
    if (norm?.op !== 'group_norm' || value === null || value === undefined || other === null || other === undefined || rewriting.uses(value) !== 1) continue
    const [x, scale, bias] = norm.inputs
    if (splatOf(bias) !== 0 || (at === 1 && splatOf(scale) !== 1) || node.outputs[0] === undefined || !typesEqual(node.outputs[0].type, value.type)) continue
    const given = perChannel(other, shapeOf(value), rewriting, node.origin)
    if (given === undefined) continue
    return rewriting.replace(node, 'group_norm', at === 1 ? [x ?? null, given, bias ?? null] : [x ?? null, scale ?? null, given], norm.attrs)
  }
  return undefined
}

/** `value` as a vector over axis 1, if it has an extent other than 1 there alone. */
function perChannel(value: Value, full: readonly Dim[], rewriting: Rewriting, origin: string): Value | undefined {
  const shape = shapeOf(value), channels = full[1]
  const axis = shape.length - full.length + 1
  if (channels === undefined || axis < 0 || !dimsEqual(shape[axis] ?? -1, channels) || shape.some((d, i) => i !== axis && d !== 1)) return undefined
  return shape.length === 1 ? value : rewriting.add('reshape', [value], { shape: [channels] }, origin)
}

function definer(value: Value | null | undefined, rewriting: Rewriting): Node | undefined {
  return value === null || value === undefined ? undefined : rewriting.producer(value)
}

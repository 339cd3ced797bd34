/**
 * Goal: layer and RMS normalisation written out become one op.
 *
 *   %m = reduce_mean{axes: [2], keepdims: true}(%x)
 *   %d = sub(%x, %m)
 *   %q = pow(%d, 2)
 *   %v = reduce_mean{axes: [2], keepdims: true}(%q)
 *   %r = sqrt(add(%v, 1e-5))                          ⇒   %y = layer_norm{axis: 2, epsilon: 1e-5}(%x, %scale, %bias)
 *   %n = div(%d, %r)
 *   %y = add(mul(%n, %scale), %bias)
 *
 * The square may be a product, 1/√ may be written four ways, and the subtraction may have been done twice. First the
 * normalisation alone is found (scale 1, no bias); then the multiplication and the addition after it join it. Without a
 * mean it is rms_norm. Casts of 16-bit values to float32 around it go: the op computes in float32 by itself.
 * Does not: take axes that are not the last ones, extents of a normalised axis that are not known, or a normalisation
 * that something else than the scale uses too (the rest would be computed twice).
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent. Leaves unused nodes to drop-dead.
 */
import { isStatic, shapesEqual } from '../ir/dims.js'
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { typesEqual } from '../ir/types.js'
import { isSplat, splatOf, splatTensor } from './constants.js'
import { any, anyScalar, either, findMatch, inverseRoot, op, root, square, valueOf, type Found, type Pattern } from './match.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const recogniseLayerNorm: Pass = {
  name: 'recognise-layer-norm',
  doc: 'Finds layer and RMS normalisation written out as means and roots.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteNodes(graph, normOf)),
}

const centred = op('sub', [any('x'), op('reduce_mean', [any('x')], 'mean')])
const normalised = (value: Pattern): Pattern => {
  const variance = op('add', [op('reduce_mean', [square(value)], 'variance'), anyScalar('epsilon')])
  return either(op('div', [value, root(variance)]), op('mul', [value, inverseRoot(variance)]))
}
const LAYER = normalised(centred)
const RMS = normalised(any('x'))

const normOf: Rule = (node, rewriting) => {
  switch (node.op) {
    case 'div': return core(node, rewriting)
    case 'mul': return core(node, rewriting) ?? withScale(node, rewriting)
    case 'add': return withBias(node, rewriting)
    case 'cast': return withoutCasts(node, rewriting)
    default: return undefined
  }
}

function core(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const layer = findMatch(LAYER, node, rewriting)
  const found = layer ?? findMatch(RMS, node, rewriting)
  if (found === undefined) return undefined
  const x = valueOf(found, 'x')
  const axis = lastAxes(found, x)
  const epsilon = splatOf(valueOf(found, 'epsilon'))
  if (axis === undefined || epsilon === undefined) return undefined
  const extents = shapeOf(x).slice(axis)
  if (!isStatic(extents)) return undefined
  const ones = rewriting.constant(splatTensor(dtypeOf(x), extents, 1), 'ones')
  return rewriting.replace(node, layer === undefined ? 'rms_norm' : 'layer_norm', layer === undefined ? [x, ones] : [x, ones, null], { axis, epsilon })
}

/** The first of the axes that all means are over, where they are the last axes of `x`. */
function lastAxes(found: Found, x: Value): number | undefined {
  const means = [found.nodes.get('mean'), found.nodes.get('variance')].filter((n): n is Node => n !== undefined)
  const rank = shapeOf(x).length
  const [first] = means.map((n) => n.attrs['axes'] as readonly number[])
  const axis = first?.[0]
  if (axis === undefined || first === undefined) return undefined
  const fits = means.every((n) => {
    const axes = n.attrs['axes'] as readonly number[]
    return n.attrs['keepdims'] === true && axes.length === rank - axis && axes.every((a, i) => a === axis + i)
  })
  return fits ? axis : undefined
}

/** The norm that only `node` uses and that gives one of its operands, with the other operand. */
function normOperand(node: Node, rewriting: Rewriting): { readonly norm: Node; readonly other: Value } | undefined {
  const [a, b] = node.inputs
  for (const [value, other] of [[a, b], [b, a]]) {
    const norm = value === null || value === undefined ? undefined : rewriting.producer(value)
    if (norm === undefined || value === null || value === undefined || other === null || other === undefined) continue
    if ((norm.op === 'layer_norm' || norm.op === 'rms_norm') && rewriting.uses(value) === 1 && node.outputs[0] !== undefined && typesEqual(node.outputs[0].type, value.type)) return { norm, other }
  }
  return undefined
}

function withScale(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const found = normOperand(node, rewriting)
  const [x, scale, bias] = found?.norm.inputs ?? []
  if (found === undefined || x === undefined || !isSplat(scale, 1) || (bias ?? null) !== null) return undefined
  const given = parameter(found.other, scale, rewriting, node)
  return given === undefined ? undefined : rewriting.replace(node, found.norm.op, found.norm.op === 'layer_norm' ? [x, given, null] : [x, given], found.norm.attrs)
}

function withBias(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const found = normOperand(node, rewriting)
  const [x, scale, bias] = found?.norm.inputs ?? []
  if (found === undefined || found.norm.op !== 'layer_norm' || x === undefined || scale === undefined || (bias ?? null) !== null) return undefined
  const given = parameter(found.other, scale, rewriting, node)
  return given === undefined ? undefined : rewriting.replace(node, 'layer_norm', [x, scale, given], found.norm.attrs)
}

/** `value` in the shape of the norm's scale, where they differ by leading axes of extent 1 only. */
function parameter(value: Value, scale: Value | null | undefined, rewriting: Rewriting, node: Node): Value | undefined {
  if (scale === null || scale === undefined) return undefined
  const wanted = shapeOf(scale), shape = shapeOf(value)
  if (shapesEqual(shape, wanted)) return value
  const extra = shape.length - wanted.length
  if (extra <= 0 || shape.slice(0, extra).some((d) => d !== 1) || !shapesEqual(shape.slice(extra), wanted)) return undefined
  return rewriting.add('reshape', [value], { shape: wanted }, node.origin)
}

/** cast_16(norm(cast_32(x), 1)) is norm(x, 1) of the 16-bit x. */
function withoutCasts(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const [value] = node.inputs
  const norm = value === null || value === undefined ? undefined : rewriting.producer(value)
  if (norm === undefined || (norm.op !== 'layer_norm' && norm.op !== 'rms_norm') || !isSplat(norm.inputs[1], 1) || (norm.inputs[2] ?? null) !== null) return undefined
  const wide = norm.inputs[0]
  const source = wide === null || wide === undefined ? undefined : rewriting.producer(wide)
  const x = source?.op === 'cast' ? source.inputs[0] : undefined
  const to = node.attrs['to']
  if (x === null || x === undefined || dtypeOf(x) !== to || (to !== 'float16' && to !== 'bfloat16') || wide === null || wide === undefined || dtypeOf(wide) !== 'float32') return undefined
  const extents = shapeOf(x).slice(norm.attrs['axis'] as number)
  if (!isStatic(extents)) return undefined
  const ones = rewriting.constant(splatTensor(to, extents, 1), 'ones')
  return rewriting.replace(node, norm.op, norm.op === 'layer_norm' ? [x, ones, null] : [x, ones], norm.attrs)
}

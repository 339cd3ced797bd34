/**
 * Goal: cheaper arithmetic where results may differ in the last place or in the sign of a zero.
 *
 *   %a = pow(%x, 2)                 ⇒   %a = mul(%x, %x)
 *   %b = div(%a, 3)                     %b = mul(%a, 0.33333334)
 *
 * Also x + 0 ⇒ x, x^½ ⇒ sqrt, x^−1 ⇒ reciprocal, x^−½ ⇒ rsqrt, x³ ⇒ x·x·x, 1/x ⇒ reciprocal, 1/√x ⇒ rsqrt, sums and
 * means over no axes ⇒ x. Floats only.
 * Does not: reassociate, distribute, or divide by what may be 0 or not finite.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent.
 */
import { dtypeOf, type Node, type Value } from '../ir/graph.js'
import { fromNumbers, toNumbers } from '../ir/host-tensor.js'
import { typesEqual } from '../ir/types.js'
import { isFloat, isSplat, splatOf } from './constants.js'
import type { Pass } from './pass.js'
import { rewriteToFixpoint, type Rule } from './rewriter.js'

export const simplifyArithmetic: Pass = {
  name: 'simplify-arithmetic',
  doc: 'Replaces powers and divisions by cheaper arithmetic that rounds a little differently.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => rewriteToFixpoint(graph, simplify),
}

/** Constants of more elements than this keep their division. */
const MAX_RECIPROCALS = 65536

const add: Rule = (node) => {
  const [a, b] = node.inputs
  for (const [x, zero] of [[a, b], [b, a]]) if (splatOf(zero) === 0 && sameType(x, node)) return [x as Value]
  return undefined
}

const pow: Rule = (node, rewriting) => {
  const [x, exponent] = node.inputs
  if (!sameType(x, node)) return undefined
  switch (splatOf(exponent)) {
    case 2: return rewriting.replace(node, 'mul', [x as Value, x as Value], {})
    case 3: return rewriting.replace(node, 'mul', [rewriting.add('mul', [x as Value, x as Value], {}, node.origin), x as Value], {})
    case 0.5: return rewriting.replace(node, 'sqrt', [x as Value], {})
    case -0.5: return rewriting.replace(node, 'rsqrt', [x as Value], {})
    case -1: return rewriting.replace(node, 'reciprocal', [x as Value], {})
    default: return undefined
  }
}

const div: Rule = (node, rewriting) => {
  const [a, b] = node.inputs
  if (isSplat(a, 1) && sameType(b, node)) return rewriting.replace(node, 'reciprocal', [b as Value], {})
  if (a === null || a === undefined || b?.data === undefined || b.data.data.length > MAX_RECIPROCALS) return undefined
  const inverse = fromNumbers(b.data.dtype, b.data.shape, toNumbers(b.data).map((n) => 1 / n))
  const sound = toNumbers(inverse).every((n) => Number.isFinite(n) && Math.abs(n) > 1e-30) && toNumbers(b.data).every(Number.isFinite)
  return sound ? rewriting.replace(node, 'mul', [a, rewriting.constant(inverse, b.name)], {}) : undefined
}

const reciprocal: Rule = (node, rewriting) => {
  const [x] = node.inputs
  const inner = x === null || x === undefined ? undefined : rewriting.producer(x)
  return inner?.op === 'sqrt' ? rewriting.replace(node, 'rsqrt', inner.inputs, {}) : undefined
}

const reduceNothing: Rule = (node) => ((node.attrs['axes'] as readonly number[]).length === 0 && sameType(node.inputs[0], node) ? [node.inputs[0] as Value] : undefined)

const RULES: Readonly<Record<string, Rule>> = { add, pow, div, reciprocal, reduce_sum: reduceNothing, reduce_mean: reduceNothing }

const simplify: Rule = (node, rewriting) => {
  const [result] = node.outputs
  if (result?.type.kind !== 'tensor' || !isFloat(result.type.dtype) || !node.inputs.every((v) => v !== null && isFloat(dtypeOf(v)))) return undefined
  return Object.hasOwn(RULES, node.op) ? RULES[node.op]?.(node, rewriting) : undefined
}

function sameType(value: Value | null | undefined, node: Node): boolean {
  const [result] = node.outputs
  return value !== null && value !== undefined && result !== undefined && typesEqual(value.type, result.type)
}

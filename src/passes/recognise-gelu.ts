/**
 * Goal: GELU written out becomes one op.
 *
 *   %a = div(%x, 1.4142135)
 *   %b = erf(%a)
 *   %c = add(%b, 1)                 ⇒   %y = gelu{approximate: none}(%x)
 *   %d = mul(%x, %c)
 *   %y = mul(%d, 0.5)
 *
 * Takes the factors in any order, and the tanh form 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) as `approximate: tanh`,
 * its polynomial written in any way.
 * Does not: take other constants (x·sigmoid(1.702·x) is recognise-swish's).
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent. Leaves unused nodes to drop-dead.
 */
import type { Node, Value } from '../ir/graph.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { gatedProducts, toleranceFor } from './gated-product.js'
import { any, findMatch, op, scalar, valueOf } from './match.js'
import type { Pass } from './pass.js'
import { polynomialIn, polynomialsNear } from './polynomial.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const recogniseGelu: Pass = {
  name: 'recognise-gelu',
  doc: 'Finds GELU, exact or by tanh, written out in elementwise ops.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteNodes(graph, geluOf)),
}

const ROOT = Math.sqrt(2 / Math.PI)
const FORMS = [
  { approximate: 'none', gate: op('add', [op('erf', [any('argument')]), scalar(1)]), argument: [0, Math.SQRT1_2] },
  { approximate: 'tanh', gate: op('add', [op('tanh', [any('argument')]), scalar(1)]), argument: [0, ROOT, 0, ROOT * 0.044715] },
] as const

const geluOf: Rule = (node, rewriting) => {
  for (const { coefficient, x, gate } of gatedProducts(node, rewriting)) {
    const form = formOf(gate, x, rewriting)
    if (form !== undefined && Math.abs(coefficient - 0.5) <= 0.5 * toleranceFor(x)) return rewriting.replace(node, 'gelu', [x], { approximate: form })
  }
  return undefined
}

function formOf(gate: Value, x: Value, rewriting: Rewriting): string | undefined {
  const node: Node | undefined = rewriting.producer(gate)
  if (node === undefined) return undefined
  for (const form of FORMS) {
    const found = findMatch(form.gate, node, rewriting)
    if (found !== undefined && polynomialsNear(polynomialIn(valueOf(found, 'argument'), x, rewriting), form.argument, toleranceFor(x))) return form.approximate
  }
  return undefined
}

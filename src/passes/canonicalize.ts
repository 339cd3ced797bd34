/**
 * Goal: one way to write a thing, the simplest: what does nothing goes, neighbours that are one op become it.
 *
 *   %a = transpose{perm: [1, 0]}(%x)     ⇒   %y = matmul{trans_a: false, trans_b: true}(%z, %x)
 *   %b = mul(%z, 1)
 *   %y = matmul(%b, %a)
 *
 * Rules: x·1, x/1, x−0, x+(−0), integer x+0, x^1; division by a power of two ⇒ multiplication; −−x; clips merge and
 * clip(0, ∞) is relu; minimum/maximum with a constant ⇒ clip; reshape, transpose, expand, concat of the like merge; those
 * (and slice, pad, tile, cast, reduce over no axes) that change nothing go; elementwise ops broadcast without expand;
 * transposed operands become matmul's flags.
 * Does not: anything that rounds differently (simplify-arithmetic), reorder operands, duplicate nodes.
 * Stage: inference or later, not fused; stage unchanged. Preserves bits. Idempotent.
 */
import type { Pass } from './pass.js'
import { ELEMENTWISE_RULES, withoutExpand } from './canonicalize-elementwise.js'
import { MOVEMENT_RULES } from './canonicalize-movement.js'
import { rewriteToFixpoint, type Rule } from './rewriter.js'

export const canonicalize: Pass = {
  name: 'canonicalize',
  doc: 'Removes what does nothing and writes each thing in its simplest way.',
  needs: 'inference',
  preserves: 'bits',
  run: (graph) => rewriteToFixpoint(graph, canonicalizeNode),
}

const RULES: Readonly<Record<string, Rule>> = { ...ELEMENTWISE_RULES, ...MOVEMENT_RULES }

const canonicalizeNode: Rule = (node, rewriting) =>
  (Object.hasOwn(RULES, node.op) ? RULES[node.op]?.(node, rewriting) : undefined) ?? withoutExpand(node, rewriting)

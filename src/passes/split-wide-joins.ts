/**
 * Goal: no kernel with more buffers than a target can pass it (WebAssembly engines take at most 1000 parameters).
 *
 *   %y = concat{axis: 0}(%x0, …, %x599)   ⇒   %a = concat(%x0, …, %x255)  %b = concat(%x256, …, %x511)  %c = concat(%x512, …, %x599)
 *                                              %y = concat(%a, %b, %c)
 *
 * Does not: touch joins of 256 inputs or fewer. Each element is copied once more per level, of which two reach 65,536 inputs.
 * A policy of targets, so not in the default pipeline.
 * Stage: inference or later, not fused; stage unchanged. Preserves bits. Idempotent.
 */
import type { Value } from '../ir/graph.js'
import type { Pass } from './pass.js'
import { rewriteToFixpoint, type Rule } from './rewriter.js'

/** Most inputs that one join keeps. */
const WIDEST = 256

export const splitWideJoins: Pass = {
  name: 'split-wide-joins',
  doc: 'Joins hundreds of tensors in groups, so that every kernel has parameters enough.',
  needs: 'inference',
  preserves: 'bits',
  run: (graph) => rewriteToFixpoint(graph, splitJoin),
}

const splitJoin: Rule = (node, rewriting) => {
  if (node.op !== 'concat' || node.inputs.length <= WIDEST) return undefined
  const groups: Value[] = []
  for (let i = 0; i < node.inputs.length; i += WIDEST) {
    const part = node.inputs.slice(i, i + WIDEST)
    const [only] = part
    groups.push(part.length === 1 && only !== null && only !== undefined ? only : rewriting.add('concat', part, node.attrs, node.origin))
  }
  return rewriting.replace(node, 'concat', groups, node.attrs)
}

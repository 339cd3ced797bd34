/**
 * Goal: nodes whose results nobody uses go.
 *
 *   %a = relu(%x)
 *   %b = exp(%x)                    ⇒   %b = exp(%x)
 *   return %b                           return %b
 *
 * Does not: drop graph inputs, symbols or constraints (they are the contract with the caller), nor single results of a
 * node of which another result is used.
 * Stage: any but fused; stage unchanged. Preserves bits. Idempotent.
 */
import { withoutDeadNodes } from '../ir/rewrite.js'
import type { Pass } from './pass.js'

export const dropDead: Pass = {
  name: 'drop-dead',
  doc: 'Drops nodes whose results nobody uses.',
  needs: 'traced',
  preserves: 'bits',
  run: (graph) => withoutDeadNodes(graph),
}

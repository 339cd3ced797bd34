/**
 * Goal: the marks that automatic differentiation left while a graph was traced go; inference needs none of them.
 *
 *   %y  = relu(%x)
 *   %y1 = autograd.record(%y)       ⇒   %y = relu(%x)
 *   return %y1                          return %y
 *
 * Does not: touch version counters and view tracking (strip-version). `countMarkers` says how many there were.
 * Stage: traced; stage unchanged. Preserves bits. Idempotent.
 */
import type { Pass } from './pass.js'
import { stripMarkers } from './strip-bookkeeping.js'

export const stripAutograd: Pass = {
  name: 'strip-autograd',
  doc: 'Removes the marks of automatic differentiation.',
  needs: 'traced',
  preserves: 'bits',
  run: (graph) => stripMarkers(graph, ['autograd.']),
}

/**
 * Goal: version counters and view tracking go: they guard in-place writes, and after functionalize there are none.
 *
 *   %y = version.bump(%x)
 *   %z = version.check(%y)          ⇒   return %x
 *   return %z
 *
 * Does not: decide whether a check would hold: that is reported by the tracer, before anything is stripped.
 * Stage: traced ⇒ inference. Preserves bits. Idempotent.
 */
import type { Pass } from './pass.js'
import { stripMarkers } from './strip-bookkeeping.js'

export const stripVersion: Pass = {
  name: 'strip-version',
  doc: 'Removes version counters, their checks, and view tracking.',
  needs: 'traced',
  ensures: 'inference',
  preserves: 'bits',
  run: (graph) => stripMarkers(graph, ['version.', 'view.']),
}

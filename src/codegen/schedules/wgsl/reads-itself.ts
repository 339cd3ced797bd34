/** Computes that read what they write, point by point: their order matters. */
import type { Compute } from '../../../ir/kernel/compute.js'
import { rootsOf, visitExprs } from '../../../ir/kernel/walk.js'

/** True where a stage of `compute` loads from a buffer that one of its stages stores to. */
export function readsItself(compute: Compute): boolean {
  const written = new Set(compute.stages.flatMap((s) => (s.kind === 'store' ? [s.buffer] : [])))
  let reads = false
  visitExprs(compute.stages.flatMap(rootsOf), (e) => { if (e.kind === 'load' && written.has(e.buffer)) reads = true })
  return reads
}

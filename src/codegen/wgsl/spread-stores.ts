/**
 * More points for more invocations: a compute that only stores, each stage along axes of its own (a join, a padding), becomes
 * several whose outer axes are all there are. Their kernels' loops stand beside each other in one kernel again.
 *
 *   store y[i] = a[i] over i · store y[n + j] = b[j] over j   ⇒   axes i: store y[i] = a[i]   and   axes j: store y[n + j] = b[j]
 */
import type { Compute, Stage, StoreStage } from '../../ir/kernel/compute.js'
import { substituteDim, type Dim } from '../../ir/dims.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { rootsOf, visitExprs } from '../../ir/kernel/walk.js'

/** Computes that together do what `compute` does, in any order; `compute` alone where stages need one another. */
export function spreadStores(compute: Compute): readonly Compute[] {
  const stores = compute.stages.filter((s): s is StoreStage => s.kind === 'store')
  if (stores.length !== compute.stages.length || stores.every((s) => s.axes.length === 0)) return [compute]
  const written = new Set(stores.map((s) => s.buffer))
  let reads = false
  visitExprs(stores.flatMap((s) => rootsOf(s as Stage)), (e) => { if (e.kind === 'load' && written.has(e.buffer)) reads = true })
  if (reads) return [compute]
  return stores.map((s): Compute => ({ ...compute, axes: [...compute.axes, ...s.axes], stages: [{ ...s, axes: [] }] }))
}

/** One kernel of the bodies of all; they have the same buffers and need nothing of each other. What stands before loops goes into them, and their bounds are written in parameters. */
export function besideEachOther(kernels: readonly Kernel[]): Kernel {
  const [first] = kernels as readonly [Kernel, ...Kernel[]]
  return { ...first, params: [...new Set(kernels.flatMap((k) => k.params))].sort(), body: kernels.flatMap((k) => sinkNames(k.body)) }
}

/** `body` with its immutable names defined inside its loops; as it is where something else than they and loops stands there. */
function sinkNames(body: readonly Stmt[]): readonly Stmt[] {
  const names = body.filter((s) => s.kind === 'index' || s.kind === 'let')
  if (names.length === 0 || body.some((s) => s.kind !== 'for' && !names.includes(s as never))) return body
  const definitions = new Map<string, Dim>()
  const expand = (dim: Dim): Dim => substituteDim(dim, (name) => definitions.get(name))
  for (const s of names) if (s.kind === 'index') definitions.set(s.name, expand(s.value))
  return body.flatMap((s): Stmt[] => (s.kind === 'for' ? [{ ...s, lo: expand(s.lo), hi: expand(s.hi), body: [...names, ...s.body] }] : []))
}

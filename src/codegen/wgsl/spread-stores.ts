/**
 * More points for more invocations: a compute that only stores, each stage along axes of its own (a join, a padding), becomes
 * several whose outer axes are all there are. Their kernels' loops stand beside each other in one kernel again.
 *
 *   store y[i] = a[i] over i · store y[n + j] = b[j] over j   ⇒   axes i: store y[i] = a[i]   and   axes j: store y[n + j] = b[j]
 */
import { visitSymbols } from '../../base/dim.js'
import { add, max, sub, substituteDim, type Dim } from '../../ir/dims.js'
import type { Compute, Stage, StoreStage } from '../../ir/kernel/compute.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { boundsOf, isNeverNegative, type RangeOf } from '../../ir/kernel/ranges.js'
import { rootsOf, visitExprs } from '../../ir/kernel/walk.js'
import { rewriteCompute } from '../rewrite-compute.js'

/** Computes in groups: those of a group may run at once, the groups in turn. `compute` alone where its stages need one another. */
export function spreadStores(compute: Compute): readonly (readonly Compute[])[] {
  const stores = compute.stages.filter((s): s is StoreStage => s.kind === 'store')
  if (stores.length !== compute.stages.length || stores.every((s) => s.axes.length === 0)) return [[compute]]
  const written = new Set(stores.map((s) => s.buffer))
  let reads = false
  visitExprs(stores.flatMap((s) => rootsOf(s as Stage)), (e) => { if (e.kind === 'load' && written.has(e.buffer)) reads = true })
  if (reads) return [[compute]]
  const groups: { readonly boxes: Box[]; readonly parts: Compute[] }[] = []
  for (const s of stores) {
    const part = fromZero({ ...compute, axes: [...compute.axes, ...s.axes], stages: [{ ...s, axes: [] }] }), box = boxOf(part)
    const last = groups.at(-1)
    if (last !== undefined && last.boxes.every((other) => areApart(box, other))) { last.boxes.push(box); last.parts.push(part) } else groups.push({ boxes: [box], parts: [part] })
  }
  return groups.map((g) => g.parts)
}

/** `compute` with axes that begin at 0, where bounds do not depend on other axes. */
function fromZero(compute: Compute): Compute {
  const names = new Set(compute.axes.map((a) => a.name)), shifts = new Map<string, Dim>()
  const depends = (d: Dim): boolean => { let found = false; visitSymbols(d, (s) => { if (names.has(s)) found = true }); return found }
  for (const a of compute.axes) if (a.lo !== undefined && !depends(a.lo) && !depends(a.hi)) shifts.set(a.name, a.lo)
  if (shifts.size === 0) return compute
  const moved = rewriteCompute(compute, { name: (s) => { const lo = shifts.get(s); return lo === undefined ? undefined : add(s, lo) } })
  return { ...moved, axes: compute.axes.map((a) => { const lo = shifts.get(a.name); return lo === undefined ? a : { name: a.name, hi: max(0, sub(a.hi, lo)) } }) }
}

/** Where a part writes: the least and greatest index of each axis of a buffer, undefined where that is not known. */
interface Box { readonly buffer: string; readonly ends: readonly { readonly lo: Dim | undefined; readonly hi: Dim | undefined }[] }

function boxOf({ axes, stages }: Compute): Box {
  const [store] = stages as readonly [StoreStage]
  const rangeOf: RangeOf = (name) => { const axis = axes.find((a) => a.name === name); return axis && { lo: axis.lo ?? 0, hi: sub(axis.hi, 1) } }
  return { buffer: store.buffer, ends: store.index.map((d) => boundsOf(d, rangeOf)) }
}

function areApart(a: Box, b: Box): boolean {
  const below = (x: Dim | undefined, y: Dim | undefined): boolean => x !== undefined && y !== undefined && isNeverNegative(sub(y, add(x, 1)), () => undefined)
  return a.buffer !== b.buffer || a.ends.some(({ lo, hi }, i) => below(hi, b.ends[i]?.lo) || below(b.ends[i]?.hi, lo))
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

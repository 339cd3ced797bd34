/** Computes that move every element of one tensor to another place and do nothing else: transposes. */
import { dimsEqual, substituteDim, type Dim } from '../dims.js'
import type { Compute } from './compute.js'

/**
 * Where `compute` puts the element of buffer `from` at `index`: its index in the result. Undefined where it does not just copy
 * every element of that buffer once, under its axes in another order.
 */
export function movedIndex(compute: Compute, from: string, index: readonly Dim[]): readonly Dim[] | undefined {
  const [store] = compute.stages
  if (compute.stages.length !== 1 || store?.kind !== 'store' || store.axes.length > 0 || store.value.kind !== 'load' || store.value.buffer !== from) return undefined
  const read = store.value.index, axes = compute.axes.map((a) => a.name), shape = compute.buffers.find((b) => b.name === from)?.shape
  if (compute.axes.some((a) => a.lo !== undefined) || read.length !== axes.length || new Set(read).size !== axes.length || !read.every((d) => axes.includes(d as string))) return undefined
  // A slice from the start reads as a copy does, but not everything.
  if (!compute.axes.every((a) => dimsEqual(a.hi, shape?.[read.indexOf(a.name)] ?? 0))) return undefined
  const at = new Map(read.map((name, k) => [name as string, index[k] as Dim]))
  return store.index.map((d) => substituteDim(d, (name) => at.get(name)))
}

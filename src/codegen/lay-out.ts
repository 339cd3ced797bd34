/**
 * From logical to physical: a compute whose buffers lie in other orders than row-major becomes one over row-major buffers
 * with permuted axes, its loops in the order of memory. What comes after (flattening, schedules) sees strides only.
 *
 *   axes c in 0..C, p in 0..P: y[c, p] = relu(x[c, p]), y and x with order [1, 0]   ⇒   axes p, c: y[p, c] = relu(x[p, c])
 */
import { visitSymbols } from '../base/dim.js'
import { add, dimsEqual, type Dim } from '../ir/dims.js'
import type { Axis, Compute, ReduceStage, Stage, StoreStage } from '../ir/kernel/compute.js'
import { letsOf } from '../ir/kernel/walk.js'
import { reshapedOrder, type Order } from '../ir/layout.js'
import { reindex } from './reindex.js'
import type { Placement } from './windows.js'
import { expressionRewriter, visitLoads, type Index } from './rewrite-compute.js'

/** How the tensor in a buffer lies in memory: its own shape (which the buffer may be read under another than) and its order; `within`, it is a part of a larger tensor, in whose order. */
export interface Storage { readonly shape: readonly Dim[]; readonly order: Order | undefined; readonly within?: Placement }

/** How indices into a buffer and its shape become physical ones. */
interface Placing { readonly shape: readonly Dim[]; readonly place: (index: Index) => Index }

/** `compute` over buffers as they lie in memory; the same object where all are row-major. `storageOf` knows the tensors; what it does not know (temps) is row-major. */
export function layOut(compute: Compute, storageOf: (buffer: string) => Storage | undefined): Compute {
  const placings = new Map<string, Placing>()
  for (const b of compute.buffers) {
    const placing = placingOf(b.shape, storageOf(b.name))
    if (placing !== undefined) placings.set(b.name, placing)
  }
  if (placings.size === 0) return compute
  const place = (buffer: string, index: Index): Index => placings.get(buffer)?.place(index) ?? index
  const rewrite = expressionRewriter({ load: (buffer, index) => (placings.has(buffer) ? { kind: 'load', buffer, index: place(buffer, index) } : undefined) })
  const stages = compute.stages.map((s): Stage => {
    const lets = letsOf(s).map((l) => ({ ...l, value: rewrite(l.value) }))
    switch (s.kind) {
      case 'let': return { ...s, lets }
      case 'reduce': return { ...s, lets, accumulators: s.accumulators.map((a) => ({ ...a, init: rewrite(a.init), value: rewrite(a.value) })) }
      case 'store': return { ...s, lets, index: place(s.buffer, s.index), value: rewrite(s.value) }
    }
  })
  return inMemoryOrder({ ...compute, buffers: compute.buffers.map((b) => ({ ...b, shape: placings.get(b.name)?.shape ?? b.shape })), stages })
}

/** undefined for a buffer that needs no change. A view that has an order of its own keeps its axes; others are read through the tensor's. */
function placingOf(view: readonly Dim[], storage: Storage | undefined): Placing | undefined {
  if (storage === undefined) return undefined
  const { shape, order, within } = storage
  const same = view.length === shape.length && view.every((d, i) => dimsEqual(d, shape[i] as Dim))
  if (within !== undefined) {
    const axes = within.order ?? shape.map((_, i) => i)
    return { shape: axes.map((a) => within.shape[a] as Dim), place: (index) => { const own = same ? index : reindex(index, view, shape); return axes.map((a) => add(own[a] as Dim, within.before[a] as number)) } }
  }
  if (order === undefined) return undefined
  const known = same ? { order } : reshapedOrder(shape, order, view)
  if (known !== undefined) {
    const axes = known.order
    return axes === undefined ? undefined : { shape: axes.map((a) => view[a] as Dim), place: (index) => axes.map((a) => index[a] as Dim) }
  }
  return { shape: order.map((a) => shape[a] as Dim), place: (index) => { const own = reindex(index, view, shape); return order.map((a) => own[a] as Dim) } }
}

/** Loops in the order in which they move through memory: outer axes and stores as the elements written, reductions as the elements read. */
function inMemoryOrder(compute: Compute): Compute {
  const stores = compute.stages.filter((s) => s.kind === 'store')
  const scatters = stores.some((s) => usesData(compute, s.index))
  if (scatters) return compute
  const axes = sortAxes(compute.axes, stores[0]?.index ?? [], 'every')
  return { ...compute, axes, stages: compute.stages.map((s): Stage => (s.kind === 'store' ? storeOrder(s) : s.kind === 'reduce' ? reduceOrder(s) : s)) }
}

function usesData(compute: Compute, index: Index): boolean {
  const data = new Set(compute.stages.flatMap((s) => s.lets.flatMap((l) => (l.kind === 'data-index' ? [l.name] : []))))
  return data.size > 0 && index.some((d) => namesIn(d).some((n) => data.has(n)))
}

/** A store stage that reads what it writes keeps its order. */
function storeOrder(stage: StoreStage): StoreStage {
  let reads = false
  for (const e of [...stage.lets.map((l) => l.value), stage.value]) visitLoads(e, (b) => { if (b === stage.buffer) reads = true })
  return reads ? stage : { ...stage, axes: sortAxes(stage.axes, stage.index, 'every') }
}

/** Sums, products and extrema may be taken in any order; other accumulators keep theirs. */
function reduceOrder(stage: ReduceStage): ReduceStage {
  if (stage.accumulators.some((a) => a.combine === undefined)) return stage
  let best: Index = [], most = 0
  for (const e of [...stage.lets.map((l) => l.value), ...stage.accumulators.map((a) => a.value)]) {
    visitLoads(e, (_, index) => {
      const names = new Set(index.flatMap(namesIn)), count = stage.axes.filter((a) => names.has(a.name)).length
      if (count > most) { most = count; best = index }
    })
  }
  return { ...stage, axes: sortAxes(stage.axes, best, 'some') }
}

/** `axes` in the order in which `index` names them. Left as they are where bounds depend on each other, or (`every`) where the index does not name them all. */
function sortAxes(axes: readonly Axis[], index: Index, named: 'every' | 'some'): readonly Axis[] {
  const own = new Set(axes.map((a) => a.name))
  if (axes.some((a) => [...namesIn(a.lo ?? 0), ...namesIn(a.hi)].some((n) => own.has(n)))) return axes
  const rank = (axis: Axis): number => index.findIndex((d) => namesIn(d).includes(axis.name))
  if (named === 'every' && axes.some((a) => a.hi !== 1 && rank(a) < 0)) return axes
  return [...axes].sort((a, b) => rank(a) - rank(b))
}

function namesIn(dim: Dim): string[] {
  const names: string[] = []
  visitSymbols(dim, (s) => { names.push(s) })
  return names
}

/**
 * Values that lie inside a padded one: where a constant `pad` is all that is done to a result, or its other readers can read
 * the middle of something larger, the result is made in place, and the pad writes the border around it only.
 *
 *   %y = conv(…)   %p = pad(%y, 1 around)   ⇒   conv stores into the middle of %p; pad stores zeros around it
 */
import type { Dim } from '../ir/dims.js'
import type { Graph, Node, Value } from '../ir/graph.js'
import { sameLayout, type Order } from '../ir/layout.js'
import type { Compute, Stage } from '../ir/kernel/compute.js'
import { rootsOf, visitExprs } from '../ir/kernel/walk.js'
import { getOp } from '../ir/ops/index.js'
import { outputValues, usersOf } from '../ir/rewrite.js'
import { takesAnyOrder } from '../ir/verify-layout.js'

/** Where a value lies: in `into`, `before` elements from its start along each axis. */
export interface Window { readonly into: Value; readonly before: readonly number[] }

/** The windows of a graph, by the value that lies in one. */
export function windowsOf(graph: Graph): ReadonlyMap<Value, Window> {
  const windows = new Map<Value, Window>()
  const users = usersOf(graph), outputs = outputValues(graph)
  const computes = (n: Node): boolean => takesAnyOrder(n) && getOp(n.op).pattern !== 'alias'
  const made = new Set(graph.nodes.filter((n) => n.outputs.length === 1 && computes(n)).flatMap((n) => n.outputs))
  for (const node of graph.nodes) {
    const window = borderOf(node), [inner] = node.inputs
    if (window === undefined || inner == null || !made.has(inner) || outputs.has(inner) || windows.has(inner)) continue
    // A result that is itself a border around something keeps its storage.
    if ([...windows.values()].some((w) => w.into === inner) || !(users.get(inner) ?? []).every(computes)) continue
    windows.set(inner, window)
  }
  return windows
}

/** The window that the input of `node` can lie in, for a pad by constants that takes nothing away. */
function borderOf(node: Node): Window | undefined {
  const [inner, value] = node.inputs, [into] = node.outputs
  if (node.op !== 'pad' || node.attrs['mode'] !== 'constant' || inner?.type.kind !== 'tensor' || into === undefined || (value != null && value.data === undefined)) return undefined
  const before = node.attrs['before'] as readonly Dim[], after = node.attrs['after'] as readonly Dim[]
  const numeric = (list: readonly Dim[]): list is readonly number[] => list.every((d) => typeof d === 'number' && d >= 0)
  return numeric(before) && numeric(after) && sameLayout(inner.type.shape, inner.order, into.order) ? { into, before } : undefined
}

/** A window as a kernel sees it: the shape and order of what it lies in. */
export interface Placement { readonly shape: readonly Dim[]; readonly order: Order | undefined; readonly before: readonly number[] }

/** True for the pad that makes the value which its input lies in: it writes the border only. */
export function isBorder(node: Node, windows: ReadonlyMap<Value, Window>): boolean {
  const [inner] = node.inputs
  return inner != null && windows.get(inner)?.into === node.outputs[0]
}

/** The stages of a pad's compute that write around its input. */
export function borderOnly(compute: Compute, input: string): Compute {
  const reads = (s: Stage): boolean => { let found = false; visitExprs(rootsOf(s), (e) => { if (e.kind === 'load' && e.buffer === input) found = true }); return found }
  return { ...compute, buffers: compute.buffers.filter((b) => b.name !== input), stages: compute.stages.filter((s) => !reads(s)) }
}

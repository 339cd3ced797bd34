/**
 * Values that lie inside larger ones: where a result is padded by constants or joined with others, and its other readers can
 * read a part of something larger, it is made in place. The pad writes the border around it only, the join what is left.
 *
 *   %y = conv(…)   %p = pad(%y, 1 around)   ⇒   conv stores into the middle of %p; pad stores zeros around it
 */
import { add, type Dim } from '../ir/dims.js'
import { shapeOf, tensorOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { sameLayout, type Order } from '../ir/layout.js'
import type { Compute, Stage } from '../ir/kernel/compute.js'
import { rootsOf, visitExprs } from '../ir/kernel/walk.js'
import { getOp } from '../ir/ops/index.js'
import { outputValues, usersOf } from '../ir/rewrite.js'
import { takesAnyOrder } from '../ir/verify-layout.js'
import { tensorType } from '../ir/types.js'

/** Where a value lies: in `into`, `before` elements from its start along each axis. */
export interface Window { readonly into: Value; readonly before: readonly number[] }

/** The windows of a graph, by the value that lies in one. */
export function windowsOf(graph: Graph): ReadonlyMap<Value, Window> {
  const windows = new Map<Value, Window>()
  const users = usersOf(graph), outputs = outputValues(graph)
  const computes = (n: Node): boolean => takesAnyOrder(n) && getOp(n.op).pattern !== 'alias'
  const made = new Set(graph.nodes.filter((n) => n.outputs.length === 1 && computes(n)).flatMap((n) => n.outputs))
  const holders = new Set<Value>()
  for (const node of graph.nodes) {
    for (const { inner, window } of partsOf(node)) {
      if (!made.has(inner) || outputs.has(inner) || windows.has(inner) || holders.has(inner) || !(users.get(inner) ?? []).every(computes)) continue
      windows.set(inner, window)
      // What holds others keeps its storage.
      holders.add(window.into)
    }
    for (const planes of node.outputs) if (PLANES.has(node.op) && made.has(planes) && !outputs.has(planes) && !windows.has(planes)) windows.set(planes, apart(planes))
  }
  return windows
}

/** Ops whose results are planes that are written, and read, one element of each at a time. */
const PLANES = new Set(['winograd_input', 'winograd_product'])
/** Elements between planes: a line of cache. Planes a power of two apart would all go to the same few lines of the first cache. */
const GAP = 16

function apart(planes: Value): Window {
  const { dtype, shape } = tensorOf(planes)
  return { into: { name: planes.name, type: tensorType(dtype, shape.map((d, i) => (i === shape.length - 1 ? add(d, GAP) : d))) }, before: shape.map(() => 0) }
}

interface Part { readonly inner: Value; readonly window: Window }

/** The inputs that can lie in the result of `node`: of a pad by constants that takes nothing away, and of a join. */
function partsOf(node: Node): readonly Part[] {
  const [into] = node.outputs
  if (into?.type.kind !== 'tensor') return []
  const part = (inner: Value, before: readonly number[]): Part[] => (sameLayout(shapeOf(inner), inner.order, into.order) ? [{ inner, window: { into, before } }] : [])
  if (node.op === 'concat') return joinParts(node, into, part)
  const [inner, value] = node.inputs
  if (node.op !== 'pad' || node.attrs['mode'] !== 'constant' || inner == null || (value != null && value.data === undefined)) return []
  const before = node.attrs['before'] as readonly Dim[], after = node.attrs['after'] as readonly Dim[]
  const numeric = (list: readonly Dim[]): list is readonly number[] => list.every((d) => typeof d === 'number' && d >= 0)
  return numeric(before) && numeric(after) ? part(inner, before) : []
}

/** The inputs of a join whose places are numbers, each where it is joined once. */
function joinParts(node: Node, into: Value, part: (inner: Value, before: readonly number[]) => Part[]): readonly Part[] {
  const axis = node.attrs['axis'] as number, parts: Part[] = []
  let start: Dim = 0
  for (const inner of node.inputs) {
    if (inner === null || typeof start !== 'number') return parts
    const at = start
    if (node.inputs.filter((v) => v === inner).length === 1) parts.push(...part(inner, shapeOf(into).map((_, i) => (i === axis ? at : 0))))
    start = add(start, shapeOf(inner)[axis] as Dim)
  }
  return parts
}

/** A window as a kernel sees it: the shape and order of what it lies in. */
export interface Placement { readonly shape: readonly Dim[]; readonly order: Order | undefined; readonly before: readonly number[] }

/** The inputs of `node` that lie in its result already. */
export function partsInPlace(node: Node, windows: ReadonlyMap<Value, Window>): readonly Value[] {
  return node.inputs.filter((v): v is Value => v !== null && windows.get(v)?.into === node.outputs[0])
}

/** A compute without the stages that copy from `inputs`: what is left of a pad or a join whose inputs are in place. */
export function withoutCopies(compute: Compute, inputs: readonly string[]): Compute {
  if (inputs.length === 0) return compute
  const copies = (s: Stage): boolean => { let found = false; visitExprs(rootsOf(s), (e) => { if (e.kind === 'load' && inputs.includes(e.buffer)) found = true }); return found }
  return { ...compute, buffers: compute.buffers.filter((b) => !inputs.includes(b.name)), stages: compute.stages.filter((s) => !copies(s)) }
}

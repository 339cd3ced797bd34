/**
 * Placement: which nodes run on the GPU and which on the host, and in which order. A node runs on the host where it has no
 * kernel that shaders can say (64-bit numbers that cannot be proved to fit); then nodes are ordered so that control passes
 * between the two as rarely as it can.
 */
import type { Graph, Node, Value } from '../../ir/graph.js'
import { getOp } from '../../ir/ops/index.js'

/** Neighbouring nodes of one side. Nodes that make nothing but another shape stand on either. */
export interface Segment { readonly side: 'device' | 'host'; readonly nodes: readonly Node[] }

/** The nodes of `graph` in segments, those of each in their order. */
export function placeNodes(graph: Graph, isHost: (node: Node) => boolean): readonly Segment[] {
  const sideOf = (node: Node): Segment['side'] | undefined => (isHost(node) ? 'host' : getOp(node.op).pattern === 'alias' ? undefined : 'device')
  const made = new Set<Value>(graph.nodes.flatMap((n) => n.outputs))
  const done = new Set<Value>()
  const isReady = (node: Node): boolean => node.inputs.every((v) => v === null || !made.has(v) || done.has(v))
  let left: readonly Node[] = graph.nodes
  // What the host can do first needs nothing back from the GPU.
  let side: Segment['side'] = 'host'
  const segments: Segment[] = []
  while (left.length > 0) {
    const nodes: Node[] = [], later: Node[] = []
    for (const node of left) {
      const own = sideOf(node)
      if ((own === undefined || own === side) && isReady(node)) { nodes.push(node); node.outputs.forEach((v) => done.add(v)) } else later.push(node)
    }
    // Views alone do not make a segment of the host's.
    const useful = nodes.some((n) => sideOf(n) === side)
    if (useful || side === 'device') { if (nodes.length > 0) segments.push({ side, nodes }); left = later } else nodes.forEach((n) => n.outputs.forEach((v) => done.delete(v)))
    side = side === 'host' ? 'device' : 'host'
  }
  return segments
}

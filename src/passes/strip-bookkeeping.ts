/** What strip-autograd and strip-version share: marker nodes, whose result is their first input, are renamed away. */
import { invariant } from '../base/error.js'
import { nestedGraphs, type Graph } from '../ir/graph.js'
import { rewriteNodes } from './rewriter.js'

/** `graph` without the nodes whose op starts with one of `prefixes`: uses of their result become uses of their first input. */
export function stripMarkers(graph: Graph, prefixes: readonly string[]): Graph {
  return rewriteNodes(graph, (node) => {
    if (!prefixes.some((p) => node.op.startsWith(p))) return undefined
    const first = node.inputs[0]
    invariant(first !== null && first !== undefined && node.outputs.length === 1, `${node.op} at ${node.origin} has a first input and one result`)
    return [first]
  })
}

/** How many nodes of each bookkeeping op a graph holds, nested graphs included; for the compile report. */
export function countMarkers(graph: Graph, counts: Map<string, number> = new Map()): ReadonlyMap<string, number> {
  for (const node of graph.nodes) {
    if (/^(autograd|version|view)\./.test(node.op)) counts.set(node.op, (counts.get(node.op) ?? 0) + 1)
    for (const nested of nestedGraphs(node)) countMarkers(nested, counts)
  }
  return counts
}

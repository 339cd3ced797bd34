/**
 * What passes rewrite graphs with. All functions are linear in the size of the graph (nested graphs included) and give
 * back the same objects where nothing changed, so that `before === after` means "no change".
 */
import { isGraph, type Attr, type Graph, type GraphOutput, type Node, type Value } from './graph.js'

/**
 * The nodes of `graph` that use each value, every node once, in graph order. A use inside a nested graph counts as a use by the
 * node of `graph` that holds the nested graph. Graph outputs are not counted (see `outputValues`); values nobody uses are absent.
 */
export function usersOf(graph: Graph): Map<Value, Node[]> {
  const users = new Map<Value, Node[]>()
  for (const node of graph.nodes) {
    for (const value of usedBy(node)) {
      const list = users.get(value)
      if (list === undefined) users.set(value, [node])
      else list.push(node)
    }
  }
  return users
}

/** The values a node reads: its inputs, and what its nested graphs take from the graphs around them. */
export function usedBy(node: Node): Set<Value> {
  const used = new Set<Value>()
  for (const v of node.inputs) if (v !== null) used.add(v)
  for (const attr of Object.values(node.attrs)) if (isGraph(attr)) for (const v of capturedBy(attr)) used.add(v)
  return used
}

/** The values that `graph` uses and does not define: constants, and values of the graphs around it. */
export function capturedBy(graph: Graph): Set<Value> {
  const captured = new Set<Value>()
  for (const node of graph.nodes) for (const v of usedBy(node)) captured.add(v)
  for (const o of graph.outputs) captured.add(o.value)
  for (const v of graph.inputs) captured.delete(v)
  for (const node of graph.nodes) for (const v of node.outputs) captured.delete(v)
  return captured
}

/** The values that are outputs of `graph`. */
export function outputValues(graph: Graph): Set<Value> {
  return new Set(graph.outputs.map((o) => o.value))
}

/** The node that defines each value of `graph` (nested graphs excluded); inputs and constants are absent. */
export function definersOf(graph: Graph): Map<Value, Node> {
  const definers = new Map<Value, Node>()
  for (const node of graph.nodes) for (const v of node.outputs) definers.set(v, node)
  return definers
}

/** `graph` with other nodes and, if given, other outputs. */
export function withNodes(graph: Graph, nodes: readonly Node[], outputs: readonly GraphOutput[] = graph.outputs): Graph {
  return { ...graph, nodes, outputs }
}

/** `node` with its nested graphs replaced by what `change` gives; the same node where nothing changes. */
export function mapNested(node: Node, change: (graph: Graph, attr: string) => Graph): Node {
  let attrs: Record<string, Attr> | undefined
  for (const [name, attr] of Object.entries(node.attrs)) {
    if (!isGraph(attr)) continue
    const changed = change(attr, name)
    if (changed !== attr) (attrs ??= { ...node.attrs })[name] = changed
  }
  return attrs === undefined ? node : { ...node, attrs }
}

/** Calls `visit` for every node of `graph` and of its nested graphs, in execution order, a node before the nodes nested in it. */
export function walkNodes(graph: Graph, visit: (node: Node, graph: Graph) => void): void {
  for (const node of graph.nodes) {
    visit(node, graph)
    for (const attr of Object.values(node.attrs)) if (isGraph(attr)) walkNodes(attr, visit)
  }
}

/** `change` applied to the innermost nested graphs first and to `graph` last. */
export function mapGraphs(graph: Graph, change: (graph: Graph) => Graph): Graph {
  return change(mapNodes(graph, (node) => mapNested(node, (g) => mapGraphs(g, change))))
}

/** `graph` with every node (nested ones excluded) replaced by what `change` gives. */
export function mapNodes(graph: Graph, change: (node: Node) => Node): Graph {
  let changed = false
  const nodes = graph.nodes.map((node) => { const next = change(node); changed ||= next !== node; return next })
  return changed ? { ...graph, nodes } : graph
}

/**
 * `graph` with every use of a key of `replacements` turned into a use of its value, in nodes, outputs and nested graphs; chains
 * (a → b, b → c) are followed. Definitions stay: drop the dead nodes afterwards.
 */
export function substitute(graph: Graph, replacements: ReadonlyMap<Value, Value>): Graph {
  if (replacements.size === 0) return graph
  const final = (value: Value): Value => {
    let v = value
    for (let next = replacements.get(v); next !== undefined; next = replacements.get(v)) v = next
    return v
  }
  const inGraph = (g: Graph): Graph => {
    const out = mapNodes(g, (node) => {
      const nested = mapNested(node, inGraph)
      return nested.inputs.some((v) => v !== null && replacements.has(v)) ? { ...nested, inputs: nested.inputs.map((v) => (v === null ? null : final(v))) } : nested
    })
    if (!out.outputs.some((o) => replacements.has(o.value))) return out
    return { ...out, outputs: out.outputs.map((o) => ({ name: o.name, value: final(o.value) })) }
  }
  return inGraph(graph)
}

/** `graph`, and each nested graph, without the nodes whose results nobody uses; `keep` names nodes that stay all the same, beside those that measure symbols. */
export function withoutDeadNodes(graph: Graph, keep: (node: Node) => boolean = () => false): Graph {
  const live = outputValues(graph)
  const kept: Node[] = []
  let changed = false
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i] as Node
    if (node.op !== 'measure' && !keep(node) && !node.outputs.some((v) => live.has(v))) { changed = true; continue }
    const next = mapNested(node, (g) => withoutDeadNodes(g, keep))
    changed ||= next !== node
    kept.push(next)
    for (const v of usedBy(next)) live.add(v)
  }
  return changed ? { ...graph, nodes: kept.reverse() } : graph
}

/**
 * The engine of node-by-node passes: walks a graph (and its nested graphs) in execution order, shows each node, with its
 * inputs already rewritten, to a rule, and renames uses where the rule gave other values. Nodes that no rule touches are
 * kept as they are; values and names survive wherever they can, and a walk that changes nothing returns the same graph.
 */
import type { HostTensor } from '../base/dtype.js'
import { GraphBuilder } from '../ir/build.js'
import { isGraph, type Attrs, type Graph, type Node, type Value } from '../ir/graph.js'
import { mapNested } from '../ir/rewrite.js'
import { typesEqual } from '../ir/types.js'

/** What a rule may ask and do. Values are those of the new graph. */
export interface Rewriting {
  /** The node that defines `value`; undefined for graph inputs and constants. */
  producer(value: Value): Node | undefined
  /** How many uses `value` had before the walk, graph outputs included. */
  uses(value: Value): number
  /** Adds a single-result node; small constant results are evaluated at once. */
  add(op: string, inputs: readonly (Value | null)[], attrs: Attrs, origin: string): Value
  /** Adds a single-result node that takes the place and the name of `node`'s result. */
  replace(node: Node, op: string, inputs: readonly (Value | null)[], attrs: Attrs): readonly Value[]
  /** A constant of the new graph. */
  constant(tensor: HostTensor, name?: string): Value
  /** The builder, for what the rest does not offer. */
  readonly builder: GraphBuilder
}

/** The values that take the place of `node`'s results, or undefined to keep the node. */
export type Rule = (node: Node, rewriting: Rewriting) => readonly Value[] | undefined

interface Shared {
  readonly rule: Rule
  readonly values: Map<Value, Value>
  readonly producers: Map<Value, Node>
  readonly uses: Map<Value, number>
  changed: boolean
}

/** `graph` with `rule` applied to every node once, in execution order. Nodes that lost their last use stay; see drop-dead. */
export function rewriteNodes(graph: Graph, rule: Rule): Graph {
  const shared: Shared = { rule, values: new Map(), producers: new Map(), uses: countUses(graph), changed: false }
  const builder = new GraphBuilder({ name: graph.name, stage: graph.stage })
  builder.keepDeclarations(graph)
  reserveNames(builder, graph)
  return rewriteGraph(graph, builder, shared)
}

/** Applies `rule` again and again until nothing changes, at most `limit` times. */
export function rewriteToFixpoint(graph: Graph, rule: Rule, limit = 8): Graph {
  let current = graph
  for (let i = 0; i < limit; i++) {
    const next = rewriteNodes(current, rule)
    if (next === current) break
    current = next
  }
  return current
}

function rewriteGraph(graph: Graph, builder: GraphBuilder, shared: Shared): Graph {
  const outside = shared.changed
  shared.changed = false
  for (const input of graph.inputs) builder.keepInput(input)
  const rewriting = rewritingOf(builder, shared)
  for (const node of graph.nodes) rewriteNode(node, builder, rewriting, shared)
  for (const { name, value } of graph.outputs) builder.output(name, shared.values.get(value) ?? value)
  const result = shared.changed ? builder.finish() : graph
  shared.changed ||= outside
  return result
}

function rewriteNode(node: Node, builder: GraphBuilder, rewriting: Rewriting, shared: Shared): void {
  const moved = withNewInputs(node, builder, shared)
  const results = shared.rule(moved, rewriting)
  if (results !== undefined) {
    shared.changed = true
    node.outputs.forEach((old, i) => rename(old, results[i] ?? old, shared))
    return
  }
  if (moved.attrs === node.attrs && sameInputTypes(node, moved)) {
    if (moved !== node) shared.changed = true
    builder.keep(moved)
    for (const v of moved.outputs) shared.producers.set(v, moved)
    return
  }
  shared.changed = true
  for (const v of node.outputs) builder.releaseName(v.name)
  const outputs = builder.add(moved.op, moved.inputs, moved.attrs, { origin: moved.origin, names: node.outputs.map((v) => v.name) })
  for (const v of outputs) shared.producers.set(v, { ...moved, outputs })
  node.outputs.forEach((old, i) => rename(old, outputs[i] ?? old, shared))
}

function rename(old: Value, value: Value, shared: Shared): void {
  if (old === value) return
  shared.values.set(old, value)
  shared.uses.set(value, (shared.uses.get(value) ?? 0) + (shared.uses.get(old) ?? 0))
}

function withNewInputs(node: Node, builder: GraphBuilder, shared: Shared): Node {
  const inputs = node.inputs.map((v) => (v === null ? null : shared.values.get(v) ?? v))
  const same = inputs.every((v, i) => v === node.inputs[i])
  const nested = mapNested(node, (g) => rewriteGraph(g, new GraphBuilder({ name: g.name, stage: g.stage, outer: builder }), shared))
  return same ? nested : { ...nested, inputs }
}

function sameInputTypes(before: Node, after: Node): boolean {
  return before.inputs.every((v, i) => {
    const w = after.inputs[i]
    return v === w || (v !== null && w !== null && w !== undefined && typesEqual(v.type, w.type))
  })
}

function rewritingOf(builder: GraphBuilder, shared: Shared): Rewriting {
  const record = (op: string, inputs: readonly (Value | null)[], attrs: Attrs, origin: string, value: Value): Value => {
    if (value.data === undefined) shared.producers.set(value, { op, inputs, attrs, outputs: [value], origin })
    return value
  }
  return {
    builder,
    producer: (value) => shared.producers.get(value),
    uses: (value) => shared.uses.get(value) ?? 0,
    add: (op, inputs, attrs, origin) => record(op, inputs, attrs, origin, builder.add1(op, inputs, attrs, { origin })),
    replace(node, op, inputs, attrs) {
      const name = node.outputs[0]?.name
      if (name !== undefined) builder.releaseName(name)
      return [record(op, inputs, attrs, node.origin, builder.add1(op, inputs, attrs, { origin: node.origin, names: [name] }))]
    },
    constant: (tensor, name) => builder.constant(tensor, name),
  }
}

/** Keeps `builder` from handing out any name that `graph` or a graph nested in it uses. */
export function reserveNames(builder: GraphBuilder, graph: Graph): void {
  for (const v of graph.inputs) builder.reserveName(v.name)
  for (const { value } of graph.outputs) builder.reserveName(value.name)
  for (const node of graph.nodes) {
    for (const v of node.inputs) if (v !== null) builder.reserveName(v.name)
    for (const v of node.outputs) builder.reserveName(v.name)
    for (const attr of Object.values(node.attrs)) if (isGraph(attr)) reserveNames(builder, attr)
  }
}

/** Uses of every value in `graph` and its nested graphs, graph outputs counted as uses. */
export function countUses(graph: Graph, counts: Map<Value, number> = new Map()): Map<Value, number> {
  const count = (v: Value): void => { counts.set(v, (counts.get(v) ?? 0) + 1) }
  for (const node of graph.nodes) {
    for (const v of node.inputs) if (v !== null) count(v)
    for (const attr of Object.values(node.attrs)) if (isGraph(attr)) countUses(attr, counts)
  }
  for (const { value } of graph.outputs) count(value)
  return counts
}

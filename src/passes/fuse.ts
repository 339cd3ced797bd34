/**
 * Goal: one kernel where there were several: work on values that only pass between neighbours stays in registers.
 *
 *   %a = matmul(%x, %w)                 %c = fused(%x, %w, %b) {
 *   %b1 = add(%a, %b)               ⇒       %a = matmul(%x_in, %w_in)   %b1 = add(%a, %b_in)
 *   %c = relu(%b1)                          return relu(%b1) }
 *
 * A group is a tree of values with one use each: at most one anchor (a contraction, reduction or join), elementwise nodes of
 * the anchor's result shape after it, and before it the elementwise and injective nodes that make the first input of a
 * reduction or any input of a join; or elementwise and injective nodes alone. Decisions read traits (`pattern`, the cost of
 * `scalar`), never op names.
 * Does not: compute anything twice that is dear (see fuse-cost.ts), put producers into contractions, fuse across aliases
 * (a reshape is free) or opaque ops, wrap single nodes, or make bodies of more than 32 nodes.
 * Stage: canonical ⇒ fused. Preserves bits (a body computes what its nodes did, in the same types). Linear in nodes.
 */
import { elementCount } from '../base/dtype.js'
import { GraphBuilder } from '../ir/build.js'
import { isStatic, shapesEqual } from '../ir/dims.js'
import { nestedGraphs, shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { mapNested } from '../ir/rewrite.js'
import { MAX_FUSED_NODES } from '../ir/verify-stage.js'
import { elementwiseCost, growsLittle, hasKernels, readsPerElement } from './fuse-cost.js'
import type { Pass } from './pass.js'
import { countUses, reserveNames } from './rewriter.js'

/** What may be computed again for every element of a larger consumer: a conversion, an addition. */
const TRIVIAL_COST = 2
/** What a reduction may spend on making an element of its input, summed over the times it reads it; a transcendental function costs 16. */
const PROLOGUE_COST = 24

export const fuse: Pass = {
  name: 'fuse',
  doc: 'Joins elementwise and moving nodes with each other and with the reduction or contraction they belong to.',
  needs: 'canonical',
  ensures: 'fused',
  preserves: 'bits',
  run: (graph) => fuseApart(graph, new Set()),
}

/** Fuses, but never joins a node of `apart` with another: the two run in different places. */
export function fuseApart(graph: Graph, apart: ReadonlySet<Node>): Graph {
  const names = new GraphBuilder({ name: graph.name, stage: 'fused' })
  reserveNames(names, graph)
  return fuseGraph(graph, { uses: countUses(graph), names, apart })
}

type Role = 'elementwise' | 'injective' | 'joining' | 'reduction' | 'contraction'

interface Group {
  readonly nodes: Node[]
  readonly tail: Node
  anchor: Role | undefined
  /** Summed cost of the elementwise nodes. */
  cost: number
  moves: boolean
}

interface Fusing { readonly uses: ReadonlyMap<Value, number>; readonly names: GraphBuilder; readonly apart: ReadonlySet<Node> }

function fuseGraph(graph: Graph, fusing: Fusing): Graph {
  const { uses, names, apart } = fusing
  const groups = new Map<Node, Group>()
  const definers = new Map<Value, Node>()
  const inner = graph.nodes.map((node) => mapNested(node, (g) => fuseGraph(g, fusing)))
  for (const node of inner) {
    for (const v of node.outputs) definers.set(v, node)
    const role = roleOf(node)
    if (role === undefined) continue
    const group: Group = { nodes: [node], tail: node, anchor: isAnchor(role) ? role : undefined, cost: role === 'elementwise' ? elementwiseCost(node) : 0, moves: role === 'injective' }
    groups.set(node, group)
    for (const { value, producer } of candidates(node, role, uses, definers, groups)) {
      if (apart.has(producer.tail) === apart.has(node) && mayJoin(producer, value, group, node, role)) join(producer, group, groups)
    }
  }
  const order = new Map(inner.map((node, i) => [node, i]))
  const nodes: Node[] = []
  for (const node of inner) {
    const group = groups.get(node)
    if (group === undefined || group.nodes.length === 1) nodes.push(node)
    else if (group.tail === node) nodes.push(fusedNode(group.nodes.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0)), node, names))
  }
  return { ...graph, stage: 'fused', nodes }
}

const isAnchor = (role: Role): boolean => role === 'joining' || role === 'reduction' || role === 'contraction'

/** What a node may be in a group; undefined keeps it out of all. */
function roleOf(node: Node): Role | undefined {
  const [only] = node.outputs
  if (only === undefined || node.outputs.length > 1 || nestedGraphs(node).length > 0) return undefined
  if ([only, ...node.inputs].some((v) => v !== null && (v.type.kind !== 'tensor' || !hasKernels(v.type.dtype)))) return undefined
  const op = getOp(node.op)
  switch (op.pattern) {
    case 'elementwise': return op.scalar === undefined ? undefined : 'elementwise'
    case 'injective': case 'joining': case 'reduction': case 'contraction': return op.compute === undefined ? undefined : op.pattern
    case 'alias': case 'opaque': return undefined
  }
}

interface Candidate { readonly value: Value; readonly producer: Group }

/** Groups whose result only `node` uses, anchored ones first: a node takes at most one anchor, and contractions gain most. */
function candidates(node: Node, role: Role, uses: ReadonlyMap<Value, number>, definers: ReadonlyMap<Value, Node>, groups: ReadonlyMap<Node, Group>): Candidate[] {
  if (role === 'contraction') return []
  const out: Candidate[] = []
  for (const value of node.inputs) {
    const definer = value === null ? undefined : definers.get(value)
    const producer = definer === undefined ? undefined : groups.get(definer)
    if (value !== null && producer !== undefined && uses.get(value) === 1) out.push({ value, producer })
  }
  const rank = (c: Candidate): number => (c.producer.anchor === 'contraction' ? 0 : c.producer.anchor === 'reduction' ? 1 : 2)
  return out.length > 1 ? out.sort((a, b) => rank(a) - rank(b)) : out
}

function mayJoin(producer: Group, value: Value, group: Group, node: Node, role: Role): boolean {
  if (producer.nodes.length + group.nodes.length > MAX_FUSED_NODES) return false
  const from = shapeOf(value), to = shapeOf(node.outputs[0] as Value)
  if (producer.anchor !== undefined) return role === 'elementwise' && group.anchor === undefined && shapesEqual(from, to)
  const cheap = producer.cost <= TRIVIAL_COST
  switch (role) {
    case 'elementwise': return shapesEqual(from, to) ? group.anchor === undefined || !producer.moves : group.anchor === undefined && cheap
    case 'injective': return node.inputs.filter((v) => v !== null && isLarge(v)).length === 1 && (cheap || growsLittle(from, to))
    // A join stores each part on its own, so what makes a part is computed once for each of its elements.
    case 'joining': return true
    case 'reduction': return value === node.inputs[0] && producer.cost * readsPerElement(node) <= PROLOGUE_COST
    case 'contraction': return false
  }
}

const isLarge = (value: Value): boolean => {
  const shape = shapeOf(value)
  return !isStatic(shape) || elementCount(shape) !== 1
}

function join(producer: Group, group: Group, groups: Map<Node, Group>): void {
  for (const node of producer.nodes) groups.set(node, group)
  group.nodes.push(...producer.nodes)
  group.anchor ??= producer.anchor
  group.cost += producer.cost
  group.moves ||= producer.moves
}

/** One node for `nodes` (in execution order), of which only the result of `tail` is used elsewhere. */
export function fusedNode(nodes: readonly Node[], tail: Node, names: GraphBuilder): Node {
  const inside = new Set<Value>(nodes.flatMap((n) => n.outputs))
  const ports = new Map<Value, Value>()
  const port = (value: Value): Value => {
    if (inside.has(value) || (value.data !== undefined && value.data.data.length === 1)) return value
    const known = ports.get(value)
    if (known !== undefined) return known
    const made: Value = { name: names.uniqueName(`${value.name}_in`), type: value.type }
    ports.set(value, made)
    return made
  }
  const result = tail.outputs[0] as Value
  const last: Value = { name: names.uniqueName(`${result.name}_out`), type: result.type }
  const body = nodes.map((n): Node => ({ ...n, inputs: n.inputs.map((v) => (v === null ? null : port(v))), outputs: n === tail ? [last] : n.outputs }))
  const graph: Graph = { name: 'body', stage: 'fused', symbols: [], constraints: [], inputs: [...ports.values()], nodes: body, outputs: [{ name: 'y', value: last }] }
  const origin = [...new Set(nodes.map((n) => n.origin))].join(' + ')
  return { op: 'fused', inputs: [...ports.keys()], attrs: { body: graph }, outputs: [result], origin }
}

/**
 * Goal: weights that take the bytes they have in the model. Quantised ones became floats while compiling; stored are again the bytes that they
 * were computed from, and what was computed is computed again when the program is loaded, once.
 *
 *   const w: float32[384, 1536]   ⇒   const q: uint8[384, 1536]   %w = cast(%q)
 *
 * Does not: touch what only others than sums of products read, what would save 4 KiB or less, or constants that no op made, or one from nothing
 * (`fill`: a node without inputs is one of every run).
 * Stage: fused; stage unchanged. Preserves bits (the ops are those that were evaluated). A policy of targets that prepare constants at load, so not in
 * the default pipeline; it stands behind the passes that want to see weights, and before choose-prepared.
 */
import { elementCount, storageBytes, type HostTensor } from '../base/dtype.js'
import { GraphBuilder } from '../ir/build.js'
import { isGraph, type Graph, type Node, type Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { recipeOf, type Recipe } from '../ir/recipe.js'
import { substitute } from '../ir/rewrite.js'
import { fuse } from './fuse.js'
import type { Pass } from './pass.js'
import { reserveNames } from './rewriter.js'

const FREE_BYTES = 4096

export const unfoldConstants: Pass = {
  name: 'unfold-constants',
  doc: 'Stores what weights were computed from where that is smaller, and computes them at load.',
  needs: 'fused',
  preserves: 'bits',
  run(graph) {
    const names = new GraphBuilder({ name: graph.name, stage: graph.stage }), stored = new Map<HostTensor, Value>(), made = new Map<Value, Value>()
    reserveNames(names, graph)
    const weights = computedWeights(graph), sharers = countUses([...weights.values()])
    const first = [...weights].flatMap(([w, { recipe, origin }]): readonly Node[] => {
      // What several are made of is stored for all of them.
      const source = [...ingredientsOf(recipe)].reduce((sum, tensor) => sum + bytesOf(tensor) / (sharers.get(tensor) ?? 1), 0)
      if (bytesOf(w.data as HostTensor) <= source + FREE_BYTES) return []
      const { nodes, result } = making(w, recipe, origin, names, stored)
      made.set(w, result)
      return nodes
    })
    return made.size === 0 ? graph : substitute({ ...graph, nodes: [...first, ...graph.nodes] }, made)
  },
}

interface Computed { readonly recipe: Recipe; readonly origin: string }

/** The constants that sums of products read and that ops made, with the origin of the first node that reads each. */
function computedWeights(graph: Graph): ReadonlyMap<Value, Computed> {
  const found = new Map<Value, Computed>()
  for (const node of graph.nodes) {
    for (const w of weightsOf(node)) {
      const recipe = w.data === undefined || found.has(w) ? undefined : recipeOf(w.data)
      if (recipe !== undefined && !beginsWithNothing(recipe)) found.set(w, { recipe, origin: node.origin })
    }
  }
  return found
}

/** Of how many weights each constant is an ingredient. */
function countUses(weights: readonly Computed[]): ReadonlyMap<HostTensor, number> {
  const counts = new Map<HostTensor, number>()
  for (const { recipe } of weights) for (const tensor of ingredientsOf(recipe)) counts.set(tensor, (counts.get(tensor) ?? 0) + 1)
  return counts
}

/** The inputs of a node that sums of products in it read as they are. */
function weightsOf(node: Node): readonly Value[] {
  const body = node.attrs['body']
  const reads = (n: Node): readonly (Value | null)[] => (getOp(n.op).pattern === 'contraction' ? n.inputs : [])
  if (node.op !== 'fused' || body === undefined || !isGraph(body)) return reads(node).filter((v) => v !== null)
  const inside = new Set(body.nodes.flatMap(reads))
  return node.inputs.filter((v, i): v is Value => v !== null && inside.has(body.inputs[i] as Value))
}

/** Whether any op of a recipe has no inputs: a node like that would be one of every run. */
const beginsWithNothing = ({ inputs }: Recipe): boolean => inputs.every((given) => given === null) || inputs.some((given) => given?.kind === 'made' && beginsWithNothing(given.recipe))

/** The constants that a recipe begins with, each once. */
function ingredientsOf(recipe: Recipe, found = new Set<HostTensor>()): ReadonlySet<HostTensor> {
  for (const given of recipe.inputs) {
    if (given?.kind === 'stored') found.add(given.tensor)
    else if (given !== null) ingredientsOf(given.recipe, found)
  }
  return found
}

const bytesOf = ({ dtype, shape }: HostTensor): number => storageBytes(dtype, elementCount(shape))

/** Nodes that make `w` again, and the value that they make; constants that several weights are made of are stored once. */
function making(w: Value, recipe: Recipe, origin: string, names: GraphBuilder, stored: Map<HostTensor, Value>): { readonly nodes: readonly Node[]; readonly result: Value } {
  const builder = new GraphBuilder({ name: 'making', stage: 'canonical', outer: names }), known = new Map<Recipe, readonly Value[]>()
  const store = (tensor: HostTensor): Value => {
    const value = stored.get(tensor) ?? names.constant(tensor, `${w.name}_stored`)
    stored.set(tensor, value)
    return value
  }
  const make = (wanted: Recipe): Value => {
    const { op, attrs, inputs, output } = wanted
    const results = known.get(wanted) ?? builder.add(op, inputs.map((given) => (given === null ? null : given.kind === 'stored' ? store(given.tensor) : make(given.recipe))), attrs, { origin, evaluate: false, names: [`${w.name}_made`] })
    known.set(wanted, results)
    return results[output] as Value
  }
  const last = make(recipe)
  builder.output('made', last)
  const { nodes } = fuse.run(builder.finish()), { data: _, ...rest } = w, result: Value = { ...rest, name: names.uniqueName(`${w.name}_made`) }
  const maker = nodes.find((n) => n.outputs.includes(last))
  // What only names memory otherwise, or is written by hand, knows no order but its own.
  if (w.order !== undefined && maker !== undefined && keepsOrder(maker)) return { nodes: [...nodes, { op: 'relayout', inputs: [last], attrs: {}, outputs: [result], origin }], result }
  return { nodes: nodes.map((n) => ({ ...n, outputs: n.outputs.map((v) => (v === last ? result : v)) })), result }
}

/** True for a node whose result is in rows, whatever order is asked of it. */
function keepsOrder({ op }: Node): boolean {
  const { pattern, kernel } = getOp(op)
  return op !== 'fused' && (pattern === 'alias' || kernel !== undefined)
}

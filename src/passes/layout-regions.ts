/** Regions of a graph whose tensors share a memory order, and which of them get channels last. */
import { shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { channelsLast, normalOrder, reshapedOrder } from '../ir/layout.js'
import { outputValues, usedBy, usersOf } from '../ir/rewrite.js'
import { hasKernels } from './fuse-cost.js'
import { COPY_COST, estimateElements, TURN_COST } from './layout-gain.js'
import type { Role } from './layout-roles.js'

/** True for a tensor that channels last would move. */
export function hasChannelsLast(value: Value): boolean {
  if (value.type.kind !== 'tensor' || !hasKernels(value.type.dtype)) return false
  const { shape } = value.type
  return shape.length >= 3 && shape.length <= 5 && normalOrder(shape, channelsLast(shape.length)) !== undefined
}

/** Values that are better off with channels last: those of regions whose convolutions gain more than the copies at their borders cost. */
export function channelsLastValues(graph: Graph, roleOf: (node: Node) => Role): ReadonlySet<Value> {
  const regions = new Regions()
  for (const node of graph.nodes) for (const v of linked(node, roleOf(node))) regions.join(v, node)
  const gain = new Map<object, number>()
  const add = (item: Value | Node, amount: number): void => { const root = regions.rootOf(item); gain.set(root, (gain.get(root) ?? 0) + amount) }
  const users = usersOf(graph), outputs = outputValues(graph)
  const definers = new Map(graph.nodes.flatMap((n) => n.outputs.map((v) => [v, n] as const)))
  for (const node of graph.nodes) add(node, roleOf(node).gain)
  for (const v of regions.values()) {
    const readers = (users.get(v) ?? []).map((n) => roleOf(n).kind), definer = definers.get(v)
    const made = definer === undefined ? 'fixed' : roleOf(definer).kind
    const given = made === 'fixed' || (made === 'alias' && reshapedOrder(shapeOf(v), channelsLast(shapeOf(v).length), shapeOf(definer?.inputs[0] ?? v)) === undefined)
    const leaves = (k: string): boolean => k === 'fixed' || k === 'row-major'
    const copyIn = given && readers.some((k) => k === 'window' || k === 'follows')
    const copyOut = !given && (outputs.has(v) || readers.some(leaves)) && !(made === 'copies' && readers.every(leaves))
    const turned = given && !copyIn && readers.includes('copies')
    add(v, -estimateElements(shapeOf(v)) * (COPY_COST * (Number(copyIn) + Number(copyOut)) + TURN_COST * Number(turned)))
  }
  return new Set([...regions.values()].filter((v) => (gain.get(regions.rootOf(v)) ?? 0) > 0))
}

/** The tensors of a node that should lie alike. */
function linked(node: Node, role: Role): Value[] {
  if (role.kind !== 'window' && role.kind !== 'follows' && role.kind !== 'copies') return []
  const rank = node.outputs[0]?.type.kind === 'tensor' ? shapeOf(node.outputs[0]).length : 0
  const weights = role.kind === 'window' ? [1, 2].map((i) => role.outside(role.anchor.inputs[i])) : []
  return [...usedBy(node), ...node.outputs].filter((v) => v.data === undefined && hasChannelsLast(v) && shapeOf(v).length === rank && !weights.includes(v))
}

/** Disjoint sets of values, joined through the nodes that link them. */
class Regions {
  readonly #parents = new Map<object, object>()
  readonly #values = new Set<Value>()

  values(): ReadonlySet<Value> { return this.#values }

  rootOf(item: object): object {
    let root = item
    for (let next = this.#parents.get(root); next !== undefined; next = this.#parents.get(root)) root = next
    for (let at = item; at !== root;) { const next = this.#parents.get(at) ?? root; this.#parents.set(at, root); at = next }
    return root
  }

  join(value: Value, node: Node): void {
    this.#values.add(value)
    const a = this.rootOf(value), b = this.rootOf(node)
    if (a !== b) this.#parents.set(a, b)
  }
}

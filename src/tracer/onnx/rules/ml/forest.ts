/** Forests as the tables that tree_ensemble reads. */
import { IngotError } from '../../../../base/error.js'
import { splitsOf, type Leaf, type Missing, type Numbers, type Place, type Split, type TreeNode } from './splits.js'

/** A forest as a model gives it: trees begin at `roots`, positions in the list of nodes. */
export interface Forest { readonly nodes: readonly TreeNode[]; readonly roots: readonly number[] }

/** A column of what is compared: a feature, and what stands in it for missing elements. */
export interface Column { readonly feature: number; readonly missing: Missing }

/** Inner nodes come first, each with its column, the nodes that follow, and the greatest element that goes low; then the leaves. */
export interface Tables {
  readonly columns: readonly Column[]
  readonly splits: readonly { readonly column: number; readonly low: number; readonly high: number; readonly atMost: number }[]
  readonly leaves: readonly Leaf[]
  readonly roots: readonly number[]
  readonly depth: number
}

const MISSING: readonly Missing[] = ['low', 'high', 'apart']
const numberOf = ({ feature, missing }: Column): number => MISSING.length * feature + MISSING.indexOf(missing)

/** A node whose children are being listed, and one that is listed. */
const OPEN = 1, DONE = 2

/** Nodes that `roots` lead to, each after those that it leads to. Throws `onnx-invalid` where a tree leads back to one of its own nodes. */
function childrenFirst({ nodes, roots }: Forest): readonly number[] {
  const order: number[] = [], state = new Uint8Array(nodes.length), stack: number[] = [...roots].reverse()
  for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
    const node = nodes[at] as TreeNode
    if (state[at] !== 0) {
      if (state[at] === OPEN) order.push(at)
      state[at] = DONE
      stack.pop()
      continue
    }
    state[at] = OPEN
    const next = node.kind === 'leaf' ? [] : [node.no, node.yes].filter((n) => state[n] !== DONE)
    if (next.some((n) => state[n] === OPEN)) throw new IngotError('onnx-invalid', `a tree leads from its node ${at} back to one before it`, { hint: 'the model is damaged' })
    stack.push(...next)
  }
  return order
}

/** The tables of a forest whose elements are `numbers`. */
export function tablesOf(forest: Forest, numbers: Numbers): Tables {
  const places = new Array<Place | undefined>(forest.nodes.length)
  for (const at of childrenFirst(forest)) {
    const node = forest.nodes[at] as TreeNode
    places[at] = node.kind === 'leaf' ? { kind: 'leaf', votes: node.votes, depth: 0 } : splitsOf(node, places[node.yes] as Place, places[node.no] as Place, numbers)
  }
  const roots = forest.roots.map((r) => places[r] as Place), splits = new Map<Split, number>(), leaves = new Map<Leaf, number>(), used = new Set<number>()
  for (const root of roots) {
    const stack: Place[] = [root]
    for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
      if (place.kind === 'leaf') { if (!leaves.has(place)) leaves.set(place, leaves.size); continue }
      if (splits.has(place)) continue
      splits.set(place, splits.size)
      used.add(numberOf(place))
      stack.push(place.high, place.low)
    }
  }
  const columns = [...used].sort((a, b) => a - b).map((n): Column => ({ feature: Math.floor(n / MISSING.length), missing: MISSING[n % MISSING.length] as Missing })), placeOf = new Map(columns.map((c, i) => [numberOf(c), i]))
  const indexOf = (place: Place): number => (place.kind === 'split' ? (splits.get(place) as number) : splits.size + (leaves.get(place) as number))
  return {
    columns, leaves: [...leaves.keys()], roots: roots.map(indexOf), depth: roots.reduce((a, r) => Math.max(a, r.depth), 0),
    splits: [...splits.keys()].map((s) => ({ column: placeOf.get(numberOf(s)) as number, low: indexOf(s.low), high: indexOf(s.high), atMost: s.atMost })),
  }
}

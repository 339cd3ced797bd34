/** The forests that attributes of TreeEnsemble, TreeEnsembleRegressor and TreeEnsembleClassifier describe. */
import { toNumbers } from '../../../../ir/host-tensor.js'
import type { NodeCall } from '../../call.js'
import type { Forest } from './forest.js'
import type { Mode, TreeNode, Vote } from './splits.js'

const MODES: Readonly<Record<string, Mode | 'leaf' | undefined>> = { BRANCH_LEQ: '<=', BRANCH_LT: '<', BRANCH_GTE: '>=', BRANCH_GT: '>', BRANCH_EQ: '==', BRANCH_NEQ: '!=', LEAF: 'leaf' }
const NUMBERED: readonly Mode[] = ['<=', '<', '>=', '>', '==', '!=', 'in']

/** A list of floats, which `<name>_as_tensor` may hold in float64. */
export function numbersOf(call: NodeCall, name: string): readonly number[] {
  const tensor = call.attrs.tensor(`${name}_as_tensor`), list = call.attrs.floats(name, [])
  return tensor === undefined ? list : Array.from(toNumbers(tensor))
}

/** A list that must be as long as another. */
function sameLength<T>(call: NodeCall, name: string, list: readonly T[], length: number): readonly T[] {
  return list.length === length ? list : call.fail('onnx-invalid', `${name} has ${list.length} elements, and there are ${length}`)
}

function tracksOf(call: NodeCall, length: number): readonly boolean[] {
  const list = call.attrs.ints('nodes_missing_value_tracks_true', [])
  call.attrs.ignore('nodes_hitrates', 'nodes_hitrates_as_tensor')
  return Array.from({ length }, (_, i) => list[i] === 1)
}

function featureOf(call: NodeCall, feature: number): number {
  return Number.isInteger(feature) && feature >= 0 ? feature : call.fail('bad-attribute', `a node compares the feature ${feature}`)
}

/** A target or class that a leaf votes for. */
function targetOf(call: NodeCall, target: number, targets: number): number {
  return target >= 0 && target < targets ? target : call.fail('bad-attribute', `a leaf votes for number ${target} of ${targets}`)
}

/** The forest of the older operators, whose nodes bear ids and whose votes, `prefix_*`, name them; a tree begins at its first node. */
export function forestById(call: NodeCall, prefix: 'target' | 'class', targets: number): Forest {
  const { attrs } = call, trees = attrs.ints('nodes_treeids', []), ofNodes = <T>(name: string, list: readonly T[]): readonly T[] => sameLength(call, name, list, trees.length)
  const [ids, features, yes, no] = ['nodes_nodeids', 'nodes_featureids', 'nodes_truenodeids', 'nodes_falsenodeids'].map((name) => ofNodes(name, attrs.ints(name, []))) as [readonly number[], readonly number[], readonly number[], readonly number[]]
  const modes = ofNodes('nodes_modes', attrs.strings('nodes_modes', [])), values = ofNodes('nodes_values', numbersOf(call, 'nodes_values')), tracks = tracksOf(call, trees.length)
  const places = new Map<number, Map<number, number>>(), roots: number[] = []
  trees.forEach((tree, i) => {
    const own = places.get(tree) ?? new Map<number, number>(), id = ids[i] as number
    if (own.size === 0) roots.push(i)
    if (own.has(id)) call.fail('onnx-invalid', `tree ${tree} has two nodes ${id}`)
    places.set(tree, own.set(id, i))
  })
  const placeOf = (tree: number, id: number): number => places.get(tree)?.get(id) ?? call.fail('onnx-invalid', `tree ${tree} leads to a node ${id} that it does not have`)
  const votes = votesById(call, prefix, targets, placeOf)
  const nodes = trees.map((tree, i): TreeNode => {
    const mode = MODES[modes[i] as string] ?? call.fail('bad-attribute', `the mode of a node is '${modes[i]}', not ${Object.keys(MODES).join(', ')}`)
    if (mode === 'leaf') return { kind: 'leaf', votes: votes.get(i) ?? [] }
    return { kind: 'branch', mode, feature: featureOf(call, features[i] as number), threshold: values[i] as number, tracksTrue: tracks[i] as boolean, yes: placeOf(tree, yes[i] as number), no: placeOf(tree, no[i] as number) }
  })
  if (roots.length === 0) call.fail('onnx-invalid', `${call.opType} has no trees`)
  return { nodes, roots }
}

/** The votes of each node. */
function votesById(call: NodeCall, prefix: string, targets: number, placeOf: (tree: number, id: number) => number): ReadonlyMap<number, readonly Vote[]> {
  const list = (name: string): readonly number[] => call.attrs.ints(`${prefix}_${name}`, []), ids = list('ids'), out = new Map<number, Vote[]>()
  const trees = sameLength(call, `${prefix}_treeids`, list('treeids'), ids.length), nodes = sameLength(call, `${prefix}_nodeids`, list('nodeids'), ids.length)
  const weights = sameLength(call, `${prefix}_weights`, numbersOf(call, `${prefix}_weights`), ids.length)
  ids.forEach((id, i) => {
    const at = placeOf(trees[i] as number, nodes[i] as number), vote = { target: targetOf(call, id, targets), weight: weights[i] as number }
    const own = out.get(at)
    if (own === undefined) out.set(at, [vote])
    else own.push(vote)
  })
  return out
}

/** The sets of members, each of which ends with NaN. */
function setsOf(list: readonly number[]): readonly (readonly number[])[] {
  const sets: number[][] = [[]]
  for (const x of list) {
    if (Number.isNaN(x)) sets.push([])
    else sets.at(-1)?.push(x)
  }
  return sets
}

/** The forest of TreeEnsemble, whose nodes lead to places in its lists of nodes and leaves. A node whose ways lead to one leaf is a tree without splits. */
export function forestByPlace(call: NodeCall, targets: number): Forest {
  const { attrs } = call, features = attrs.ints('nodes_featureids', []), { length } = features, list = (name: string): readonly number[] => sameLength(call, name, attrs.ints(name, []), length)
  const tensor = (name: string): readonly number[] => { const t = attrs.tensor(name); return t === undefined ? [] : Array.from(toNumbers(t)) }
  const [yes, no, yesLeaf, noLeaf] = ['nodes_truenodeids', 'nodes_falsenodeids', 'nodes_trueleafs', 'nodes_falseleafs'].map(list) as [readonly number[], readonly number[], readonly number[], readonly number[]]
  const modes = sameLength(call, 'nodes_modes', tensor('nodes_modes'), length), splits = sameLength(call, 'nodes_splits', tensor('nodes_splits'), length), tracks = tracksOf(call, length)
  const weights = tensor('leaf_weights'), ids = sameLength(call, 'leaf_targetids', attrs.ints('leaf_targetids', []), weights.length), sets = setsOf(tensor('membership_values'))
  const place = (at: number, isLeaf: boolean): number => {
    if (!(Number.isInteger(at) && at >= 0 && at < (isLeaf ? weights.length : length))) call.fail('onnx-invalid', `a node leads to ${isLeaf ? 'leaf' : 'node'} ${at}, which there is not`)
    return isLeaf ? length + at : at
  }
  let set = 0
  const nodes = features.map((feature, i): TreeNode => {
    const mode = NUMBERED[modes[i] as number] ?? call.fail('bad-attribute', `the mode of a node is ${modes[i]}, not 0 to ${NUMBERED.length - 1}`)
    const members = mode === 'in' ? sets[set++] ?? call.fail('onnx-invalid', 'membership_values has fewer sets than there are nodes that want one') : undefined
    const ways = { yes: place(yes[i] as number, yesLeaf[i] === 1), no: place(no[i] as number, noLeaf[i] === 1) }
    return { kind: 'branch', mode, feature: featureOf(call, feature), threshold: splits[i] as number, ...(members !== undefined && { members }), tracksTrue: tracks[i] as boolean, ...ways }
  })
  const leaves = weights.map((weight, i): TreeNode => ({ kind: 'leaf', votes: [{ target: targetOf(call, ids[i] as number, targets), weight }] }))
  const roots = attrs.ints('tree_roots', []).map((r) => place(r, false))
  if (roots.length === 0) call.fail('onnx-invalid', `${call.opType} has no trees`)
  return { nodes: [...nodes, ...leaves], roots }
}

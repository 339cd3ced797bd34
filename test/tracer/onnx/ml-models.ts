/** Models of ai.onnx.ml's operators, and forests to put into them. */
import { seededRandom } from '../../../src/ir/host-tensor.js'
import { ATTRIBUTE_TYPE, model, node, port, type onnx } from './onnx-models.js'

type Attributes = NonNullable<Parameters<typeof node>[3]>

/** A list of floats. */
export const floats = (list: readonly number[]): onnx.IAttributeProto => ({ type: ATTRIBUTE_TYPE.FLOATS, floats: [...list] })
/** A list of strings. */
export const strings = (list: readonly string[]): onnx.IAttributeProto => ({ type: ATTRIBUTE_TYPE.STRINGS, strings: list.map((s) => new TextEncoder().encode(s)) })

/** The bytes of a model with one node of ai.onnx.ml. */
export function learned(opType: string, inputs: readonly onnx.IValueInfoProto[], outputs: readonly string[], attributes: Attributes, opset = 3): Uint8Array {
  return model({
    inputs, outputs, nodes: [node(opType, inputs.map((v) => v.name as string), outputs, attributes, { domain: 'ai.onnx.ml' })],
    more: { opsetImport: [{ domain: '', version: 17 }, { domain: 'ai.onnx.ml', version: opset }] },
  })
}

/** The input of a model: rows of `features` elements. */
export const rows = (features: number, type?: number): onnx.IValueInfoProto => port('x', ['n', features], type)

export const MODES = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ']
type Vote = readonly [target: number, weight: number]
/** A leaf has votes; a branch has a mode, a feature, a threshold, whether a missing element goes to the first way, and two ways. */
export type Tree = readonly Vote[] | { readonly mode: string; readonly feature: number; readonly threshold: number; readonly tracks: boolean; readonly yes: Tree; readonly no: Tree }

const isLeaf = (tree: Tree): tree is readonly Vote[] => Array.isArray(tree)

/** The votes of the leaf that a row comes to, by the definition of the modes. */
export function votesFor(tree: Tree, row: readonly number[]): readonly Vote[] {
  if (isLeaf(tree)) return tree
  const x = row[tree.feature] as number, t = tree.threshold
  const holds = [x <= t, x < t, x >= t, x > t, x === t, x !== t][MODES.indexOf(tree.mode)] === true
  return votesFor(holds || (tree.tracks && Number.isNaN(x)) ? tree.yes : tree.no, row)
}

/** The attributes of a forest, whose votes are `<prefix>_…`. */
export function forestAttributes(trees: readonly Tree[], prefix: 'target' | 'class'): Attributes {
  const at: number[][] = [[], [], [], [], [], []], [treeids, nodeids, features, yes, no, tracks] = at as [number[], number[], number[], number[], number[], number[]]
  const modes: string[] = [], values: number[] = [], votes: (readonly [number, number, number, number])[] = []
  trees.forEach((tree, t) => {
    let ids = 0
    const write = (one: Tree): number => {
      const id = ids++, place = treeids.length
      treeids.push(t); nodeids.push(id); modes.push(isLeaf(one) ? 'LEAF' : one.mode)
      features.push(isLeaf(one) ? 0 : one.feature); values.push(isLeaf(one) ? 0 : one.threshold); tracks.push(!isLeaf(one) && one.tracks ? 1 : 0); yes.push(0); no.push(0)
      if (isLeaf(one)) votes.push(...one.map(([target, weight]) => [t, id, target, weight] as const))
      else { yes[place] = write(one.yes); no[place] = write(one.no) }
      return id
    }
    write(tree)
  })
  return {
    nodes_treeids: treeids, nodes_nodeids: nodeids, nodes_featureids: features, nodes_truenodeids: yes, nodes_falsenodeids: no, nodes_missing_value_tracks_true: tracks,
    nodes_modes: strings(modes), nodes_values: floats(values),
    [`${prefix}_treeids`]: votes.map((v) => v[0]), [`${prefix}_nodeids`]: votes.map((v) => v[1]), [`${prefix}_ids`]: votes.map((v) => v[2]), [`${prefix}_weights`]: floats(votes.map((v) => v[3])),
  }
}

/** A random tree whose thresholds are whole numbers, so that elements can equal them. */
export function randomTree(random: () => number, depth: number, features: number, votes: () => readonly Vote[], modes: readonly string[] = MODES): Tree {
  if (depth === 0 || random() < 0.1) return votes()
  const pick = (count: number): number => Math.floor(random() * count), below = (): Tree => randomTree(random, depth - 1, features, votes, modes)
  return { mode: modes[pick(modes.length)] as string, feature: pick(features), threshold: pick(7) - 3, tracks: random() < 0.5, yes: below(), no: below() }
}

/** Rows of whole numbers and halves, some of them missing. */
export function randomRows(seed: number, count: number, features: number): number[][] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, () => Array.from({ length: features }, () => (random() < 0.15 ? NaN : Math.floor(random() * 14 - 7) / 2)))
}

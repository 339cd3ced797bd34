/** Forests of decision trees over the rows of a matrix. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Dim } from '../dims.js'
import { printShape } from '../dims-text.js'
import { defineOp, type ConcreteType, type ReferenceCall, type Sample } from '../op.js'
import { tensorType } from '../types.js'
import { newElements, numbersOf, tensorOfElements } from './elements.js'
import { checkAttribute, checkSameDType, checkShape, findTensorInput, tensorInput } from './operands.js'
import { AGGREGATES, NODE_COLUMNS, TREE_ENSEMBLE_ATTRS, treeEnsembleKernel, type TreeEnsembleAttrs } from './tree-ensemble-kernel.js'

function reference({ inputs, attrs, outputs }: ReferenceCall<TreeEnsembleAttrs>): HostTensor[] {
  const [x, nodes, thresholds, roots, weights, targets] = inputs as readonly [HostTensor, HostTensor, HostTensor, HostTensor, HostTensor, HostTensor | null], [out] = outputs as readonly [ConcreteType]
  const xs = numbersOf(x), table = numbersOf(nodes), splits = numbersOf(thresholds), starts = numbersOf(roots), votes = numbersOf(weights), lists = targets === null ? undefined : numbersOf(targets)
  const [rows, columns] = x.shape as readonly [number, number], [leaves, ofLeaf] = weights.shape as readonly [number, number], count = nodes.shape[0] as number, { start, of } = AGGREGATES[attrs.aggregate] as NonNullable<(typeof AGGREGATES)[string]>
  const scores = newElements(out.dtype, elementCount(out.shape))
  const inside = (index: number, extent: number, what: string): number => {
    if (!(index >= 0 && index < extent)) throw new IngotError('index-out-of-range', `a tree leads to ${what} ${index} of ${extent}`)
    return index
  }
  for (let row = 0; row < rows; row++) {
    for (let t = 0; t < attrs.targets; t++) scores[row * attrs.targets + t] = start
    for (let tree = 0; tree < starts.length; tree++) {
      let at = inside(starts[tree] as number, count, 'node')
      for (let s = 0; s < attrs.depth && at < count - leaves; s++) {
        const value = xs[row * columns + inside(table[at * NODE_COLUMNS] as number, columns, 'column')] as number
        at = inside(table[at * NODE_COLUMNS + (value > (splits[at] as number) ? 2 : 1)] as number, count, 'node')
      }
      const leaf = inside(at - (count - leaves), leaves, 'leaf')
      for (let i = 0; i < ofLeaf; i++) {
        const to = row * attrs.targets + (lists === undefined ? i : inside(lists[leaf * ofLeaf + i] as number, attrs.targets, 'target'))
        scores[to] = of(scores[to] as number, votes[leaf * ofLeaf + i] as number)
      }
    }
  }
  return [tensorOfElements(out, scores)]
}

interface SampleParts { readonly dtype?: 'float32' | 'float64' | 'int32'; readonly weight?: 'float32' | 'float64'; readonly rows?: number; readonly trees?: number; readonly targets?: number; readonly votes?: number; readonly aggregate?: string }

/** Trees over three columns: a node that goes on to a leaf or to a second node, which has two leaves; every other tree hangs from the second node, and every fifth is a leaf. */
function sample({ dtype = 'float32', weight = 'float32', rows = 5, trees = 6, targets = 1, votes, aggregate = 'sum' }: SampleParts): Sample<TreeEnsembleAttrs> {
  const inner = 2 * trees, leaves = 3 * trees, leaf = (tree: number, i: number): number => inner + 3 * tree + i
  const nodes = Array.from({ length: trees }, (_, t) => [t % 3, leaf(t, 0), 2 * t + 1, (t + 1) % 3, leaf(t, 1), leaf(t, 2)]).flat()
  const ends = Array.from({ length: leaves }, (_, i) => [0, inner + i, inner + i]).flat(), per = votes ?? targets
  return {
    inputs: [
      { dtype, shape: [rows, 3], range: [-8, 8] }, { dtype: 'int32', shape: [inner + leaves, NODE_COLUMNS], data: [...nodes, ...ends] }, { dtype, shape: [inner + leaves], range: [-4, 4] },
      { dtype: 'int32', shape: [trees], data: Array.from({ length: trees }, (_, t) => (t % 5 === 4 ? leaf(t, 1) : 2 * t + (t % 2))) }, { dtype: weight, shape: [leaves, per] },
      votes === undefined ? null : { dtype: 'int32', shape: [leaves, per], range: [0, targets] },
    ],
    attrs: { targets, depth: 2, aggregate },
  }
}

/** A chain of twelve nodes with a leaf at each. */
const chain: Sample<TreeEnsembleAttrs> = {
  inputs: [
    { dtype: 'int32', shape: [70, 2], range: [-20, 20] },
    { dtype: 'int32', shape: [25, NODE_COLUMNS], data: [...Array.from({ length: 12 }, (_, i) => [i % 2, 12 + i, i === 11 ? 24 : i + 1]).flat(), ...Array.from({ length: 13 }, (_, i) => [0, 12 + i, 12 + i]).flat()] },
    { dtype: 'int32', shape: [25], range: [-20, 10] }, { dtype: 'int32', shape: [5], data: [0, 0, 3, 7, 24] }, { dtype: 'float32', shape: [13, 2] }, null,
  ],
  attrs: { targets: 2, depth: 12, aggregate: 'sum' },
}

/**
 * Trees as tables. A node is a row of three numbers: the column of x that it compares with its threshold, the node that follows where the element is not
 * greater (NaN is not), and the one that follows where it is. The last nodes are the leaves, in the order of their weights; they lead to themselves.
 */
export const treeEnsemble = defineOp({
  name: 'tree_ensemble',
  doc: 'For each row of x[N, C] the scores [N, targets] that trees give it, folded by `aggregate` (sum, min or max) from 0 or an infinity. Nodes [M, 3] are a column, the node that follows where the element there is not greater than its threshold, and the one where it is; each tree begins at one of roots [T] and comes in `depth` steps or less to one of the last L nodes, leaves that lead to themselves and have weights [L, V] for all targets, or for those in [L, V].',
  source: 'ONNX ai.onnx.ml TreeEnsemble-5, TreeEnsembleClassifier-3, TreeEnsembleRegressor-3',
  attrs: TREE_ENSEMBLE_ATTRS,
  pattern: 'opaque',
  infer(call, ctx) {
    const x = tensorInput(call, 0, ['int32', 'float32', 'float64']), nodes = tensorInput(call, 1, ['int32']), thresholds = tensorInput(call, 2), roots = tensorInput(call, 3, ['int32'])
    const weights = tensorInput(call, 4, ['float32', 'float64']), targets = findTensorInput(call, 5), { attrs } = call
    checkSameDType(x, thresholds, 'elements and thresholds')
    checkShape(x.shape.length === 2, `trees take the rows of a matrix, not of ${printShape(x.shape)}`)
    checkShape(nodes.shape.length === 2 && thresholds.shape.length === 1 && roots.shape.length === 1 && weights.shape.length === 2, `nodes ${printShape(nodes.shape)}, thresholds ${printShape(thresholds.shape)}, roots ${printShape(roots.shape)} and weights ${printShape(weights.shape)} are tables of ranks 2, 1, 1 and 2`)
    const [count, columns] = nodes.shape as [Dim, Dim], [leaves, votes] = weights.shape as [Dim, Dim]
    ctx.assume(columns, NODE_COLUMNS, `a node has ${NODE_COLUMNS} numbers`)
    ctx.assume(thresholds.shape[0] as Dim, count, 'each node has a threshold')
    ctx.assume(leaves, count, 'leaves are nodes', 'le')
    checkAttribute(Number.isInteger(attrs.targets) && attrs.targets >= 1, `the targets ${attrs.targets} must be a count`)
    checkAttribute(Number.isInteger(attrs.depth) && attrs.depth >= 0, `the depth ${attrs.depth} must be a count`)
    checkAttribute(AGGREGATES[attrs.aggregate] !== undefined, `aggregate is '${attrs.aggregate}', not ${Object.keys(AGGREGATES).join(', ')}`)
    if (targets === undefined) ctx.assume(votes, attrs.targets, 'leaves have a weight for each target')
    else {
      checkShape(targets.dtype === 'int32' && targets.shape.length === 2, `targets are ${targets.dtype}${printShape(targets.shape)}, not a matrix of int32`)
      targets.shape.forEach((d, i) => { ctx.assume(d, weights.shape[i] as Dim, 'each weight is for a target') })
    }
    ctx.assume(1, x.shape[1] ?? 0, 'rows with trees have elements', 'le')
    return [tensorType(weights.dtype, [x.shape[0] ?? 0, attrs.targets])]
  },
  reference,
  kernel: treeEnsembleKernel,
  samples: [
    sample({}), sample({ rows: 131, trees: 9 }), sample({ dtype: 'int32', rows: 64, trees: 4, targets: 3 }), sample({ rows: 3, trees: 5, targets: 11 }),
    sample({ trees: 7, targets: 4, votes: 1 }), sample({ trees: 3, targets: 4, votes: 2, aggregate: 'max' }), sample({ trees: 8, targets: 2, aggregate: 'min' }),
    sample({ dtype: 'float64', weight: 'float64', trees: 5 }), sample({ dtype: 'float64', trees: 4, targets: 3, votes: 1 }), sample({ rows: 0 }), chain,
  ],
})

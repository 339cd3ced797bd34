/** Forests, which ONNX has as nodes with attributes only: every tree goes on by one node at a time, for all rows and trees together. */
import { mul, sub, type Dim } from '../../../ir/dims.js'
import type { TreeEnsembleAttrs } from '../../../ir/ops/tree-ensemble-kernel.js'
import { int, text } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type RuleTable } from '../node-export.js'

const treeEnsemble = rule<TreeEnsembleAttrs>((e, { targets, depth, aggregate }) => {
  const [x, nodes, thresholds, roots, weights] = [0, 1, 2, 3, 4].map((i) => e.input(i)) as [Ref, Ref, Ref, Ref, Ref], listed = e.optional(5)
  const [rows, trees] = [e.type(0).shape[0] as Dim, e.type(3).shape[0] as Dim], [leaves, votes] = e.type(4).shape as [Dim, Dim], inner = sub(e.type(1).shape[0] as Dim, leaves)
  const table = e.cast(nodes, 'int64'), columns = [0, 1, 2].map((c) => e.add('Gather', [table, e.scalar('int64', c)], { axis: int(1) })) as [Ref, Ref, Ref]
  let at = e.add('Expand', [e.cast(roots, 'int64'), e.dims([rows, trees])])
  for (let step = 0; step < depth; step++) {
    const element = e.add('GatherElements', [x, e.add('Gather', [columns[0], at], {}, 'int64')], { axis: int(1) })
    const isGreater = e.add('Greater', [element, e.add('Gather', [thresholds, at])], {}, 'bool')
    at = e.add('Where', [isGreater, e.add('Gather', [columns[2], at]), e.add('Gather', [columns[1], at])], {}, 'int64')
  }
  const leaf = e.add('Sub', [at, e.dims([inner])]), given = e.add('Gather', [weights, leaf]), attrs = { keepdims: int(0) }
  const fold = { sum: 'ReduceSum', min: 'ReduceMin', max: 'ReduceMax' }[aggregate] as string
  if (listed === null) { e.result(fold, [given, e.ints([1])], attrs); return }
  const start = e.add('Expand', [e.scalar(weights.dtype, aggregate === 'sum' ? 0 : aggregate === 'min' ? Infinity : -Infinity), e.dims([rows, targets])])
  const flat = (v: Ref): Ref => e.add('Reshape', [v, e.dims([rows, mul(trees, votes)])], { allowzero: int(1) })
  e.result('ScatterElements', [start, flat(e.add('Gather', [e.cast(listed, 'int64'), leaf])), flat(given)], { axis: int(1), reduction: text(aggregate === 'sum' ? 'add' : aggregate) })
})

/** Forests. */
export const TREES: RuleTable = { tree_ensemble: treeEnsemble }

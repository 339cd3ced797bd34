/** The scores that a forest gives to the rows of a matrix. */
import type { DType } from '../../../../base/dtype.js'
import type { Dim } from '../../../../base/dim.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import type { NodeCall } from '../../call.js'
import { castTo } from '../compose.js'
import { tablesOf, type Column, type Forest, type Tables } from './forest.js'
import { keysOf } from './keys.js'
import { matrixOf } from './matrix.js'
import type { Leaf, Vote } from './splits.js'

export type Aggregate = 'sum' | 'min' | 'max'
const NEUTRAL: Readonly<Record<Aggregate, number>> = { sum: 0, min: Infinity, max: -Infinity }
const FOLD: Readonly<Record<Aggregate, (a: number, b: number) => number>> = { sum: (a, b) => a + b, min: Math.min, max: Math.max }

/** Scores [N, targets], and where it is not sure that each target has a vote: true where one has. */
export interface Scores { readonly scores: Value; readonly voted: Value | undefined }

/** The votes of a leaf, one for each target that has any. */
function votesOf(leaf: Leaf, aggregate: Aggregate): readonly Vote[] {
  if (leaf.votes.length < 2) return leaf.votes
  const found = new Map<number, number>()
  for (const { target, weight } of leaf.votes) found.set(target, found.has(target) ? FOLD[aggregate](found.get(target) as number, weight) : weight)
  return [...found].map(([target, weight]) => ({ target, weight }))
}

/** Targets that have a vote from each leaf of some tree. */
function alwaysVoted({ splits, leaves, roots }: Tables): Set<number> {
  const always = new Set<number>()
  for (const root of roots) {
    const reached: Leaf[] = [], seen = new Set<number>(), stack = [root]
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (seen.has(at)) continue
      seen.add(at)
      const split = splits[at]
      if (split === undefined) reached.push(leaves[at - splits.length] as Leaf)
      else stack.push(split.low, split.high)
    }
    for (const target of new Set(reached[0]?.votes.map((v) => v.target))) if (reached.every((leaf) => leaf.votes.some((v) => v.target === target))) always.add(target)
  }
  return always
}

/** Weights of the leaves [leaves, votes], and the targets that they are for, or none where each leaf has a weight for every target. */
function weightTables(call: NodeCall, votes: readonly (readonly Vote[])[], targets: number, dtype: DType, start: number): readonly [Value, Value | null] {
  const most = votes.reduce((a, v) => Math.max(a, v.length), 1), listed = 2 * most < targets, width = listed ? most : targets
  const weights = new Float64Array(votes.length * width).fill(start), of = new Int32Array(weights.length)
  votes.forEach((own, leaf) => own.forEach(({ target, weight }, i) => { weights[leaf * width + (listed ? i : target)] = weight; if (listed) of[leaf * width + i] = target }))
  const shape = [votes.length, width]
  return [call.constant(fromNumbers(dtype, shape, weights)), listed ? call.constant({ dtype: 'int32', shape, data: of }) : null]
}

/** What the splits of `tables` compare, for the rows of `x`. */
function columnsOf(call: NodeCall, x: Value, columns: readonly Column[]): Value {
  const features = columns.map((c) => c.feature), greatest = features.reduce((a, b) => Math.max(a, b), 0), count = shapeOf(x)[1] as Dim
  call.assume(greatest + 1, count, `a tree looks at element ${greatest} of a row`, 'le')
  if (features.length === count && features.every((f, i) => f === i)) return x
  return call.add('gather', [x, call.constant({ dtype: 'int32', shape: [features.length], data: Int32Array.from(features) })], { axis: 1 })
}

/** Runs input 0, a row or a matrix of rows, through a forest whose leaves vote for `targets`. */
export function forestScores(call: NodeCall, forest: Forest, targets: number, aggregate: Aggregate): Scores {
  const given = matrixOf(call, call.input(0)), keys = keysOf(dtypeOf(given)), x = castTo(call, given, dtypeOf(given) === 'float64' ? 'float64' : 'float32')
  const tables = tablesOf(forest, keys.numbers), { splits, leaves } = tables, numbered = new Map<string, number>(), columns: Column[] = []
  const places = tables.columns.map((c) => {
    const column = keys.missing(c), key = `${column.feature} ${column.missing}`, at = numbered.get(key) ?? columns.push(column) - 1
    numbered.set(key, at)
    return at
  })
  if (columns.length === 0) columns.push({ feature: 0, missing: 'high' })
  const count = splits.length + leaves.length, thresholds = new Float64Array(count), nodes = new Int32Array(3 * count)
  splits.forEach((s, i) => {
    thresholds[i] = keys.threshold(s, tables.columns[s.column] as Column)
    nodes.set([places[s.column] as number, s.low, s.high], 3 * i)
  })
  for (let i = splits.length; i < count; i++) nodes.set([0, i, i], 3 * i)
  const operands = [
    keys.of(call, columnsOf(call, x, columns), columns), call.constant({ dtype: 'int32', shape: [count, 3], data: nodes }), call.constant(fromNumbers(keys.dtype, [count], thresholds)),
    call.constant({ dtype: 'int32', shape: [tables.roots.length], data: Int32Array.from(tables.roots) }),
  ]
  const run = (votes: readonly (readonly Vote[])[], how: Aggregate): Value =>
    call.add('tree_ensemble', [...operands, ...weightTables(call, votes, targets, dtypeOf(x), NEUTRAL[how])], { targets, depth: tables.depth, aggregate: how })
  const votes = leaves.map((leaf) => votesOf(leaf, aggregate)), scores = run(votes, aggregate)
  if (alwaysVoted(tables).size === targets) return { scores, voted: undefined }
  return { scores, voted: call.add('gt', [run(votes.map((own) => own.map(({ target }) => ({ target, weight: 1 }))), 'sum'), call.scalar(dtypeOf(x), 0)]) }
}

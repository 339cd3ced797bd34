/** Rules for ensembles of trees. Where ONNX leaves open what the scores of two classes are, they are those of onnxruntime. */
import type { IngotError } from '../../../../base/error.js'
import { dtypeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo } from '../compose.js'
import type { Forest } from './forest.js'
import { forestScores, type Aggregate } from './forest-scores.js'
import { binaryLabel, greatestLabel, labelsOf, pairOf, transformed, transformOf, TRANSFORMS, type Labels, type Transform } from './scores.js'
import { forestById, forestByPlace, numbersOf } from './trees.js'

type Aggregation = Aggregate | 'average'
const AGGREGATIONS: Readonly<Record<string, Aggregation | undefined>> = { SUM: 'sum', AVERAGE: 'average', MIN: 'min', MAX: 'max' }
const NUMBERED: readonly Aggregation[] = ['average', 'sum', 'min', 'max']

/** Scores with a row of numbers added. */
function plusRow(call: NodeCall, scores: Value, row: readonly number[]): Value {
  return row.every((n) => n === 0) ? scores : call.add('add', [scores, call.constant(fromNumbers(dtypeOf(scores), [row.length], row))])
}

/** The scores of a forest for `targets`, base values added; those of a target that no tree voted for are 0 before. */
function regressed(call: NodeCall, forest: Forest, targets: number, aggregation: Aggregation, base: readonly number[]): Value {
  const aggregate = aggregation === 'average' ? 'sum' : aggregation, { scores, voted } = forestScores(call, forest, targets, aggregate)
  if (base.length !== 0 && base.length !== targets) call.fail('bad-attribute', `there are ${base.length} base values for ${targets} targets`)
  const zero = call.scalar(dtypeOf(scores), 0), found = voted === undefined || aggregate === 'sum' ? scores : call.add('where', [voted, scores, zero])
  return plusRow(call, aggregation === 'average' ? call.add('div', [found, call.scalar(dtypeOf(found), forest.roots.length)]) : found, base)
}

const treeEnsembleRegressor: Rule = (call) => {
  call.arity(1)
  const name = call.attrs.string('aggregate_function', 'SUM'), aggregation = AGGREGATIONS[name] ?? call.fail('bad-attribute', `aggregate_function is '${name}', not ${Object.keys(AGGREGATIONS).join(', ')}`)
  const targets = call.attrs.int('n_targets', 1), transform = transformOf(call)
  const scores = regressed(call, forestById(call, 'target', targets), targets, aggregation, numbersOf(call, 'base_values'))
  return castTo(call, transformed(call, scores, transform), 'float32')
}

const treeEnsemble: Rule = (call) => {
  call.arity(1)
  const which = call.attrs.int('aggregate_function', 1), aggregation = NUMBERED[which] ?? call.fail('bad-attribute', `aggregate_function is ${which}, not 0 to 3`)
  const transform = TRANSFORMS[call.attrs.int('post_transform', 0)] ?? call.fail('bad-attribute', `post_transform is ${call.attrs.int('post_transform', 0)}, not 0 to ${TRANSFORMS.length - 1}`)
  const targets = call.attrs.int('n_targets', 1)
  return castTo(call, transformed(call, regressed(call, forestByPlace(call, targets), targets, aggregation, []), transform), call.dtype(0))
}

interface Classified { readonly label: Value | IngotError; readonly scores: Value }

/** Two classes of which the trees vote for one: its score decides. Votes that are never negative are probabilities, of which the other class has what is left. */
function oneOfTwo(call: NodeCall, forest: Forest, base: readonly number[], labels: Labels, transform: Transform): Classified {
  const votes = forest.nodes.flatMap((n) => (n.kind === 'leaf' ? n.votes : [])), voted = votes[0]?.target ?? 0, areProbabilities = votes.every((v) => v.weight >= 0)
  const only: Forest = { ...forest, nodes: forest.nodes.map((n) => (n.kind === 'leaf' ? { ...n, votes: n.votes.map((v) => ({ ...v, target: 0 })) } : n)) }
  const { scores } = forestScores(call, only, 1, 'sum'), number = (n: number): Value => call.scalar(dtypeOf(scores), n)
  const score = voted === 0 ? plusRow(call, scores, base) : scores, label = binaryLabel(call, call.add('gt', [score, number(areProbabilities ? 0.5 : 0)]), labels)
  if (voted === 1) return { label, scores: transformed(call, pairOf(call, call.add('mul', [score, number(0)]), score), transform) }
  if (transform === 'PROBIT') return { label, scores: transformed(call, pairOf(call, call.add('sub', [number(1), score]), score), transform) }
  if (areProbabilities) return { label, scores: pairOf(call, call.add('sub', [number(1), score]), score) }
  const pair = pairOf(call, call.add('neg', [score]), score)
  return { label, scores: transform === 'LOGISTIC' ? call.add('sigmoid', [pair]) : pair }
}

/** One class alone: its score as it is, and by its sign the label 1 or 0. */
function ofOne(call: NodeCall, scores: Value, labels: Labels, transform: Transform): Classified {
  return { label: binaryLabel(call, call.add('gt', [scores, call.scalar(dtypeOf(scores), 0)]), labels), scores: transformed(call, scores, transform) }
}

/** The class with the greatest score, among those that a tree voted for. */
function ofSeveral(call: NodeCall, forest: Forest, base: readonly number[], labels: Labels, transform: Transform): Classified {
  const found = forestScores(call, forest, labels.count, 'sum'), scores = plusRow(call, found.scores, base)
  const counts = found.voted === undefined || base.length > 0 ? scores : call.add('where', [found.voted, scores, call.scalar(dtypeOf(scores), -Infinity)])
  return { label: greatestLabel(call, counts, labels), scores: transformed(call, scores, transform) }
}

const treeEnsembleClassifier: Rule = (call) => {
  call.arity(1)
  const labels = labelsOf(call, 'classlabels_int64s'), transform = transformOf(call), base = numbersOf(call, 'base_values'), { count } = labels
  const forest = forestById(call, 'class', count), votedFor = new Set(forest.nodes.flatMap((n) => (n.kind === 'leaf' ? n.votes.map((v) => v.target) : [])))
  const isOneOfTwo = count === 2 && votedFor.size < 2 && base.length < 2
  if (base.length !== 0 && base.length !== count && !isOneOfTwo) call.fail('bad-attribute', `there are ${base.length} base values for ${count} classes`)
  const { label, scores } = isOneOfTwo ? oneOfTwo(call, forest, base, labels, transform)
    : count === 1 ? ofOne(call, plusRow(call, forestScores(call, forest, 1, 'sum').scores, base), labels, transform)
    : ofSeveral(call, forest, base, labels, transform)
  return [label, castTo(call, scores, 'float32')]
}

/** Ensembles of trees. */
export const TREE_ENSEMBLES: RuleTable = {
  TreeEnsembleRegressor: always(treeEnsembleRegressor),
  TreeEnsembleClassifier: always(treeEnsembleClassifier),
  TreeEnsemble: since(5, treeEnsemble),
}

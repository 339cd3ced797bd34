/** Rules for the classification losses, which some exporters leave at the end of a graph. */
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { axesFrom, expandTo, reshapeTo } from './compose.js'

/** The loss of log-probabilities [N, C, d…] for class indices [N, d…], with class weights and an index that counts nothing. */
function lossOf(call: NodeCall, logits: Value, target: Value, weight: Value | null): Value {
  const reduction = call.attrs.string('reduction', 'mean'), ignored = call.attrs.int('ignore_index', undefined)
  if (!['none', 'sum', 'mean'].includes(reduction)) call.fail('bad-attribute', `reduction is '${reduction}', not none, sum or mean`)
  const dtype = dtypeOf(logits), shape = shapeOf(target), rank = shape.length
  const isIgnored = ignored === undefined ? undefined : call.add('eq', [target, call.scalar(dtypeOf(target), ignored)])
  const index = isIgnored === undefined ? target : call.add('where', [isIgnored, call.scalar(dtypeOf(target), 0), target])
  const picked = call.add('gather_elements', [logits, reshapeTo(call, index, [shape[0] ?? 1, 1, ...shape.slice(1)])], { axis: 1 })
  const plain = call.add('neg', [reshapeTo(call, picked, shape)])
  const one = call.scalar(dtype, 1)
  const ofClass = weight === null ? one : call.add('gather', [weight, index], { axis: 0 })
  const counted = isIgnored === undefined ? ofClass : call.add('where', [isIgnored, call.scalar(dtype, 0), ofClass])
  const loss = weight === null && isIgnored === undefined ? plain : call.add('mul', [plain, counted])
  if (reduction === 'none') return loss
  const all = { axes: axesFrom(0, rank), keepdims: false }
  const sum = call.add('reduce_sum', [loss], all)
  if (reduction === 'sum') return sum
  if (weight === null && isIgnored === undefined) return call.add('reduce_mean', [plain], all)
  return call.add('div', [sum, call.add('reduce_sum', [expandTo(call, counted, shape)], all)])
}

const negativeLogLikelihood: Rule = (call) => {
  call.arity(2, 3)
  return lossOf(call, call.input(0), call.input(1), call.optional(2))
}

const softmaxCrossEntropy: Rule = (call) => {
  call.arity(2, 3)
  const logits = call.add('log_softmax', [call.input(0)], { axis: 1 })
  const loss = lossOf(call, logits, call.input(1), call.optional(2))
  return call.wants(1) ? [loss, logits] : loss
}

/** Losses of the default domain. */
export const LOSSES: RuleTable = {
  NegativeLogLikelihoodLoss: since(12, negativeLogLikelihood),
  SoftmaxCrossEntropyLoss: since(12, softmaxCrossEntropy),
}

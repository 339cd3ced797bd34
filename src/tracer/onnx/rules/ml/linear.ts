/** Rules for linear models, and for the maps that classifiers' scores are put into. */
import { dtypeOf, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { floatRows, floats, productWith } from './matrix.js'
import { binaryLabel, greatestLabel, labelsOf, pairOf, transformed, transformOf } from './scores.js'

/** x · coefficients + intercepts, for so many rows of coefficients. */
function linear(call: NodeCall, coefficients: readonly number[], intercepts: readonly number[], rows: number): Value {
  if (intercepts.length !== 0 && intercepts.length !== rows) call.fail('bad-attribute', `there are ${intercepts.length} intercepts for ${rows} rows of coefficients`)
  const product = productWith(call, floatRows(call), coefficients, rows, 'coefficients')
  return intercepts.length === 0 ? product : call.add('add', [product, floats(call, [rows], intercepts)])
}

const linearRegressor: Rule = (call) => {
  call.arity(1)
  const { attrs } = call, scores = linear(call, attrs.floats('coefficients', []), attrs.floats('intercepts', []), attrs.int('targets', 1))
  return transformed(call, scores, transformOf(call))
}

/** Where there is one row of coefficients for two labels, its score is that of the second. */
const linearClassifier: Rule = (call) => {
  call.arity(1)
  const { attrs } = call, labels = labelsOf(call, 'classlabels_ints'), transform = transformOf(call), intercepts = attrs.floats('intercepts', []), rows = intercepts.length || labels.count
  attrs.ignore('multi_class')
  const scores = linear(call, attrs.floats('coefficients', []), intercepts, rows)
  if (rows > 1) return [greatestLabel(call, scores, labels), transformed(call, scores, transform)]
  const label = binaryLabel(call, call.add('gt', [scores, call.scalar(dtypeOf(scores), 0)]), labels)
  if (labels.count !== 2) return [label, transformed(call, scores, transform)]
  const other = transform === 'LOGISTIC' ? call.add('neg', [scores]) : call.add('sub', [call.scalar('float32', 1), scores])
  return [label, transform === 'LOGISTIC' || transform === 'PROBIT' ? transformed(call, pairOf(call, other, scores), transform) : pairOf(call, other, scores)]
}

/** Programs have no maps: the scores stay a matrix, with a column for each label in order. */
const zipMap: Rule = (call) => {
  call.arity(1)
  const labels = labelsOf(call, 'classlabels_int64s')
  call.assume(call.shape(0).at(-1) ?? 1, labels.count, 'each label has a column')
  return call.input(0)
}

/** Linear models. */
export const LINEAR: RuleTable = { LinearRegressor: always(linearRegressor), LinearClassifier: always(linearClassifier), ZipMap: always(zipMap) }

/** Rules for support vector machines. */
import { shapeOf, type Value } from '../../../../ir/graph.js'
import type { Dim } from '../../../../base/dim.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { reshapeTo } from '../compose.js'
import { floatRows, floats, productWith } from './matrix.js'
import { greatestLabel, labelsOf, pairOf, transformed, transformOf } from './scores.js'

const number = (call: NodeCall, n: number): Value => call.scalar('float32', n)

/** The kernel's value [N, vectors] of each row and each support vector. */
function kernelOf(call: NodeCall, x: Value, vectors: readonly number[], count: number): Value {
  const { attrs } = call, kind = attrs.string('kernel_type', 'LINEAR'), [gamma = 0, shift = 0, degree = 0] = attrs.floats('kernel_params', [])
  if (kind === 'RBF') {
    const features = vectors.length / count
    if (!Number.isInteger(features)) call.fail('bad-attribute', `support_vectors has ${vectors.length} numbers, which are not ${count} vectors`)
    call.assume(shapeOf(x)[1] as Dim, features, 'a support vector has as many numbers as a row')
    const apart = call.add('sub', [reshapeTo(call, x, [shapeOf(x)[0] as Dim, 1, features]), floats(call, [count, features], vectors)])
    return call.add('exp', [call.add('mul', [call.add('reduce_sum_square', [apart], { axes: [2], keepdims: false }), number(call, -gamma)])])
  }
  const dot = productWith(call, x, vectors, count, 'support_vectors')
  if (kind === 'LINEAR') return dot
  const moved = call.add('add', [call.add('mul', [dot, number(call, gamma)]), number(call, shift)])
  if (kind === 'POLY') return call.add('pow', [moved, number(call, degree)])
  return kind === 'SIGMOID' ? call.add('tanh', [moved]) : call.fail('bad-attribute', `kernel_type is '${kind}', not LINEAR, POLY, RBF or SIGMOID`)
}

const svmRegressor: Rule = (call) => {
  call.arity(1)
  const { attrs } = call, count = attrs.int('n_supports', 0), coefficients = attrs.floats('coefficients', []), [rho = 0] = attrs.floats('rho', []), vectors = attrs.floats('support_vectors', []), transform = transformOf(call)
  attrs.ignore('kernel_type', 'kernel_params')
  const x = floatRows(call), values = count === 0 ? x : kernelOf(call, x, vectors, count)
  const scores = call.add('add', [productWith(call, values, coefficients, 1, 'coefficients'), number(call, rho)])
  if (!attrs.bool('one_class', false)) return transformed(call, scores, transform)
  return call.add('where', [call.add('gt', [scores, number(call, 0)]), number(call, 1), number(call, -1)])
}

/** Two classes, `one` before `other`, that a score decides between. */
interface Pair { readonly one: number; readonly other: number }

/** The scores [N, pairs] of each pair of classes: the kernel's values at the vectors of both, weighted by what each class has against the other. */
function pairScores(call: NodeCall, perClass: readonly number[], pairs: readonly Pair[]): Value {
  const { attrs } = call, count = perClass.reduce((a, b) => a + b, 0), rho = attrs.floats('rho', []), coefficients = attrs.floats('coefficients', []), weights = new Float64Array(pairs.length * count)
  if (coefficients.length !== (perClass.length - 1) * count) call.fail('bad-attribute', `there are ${coefficients.length} coefficients for ${count} support vectors of ${perClass.length} classes`)
  if (rho.length !== pairs.length) call.fail('bad-attribute', `rho has ${rho.length} numbers for ${pairs.length} pairs of classes`)
  const starts = perClass.map((_, c) => perClass.slice(0, c).reduce((a, b) => a + b, 0))
  pairs.forEach(({ one, other }, p) => {
    for (const [own, row] of [[one, other - 1], [other, one]] as const) {
      for (let m = starts[own] as number, end = m + (perClass[own] as number); m < end; m++) weights[p * count + m] = coefficients[row * count + m] as number
    }
  })
  const values = kernelOf(call, floatRows(call), attrs.floats('support_vectors', []), count)
  return call.add('add', [productWith(call, values, Array.from(weights), pairs.length, 'coefficients'), floats(call, [pairs.length], rho)])
}

/** How many pairs each class wins [N, classes]. */
function votesOf(call: NodeCall, scores: Value, pairs: readonly Pair[], classes: number): Value {
  const change = Array.from({ length: classes }, (_, c) => pairs.map(({ one, other }) => Number(one === c) - Number(other === c))), lost = Array.from({ length: classes }, (_, c) => pairs.filter(({ other }) => other === c).length)
  const won = call.add('cast', [call.add('gt', [scores, number(call, 0)])], { to: 'float32' })
  return call.add('add', [productWith(call, won, change.flat(), classes, 'pairs'), floats(call, [classes], lost)])
}

/** The probabilities [N, classes] that the scores of pairs say, by a logistic function for each pair. */
function probabilities(call: NodeCall, scores: Value, pairs: readonly Pair[], classes: number, [a, b]: readonly [readonly number[], readonly number[]]): Value {
  if (a.length !== pairs.length || b.length !== pairs.length) call.fail('bad-attribute', `prob_a and prob_b have ${a.length} and ${b.length} numbers for ${pairs.length} pairs of classes`)
  const decided = call.add('sigmoid', [call.add('neg', [call.add('add', [call.add('mul', [scores, floats(call, [pairs.length], a)]), floats(call, [pairs.length], b)])])])
  // Where one is sure to win, the other could never be corrected.
  const wins = call.add('clip', [decided], { min: 1e-7, max: 1 - 1e-7 }), cells = classes * classes, sign = new Float64Array(cells * pairs.length), from = new Float64Array(cells)
  pairs.forEach(({ one, other }, p) => {
    sign[(one * classes + other) * pairs.length + p] = 1
    sign[(other * classes + one) * pairs.length + p] = -1
    from[other * classes + one] = 1
  })
  const square = call.add('add', [productWith(call, wins, Array.from(sign), cells, 'pairs'), floats(call, [cells], Array.from(from))])
  return call.add('couple_pairs', [reshapeTo(call, square, [shapeOf(scores)[0] as Dim, classes, classes])])
}

const svmClassifier: Rule = (call) => {
  call.arity(1)
  const { attrs } = call, labels = labelsOf(call, 'classlabels_ints'), { count } = labels, transform = transformOf(call), perClass = attrs.ints('vectors_per_class', [])
  const curves = [attrs.floats('prob_a', []), attrs.floats('prob_b', [])] as const
  if (perClass.length === 0) {
    attrs.ignore('support_vectors', 'kernel_type', 'kernel_params')
    const [rho = 0] = attrs.floats('rho', []), scores = call.add('add', [productWith(call, floatRows(call), attrs.floats('coefficients', []), count, 'coefficients'), number(call, rho)])
    return [greatestLabel(call, scores, labels), transformed(call, scores, transform)]
  }
  if (perClass.length !== count) return call.fail('bad-attribute', `vectors_per_class has ${perClass.length} numbers for ${count} classes`)
  const pairs = perClass.flatMap((_, one) => perClass.slice(one + 1).map((__, i): Pair => ({ one, other: one + 1 + i })))
  const scores = pairScores(call, perClass, pairs), label = greatestLabel(call, votesOf(call, scores, pairs, count), labels)
  if (curves[0].length > 0) return [label, transformed(call, probabilities(call, scores, pairs, count, curves), transform)]
  if (count > 2) return [label, transformed(call, scores, transform)]
  const opposite = call.add('neg', [scores])
  if (transform === 'NONE') return [label, pairOf(call, opposite, scores)]
  if (transform === 'LOGISTIC') return [label, transformed(call, pairOf(call, opposite, scores), transform)]
  const pair = pairOf(call, call.add('sub', [number(call, 1), scores]), scores)
  return [label, transform === 'PROBIT' ? transformed(call, pair, transform) : pair]
}

/** Support vector machines. */
export const SUPPORT_VECTORS: RuleTable = { SVMRegressor: always(svmRegressor), SVMClassifier: always(svmClassifier) }

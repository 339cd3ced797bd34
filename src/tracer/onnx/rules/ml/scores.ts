/** What becomes of scores: post_transform, and the labels of classes. */
import type { Dim } from '../../../../base/dim.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { IngotError } from '../../../../base/error.js'
import type { NodeCall } from '../../call.js'
import { sliceAxis } from '../compose.js'

export const TRANSFORMS = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'] as const
export type Transform = (typeof TRANSFORMS)[number]

/** The node's post_transform. */
export function transformOf(call: NodeCall): Transform {
  const name = call.attrs.string('post_transform', 'NONE')
  return TRANSFORMS.find((t) => t === name) ?? call.fail('bad-attribute', `post_transform is '${name}', not ${TRANSFORMS.join(', ')}`)
}

/** The inverse of the distribution function of the standard normal distribution, by the approximation of its error function (Winitzki) that onnxruntime has. */
function probit(call: NodeCall, p: Value): Value {
  const number = (n: number): Value => call.scalar(dtypeOf(p), n), x = call.add('sub', [call.add('mul', [p, number(2)]), number(1)])
  const log = call.add('log', [call.add('mul', [call.add('sub', [number(1), x]), call.add('add', [number(1), x])])])
  const half = call.add('add', [call.add('mul', [log, number(0.5)]), number(2 / (Math.PI * 0.147))])
  const root = call.add('sqrt', [call.add('sub', [call.add('mul', [half, half]), call.add('mul', [log, number(1 / 0.147)])])])
  return call.add('mul', [call.add('mul', [call.add('sign', [x]), call.add('sqrt', [call.add('sub', [root, half])])]), number(Math.SQRT2)])
}

/** softmax over the scores that are not 0; those stay. Where all are, each is a half. */
function softmaxZero(call: NodeCall, scores: Value): Value {
  const rows = { axes: [1], keepdims: true }, number = (n: number): Value => call.scalar(dtypeOf(scores), n)
  const most = call.add('reduce_max', [scores], rows), counts = call.add('gt', [call.add('abs', [scores]), number(1e-7)])
  const power = call.add('exp', [call.add('sub', [scores, most])]), parts = call.add('where', [counts, power, call.add('mul', [scores, call.add('exp', [call.add('neg', [most])])])])
  const sum = call.add('reduce_sum', [parts], rows), isNone = call.add('eq', [sum, number(0)])
  return call.add('where', [isNone, number(0.5), call.add('div', [parts, call.add('where', [isNone, number(1), sum])])])
}

/** Scores [N, classes or targets] after post_transform; of a single one only the probit is taken, as onnxruntime has it. */
export function transformed(call: NodeCall, scores: Value, transform: Transform): Value {
  if (transform === 'PROBIT') return probit(call, scores)
  if (transform === 'NONE' || shapeOf(scores)[1] === 1) return scores
  if (transform === 'LOGISTIC') return call.add('sigmoid', [scores])
  return transform === 'SOFTMAX' ? call.add('softmax', [scores], { axis: 1 }) : softmaxZero(call, scores)
}

/** The labels of a classifier: integers, or how many strings there are. */
export interface Labels { readonly count: number; readonly integers: readonly bigint[] | undefined }

/** The labels that a node has under one of two names. */
export function labelsOf(call: NodeCall, integerName: string, stringName = 'classlabels_strings'): Labels {
  const integers = call.attrs.bigints(integerName) ?? [], strings = call.attrs.strings(stringName, [])
  if (integers.length > 0 && strings.length > 0) call.fail('bad-attribute', `both ${integerName} and ${stringName} are given`)
  if (integers.length + strings.length === 0) call.fail('bad-attribute', `neither ${integerName} nor ${stringName} is given`)
  return { count: integers.length + strings.length, integers: strings.length > 0 ? undefined : integers }
}

/** What stands for labels that are strings. */
export const stringLabels = (): IngotError => new IngotError('unsupported-dtype', 'labels are strings here, which programs cannot give', { hint: 'train with integer labels (LabelEncoder of scikit-learn), or keep the scores alone: { outputs: [name of the scores] }, --result name' })

const int64 = (call: NodeCall, shape: readonly number[], values: readonly bigint[]): Value => call.constant({ dtype: 'int64', shape, data: BigInt64Array.from(values) })

/** The label [N] of the greatest of each row's scores [N, classes], the first of equal ones. */
export function greatestLabel(call: NodeCall, scores: Value, { integers, count }: Labels): Value | IngotError {
  if (integers === undefined) return stringLabels()
  call.assume(shapeOf(scores)[1] as Dim, count, 'each class has a label')
  const at = call.add('argmax', [scores], { axis: 1, keepdims: false, select_last: false })
  return integers.every((label, i) => label === BigInt(i)) ? at : call.add('gather', [int64(call, [count], integers), at], { axis: 0 })
}

/** The label [N] of each row by whether `isPositive` [N, 1]: the second, or the first; where there are not two, 1 or 0. */
export function binaryLabel(call: NodeCall, isPositive: Value, { integers, count }: Labels): Value | IngotError {
  if (integers === undefined) return stringLabels()
  const [negative, positive] = count === 2 ? integers as readonly [bigint, bigint] : [0n, 1n]
  const rows = shapeOf(isPositive)[0] as Dim
  return call.add('reshape', [call.add('where', [isPositive, int64(call, [], [positive]), int64(call, [], [negative])])], { shape: [rows] })
}

/** Column `i` of scores, as [N, 1]. */
export const column = (call: NodeCall, scores: Value, i: number): Value => sliceAxis(call, scores, 1, i, 1)

/** Two scores beside one another: what `negative` makes of the positive one, and that. */
export const pairOf = (call: NodeCall, negative: Value, positive: Value): Value => call.add('concat', [negative, positive], { axis: 1 })

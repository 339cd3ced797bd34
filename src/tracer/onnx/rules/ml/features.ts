/** Rules for what prepares features: scaling, normalising, filling in, thresholds, and choosing and joining columns. */
import type { Dim } from '../../../../base/dim.js'
import { product } from '../../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo, isFloat, reshapeTo, sliceAxis } from '../compose.js'
import { floats, matrixOf } from './matrix.js'
import { stringLabels } from './scores.js'

/** A list of one number, or of one for each element of a row. */
function perFeature(call: NodeCall, list: readonly number[], what: string): readonly number[] {
  if (list.length === 0) call.fail('bad-attribute', `${what} is empty`)
  if (list.length > 1) call.assume(call.shape(0).at(-1) ?? 1, list.length, `${what} has one number, or as many as a row`)
  return list
}

const scaler: Rule = (call) => {
  call.arity(1)
  const offset = call.attrs.floats('offset', []), scale = call.attrs.floats('scale', []), x = castTo(call, call.input(0), 'float32')
  const row = (list: readonly number[], what: string): Value => floats(call, list.length === 1 ? [] : [list.length], perFeature(call, list, what))
  const moved = offset.length === 0 ? x : call.add('sub', [x, row(offset, 'offset')])
  return scale.length === 0 ? moved : call.add('mul', [moved, row(scale, 'scale')])
}

const normalizer: Rule = (call) => {
  call.arity(1)
  const norm = call.attrs.string('norm', 'MAX'), op = { MAX: 'reduce_max', L1: 'reduce_l1', L2: 'reduce_l2' }[norm] ?? call.fail('bad-attribute', `norm is '${norm}', not MAX, L1 or L2`)
  const x = castTo(call, call.input(0), 'float32'), rank = shapeOf(x).length
  if (rank !== 1 && rank !== 2) call.fail('shape-mismatch', `Normalizer takes a matrix of rows or one row, not a tensor of rank ${rank}`)
  const size = call.add(op, [x], { axes: [rank - 1], keepdims: true }), isZero = call.add('eq', [size, call.scalar('float32', 0)])
  return call.emit('div', [x, call.add('where', [isZero, call.scalar('float32', 1), size])])
}

const imputer: Rule = (call) => {
  call.arity(1)
  const x = call.input(0), dtype = dtypeOf(x), ofFloats = isFloat(dtype), kind = ofFloats ? 'imputed_value_floats' : 'imputed_value_int64s'
  const values = ofFloats ? call.attrs.floats(kind, []) : call.attrs.ints(kind, []), replaced = ofFloats ? call.attrs.float('replaced_value_float', 0) : call.attrs.int('replaced_value_int64', 0)
  call.attrs.ignore('imputed_value_floats', 'imputed_value_int64s', 'replaced_value_float', 'replaced_value_int64')
  const row = perFeature(call, values, kind), isReplaced = Number.isNaN(replaced) ? call.add('isnan', [x]) : call.add('eq', [x, call.scalar(dtype, replaced)])
  return call.emit('where', [isReplaced, call.constant(fromNumbers(dtype, row.length === 1 ? [] : [row.length], row)), x])
}

const binarizer: Rule = (call) => {
  call.arity(1)
  const x = call.input(0), dtype = dtypeOf(x), threshold = call.attrs.float('threshold', 0)
  // An integer is above a number where it is above the integers that the number is above.
  return castTo(call, call.add('gt', [x, call.scalar(dtype, isFloat(dtype) ? threshold : Math.floor(threshold))]), dtype)
}

const featureVectorizer: Rule = (call) => {
  call.arity(1, Infinity)
  const widths = call.attrs.ints('inputdimensions', []), inputs = call.inputs.map((_, i) => castTo(call, matrixOf(call, call.input(i)), 'float32'))
  if (widths.length !== 0 && widths.length !== inputs.length) call.fail('bad-attribute', `inputdimensions has ${widths.length} numbers for ${inputs.length} inputs`)
  const parts = inputs.map((x, i) => {
    const own = shapeOf(x)[1] as Dim, width = widths[i] ?? own
    if (typeof own !== 'number' || typeof width !== 'number') { call.assume(own, width, 'inputdimensions says how wide an input is'); return x }
    if (own >= width) return sliceAxis(call, x, 1, 0, width)
    return call.add('pad', [x], { mode: 'constant', before: [0, 0], after: [0, width - own] })
  })
  return parts.length === 1 ? parts[0] as Value : call.emit('concat', parts, { axis: 1 })
}

const arrayFeatureExtractor: Rule = (call) => {
  call.arity(2)
  const x = call.input(0), shape = shapeOf(x), places = reshapeTo(call, call.input(1), [product(call.shape(1))])
  if (shape.length === 0) return call.fail('shape-mismatch', 'ArrayFeatureExtractor takes rows, not a scalar')
  if (dtypeOf(x) === 'string') return [stringLabels()]
  const found = call.add('gather', [x, places], { axis: shape.length - 1 })
  return shape.length === 1 ? reshapeTo(call, found, [1, ...shapeOf(found)]) : found
}

/** What prepares features. */
export const FEATURES: RuleTable = {
  Scaler: always(scaler),
  Normalizer: always(normalizer),
  Imputer: always(imputer),
  Binarizer: always(binarizer),
  FeatureVectorizer: always(featureVectorizer),
  ArrayFeatureExtractor: always(arrayFeatureExtractor),
}

/** Reductions, softmax, norms and cumulative sums as ONNX nodes. */
import type { DType } from '../../../base/dtype.js'
import { DTYPES } from '../../../base/dtype.js'
import { floorDiv, product, shapesEqual, type Dim } from '../../../ir/dims.js'
import { numberOfDType } from '../../onnx/tensor.js'
import { bool, float, int, text } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type Rule, type RuleTable } from '../node-export.js'

interface ReduceAttrs { readonly axes: readonly number[]; readonly keepdims: boolean }

/** `alone`: what the reduction is of each element alone. Runtimes disagree about reductions over no axes. */
const reduce = (opType: string, alone: (e: NodeExport, x: Ref) => void): Rule => rule<ReduceAttrs>((e, { axes, keepdims }) => {
  if (axes.length === 0) alone(e, e.input(0))
  else e.result(opType, [e.input(0), e.ints(axes)], { keepdims: bool(keepdims) })
})

/** Logarithms are of floats; those of integers are taken in float64, and truncated. */
const reduceLogarithm = (opType: string, alone: (e: NodeExport, x: Ref) => void): Rule => rule<ReduceAttrs>((e, attrs) => {
  const x = e.input(0), { axes, keepdims } = attrs
  if (axes.length === 0 || DTYPES[x.dtype].kind === 'float') reduce(opType, alone)(e)
  else e.result('Cast', [e.add(opType, [e.cast(x, 'float64'), e.ints(axes)], { keepdims: bool(keepdims) })], { to: int(numberOfDType(x.dtype)) })
})

const itself = (e: NodeExport, x: Ref): void => { e.result('Identity', [x]) }
const magnitude = (e: NodeExport, x: Ref): void => { e.result('Abs', [x]) }
const square = (e: NodeExport, x: Ref): void => { e.result('Mul', [x, x]) }
const logarithm = (e: NodeExport, x: Ref): void => {
  if (DTYPES[x.dtype].kind === 'float') e.result('Log', [x])
  else e.result('Cast', [e.add('Log', [e.cast(x, 'float64')])], { to: int(numberOfDType(x.dtype)) })
}

const arg = (opType: string): Rule => rule<{ readonly axis: number; readonly keepdims: boolean; readonly select_last: boolean }>((e, a) => {
  e.result(opType, [e.input(0)], { axis: int(a.axis), keepdims: bool(a.keepdims), select_last_index: bool(a.select_last) })
})

const alongAxis = (opType: string): Rule => rule<{ readonly axis: number }>((e, { axis }) => { e.result(opType, [e.input(0)], { axis: int(axis) }) })

interface NormAttrs { readonly axis: number; readonly epsilon: number }

/** A parameter with the shape of the normalised axes, which some runtimes insist on. */
function parameter(e: NodeExport, i: number, axis: number): Ref | null {
  const given = e.optional(i), shape = e.type(0).shape.slice(axis)
  return given === null || shapesEqual(e.type(i).shape, shape) ? given : e.add('Expand', [given, e.dims(shape)])
}

/** The type that norms are computed in where they are written in parts. */
const wideType = (own: DType): DType => (own === 'float64' ? own : 'float32')

/** (x - mean) / sqrt(mean square + epsilon) over `axes`; without the mean for RMS. */
function normalised(e: NodeExport, x: Ref, axes: readonly number[], epsilon: number, centred: boolean): Ref {
  const mean = (v: Ref): Ref => e.add('ReduceMean', [v, e.ints(axes)], { keepdims: int(1) })
  const centre = centred ? e.add('Sub', [x, mean(x)]) : x
  return e.add('Div', [centre, deviation(e, mean(e.add('Mul', [centre, centre])), epsilon)])
}

const deviation = (e: NodeExport, variance: Ref, epsilon: number): Ref => e.add('Sqrt', [e.add('Add', [variance, e.scalar(variance.dtype, epsilon)])])

/** x · scale + bias as the result, in the type of the input. */
function scaleAndShift(e: NodeExport, x: Ref, scale: Ref, bias: Ref | null): void {
  const own = e.resultType().dtype, operands = [x, e.cast(scale, x.dtype)]
  const last: readonly [string, readonly Ref[]] = bias === null ? ['Mul', operands] : ['Add', [e.add('Mul', operands), e.cast(bias, x.dtype)]]
  if (own === x.dtype) e.result(...last)
  else e.result('Cast', [e.add(...last)], { to: int(numberOfDType(own)) })
}

function rowNormByParts(e: NodeExport, { axis, epsilon }: NormAttrs, centred: boolean): void {
  const x = e.cast(e.input(0), wideType(e.input(0).dtype))
  const axes = e.type(0).shape.map((_: Dim, i) => i).slice(axis)
  scaleAndShift(e, normalised(e, x, axes, epsilon, centred), e.input(1), e.optional(2))
}

/** LayerNormalization works in float32. */
const layerNorm = rule<NormAttrs>((e, attrs) => {
  if (e.input(0).dtype === 'float64') { rowNormByParts(e, attrs, true); return }
  e.result('LayerNormalization', [e.input(0), parameter(e, 1, attrs.axis), parameter(e, 2, attrs.axis)], { axis: int(attrs.axis), epsilon: float(attrs.epsilon) })
})

const rmsNorm = rule<NormAttrs>((e, attrs) => {
  if (e.opset < 23 || e.input(0).dtype === 'float64') { rowNormByParts(e, attrs, false); return }
  e.result('RMSNormalization', [e.input(0), parameter(e, 1, attrs.axis)], { axis: int(attrs.axis), epsilon: float(attrs.epsilon) })
})

/** Input `i`, which has one element per channel, so that it broadcasts against input 0. */
function perChannel(e: NodeExport, i: number): Ref {
  const after = e.type(0).shape.length - 2
  return e.cast(after === 0 ? e.input(i) : e.add('Reshape', [e.input(i), e.ints([-1, ...Array.from({ length: after }, () => 1)])]), e.input(0).dtype)
}

const groupNorm = rule<{ readonly groups: number; readonly epsilon: number }>((e, { groups, epsilon }) => {
  const x = e.input(0)
  if (x.dtype !== 'float64') { e.result('GroupNormalization', e.inputs(), { num_groups: int(groups), epsilon: float(epsilon) }); return }
  const rows = e.add('Reshape', [x, e.dims([e.type(0).shape[0] as Dim, groups, floorDiv(product(e.type(0).shape.slice(1)), groups)])], { allowzero: int(1) })
  const whole = e.add('Reshape', [normalised(e, rows, [2], epsilon, true), e.dims(e.type(0).shape)], { allowzero: int(1) })
  scaleAndShift(e, whole, perChannel(e, 1), perChannel(e, 2))
})

const batchNorm = rule<{ readonly epsilon: number }>((e, { epsilon }) => {
  if (e.holds(epsilon)) { e.result('BatchNormalization', e.inputs(), { epsilon: float(epsilon) }); return }
  const centred = e.add('Sub', [e.input(0), perChannel(e, 3)])
  scaleAndShift(e, e.add('Div', [centred, deviation(e, perChannel(e, 4), epsilon)]), perChannel(e, 1), perChannel(e, 2))
})

interface ScanAttrs { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean }

/** Before opset 26 each product is reduced on its own, over the row with 1 for the elements that it does not have. */
const cumprod = rule<ScanAttrs>((e, { axis, exclusive, reverse }) => {
  const x = e.input(0), { shape } = e.type(0)
  if (e.opset >= 26) { e.result('CumProd', [x, e.scalar('int64', axis)], { exclusive: bool(exclusive), reverse: bool(reverse) }); return }
  const to = e.add('Reshape', [e.dims([shape[axis] as Dim]), e.ints([])]), count = e.add('Range', [e.scalar('int64', 0), to, e.scalar('int64', 1)], {}, 'int64')
  const inner = shape.slice(axis + 1).map((_, i) => i + 1), own = e.add('Unsqueeze', [count, e.ints([1, ...inner.map((i) => i + 1)])]), other = e.add('Unsqueeze', [count, e.ints(inner)])
  const compare = `${reverse ? 'Greater' : 'Less'}${exclusive ? '' : 'OrEqual'}`
  const taken = e.add('Where', [e.add(compare, [other, own], {}, 'bool'), e.add('Unsqueeze', [x, e.ints([axis])]), e.scalar(x.dtype, 1)], {}, x.dtype)
  e.result('ReduceProd', [taken, e.ints([axis + 1])], { keepdims: int(0) })
})

/** ONNX lists what is chosen, class by class and by falling score; here each class has a row of its own, and the count of what is in it. */
const nonMaxSuppression = rule<{ readonly most: Dim; readonly centred: boolean }>((e, { most, centred }) => {
  const listed = e.add('NonMaxSuppression', [e.input(0), e.input(1), e.dims([most]), e.input(2), e.input(3)], { center_point_box: int(centred ? 1 : 0) }, 'int64')
  const [rows, shape] = [e.resultType(1).shape, e.resultType(0).shape], zeros = (of: readonly Dim[]): Ref => e.add('Expand', [e.scalar('int64', 0), e.dims(of)])
  const place = e.add('Slice', [listed, e.ints([0]), e.ints([2]), e.ints([1])]), box = e.add('Reshape', [e.add('Slice', [listed, e.ints([2]), e.ints([3]), e.ints([1])]), e.ints([-1])])
  const counts = e.add('ScatterND', [zeros(rows), place, e.add('Add', [e.add('Mul', [box, e.scalar('int64', 0)]), e.scalar('int64', 1)])], { reduction: text('add') })
  const starts = e.add('Reshape', [e.add('CumSum', [e.add('Reshape', [counts, e.ints([-1])]), e.scalar('int64', 0)], { exclusive: int(1) }), e.dims(rows)])
  const order = e.add('CumSum', [e.add('Add', [e.add('Mul', [box, e.scalar('int64', 0)]), e.scalar('int64', 1)]), e.scalar('int64', 0)], { exclusive: int(1) })
  const rank = e.add('Unsqueeze', [e.add('Sub', [order, e.add('GatherND', [starts, place])]), e.ints([1])])
  e.resultAt(0, 'Cast', [e.add('ScatterND', [zeros(shape), e.add('Concat', [place, rank], { axis: int(1) }), box])], { to: int(numberOfDType('int32')) })
  e.resultAt(1, 'Cast', [counts], { to: int(numberOfDType('int32')) })
})

/** Reductions and what normalises rows. */
export const REDUCTIONS: RuleTable = {
  reduce_sum: reduce('ReduceSum', itself), reduce_mean: reduce('ReduceMean', itself), reduce_max: reduce('ReduceMax', itself),
  reduce_min: reduce('ReduceMin', itself), reduce_prod: reduce('ReduceProd', itself), reduce_l1: reduce('ReduceL1', magnitude),
  reduce_l2: reduce('ReduceL2', magnitude), reduce_log_sum: reduceLogarithm('ReduceLogSum', logarithm), reduce_log_sum_exp: reduceLogarithm('ReduceLogSumExp', itself),
  reduce_sum_square: reduce('ReduceSumSquare', square),
  argmax: arg('ArgMax'), argmin: arg('ArgMin'),
  softmax: alongAxis('Softmax'), log_softmax: alongAxis('LogSoftmax'),
  layer_norm: layerNorm, rms_norm: rmsNorm, group_norm: groupNorm, batch_norm: batchNorm,
  lrn: rule<{ readonly size: number; readonly alpha: number; readonly beta: number; readonly bias: number }>((e, a) => {
    e.result('LRN', [e.input(0)], { size: int(a.size), alpha: float(a.alpha), beta: float(a.beta), bias: float(a.bias) })
  }),
  cumprod,
  cumsum: rule<ScanAttrs>((e, a) => {
    e.result('CumSum', [e.input(0), e.scalar('int64', a.axis)], { exclusive: bool(a.exclusive), reverse: bool(a.reverse) })
  }),
  non_max_suppression: nonMaxSuppression,
  top_k: rule<{ readonly axis: number; readonly largest: boolean; readonly k: Dim }>((e, a) => {
    e.results('TopK', [e.input(0), e.dims([a.k])], { axis: int(a.axis), largest: bool(a.largest), sorted: bool(true) })
  }),
}

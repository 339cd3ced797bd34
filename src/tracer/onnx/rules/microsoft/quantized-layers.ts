/** Rules for com.microsoft's layers from 8-bit integers to 8-bit integers: read as real numbers, computed, and rounded again. */
import { dtypeOf, shapeOf, type Attrs, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { axesFrom, castTo, reshapeTo, transposeBy } from '../compose.js'
import { centred, quantized } from '../quantization.js'
import { windowOf } from '../window.js'

/** Input `i` as a scalar of a dtype that it has anyway. */
function scalarAt(call: NodeCall, i: number): Value {
  const v = call.input(i)
  return shapeOf(v).every((d) => d === 1) ? reshapeTo(call, v, []) : call.fail('shape-mismatch', `input ${i} of ${call.opType}, a scale or zero point, must have one element`)
}

const zeroAt = (call: NodeCall, i: number): Value | null => (call.optional(i) === null ? null : scalarAt(call, i))

/** The real numbers that input `i` stands for, with its scale and zero point in the inputs behind it. */
export function realOf(call: NodeCall, i: number): Value {
  return call.add('mul', [castTo(call, centred(call, call.input(i), zeroAt(call, i + 2)), 'float32'), scalarAt(call, i + 1)])
}

/** Output 0: real numbers in the integers of input 0, with the scale in input `i` and the zero point behind it. */
export function roundedTo(call: NodeCall, real: Value, i: number, to = call.dtype(0)): Value {
  return quantized(call, call.add('div', [real, scalarAt(call, i)]), zeroAt(call, i + 1), to)
}

const binary = (op: string): Rule => (call) => {
  call.arity(1, 8)
  return roundedTo(call, call.add(op, [realOf(call, 0), realOf(call, 3)]), 6)
}

const unary = (op: string, attrs: (call: NodeCall) => Attrs = () => ({})): Rule => (call) => {
  call.arity(1, 5)
  return roundedTo(call, call.add(op, [realOf(call, 0)], attrs(call)), 3)
}

const concat: Rule = (call) => {
  const count = (call.inputs.length - 2) / 3, axis = call.attrs.int('axis', undefined) ?? call.fail('bad-attribute', 'axis is missing')
  if (!Number.isInteger(count) || count < 1) call.fail('onnx-invalid', 'QLinearConcat takes a scale and a zero point, then three inputs for each part')
  const parts = Array.from({ length: count }, (_, i) => realOf(call, 2 + 3 * i))
  return roundedTo(call, call.add('concat', parts, { axis: call.axis(axis, shapeOf(parts[0] as Value).length) }), 0, call.dtype(1))
}

const where: Rule = (call) => {
  call.arity(9)
  return roundedTo(call, call.add('where', [call.input(0), realOf(call, 1), realOf(call, 4)]), 7, call.dtype(1))
}

/** Before opset 13 all axes from `axis` on are one. */
const softmax: Rule = (call) => {
  call.arity(1, 5)
  const rank = call.shape(0).length, opset = call.attrs.int('opset', 13), axis = call.axis(call.attrs.int('axis', opset < 13 ? 1 : -1), rank), x = realOf(call, 0)
  if (opset >= 13 || axis === rank - 1) return roundedTo(call, call.add('softmax', [x], { axis }), 3)
  const all = { axes: axesFrom(axis, rank), keepdims: true }
  const powers = call.add('exp', [call.add('sub', [x, call.add('reduce_max', [x], all)])])
  return roundedTo(call, call.add('div', [powers, call.add('reduce_sum', [powers], all)]), 3)
}

/** What `compute` makes of `x` with channels second, where it has them last. */
function channelsSecond(call: NodeCall, x: Value, last: boolean, compute: (x: Value) => Value): Value {
  if (!last) return compute(x)
  const rank = shapeOf(x).length, inner = axesFrom(1, rank - 1)
  return transposeBy(call, compute(transposeBy(call, x, [0, rank - 1, ...inner])), [0, ...axesFrom(2, rank), 1])
}

const globalAveragePool: Rule = (call) => {
  call.arity(4, 5)
  const last = call.attrs.bool('channels_last', false), rank = call.shape(0).length
  return roundedTo(call, call.add('reduce_mean', [realOf(call, 0)], { axes: last ? axesFrom(1, rank - 1) : axesFrom(2, rank), keepdims: true }), 3)
}

const averagePool: Rule = (call) => {
  call.arity(4, 5)
  const kernel = call.attrs.ints('kernel_shape', undefined) ?? call.fail('bad-attribute', 'kernel_shape is missing'), last = call.attrs.bool('channels_last', false)
  const { strides, dilations, pads, autoPad } = windowOf(call, kernel)
  if (last && autoPad.startsWith('SAME')) call.fail('unsupported-op', 'QLinearAveragePool with channels last and auto_pad is not supported', 'give pads instead')
  const pool = { kernel, strides, dilations, pads, ceil_mode: call.attrs.bool('ceil_mode', false), count_include_pad: call.attrs.bool('count_include_pad', false) }
  // onnxruntime counts what windows have beyond the padding here, which AveragePool does not.
  if (pool.ceil_mode && pool.count_include_pad) call.fail('unsupported-op', 'QLinearAveragePool with both ceil_mode and count_include_pad is not supported')
  return roundedTo(call, channelsSecond(call, realOf(call, 0), last, (x) => call.add('average_pool', [x], pool)), 3)
}

const reduceMean: Rule = (call) => {
  call.arity(4, 5)
  const rank = call.shape(0).length, axes = call.axes(call.attrs.ints('axes', axesFrom(0, rank)), rank)
  return roundedTo(call, call.add('reduce_mean', [realOf(call, 0)], { axes, keepdims: call.attrs.bool('keepdims', true) }), 3)
}

/** A pool of integers with channels last, which keeps their scale. */
const nhwcMaxPool: Rule = (call) => {
  call.arity(1)
  const kernel = call.attrs.ints('kernel_shape', undefined) ?? call.fail('bad-attribute', 'kernel_shape is missing'), x = call.input(0), dtype = dtypeOf(x)
  const { strides, dilations, pads, autoPad } = windowOf(call, kernel)
  if (autoPad.startsWith('SAME')) call.fail('unsupported-op', 'NhwcMaxPool with auto_pad is not supported', 'give pads instead')
  const pool = { kernel, strides, dilations, pads, ceil_mode: call.attrs.bool('ceil_mode', false) }
  return channelsSecond(call, x, true, (v) => castTo(call, call.add('max_pool', [v], pool), dtype))
}

/** 8-bit layers of com.microsoft. */
export const QUANTIZED_LAYERS: RuleTable = {
  QLinearAdd: always(binary('add')),
  QLinearMul: always(binary('mul')),
  QLinearSigmoid: always(unary('sigmoid')),
  QLinearLeakyRelu: always(unary('leaky_relu', ({ attrs }) => ({ alpha: attrs.float('alpha', 0.01) }))),
  QLinearConcat: always(concat),
  QLinearWhere: always(where),
  QLinearSoftmax: always(softmax),
  QLinearGlobalAveragePool: always(globalAveragePool),
  QLinearAveragePool: always(averagePool),
  QLinearReduceMean: always(reduceMean),
  NhwcMaxPool: always(nhwcMaxPool),
}

/** Rules for normalisations and dropout. */
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { axesFrom, castTo, expandTo, reshapeTo } from './compose.js'

const batchNormalization: Rule = (call) => {
  call.arity(5)
  const epsilon = call.attrs.float('epsilon', 1e-5), momentum = call.attrs.float('momentum', 0.9)
  const training = call.opset >= 14 && call.attrs.bool('training_mode', false)
  if (call.opset < 7 && !call.attrs.bool('is_test', false)) call.fail('unsupported-op', 'BatchNormalization in training mode is not supported before opset 14')
  if (call.opset < 9 && !call.attrs.bool('spatial', true)) call.fail('unsupported-op', 'BatchNormalization with spatial = 0 is not supported')
  const x = call.input(0), dtype = call.dtype(0)
  const params = [1, 2, 3, 4].map((i) => castTo(call, call.input(i), dtype))
  if (!training) {
    const rank = call.shape(0).length
    if (rank >= 2) return call.emit('batch_norm', [x, ...params], { epsilon })
    const columns = call.add('batch_norm', [reshapeTo(call, x, [call.shape(0)[0] ?? 1, 1]), ...params], { epsilon })
    return call.emit('reshape', [columns], { shape: call.shape(0) })
  }
  const axes = [0, ...axesFrom(2, call.shape(0).length)]
  const { mean, variance } = moments(call, x, axes)
  const channels = call.shape(1)
  const flat = (v: Value): Value => reshapeTo(call, v, channels)
  const running = (old: Value, now: Value, i: number): Value => call.emit('add', [call.add('mul', [old, call.scalar(dtypeOf(old), momentum)]), call.add('mul', [castTo(call, flat(now), dtypeOf(old)), call.scalar(dtypeOf(old), 1 - momentum)])], {}, i)
  const y = call.emit('batch_norm', [x, params[0] as Value, params[1] as Value, flat(mean), flat(variance)], { epsilon })
  return [y, running(call.input(3), mean, 1), running(call.input(4), variance, 2)]
}

/** Mean and (biased) variance over axes, which are kept with extent 1. */
function moments(call: NodeCall, x: Value, axes: readonly number[]): { readonly mean: Value; readonly variance: Value; readonly centred: Value } {
  const mean = call.add('reduce_mean', [x], { axes, keepdims: true })
  const centred = call.add('sub', [x, mean])
  return { mean, centred, variance: call.add('reduce_mean', [call.add('mul', [centred, centred])], { axes, keepdims: true }) }
}

const channelsOf = (call: NodeCall): number => {
  const c = call.shape(0)[1]
  return typeof c === 'number' ? c : call.fail('shape-not-static', `${call.opType} needs a channel count that is known while compiling`)
}

const instanceNormalization: Rule = (call) => {
  call.arity(3)
  return call.emit('group_norm', [call.input(0), call.input(1), call.input(2)], { groups: channelsOf(call), epsilon: call.attrs.float('epsilon', 1e-5) })
}

const groupNormalization: Rule = (call) => {
  call.arity(3)
  const groups = call.attrs.int('num_groups', 1), channels = channelsOf(call)
  call.attrs.ignore('stash_type')
  if (groups < 1 || channels % groups !== 0) call.fail('bad-attribute', `num_groups ${groups} does not divide ${channels} channels`)
  // Opset 18 has one scale per group, opset 21 one per channel.
  const perChannel = (v: Value): Value => (call.opset >= 21 ? v
    : reshapeTo(call, expandTo(call, reshapeTo(call, v, [groups, 1]), [groups, channels / groups]), [channels]))
  return call.emit('group_norm', [call.input(0), perChannel(call.input(1)), perChannel(call.input(2))], { groups, epsilon: call.attrs.float('epsilon', 1e-5) })
}

const layerNormalization: Rule = (call) => {
  call.arity(2, 3)
  const x = call.input(0), shape = call.shape(0), rank = shape.length
  const axis = call.axis(call.attrs.int('axis', -1), rank), epsilon = call.attrs.float('epsilon', 1e-5)
  call.attrs.ignore('stash_type')
  const tail = shape.slice(axis)
  const bias = call.optional(2)
  const inputs = [x, expandTo(call, call.input(1), tail), ...(bias === null ? [] : [expandTo(call, bias, tail)])]
  const y = call.emit('layer_norm', inputs, { axis, epsilon })
  if (!call.wants(1) && !call.wants(2)) return y
  const { mean, variance } = moments(call, castTo(call, x, dtypeOf(x) === 'float64' ? 'float64' : 'float32'), axesFrom(axis, rank))
  const spread = call.add('sqrt', [call.add('add', [variance, call.scalar(dtypeOf(variance), epsilon)])])
  return [y, mean, call.emit('reciprocal', [spread], {}, 2)]
}

const rmsNormalization: Rule = (call) => {
  call.arity(2)
  const shape = call.shape(0), axis = call.axis(call.attrs.int('axis', -1), shape.length)
  call.attrs.ignore('stash_type')
  return call.emit('rms_norm', [call.input(0), expandTo(call, call.input(1), shape.slice(axis))], { axis, epsilon: call.attrs.float('epsilon', 1e-5) })
}

const lrn: Rule = (call) => {
  call.arity(1)
  return call.emit('lrn', [call.input(0)], {
    size: call.attrs.int('size', 0), alpha: call.attrs.float('alpha', 0.0001), beta: call.attrs.float('beta', 0.75), bias: call.attrs.float('bias', 1),
  })
}

const meanVarianceNormalization: Rule = (call) => {
  call.arity(1)
  const axes = call.axes(call.attrs.ints('axes', [0, 2, 3]), call.shape(0).length)
  const { centred, variance } = moments(call, call.input(0), axes)
  // ONNX adds 1e-9 to the deviation, not to the variance.
  const deviation = call.add('add', [call.add('sqrt', [variance]), call.scalar(call.dtype(0), 1e-9)])
  return call.emit('div', [centred, deviation])
}

const dropout: Rule = (call) => {
  call.arity(1, 3)
  call.attrs.ignore('ratio', 'seed')
  const on = call.constantOf(2), ratio = call.constantOf(1)
  const training = call.optional(2) !== null && !(on !== undefined && toNumbers(on)[0] === 0)
  const idle = ratio !== undefined && toNumbers(ratio)[0] === 0
  if (training && !idle) call.fail('unsupported-op', 'Dropout in training mode is not supported', 'export the model for inference')
  if (!call.wants(1)) return call.input(0)
  const dtype = call.opset < 10 ? call.dtype(0) : 'bool'
  return [call.input(0), call.emit('fill', [], { shape: shapeOf(call.input(0)), value: fromNumbers(dtype, [1], [1]) }, 1)]
}

const skipLayerNormalization: Rule = (call) => {
  call.arity(3, 5)
  const bias = call.optional(4), beta = call.optional(3)
  const plain = call.add('add', [call.input(0), call.input(1)])
  const sum = bias === null ? plain : call.add('add', [plain, bias])
  const axis = shapeOf(sum).length - 1
  const y = call.emit('layer_norm', [sum, call.input(2), ...(beta === null ? [] : [beta])], { axis, epsilon: call.attrs.float('epsilon', 1e-12) })
  return [y, undefined, undefined, sum]
}

const skipSimplifiedLayerNormalization: Rule = (call) => {
  call.arity(3, 4)
  const bias = call.optional(3), plain = call.add('add', [call.input(0), call.input(1)])
  const sum = bias === null ? plain : call.add('add', [plain, bias])
  const y = call.emit('rms_norm', [sum, call.input(2)], { axis: shapeOf(sum).length - 1, epsilon: call.attrs.float('epsilon', 1e-12) })
  return [y, undefined, undefined, sum]
}

/** Normalisations of the default domain. */
export const NORMALIZATION: RuleTable = {
  BatchNormalization: always(batchNormalization),
  InstanceNormalization: always(instanceNormalization),
  GroupNormalization: always(groupNormalization),
  LayerNormalization: always(layerNormalization),
  RMSNormalization: always(rmsNormalization),
  SimplifiedLayerNormalization: always(rmsNormalization),
  LRN: always(lrn),
  MeanVarianceNormalization: always(meanVarianceNormalization),
  Dropout: always(dropout),
}

/** Normalisations of com.microsoft. */
export const MICROSOFT_NORMALIZATION: RuleTable = {
  SkipLayerNormalization: always(skipLayerNormalization),
  SkipSimplifiedLayerNormalization: always(skipSimplifiedLayerNormalization),
  LayerNormalization: always(layerNormalization),
  SimplifiedLayerNormalization: always(rmsNormalization),
}

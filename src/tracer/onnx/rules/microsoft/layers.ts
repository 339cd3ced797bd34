/** Rules for com.microsoft's fusions of a product, convolution or embedding with what stands beside it. */
import type { Dim } from '../../../../base/dim.js'
import { divExact } from '../../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo, reshapeTo, sliceAxis } from '../compose.js'
import { convOf, gemmOf } from '../contractions.js'

/** The op of each activation that may be fused, with its attributes from the parameters given. */
const ACTIVATIONS: Readonly<Record<string, ((parameters: readonly number[]) => readonly [op: string, attrs: Readonly<Record<string, number>>]) | undefined>> = {
  Relu: () => ['relu', {}],
  Sigmoid: () => ['sigmoid', {}],
  Tanh: () => ['tanh', {}],
  LeakyRelu: ([alpha]) => ['leaky_relu', { alpha: alpha ?? 0.01 }],
  Clip: ([min, max]) => ['clip', { min: min ?? -Infinity, max: max ?? Infinity }],
  HardSigmoid: ([alpha, beta]) => ['hard_sigmoid', { alpha: alpha ?? 0.2, beta: beta ?? 0.5 }],
  Elu: ([alpha]) => ['elu', { alpha: alpha ?? 1 }],
  Softplus: () => ['softplus', {}],
  Softsign: () => ['softsign', {}],
  HardSwish: () => ['hard_swish', {}],
}

function activated(call: NodeCall, x: Value, parameters: readonly number[]): Value {
  const name = call.attrs.string('activation', '')
  if (name === '') return x
  const [op, attrs] = ACTIVATIONS[name]?.(parameters) ?? call.fail('unsupported-op', `${call.opType} with the activation ${name} is not supported`, `${Object.keys(ACTIVATIONS).join(', ')} are`)
  return call.emit(op, [x], attrs)
}

const fusedConv: Rule = (call) => {
  call.arity(2, 4)
  const parameters = call.attrs.floats('activation_params', []), y = convOf(call), z = call.optional(3)
  return activated(call, z === null ? y : call.add('add', [y, z]), parameters)
}

const fusedGemm: Rule = (call) => {
  call.attrs.ignore('activation_gamma')
  const parameters = ['activation_alpha', 'activation_beta'].filter((name) => call.attrs.has(name)).map((name) => call.attrs.float(name, 0))
  return activated(call, gemmOf(call), parameters)
}

const gemmFastGelu: Rule = (call) => {
  call.arity(2, 3)
  const product = call.add('matmul', [call.input(0), call.input(1)], { trans_a: false, trans_b: false }), bias = call.optional(2)
  return call.emit('gelu', [bias === null ? product : call.add('add', [product, bias])], { approximate: 'tanh' })
}

const biasAdd: Rule = (call) => {
  call.arity(3)
  return call.emit('add', [call.add('add', [call.input(0), call.input(1)]), call.input(2)])
}

const biasSplitGelu: Rule = (call) => {
  call.arity(2)
  const x = call.add('add', [call.input(0), call.input(1)]), axis = shapeOf(x).length - 1
  const half = divExact(shapeOf(x)[axis] as Dim, 2) ?? call.fail('shape-mismatch', 'BiasSplitGelu needs an even last extent')
  return call.emit('mul', [sliceAxis(call, x, axis, 0, half), call.add('gelu', [sliceAxis(call, x, axis, half, half)], { approximate: 'none' })])
}

const embedLayerNormalization: Rule = (call) => {
  call.arity(1, 9)
  call.attrs.ignore('mask_index_type')
  const ids = call.input(0), [batch, rows] = call.shape(0) as readonly [Dim, Dim]
  const embedded = (table: number, at: Value): Value => call.add('gather', [call.input(table), at], { axis: 0 })
  const given = call.optional(8), segments = call.optional(1), mask = call.optional(7)
  const positions = given === null ? sliceAxis(call, call.input(3), 0, 0, rows) : embedded(3, given)
  const words = embedded(2, ids)
  const sum = call.add('add', [segments === null ? words : call.add('add', [words, embedded(4, segments)]), positions])
  const y = call.emit('layer_norm', [sum, call.input(5), call.input(6)], { axis: 2, epsilon: call.attrs.float('epsilon', 1e-12) })
  if (!call.wants(1)) return [y, undefined, sum]
  const zero = call.scalar('int32', 0)
  const lengths = mask === null ? call.add('expand', [zero], { shape: [batch] })
    : call.add('reduce_sum', [castTo(call, call.add('eq', [mask, call.scalar(dtypeOf(mask), 1)]), 'int32')], { axes: [1], keepdims: false })
  return [y, reshapeTo(call, lengths, [batch]), sum]
}

/** Fusions of layers. */
export const MICROSOFT_LAYERS: RuleTable = {
  FusedConv: always(fusedConv),
  FusedGemm: always(fusedGemm),
  GemmFastGelu: always(gemmFastGelu),
  BiasAdd: always(biasAdd),
  BiasSplitGelu: always(biasSplitGelu),
  EmbedLayerNormalization: always(embedLayerNormalization),
}

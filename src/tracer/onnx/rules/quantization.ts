/** Rules for linear quantisation, as arithmetic on wider types. */
import type { Dim } from '../../../base/dim.js'
import type { DType } from '../../../base/dtype.js'
import { dtypeOf, shapeOf, tensorOf, type Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { castTo, expandTo, isFloat, reshapeTo, sliceAxis } from './compose.js'
import { isNarrow, numbersOf, packedOutput } from './narrow.js'
import { encoded } from './narrow-floats.js'
import { windowOf } from './window.js'

/** Least and greatest value of the types that are quantised to. */
const RANGES: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  uint8: [0, 255], int8: [-128, 127], uint16: [0, 65535], int16: [-32768, 32767],
  uint4: [0, 15], int4: [-8, 7], uint2: [0, 3], int2: [-2, 1],
}

const rangeOf = (call: NodeCall, dtype: DType): readonly [number, number] =>
  RANGES[dtype] ?? call.fail('unsupported-dtype', `quantising to ${dtype} is not supported`, 'integers of 2 to 16 bits are')

/** A scale or zero point so that it broadcasts against `shape`: one for all, one per index of `axis`, or one per block of it. */
function alongAxis(call: NodeCall, v: Value, shape: readonly Dim[], axis: number, block: number): Value {
  const own = shapeOf(v)
  if (block > 0) {
    const repeated = expandTo(call, reshapeTo(call, v, [...own.slice(0, axis + 1), 1, ...own.slice(axis + 1)]), [...own.slice(0, axis + 1), block, ...own.slice(axis + 1)])
    const count = own[axis]
    if (typeof count !== 'number') return call.fail('shape-not-static', 'blocks need an extent that is known while compiling')
    return sliceAxis(call, reshapeTo(call, repeated, own.map((d, i) => (i === axis ? count * block : d))), axis, 0, shape[axis] ?? 1)
  }
  if (own.length === 0 || (own.length === 1 && own[0] === 1)) return reshapeTo(call, v, [])
  return reshapeTo(call, v, shape.map((_, i) => (i === axis ? own[0] ?? 1 : 1)))
}

function layoutOf(call: NodeCall): (v: Value) => Value {
  const shape = call.shape(0), scaleRank = call.shape(1).length
  const block = call.domain !== '' || call.opset >= 21 ? call.attrs.int('block_size', 0) : 0, wished = call.attrs.int('axis', 1)
  const axis = scaleRank === 0 || (scaleRank === 1 && shape.length < 2) ? 0 : call.axis(wished, shape.length)
  return (v) => alongAxis(call, v, shape, axis, block)
}

/** round(ratio) + zero, kept inside the range of `to`: output 0. */
export function quantized(call: NodeCall, ratio: Value, zero: Value | null, to: DType): Value {
  const [min, max] = rangeOf(call, to)
  const rounded = castTo(call, call.add('round', [ratio]), 'float32')
  const shifted = zero === null ? rounded : call.add('add', [rounded, castTo(call, zero, 'float32')])
  const clipped = call.add('clip', [shifted], { min, max })
  return isNarrow(to) ? packedOutput(call, castTo(call, clipped, 'int32'), to) : call.emit('cast', [clipped], { to })
}

const quantizeLinear: Rule = (call) => {
  call.arity(2, 3)
  call.attrs.ignore('saturate', 'round_mode', 'precision')
  const spread = layoutOf(call), zero = call.optional(2), number = call.attrs.int('output_dtype', 0)
  const to = zero !== null ? dtypeOf(zero) : number === 0 ? 'uint8' : dtypeOfNumber(number, 'the result of QuantizeLinear')
  const small = isNarrow(to) && isFloat(to)
  if (!small) rangeOf(call, to)
  const scale = spread(wideOf(call, call.input(1)))
  const x = castTo(call, call.input(0), dtypeOf(scale))
  const ratio = call.add('div', [x, scale]), point = zero === null ? null : spread(wideOf(call, zero))
  if (!small) return quantized(call, ratio, point, to)
  return packedOutput(call, encoded(call, point === null ? ratio : call.add('add', [castTo(call, ratio, 'float32'), point]), to), to)
}

/** `v` where its elements are whole bytes of a type that ops compute with, else its numbers. */
const wideOf = (call: NodeCall, v: Value): Value => (isNarrow(dtypeOf(v)) ? numbersOf(call, v) : v)

const dequantizeLinear: Rule = (call) => {
  call.arity(2, 3)
  const spread = layoutOf(call), zero = call.optional(2), number = call.attrs.int('output_dtype', 0), from = call.dtype(0)
  if (from !== 'int32' && !isNarrow(from)) rangeOf(call, from)
  const to = number === 0 ? call.dtype(1) : dtypeOfNumber(number, 'the result of DequantizeLinear')
  if (isNarrow(to)) call.fail('unsupported-dtype', `dequantising to ${to} is not supported`, 'scales of float8e8m0 need the attribute output_dtype')
  const x = wideOf(call, call.input(0)), point = zero === null ? null : spread(wideOf(call, zero))
  const whole = isFloat(from) ? (point === null ? x : call.add('sub', [x, point])) : centred(call, x, point)
  const product = call.add('mul', [castTo(call, whole, 'float32'), castTo(call, spread(wideOf(call, call.input(1))), 'float32')])
  return castTo(call, product, to)
}

/** `x` minus its zero point as int32, which no 16-bit difference overflows. */
export function centred(call: NodeCall, x: Value, zero: Value | null): Value {
  const wide = castTo(call, x, 'int32')
  return zero === null ? wide : call.add('sub', [wide, castTo(call, zero, 'int32')])
}

const dynamicQuantizeLinear: Rule = (call) => {
  call.arity(1)
  const { y, scale, point } = dynamicallyQuantized(call)
  return [y, scale, call.emit('cast', [point], { to: 'uint8' }, 2)]
}

/** Input 0 as uint8 over its own range: its scale, output 1, and its zero point, both float32 scalars. */
export function dynamicallyQuantized(call: NodeCall): { readonly y: Value; readonly scale: Value; readonly point: Value } {
  const x = call.input(0), rank = call.shape(0).length, all = { axes: Array.from({ length: rank }, (_, i) => i), keepdims: false }
  const zero = call.scalar('float32', 0)
  const low = call.add('minimum', [call.add('reduce_min', [x], all), zero]), high = call.add('maximum', [call.add('reduce_max', [x], all), zero])
  const scale = call.emit('div', [call.add('sub', [high, low]), call.scalar('float32', 255)], {}, 1)
  const point = call.add('clip', [call.add('round', [call.add('neg', [call.add('div', [low, scale])])])], { min: 0, max: 255 })
  return { y: quantized(call, call.add('div', [x, scale]), point, 'uint8'), scale, point }
}

/** Zero points of a matrix product: one per row of A (`axis` -2) or per column of B (-1). */
export function perLine(call: NodeCall, zero: Value | null, axis: -2 | -1): Value | null {
  if (zero === null || tensorOf(zero).shape.length !== 1 || tensorOf(zero).shape[0] === 1) return zero === null ? null : shapeOf(zero).length > 1 ? zero : reshapeTo(call, zero, [])
  return reshapeTo(call, zero, axis === -2 ? [...shapeOf(zero), 1] : shapeOf(zero))
}

const PLAIN = { trans_a: false, trans_b: false }

const matMulInteger: Rule = (call) => {
  call.arity(2, 4)
  return call.emit('matmul', [centred(call, call.input(0), perLine(call, call.optional(2), -2)), centred(call, call.input(1), perLine(call, call.optional(3), -1))], PLAIN)
}

const qLinearMatMul: Rule = (call) => {
  call.arity(8)
  const product = call.add('matmul', [centred(call, call.input(0), perLine(call, call.input(2), -2)), centred(call, call.input(3), perLine(call, call.input(5), -1))], PLAIN)
  const scales = call.add('mul', [castTo(call, perLine(call, call.input(1), -2) ?? call.input(1), 'float32'), castTo(call, perLine(call, call.input(4), -1) ?? call.input(4), 'float32')])
  const scale = call.add('div', [scales, castTo(call, reshapeTo(call, call.input(6), []), 'float32')])
  return quantized(call, call.add('mul', [castTo(call, product, 'float32'), scale]), reshapeTo(call, call.input(7), []), call.dtype(7))
}

/** A convolution of int32. */
function integerConv(call: NodeCall, x: Value, w: Value, bias: Value | null): Value {
  const kernel = shapeOf(w).slice(2)
  if (!kernel.every((k): k is number => typeof k === 'number')) return call.fail('shape-not-static', 'the kernel must have extents that are known while compiling')
  call.attrs.ignore('kernel_shape')
  const { strides, dilations, pads } = windowOf(call, kernel)
  return call.add('conv', [x, w, ...(bias === null ? [] : [castTo(call, bias, 'int32')])], { strides, dilations, pads, group: call.attrs.int('group', 1) })
}

/** A zero point per output channel of a weight. */
const perChannel = (call: NodeCall, v: Value, rank: number, axis: number): Value =>
  (shapeOf(v).length === 1 && shapeOf(v)[0] !== 1 ? reshapeTo(call, v, Array.from({ length: rank }, (_, i) => (i === axis ? shapeOf(v)[0] ?? 1 : 1))) : reshapeTo(call, v, []))

const convInteger: Rule = (call) => {
  call.arity(2, 4)
  const rank = call.shape(1).length, wZero = call.optional(3), xZero = call.optional(2)
  const x = centred(call, call.input(0), xZero === null ? null : reshapeTo(call, xZero, []))
  return integerConv(call, x, centred(call, call.input(1), wZero === null ? null : perChannel(call, wZero, rank, 0)), null)
}

const qLinearConv: Rule = (call) => {
  call.arity(8, 9)
  if (call.domain !== '' && call.attrs.bool('channels_last', false)) call.fail('unsupported-op', 'QLinearConv with channels last is not supported', 'onnxruntime makes such nodes for itself: give it the model that it read')
  const rank = call.shape(3).length
  const x = centred(call, call.input(0), reshapeTo(call, call.input(2), [])), w = centred(call, call.input(3), perChannel(call, call.input(5), rank, 0))
  const sum = integerConv(call, x, w, call.optional(8))
  const scales = call.add('mul', [castTo(call, reshapeTo(call, call.input(1), []), 'float32'), castTo(call, perChannel(call, call.input(4), rank, 1), 'float32')])
  const scale = call.add('div', [scales, castTo(call, reshapeTo(call, call.input(6), []), 'float32')])
  return quantized(call, call.add('mul', [castTo(call, sum, 'float32'), scale]), reshapeTo(call, call.input(7), []), call.dtype(7))
}

/** Quantisation ops of the default domain. */
export const QUANTIZATION: RuleTable = {
  QuantizeLinear: since(10, quantizeLinear),
  DequantizeLinear: since(10, dequantizeLinear),
  DynamicQuantizeLinear: since(11, dynamicQuantizeLinear),
  MatMulInteger: since(10, matMulInteger),
  QLinearMatMul: since(10, qLinearMatMul),
  ConvInteger: since(10, convInteger),
  QLinearConv: since(10, qLinearConv),
}

/** Those of com.microsoft, which take 16-bit types before opset 21 does. */
export const MICROSOFT_QUANTIZATION: RuleTable = {
  QuantizeLinear: always(quantizeLinear),
  DequantizeLinear: always(dequantizeLinear),
  QLinearConv: always(qLinearConv),
}

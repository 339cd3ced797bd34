/** Rules for com.microsoft's products of 8-bit integers whose results are real numbers, or 8-bit integers again. */
import { shapeOf, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo, reshapeTo } from '../compose.js'
import { centred, dynamicallyQuantized, perLine } from '../quantization.js'
import { scaled } from '../elementwise.js'
import { attendPacked } from './multi-head-attention.js'
import { roundedTo } from './quantized-layers.js'

/** A scale or zero point of the first factor: one for all. */
function single(call: NodeCall, v: Value): Value {
  return shapeOf(v).every((d) => d === 1) ? reshapeTo(call, v, []) : call.fail('unsupported-op', `${call.opType} with a scale or zero point for each row of its first factor is not supported`)
}

/** A factor: integers, the real number that one step is, and the integer that stands for 0. */
interface Factor { readonly x: Value; readonly scale: Value; readonly zero: Value | null }

/** The product of two factors in int32, each less its zero, and the scale of the product; scales and zeros of `b` may be one per column. */
function product(call: NodeCall, a: Factor, b: Factor, attrs = { trans_a: false, trans_b: false }): { readonly sum: Value; readonly scale: Value } {
  // Zero points per column stand along rows where the second factor is to be transposed.
  const bZero = perLine(call, b.zero, attrs.trans_b ? -2 : -1)
  const sum = call.add('matmul', [centred(call, a.x, a.zero === null ? null : single(call, a.zero)), centred(call, b.x, bZero)], attrs)
  const column = shapeOf(b.scale).length === 1 && shapeOf(b.scale)[0] === 1 ? reshapeTo(call, b.scale, []) : b.scale
  return { sum, scale: call.add('mul', [castTo(call, single(call, a.scale), 'float32'), castTo(call, column, 'float32')]) }
}

/** The product as real numbers, plus a bias: output 0. */
function emitReal(call: NodeCall, { sum, scale }: ReturnType<typeof product>, bias: Value | null): Value {
  const operands = [castTo(call, sum, 'float32'), scale]
  return bias === null ? call.emit('mul', operands) : call.emit('add', [call.add('mul', operands), bias])
}

const matMulIntegerToFloat: Rule = (call) => {
  call.arity(4, 7)
  return emitReal(call, product(call, { x: call.input(0), scale: call.input(2), zero: call.optional(4) }, { x: call.input(1), scale: call.input(3), zero: call.optional(5) }), call.optional(6))
}

const dynamicQuantizeMatMul: Rule = (call) => {
  call.arity(3, 5)
  const { y, scale, point } = dynamicallyQuantized(call)
  return emitReal(call, product(call, { x: y, scale, zero: castTo(call, point, 'uint8') }, { x: call.input(1), scale: call.input(2), zero: call.optional(3) }), call.optional(4))
}

const qGemm: Rule = (call) => {
  call.arity(6, 9)
  const attrs = { trans_a: call.attrs.bool('transA', false), trans_b: call.attrs.bool('transB', false) }, alpha = call.attrs.float('alpha', 1)
  const { sum, scale } = product(call, { x: call.input(0), scale: call.input(1), zero: call.input(2) }, { x: call.input(3), scale: call.input(4), zero: call.input(5) }, attrs)
  const c = call.optional(6), whole = c === null ? sum : call.add('add', [sum, c])
  const real = { sum: whole, scale: scaled(call, scale, alpha) }
  return call.optional(7) === null ? emitReal(call, real, null) : roundedTo(call, call.add('mul', [castTo(call, whole, 'float32'), real.scale]), 7, call.optional(8) === null ? 'uint8' : call.dtype(8))
}

const qAttention: Rule = (call) => {
  call.arity(5, 9)
  const { sum, scale } = product(call, { x: call.input(0), scale: call.input(3), zero: call.optional(6) }, { x: call.input(1), scale: call.input(4), zero: call.optional(7) })
  const packed = call.add('add', [call.add('mul', [castTo(call, sum, 'float32'), scale]), call.input(2)])
  return attendPacked(call, packed, { mask: call.optional(5), past: call.optional(8), bias: null })
}

/** Products of 8-bit integers of com.microsoft. */
export const QUANTIZED_INTEGERS: RuleTable = {
  MatMulIntegerToFloat: always(matMulIntegerToFloat),
  DynamicQuantizeMatMul: always(dynamicQuantizeMatMul),
  QGemm: always(qGemm),
  QAttention: always(qAttention),
}

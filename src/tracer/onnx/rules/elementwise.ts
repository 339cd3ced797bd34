/** Rules for ops that compute one output element from one element of each input. */
import { DTYPES, type DType } from '../../../base/dtype.js'
import type { Dim } from '../../../base/dim.js'
import { dtypeOf, type Attrs, type Value } from '../../../ir/graph.js'
import { toNumbers } from '../../../ir/host-tensor.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { castTo, isFloat, reshapeTo } from './compose.js'
import { isNarrow, movingCodes, numbersOf, packedOutput } from './narrow.js'
import { encoded } from './narrow-floats.js'

const unary = (op: string, attrs: (call: NodeCall) => Attrs = () => ({})): Rule => (call) => {
  call.arity(1)
  return call.emit(op, [call.input(0)], attrs(call))
}

/** Before opset 7 the second operand was broadcast on wish, its axes starting at `axis` of the first. */
function legacyOperand(call: NodeCall): Value {
  const b = call.input(1)
  if (call.opset >= 7 || !call.attrs.bool('broadcast', false)) return b
  const rank = call.shape(0).length, own = call.shape(1).length
  const axis = call.axis(call.attrs.int('axis', rank - own), rank)
  return reshapeTo(call, b, [...call.shape(1), ...Array.from({ length: Math.max(0, rank - own - axis) }, () => 1)])
}

const binary = (op: string | ((call: NodeCall) => string)): Rule => (call) => {
  call.arity(2)
  return call.emit(typeof op === 'string' ? op : op(call), [call.input(0), legacyOperand(call)])
}

/** Folds any number of inputs by a binary op; one input passes through. */
function fold(call: NodeCall, op: string, last: (op: string, inputs: readonly Value[]) => Value): Value {
  if (call.inputs.length === 0) call.fail('onnx-invalid', `${call.opType} needs at least one input`)
  let value = call.input(0)
  for (let i = 1; i < call.inputs.length; i++) {
    const operands = [value, call.input(i)]
    value = i === call.inputs.length - 1 ? last(op, operands) : call.add(op, operands)
  }
  return value
}

const variadic = (op: string): Rule => (call) => fold(call, op, (name, operands) => call.emit(name, operands))

const mean: Rule = (call) => {
  const sum = fold(call, 'add', (name, operands) => call.add(name, operands))
  return call.inputs.length === 1 ? sum : call.emit('div', [sum, call.scalar(dtypeOf(sum), call.inputs.length)])
}

const modulo: Rule = (call) => {
  call.arity(2)
  const fmod = call.attrs.bool('fmod', false)
  if (!fmod && isFloat(call.dtype(0))) call.fail('bad-attribute', 'Mod of floats needs fmod = 1')
  return call.emit(fmod ? 'fmod' : 'mod', [call.input(0), call.input(1)])
}

const bitShift: Rule = (call) => {
  call.arity(2)
  const direction = call.attrs.string('direction', '')
  if (direction !== 'LEFT' && direction !== 'RIGHT') call.fail('bad-attribute', `direction is '${direction}', not LEFT or RIGHT`)
  return call.emit(direction === 'LEFT' ? 'shift_left' : 'shift_right', [call.input(0), call.input(1)])
}

const prelu: Rule = (call) => {
  call.arity(2)
  const rank = call.shape(0).length, slope = call.input(1)
  // Before opset 7 a slope of one axis went along the channels.
  const perChannel = call.opset < 7 && call.shape(1).length === 1 && rank > 2 && call.shape(1)[0] !== 1
  return call.emit('prelu', [call.input(0), perChannel ? reshapeTo(call, slope, [call.shape(1)[0] as Dim, ...Array.from({ length: rank - 2 }, () => 1)]) : slope])
}

/** A bound of Clip as a number where that is exact. */
function boundOf(call: NodeCall, i: number): number | undefined {
  const data = call.constantOf(i)
  if (data === undefined || data.data.length !== 1) return undefined
  const [bound] = toNumbers(data)
  return bound !== undefined && (Math.abs(bound) <= 2 ** 53 || isFloat(data.dtype)) ? bound : undefined
}

const clip: Rule = (call) => {
  if (call.opset < 11) {
    call.arity(1)
    return call.emit('clip', [call.input(0)], { min: call.attrs.float('min', -Infinity), max: call.attrs.float('max', Infinity) })
  }
  call.arity(1, 3)
  const low = call.optional(1), high = call.optional(2)
  const min = low === null ? -Infinity : boundOf(call, 1), max = high === null ? Infinity : boundOf(call, 2)
  if (min !== undefined && max !== undefined && !Number.isNaN(min) && !Number.isNaN(max)) {
    return min === -Infinity && max === Infinity ? call.input(0) : call.emit('clip', [call.input(0)], { min, max })
  }
  const scalar = (bound: Value): Value => reshapeTo(call, bound, [])
  const raised = low === null ? call.input(0) : high === null ? call.emit('maximum', [call.input(0), scalar(low)]) : call.add('maximum', [call.input(0), scalar(low)])
  return high === null ? raised : call.emit('minimum', [raised, scalar(high)])
}

const TYPE_NAMES: Readonly<Record<string, DType>> = {
  FLOAT: 'float32', UINT8: 'uint8', INT8: 'int8', UINT16: 'uint16', INT16: 'int16', INT32: 'int32', INT64: 'int64', STRING: 'string',
  BOOL: 'bool', FLOAT16: 'float16', DOUBLE: 'float64', UINT32: 'uint32', UINT64: 'uint64',
}

const cast: Rule = (call) => {
  call.arity(1)
  // Opset 1 spelt the type out.
  const to = call.opset < 6 ? TYPE_NAMES[call.attrs.string('to', '')] ?? call.fail('bad-attribute', 'the attribute to names no type') : dtypeOfNumber(call.attrs.int('to', 0), 'the result of Cast')
  return castNamed(call, to)
}

/** Integers of one width wrap into one another when they are cast, which leaves their bits alone. */
const bitCast: Rule = (call) => {
  call.arity(1)
  const from = call.dtype(0), to = dtypeOfNumber(call.attrs.int('to', 0), 'the result of BitCast')
  if (DTYPES[from].bits !== DTYPES[to].bits) call.fail('dtype-mismatch', `BitCast of ${from} to ${to}, which have another width`)
  if (from !== to && (isNarrow(from) || isNarrow(to))) call.fail('unsupported-dtype', `BitCast of ${from} to ${to} is not supported`, 'types of 16 bits and more, 8-bit integers and bools are')
  if (from !== to && (isFloat(from) || isFloat(to))) return call.emit('reinterpret', [call.input(0)], { to, shape: call.shape(0) })
  return castTo(call, call.input(0), to)
}

const castLike: Rule = (call) => {
  call.arity(2)
  return castNamed(call, call.dtype(1))
}

function castNamed(call: NodeCall, to: DType): Value {
  const from = call.dtype(0), x = call.input(0)
  call.attrs.ignore('saturate', 'round_mode')
  if (from === to) return x
  if (!isNarrow(to)) return isNarrow(from) ? call.emit('cast', [numbersOf(call, x)], { to }) : call.emit('cast', [x], { to })
  const wide = isNarrow(from) ? numbersOf(call, x) : x
  if (isFloat(to)) return packedOutput(call, encoded(call, wide, to), to)
  // Floats are rounded to the nearest integer, which casts to wider ones are not.
  return packedOutput(call, castTo(call, isFloat(dtypeOf(wide)) ? call.add('round', [wide]) : wide, 'int32'), to)
}

const hardSigmoid = unary('hard_sigmoid', ({ attrs }) => ({ alpha: attrs.float('alpha', 0.2), beta: attrs.float('beta', 0.5) }))
const gelu = unary('gelu', ({ attrs }) => ({ approximate: attrs.string('approximate', 'none') }))
const selu = unary('selu', ({ attrs, opset }) => (opset < 6
  ? { alpha: attrs.float('alpha', 1.6732), gamma: attrs.float('gamma', 1.0507) }
  : { alpha: attrs.float('alpha', 1.67326319217681884765625), gamma: attrs.float('gamma', 1.05070102214813232421875) }))
const isInf = unary('isinf', ({ attrs }) => ({ detect_negative: attrs.bool('detect_negative', true), detect_positive: attrs.bool('detect_positive', true) }))

/** ONNX names of ops that take one input, have no attributes and mean the same here. */
export const PLAIN_UNARY: Readonly<Record<string, string>> = {
  Abs: 'abs', Neg: 'neg', Sign: 'sign', Sqrt: 'sqrt', Reciprocal: 'reciprocal', Exp: 'exp', Log: 'log', Sin: 'sin', Cos: 'cos', Tan: 'tan',
  Asin: 'asin', Acos: 'acos', Atan: 'atan', Sinh: 'sinh', Cosh: 'cosh', Tanh: 'tanh', Asinh: 'asinh', Acosh: 'acosh', Atanh: 'atanh', Erf: 'erf',
  Floor: 'floor', Ceil: 'ceil', Round: 'round', Not: 'logical_not', BitwiseNot: 'bitwise_not', IsNaN: 'isnan', Relu: 'relu', Sigmoid: 'sigmoid',
  Softplus: 'softplus', Softsign: 'softsign', Mish: 'mish', HardSwish: 'hard_swish',
}

/** ONNX names of ops that take two inputs, have no attributes and mean the same here. */
export const PLAIN_BINARY: Readonly<Record<string, string>> = {
  Add: 'add', Sub: 'sub', Mul: 'mul', Div: 'div', Pow: 'pow', Equal: 'eq', Less: 'lt', LessOrEqual: 'le', Greater: 'gt', GreaterOrEqual: 'ge',
  And: 'logical_and', Or: 'logical_or', Xor: 'logical_xor', BitwiseAnd: 'bitwise_and', BitwiseOr: 'bitwise_or', BitwiseXor: 'bitwise_xor',
}

const table = (plain: Readonly<Record<string, string>>, rule: (op: string) => Rule): RuleTable =>
  Object.fromEntries(Object.entries(plain).map(([name, op]) => [name, always(rule(op))]))

/** Elementwise ops of the default domain. */
export const ELEMENTWISE: RuleTable = {
  ...table(PLAIN_UNARY, unary),
  ...table(PLAIN_BINARY, binary),
  IsInf: always(isInf),
  Gelu: always(gelu),
  HardSigmoid: always(hardSigmoid),
  LeakyRelu: always(unary('leaky_relu', ({ attrs }) => ({ alpha: attrs.float('alpha', 0.01) }))),
  Elu: always(unary('elu', ({ attrs }) => ({ alpha: attrs.float('alpha', 1) }))),
  Selu: always(selu),
  Celu: always(unary('celu', ({ attrs }) => ({ alpha: attrs.float('alpha', 1) }))),
  ThresholdedRelu: always(unary('thresholded_relu', ({ attrs }) => ({ alpha: attrs.float('alpha', 1) }))),
  Shrink: always(unary('shrink', ({ attrs }) => ({ bias: attrs.float('bias', 0), lambd: attrs.float('lambd', 0.5) }))),
  Swish: always(unary('swish', ({ attrs }) => ({ alpha: attrs.float('alpha', 1) }))),
  SwiGLU: since(28, (call) => { call.arity(2); return call.emit('mul', [call.add('swish', [call.input(0)], { alpha: call.attrs.float('alpha', 1) }), call.input(1)]) }),
  Clip: always(clip),
  Cast: always(cast),
  BitCast: since(26, bitCast),
  CastLike: always(castLike),
  Mod: always(modulo),
  BitShift: always(bitShift),
  PRelu: always(prelu),
  Max: always(variadic('maximum')),
  Min: always(variadic('minimum')),
  Sum: always(variadic('add')),
  Mean: always(mean),
  Where: since(9, movingCodes((call) => { call.arity(3); return call.emit('where', [call.input(0), call.input(1), call.input(2)]) })),
}

const fastGelu: Rule = (call) => {
  call.arity(1, 2)
  const bias = call.optional(1)
  const x = bias === null ? call.input(0) : call.add('add', [call.input(0), bias])
  return call.emit('gelu', [x], { approximate: 'tanh' })
}

/** Elementwise ops of com.microsoft. */
export const MICROSOFT_ELEMENTWISE: RuleTable = {
  Gelu: always(unary('gelu', () => ({ approximate: 'none' }))),
  FastGelu: always(fastGelu),
  BiasGelu: always((call) => { call.arity(2); return call.emit('gelu', [call.add('add', [call.input(0), call.input(1)])], { approximate: 'none' }) }),
  QuickGelu: always(unary('swish', ({ attrs }) => ({ alpha: attrs.float('alpha', 1.702) }))),
}

/** `x` times a number, in its own dtype; `x` itself for 1. */
export function scaled(call: NodeCall, x: Value, factor: number): Value {
  return factor === 1 ? x : call.add('mul', [x, call.scalar(dtypeOf(x), factor)])
}

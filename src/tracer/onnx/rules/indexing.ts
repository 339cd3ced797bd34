/** Rules for ops that move elements: concatenation, padding, gathering, scattering, ranges and masks. */
import type { Dim } from '../../../base/dim.js'
import { floorDiv, mul, sub } from '../../../ir/dims.js'
import { dtypeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers, toNumbers } from '../../../ir/host-tensor.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { greater } from './bounds.js'
import { castTo, iotaAlong, isFloat, reshapeTo } from './compose.js'
import { movingCodes } from './narrow.js'

const concat: Rule = (call) => {
  if (call.inputs.length === 0) call.fail('onnx-invalid', 'Concat needs at least one input')
  const inputs = call.inputs.map((_, i) => call.input(i))
  const axis = call.opset < 4 ? call.attrs.int('axis', 1) : call.attrs.int('axis', undefined) ?? call.fail('bad-attribute', 'axis is missing')
  return inputs.length === 1 ? call.input(0) : call.emit('concat', inputs, { axis: call.axis(axis, call.shape(0).length) })
}

const pad: Rule = (call) => {
  const byInput = call.opset >= 11, rank = call.shape(0).length
  call.arity(byInput ? 2 : 1, byInput ? 4 : 1)
  const mode = call.attrs.string('mode', 'constant')
  if (!['constant', 'reflect', 'edge', 'wrap'].includes(mode)) call.fail('bad-attribute', `mode is '${mode}', not constant, reflect, edge or wrap`)
  const pads: readonly Dim[] = byInput ? call.dims(1, 'pads') : call.attrs.ints(call.opset < 2 ? 'paddings' : 'pads', [])
  const axes = call.optional(3) === null ? Array.from({ length: rank }, (_, i) => i) : call.numbers(3, 'axes').map((a) => call.axis(a, rank))
  if (pads.length !== 2 * axes.length) call.fail('bad-attribute', `${pads.length} pads for ${axes.length} axes`)
  const before: Dim[] = Array.from({ length: rank }, () => 0), after: Dim[] = [...before]
  axes.forEach((a, i) => { before[a] = pads[i] as Dim; after[a] = pads[axes.length + i] as Dim })
  const fill = byInput ? call.optional(2) : call.attrs.float('value', 0) === 0 ? null : call.scalar(call.dtype(0), call.attrs.float('value', 0))
  const value = mode !== 'constant' || fill === null ? [] : [reshapeTo(call, fill, [])]
  return call.emit('pad', [call.input(0), ...value], { mode, before, after })
}

const gather = (op: string): Rule => (call) => {
  call.arity(2)
  return call.emit(op, [call.input(0), call.input(1)], { axis: call.axis(call.attrs.int('axis', 0), call.shape(0).length) })
}

const gatherNd: Rule = (call) => {
  call.arity(2)
  return call.emit('gather_nd', [call.input(0), call.input(1)], { batch_dims: call.attrs.int('batch_dims', 0) })
}

const REDUCTIONS = ['none', 'add', 'mul', 'max', 'min']

function reductionOf(call: NodeCall): string {
  const reduction = call.attrs.string('reduction', 'none')
  return REDUCTIONS.includes(reduction) ? reduction : call.fail('bad-attribute', `reduction is '${reduction}', not ${REDUCTIONS.join(', ')}`)
}

const scatterElements: Rule = (call) => {
  call.arity(3)
  return call.emit('scatter_elements', [call.input(0), call.input(1), call.input(2)], { axis: call.axis(call.attrs.int('axis', 0), call.shape(0).length), reduction: reductionOf(call) })
}

const scatterNd: Rule = (call) => {
  call.arity(3)
  return call.emit('scatter_nd', [call.input(0), call.input(1), call.input(2)], { reduction: reductionOf(call) })
}

const range: Rule = (call) => {
  call.arity(3)
  const dtype = call.dtype(0)
  if (isFloat(dtype)) return floatRange(call)
  const [[start], [limit], [step]] = [call.dims(0, 'start'), call.dims(1, 'limit'), call.dims(2, 'delta')] as [[Dim], [Dim], [Dim]]
  if (step === 0) call.fail('bad-attribute', 'delta is 0')
  const length = mul(-1, floorDiv(sub(start, limit), step))
  return call.emit('range', [], { start, step, length: greater(call, length, 0), dtype })
}

function floatRange(call: NodeCall): Value {
  const given = [0, 1, 2].map((i) => call.constantOf(i)), dtype = call.dtype(0)
  if (given.every((t) => t !== undefined)) {
    const [start, limit, step] = given.map((t) => toNumbers(t)[0] ?? 0) as [number, number, number]
    const length = Math.max(0, Math.ceil((limit - start) / step))
    return call.constant(fromNumbers(dtype, [length], Array.from({ length }, (_, i) => start + i * step)))
  }
  const [start, limit, step] = [0, 1, 2].map((i) => reshapeTo(call, call.input(i), [])) as [Value, Value, Value]
  const steps = castTo(call, call.add('ceil', [call.add('div', [call.add('sub', [limit, start]), step])]), 'int64')
  const [length] = call.elements(steps, 'the length of a range')
  const places = castTo(call, call.add('range', [], { start: 0, step: 1, length: greater(call, length as Dim, 0), dtype: 'int64' }), dtype)
  return call.add('add', [start, call.add('mul', [places, step])])
}

const oneHot: Rule = (call) => {
  call.arity(3)
  const indices = call.input(0), rank = call.shape(0).length
  const constant = call.constantOf(1)
  const depth = constant === undefined ? call.dims(1, 'depth')[0] : Math.trunc(toNumbers(constant)[0] ?? 0)
  const index = isFloat(dtypeOf(indices)) ? castTo(call, indices, 'int64') : indices
  return call.emit('one_hot', [index, call.input(2)], { axis: call.axis(call.attrs.int('axis', -1), rank + 1), depth: depth ?? 0 })
}

const trilu: Rule = (call) => {
  call.arity(1, 2)
  const k = call.optional(1) === null ? 0 : call.numbers(1, 'k')[0] ?? 0
  return call.emit('trilu', [call.input(0)], { upper: call.attrs.bool('upper', true), k })
}

const eyeLike: Rule = (call) => {
  call.arity(1)
  const [rows, columns] = call.shape(0), k = call.attrs.int('k', 0)
  if (rows === undefined || columns === undefined || call.shape(0).length !== 2) call.fail('shape-mismatch', 'EyeLike takes a matrix')
  const number = call.attrs.int('dtype', undefined)
  const to = number === undefined ? call.dtype(0) : dtypeOfNumber(number, 'the result of EyeLike')
  const row = iotaAlong(call, rows as Dim, 0, 2)
  const hit = call.add('eq', [k === 0 ? row : call.add('add', [row, call.scalar('int64', k)]), iotaAlong(call, columns as Dim, 1, 2)])
  return to === 'bool' ? hit : call.emit('cast', [hit], { to })
}

/** Reverses the first `lengths[b]` steps of each row, by gathering from index `length - 1 - t`. */
const reverseSequence: Rule = (call) => {
  call.arity(2)
  const x = call.input(0), shape = call.shape(0), rank = shape.length
  const batch = call.axis(call.attrs.int('batch_axis', 1), rank), time = call.axis(call.attrs.int('time_axis', 0), rank)
  const lengths = reshapeTo(call, castTo(call, call.input(1), 'int64'), shape.map((d, i) => (i === batch ? d : 1)))
  const step = iotaAlong(call, shape[time] as Dim, time, rank)
  const mirrored = call.add('sub', [call.add('sub', [lengths, call.scalar('int64', 1)]), step])
  const index = call.add('where', [call.add('lt', [step, lengths]), mirrored, step])
  return call.emit('gather_elements', [x, call.add('expand', [index], { shape })], { axis: time })
}

/** Indexing ops of the default domain. */
export const INDEXING: RuleTable = {
  Concat: always(movingCodes(concat)),
  Pad: always(movingCodes(pad)),
  Gather: always(movingCodes(gather('gather'))),
  GatherElements: since(11, movingCodes(gather('gather_elements'))),
  GatherND: since(11, movingCodes(gatherNd)),
  Scatter: always(scatterElements),
  ScatterElements: since(11, scatterElements),
  ScatterND: since(11, scatterNd),
  Range: since(11, range),
  OneHot: since(9, oneHot),
  Trilu: since(14, movingCodes(trilu)),
  EyeLike: since(9, eyeLike),
  ReverseSequence: since(10, movingCodes(reverseSequence)),
}

/** Indexing ops of com.microsoft. */
export const MICROSOFT_INDEXING: RuleTable = { GatherND: always(gatherNd), Trilu: always(trilu) }

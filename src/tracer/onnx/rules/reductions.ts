/** Rules for reductions, softmax and its relatives, and cumulative sums. */
import { product } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { axesFrom, castTo, iotaAlong, reshapeTo } from './compose.js'

/** Reductions of nothing that leave elements as they are. */
const PLAIN: ReadonlySet<string> = new Set(['reduce_sum', 'reduce_mean', 'reduce_max', 'reduce_min', 'reduce_prod'])

/** A reduction whose axes are an input from opset `inputSince` on, an attribute before. */
const reduce = (op: string, inputSince: number): Rule => (call) => {
  const byInput = call.opset >= inputSince
  call.arity(1, byInput ? 2 : 1)
  const rank = call.shape(0).length
  const given = byInput ? (call.optional(1) === null ? [] : call.numbers(1, 'axes')) : call.attrs.ints('axes', [])
  const keepdims = call.attrs.bool('keepdims', true)
  const noop = byInput && call.attrs.bool('noop_with_empty_axes', false)
  const axes = given.length > 0 ? call.axes(given, rank) : noop ? [] : axesFrom(0, rank)
  if (axes.length === 0 && noop && PLAIN.has(op)) return call.input(0)
  return call.emit(op, [call.input(0)], { axes, keepdims })
}

const arg = (op: string): Rule => (call) => {
  call.arity(1)
  const axis = call.axis(call.attrs.int('axis', 0), call.shape(0).length)
  return call.emit(op, [call.input(0)], { axis, keepdims: call.attrs.bool('keepdims', true), select_last: call.attrs.bool('select_last_index', false) })
}

/** From opset 13 along one axis; before, over all axes from `axis` on, as if the input were a matrix. */
const alongRows = (rows: (call: NodeCall, x: Value, axis: number, last: boolean) => Value): Rule => (call) => {
  call.arity(1)
  const x = call.input(0), shape = call.shape(0), rank = shape.length
  const axis = call.axis(call.attrs.int('axis', call.opset < 13 ? 1 : -1), Math.max(rank, call.opset < 13 ? 2 : 1))
  if (rank === 0) return call.emit('reshape', [rows(call, reshapeTo(call, x, [1]), 0, false)], { shape: [] })
  if (call.opset >= 13 || axis >= rank - 1) return rows(call, x, Math.min(axis, rank - 1), true)
  const matrix = reshapeTo(call, x, [product(shape.slice(0, axis)), product(shape.slice(axis))])
  return call.emit('reshape', [rows(call, matrix, 1, false)], { shape })
}

const rowOp = (op: string): Rule => alongRows((call, x, axis, last) => (last ? call.emit(op, [x], { axis }) : call.add(op, [x], { axis })))

const hardmax = alongRows((call, x, axis, last) => {
  const shape = shapeOf(x)
  const winner = call.add('argmax', [x], { axis, keepdims: true, select_last: false })
  const hit = call.add('eq', [iotaAlong(call, shape[axis] ?? 1, axis, shape.length), winner])
  const to = call.dtype(0)
  return last ? call.emit('cast', [hit], { to }) : castTo(call, hit, to)
})

const lpNormalization: Rule = (call) => {
  call.arity(1)
  const axis = call.axis(call.attrs.int('axis', -1), call.shape(0).length)
  const p = call.attrs.int('p', 2)
  if (p !== 1 && p !== 2) call.fail('bad-attribute', `p is ${p}, not 1 or 2`)
  const norm = call.add(p === 1 ? 'reduce_l1' : 'reduce_l2', [call.input(0)], { axes: [axis], keepdims: true })
  // A row of zeros stays zeros.
  const zero = call.scalar(call.dtype(0), 0)
  return call.emit('where', [call.add('eq', [norm, zero]), zero, call.add('div', [call.input(0), norm])])
}

const cumulative = (op: string): Rule => (call) => {
  call.arity(2)
  const [axis] = call.numbers(1, 'axis')
  return call.emit(op, [call.input(0)], {
    axis: call.axis(axis ?? 0, call.shape(0).length), exclusive: call.attrs.bool('exclusive', false), reverse: call.attrs.bool('reverse', false),
  })
}

/** `k` is an attribute before opset 10, an input of one element from then on; results are sorted whether that is asked for or not. */
const topK: Rule = (call) => {
  const byInput = call.opset >= 10
  call.arity(byInput ? 2 : 1)
  const x = call.input(0), [k] = byInput ? call.dims(1, 'k') : [call.attrs.int('k', undefined)]
  if (k === undefined) return call.fail('bad-attribute', 'TopK does not say how many elements to take')
  const largest = call.opset < 11 || call.attrs.bool('largest', true)
  call.attrs.ignore('sorted')
  return call.emitAll('top_k', [x], { axis: call.axis(call.attrs.int('axis', -1), call.shape(0).length), largest, k })
}

/** Reductions and row ops of the default domain. */
export const REDUCTIONS: RuleTable = {
  ReduceSum: always(reduce('reduce_sum', 13)),
  ReduceMean: always(reduce('reduce_mean', 18)),
  ReduceMax: always(reduce('reduce_max', 18)),
  ReduceMin: always(reduce('reduce_min', 18)),
  ReduceProd: always(reduce('reduce_prod', 18)),
  ReduceL1: always(reduce('reduce_l1', 18)),
  ReduceL2: always(reduce('reduce_l2', 18)),
  ReduceLogSum: always(reduce('reduce_log_sum', 18)),
  ReduceLogSumExp: always(reduce('reduce_log_sum_exp', 18)),
  ReduceSumSquare: always(reduce('reduce_sum_square', 18)),
  ArgMax: always(arg('argmax')),
  ArgMin: always(arg('argmin')),
  Softmax: always(rowOp('softmax')),
  LogSoftmax: always(rowOp('log_softmax')),
  Hardmax: always(hardmax),
  LpNormalization: always(lpNormalization),
  CumSum: always(cumulative('cumsum')),
  CumProd: since(26, cumulative('cumprod')),
  TopK: always(topK),
}

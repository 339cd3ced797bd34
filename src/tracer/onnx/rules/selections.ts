/** Rules for ops whose results are as long as their elements say: NonZero, Compress, Unique, NonMaxSuppression. What they pick is counted and measured, and the rest follows with that extent. */
import type { Dim } from '../../../base/dim.js'
import { add, mul, product } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { greater, lesser } from './bounds.js'
import { castTo, reshapeTo, sliceAxis } from './compose.js'
import { movingCodes } from './narrow.js'
import { dimAsScalar } from './scalars.js'

const iota = (call: NodeCall, length: Dim): Value => call.add('range', [], { start: 0, step: 1, length, dtype: 'int32' })

const sumOf = (call: NodeCall, x: Value): Value => call.add('reduce_sum', [x], { axes: [0], keepdims: false })

/** The slices of `x` along its first axis at `places`. */
const slicesAt = (call: NodeCall, x: Value, places: Value): Value => call.add('gather', [x, places], { axis: 0 })

/** `length` int32 with `values` at `places`, and 0 elsewhere. */
function placed(call: NodeCall, length: Dim, places: Value, values: Value): Value {
  const zeros = call.add('fill', [], { shape: [length], value: fromNumbers('int32', [1], [0]) })
  return call.add('scatter_elements', [zeros, places, values], { axis: 0, reduction: 'none' })
}

/** The row-major positions (int32) at which `mask`, a bool tensor, is true, in order: as many as there are. */
function positionsOf(call: NodeCall, mask: Value): Value {
  const length = product(shapeOf(mask)), flat = reshapeTo(call, mask, [length])
  const ones = castTo(call, flat, 'int32'), running = call.add('cumsum', [ones], { axis: 0, exclusive: true, reverse: false })
  // Whatever is not picked goes to one more place at the end.
  const place = call.add('where', [flat, running, dimAsScalar(call, length, 'int32')])
  const [count] = call.elements(sumOf(call, ones), 'the number of results', `${call.outputName(0)}.count`) as readonly [Dim]
  return sliceAxis(call, placed(call, add(length, 1), place, iota(call, length)), 0, 0, count)
}

/** Positions in a row-major tensor of `shape` as coordinates, one row of int64 for each axis. */
function coordinates(call: NodeCall, positions: Value, shape: readonly Dim[]): Value[] {
  const at = castTo(call, positions, 'int64')
  return shape.map((extent, axis) => {
    const stride = product(shape.slice(axis + 1))
    const whole = stride === 1 ? at : call.add('div', [at, dimAsScalar(call, stride, 'int64')])
    return axis === 0 ? whole : call.add('mod', [whole, dimAsScalar(call, extent, 'int64')])
  })
}

const nonZero: Rule = (call) => {
  call.arity(1)
  const x = call.input(0), shape = shapeOf(x)
  const positions = positionsOf(call, dtypeOf(x) === 'bool' ? x : call.add('ne', [x, call.scalar(dtypeOf(x), 0)]))
  const found = shapeOf(positions)[0] as Dim
  if (shape.length === 0) return call.emit('fill', [], { shape: [0, found], value: fromNumbers('int64', [1], [0]) })
  const rows = coordinates(call, positions, shape).map((row) => reshapeTo(call, row, [1, found]))
  return rows.length === 1 ? rows[0] as Value : call.emit('concat', rows, { axis: 0 })
}

const compress: Rule = (call) => {
  call.arity(2)
  const axis = call.attrs.int('axis', undefined)
  const x = axis === undefined ? reshapeTo(call, call.input(0), [product(call.shape(0))]) : call.input(0)
  const along = axis === undefined ? 0 : call.axis(axis, call.shape(0).length)
  if (call.shape(1).length !== 1) call.fail('shape-mismatch', `the condition of Compress has rank ${call.shape(1).length}, not 1`)
  call.assume(call.shape(1)[0] as Dim, shapeOf(x)[along] as Dim, 'the condition of Compress is not longer than the axis', 'le')
  return call.emit('gather', [x, positionsOf(call, call.input(1))], { axis: along })
}

/** Orders `keys` (rank 1), equal ones by `order`, which is a permutation in int64: the positions of the least first. */
function sortedBy(call: NodeCall, keys: Value, order: Value | undefined): Value {
  const length = shapeOf(keys)[0] as Dim
  const sorted = call.addAll('top_k', [order === undefined ? keys : slicesAt(call, keys, order)], { axis: 0, largest: false, k: length })[1] as Value
  return order === undefined ? sorted : slicesAt(call, order, sorted)
}

/** The most elements of a slice by which Unique compares slices, each of which takes a sort. */
const MOST_COLUMNS = 256

/** The order of the rows of `x` (rank 2), and for each row in that order whether it differs from the one before. */
function sortRows(call: NodeCall, x: Value): { readonly order: Value; readonly fresh: Value } {
  const [rows, columns] = shapeOf(x) as [Dim, Dim]
  if (typeof columns !== 'number' || columns > MOST_COLUMNS) return call.fail('unsupported-op', `Unique of slices of ${typeof columns === 'number' ? columns : 'an open number of'} elements is not supported`, `slices may have up to ${MOST_COLUMNS} elements`)
  let order: Value | undefined
  for (let c = columns - 1; c >= 0; c--) order = sortedBy(call, reshapeTo(call, sliceAxis(call, x, 1, c, 1), [rows]), order)
  order ??= castTo(call, iota(call, rows), 'int64')
  const sorted = slicesAt(call, x, order)
  // The first row has none before it, and is taken to differ.
  const places = iota(call, rows), first = castTo(call, call.add('eq', [places, call.scalar('int32', 0)]), 'int32')
  const before = slicesAt(call, sorted, call.add('add', [call.add('sub', [places, call.scalar('int32', 1)]), first]))
  const differing = call.add('reduce_sum', [castTo(call, call.add('ne', [sorted, before]), 'int32')], { axes: [1], keepdims: false })
  return { order, fresh: castTo(call, call.add('add', [differing, first]), 'bool') }
}

const unique: Rule = (call) => {
  call.arity(1)
  const x = call.input(0), given = call.attrs.int('axis', undefined), isSorted = call.attrs.bool('sorted', true)
  const axis = given === undefined ? undefined : call.axis(given, call.shape(0).length), shape = shapeOf(x)
  const perm = shape.map((_, i) => i).sort((a, b) => Number(b === axis) - Number(a === axis) || a - b)
  const moved = axis === undefined || axis === 0 ? x : call.add('transpose', [x], { perm })
  const count = axis === undefined ? product(shape) : shape[axis] as Dim
  const rows = reshapeTo(call, moved, [count, axis === undefined ? 1 : product(shape.filter((_, i) => i !== axis))])
  const { order, fresh } = sortRows(call, rows), starts = positionsOf(call, fresh), found = shapeOf(starts)[0] as Dim
  const group = call.add('sub', [call.add('cumsum', [castTo(call, fresh, 'int32')], { axis: 0, exclusive: false, reverse: false }), call.scalar('int32', 1)])
  const groups = placed(call, count, order, group)
  const ends = sliceAxis(call, call.add('concat', [starts, reshapeTo(call, dimAsScalar(call, count, 'int32'), [1])], { axis: 0 }), 0, 1, found)
  // Equal rows are in the order of their places, so the first of a group is the one that comes first.
  const firsts = slicesAt(call, order, starts), counts = call.add('sub', [ends, starts])
  const byPlace = isSorted ? undefined : sortedBy(call, firsts, undefined)
  const inOrder = (v: Value): Value => (byPlace === undefined ? v : slicesAt(call, v, byPlace))
  const ranks = byPlace === undefined ? groups : slicesAt(call, placed(call, found, byPlace, iota(call, found)), groups)
  const chosen = inOrder(firsts)
  const values = call.add('gather', [axis === undefined ? reshapeTo(call, x, [count]) : x, chosen], { axis: axis ?? 0 })
  return [values, chosen, castTo(call, ranks, 'int64'), castTo(call, inOrder(counts), 'int64')].slice(0, call.outputCount)
}

const nonMaxSuppression: Rule = (call) => {
  call.arity(2, 5)
  const [boxes, scores] = [call.input(0), call.input(1)], [batches, classes, candidates] = shapeOf(scores) as [Dim, Dim, Dim]
  const most = call.optional(2) === null ? 0 : call.dims(2, 'max_output_boxes_per_class')[0] ?? 0
  // The greatest int64 is a way to say all of them.
  const kept = typeof most === 'number' && most >= 2 ** 31 ? candidates : lesser(call, greater(call, most, 0), candidates)
  const number = (i: number, otherwise: number): Value => reshapeTo(call, call.optional(i) ?? call.scalar('float32', otherwise), [1])
  const layout = call.attrs.int('center_point_box', 0)
  const [chosen, counts] = call.addAll('non_max_suppression', [boxes, scores, number(3, 0), number(4, -Infinity)], { most: kept, centred: layout === 1 }) as [Value, Value]
  const taken = call.add('lt', [iota(call, kept), reshapeTo(call, counts, [batches, classes, 1])])
  const positions = positionsOf(call, taken), found = shapeOf(positions)[0] as Dim
  const [batch, one] = coordinates(call, call.add('div', [positions, dimAsScalar(call, kept === 0 ? 1 : kept, 'int32')]), [batches, classes]) as [Value, Value]
  const box = castTo(call, slicesAt(call, reshapeTo(call, chosen, [mul(batches, classes, kept)]), positions), 'int64')
  return call.emit('concat', [batch, one, box].map((column) => reshapeTo(call, column, [found, 1])), { axis: 1 })
}

/** Selections of the default domain. */
export const SELECTIONS: RuleTable = {
  NonZero: since(9, nonZero),
  Compress: since(9, movingCodes(compress)),
  Unique: since(11, unique),
  NonMaxSuppression: since(10, nonMaxSuppression),
}

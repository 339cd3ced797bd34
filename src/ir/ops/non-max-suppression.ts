/** Greedy choice of boxes that do not overlap, the one with the highest score first. */
import type { HostTensor } from '../../base/dtype.js'
import { elementCount } from '../../base/dtype.js'
import { add, ceilDiv, floorDiv, max, min, mul, sub, type Dim } from '../dims.js'
import { binary, indexValue, LANES, load, local, selectExpr, splat, unary, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexFrom, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { defineOp, type ConcreteType, type Op } from '../op.js'
import { printShape } from '../dims-text.js'
import { tensorType, type TensorType } from '../types.js'
import { eachRowInGroups, rowGroups } from './along-axis.js'
import { required } from './elementwise.js'
import { least, minus, number, over, plus, times } from './expressions.js'
import { kernelOf } from './hand-written.js'
import { listFirst, togetherOf, type Listing } from './list-first.js'
import { elementOf, roomFor, type SortedList } from './merge-sort.js'
import { checkAttribute, checkShape, tensorInput } from './operands.js'

type Box = readonly [number, number, number, number]

/** Corners of a box in order; `centred`: x and y of the centre, width and height are given instead of two corners in any order. */
function corners([a, b, c, d]: Box, centred: boolean): Box {
  const [f, half] = [Math.fround, 0.5]
  return centred ? [f(a - f(c * half)), f(b - f(d * half)), f(a + f(c * half)), f(b + f(d * half))] : [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)]
}

/** Whether two boxes of corners share more than `threshold` of what both cover, in float32; boxes without area never do. */
function overlap(p: Box, q: Box, threshold: number): boolean {
  const f = Math.fround, area = (b: Box): number => f(f(b[2] - b[0]) * f(b[3] - b[1]))
  const side = (i: 0 | 1): number => Math.max(0, f(Math.min(p[i + 2] as number, q[i + 2] as number) - Math.max(p[i] as number, q[i] as number)))
  const shared = f(side(0) * side(1)), [one, other] = [area(p), area(q)]
  return one > 0 && other > 0 && f(shared / f(f(one + other) - shared)) > threshold
}

const f32 = (value: number): Expr => number('f32', value)
const i32 = (value: number): Expr => number('i32', value)
const both = (a: Expr, b: Expr): Expr => binary('and', a, b)

/** `let`s `p0`…`p3` with the corners of box `at` (`p` is `prefix`), in order. */
function cornerLets(prefix: string, first: Dim, centred: boolean): readonly Stmt[] {
  const element = (i: number): Expr => load('x0', [add(first, i)]), half = (i: number): Expr => times(element(i), f32(0.5))
  const values = centred
    ? [0, 1].map((i) => minus(element(i), half(i + 2))).concat([0, 1].map((i) => plus(element(i), half(i + 2))))
    : (['min', 'max'] as const).flatMap((op) => [0, 1].map((i) => binary(op, element(i), element(i + 2))))
  return values.map((value, i): Stmt => (letBe(`${prefix}${i}`, 'f32', value)))
}

interface Attrs { readonly most: Dim; readonly centred: boolean }

const integer = (name: string, value: Expr): Stmt => varOf(name, 'i32', value)
const reg = (name: string): Expr => local(name, 'i32')

/** Boxes taken that a candidate is compared with at a time. */
const TOGETHER = 16
/** What is kept of each box taken: its corners and its area. */
const FIELDS = ['0', '1', '2', '3', '_area'] as const

/** One class of a batch, and where the boxes that are taken stand in `taken`: `room` of each field. */
interface Row { readonly row: Dim; readonly batch: Dim; readonly candidates: Dim; readonly taken: Dim; readonly room: Dim }

const areaOf = (p: string): Expr => times(minus(local(`${p}2`, 'f32'), local(`${p}0`, 'f32')), minus(local(`${p}3`, 'f32'), local(`${p}1`, 'f32')))

/** Notes in the mask `overlapping` which of the four boxes taken from `at` on share too much with box `q…`. None of their corners is NaN where areas are greater than 0, so that lanes are compared the cheaper way. */
function overlaps({ taken, room }: Row, at: Dim): readonly Stmt[] {
  const field = (name: string): Expr => local(`p${name}`, 'f32x4'), own = (name: string): Expr => splat(local(`q${name}`, 'f32')), zero = splat(f32(0))
  const lesser = (a: Expr, b: Expr): Expr => selectExpr(binary('lt', a, b), a, b), greater = (a: Expr, b: Expr): Expr => selectExpr(binary('lt', a, b), b, a)
  const side = (i: 0 | 1): Expr => greater(zero, minus(lesser(field(`${i + 2}`), own(`${i + 2}`)), greater(field(`${i}`), own(`${i}`))))
  const shared = local('shared', 'f32x4'), share = over(shared, minus(plus(field('_area'), own('_area')), shared))
  return [
    ...FIELDS.map((name, i) => letBe(`p${name}`, 'f32x4', { kind: 'load', buffer: 'taken', index: [add(taken, mul(i, room), at)], lanes: LANES })),
    letBe('shared', 'f32x4', times(side(0), side(1))),
    setTo('overlapping', binary('or', local('overlapping', 'b32x4'), both(binary('gt', field('_area'), zero), binary('gt', share, splat(load('x2', [0])))))),
  ]
}

/** Takes candidate `candidate`, unless it shares too much with a box taken before. Boxes without area share nothing. */
function consider(of: Row, { most, centred }: Attrs): readonly Stmt[] {
  const { row, batch, candidates, taken, room } = of, free = local('free', 'bool'), overlapping = local('overlapping', 'b32x4')
  const isAny = Array.from({ length: LANES }, (_, lane): Expr => ({ kind: 'lane', x: overlapping, lane })).reduce((a, b) => binary('or', a, b))
  return [
    indexFrom('q_of', reg('candidate'), candidates), ...cornerLets('q', mul(4, add(mul(batch, candidates), 'q_of')), centred), letBe('q_area', 'f32', areaOf('q')),
    varOf('free', 'bool', number('bool', 1)), indexFrom('before', reg('kept'), add(most, 1)),
    when(binary('gt', local('q_area', 'f32'), f32(0)), [loopTo('together', ceilDiv('before', TOGETHER), [when(free, [
      varOf('overlapping', 'b32x4', splat(number('bool', 0))),
      loopTo('four', TOGETHER / LANES, overlaps(of, add(mul(TOGETHER, 'together'), mul(LANES, 'four')))),
      setTo('free', unary('not', isAny)),
    ])])]),
    when(free, [
      indexFrom('to_kept', reg('kept'), most), storeTo('y0', add(mul(row, most), 'to_kept'), reg('candidate')), setTo('kept', plus(reg('kept'), i32(1))),
      ...FIELDS.map((name, i) => storeTo('taken', add(taken, mul(i, room), 'to_kept'), local(`q${name}`, 'f32'))),
    ]),
  ]
}

/** Candidates that are sorted at first beyond twice as many as may be taken, and how many times as many in each further round. */
const FIRST = 32, FURTHER = 4

/** Rounds after which all candidates have been sorted. */
const roundsFor = (candidates: Dim, first: Dim): number => Math.ceil(Math.log2(typeof candidates === 'number' && typeof first === 'number' ? Math.max(1, candidates / Math.max(1, first)) : 2 ** 26) / Math.log2(FURTHER)) + 1

/**
 * Takes boxes by falling score, equal ones by place, until there are enough. Candidates are sorted in rounds: first few more than may be taken, and as
 * long as too many of them overlap, a multiple of those that come next.
 */
function choose(of: Row, attrs: Attrs, list: SortedList): readonly Stmt[] {
  const { row, candidates, taken, room } = of, { most } = attrs, first = min(candidates, add(mul(2, most), FIRST)), at = (j: Dim): Dim => add(mul(row, candidates), j)
  const lowest = local('lowest', 'f32'), isBehind = (x: Expr): Expr => binary('or', binary('lt', x, lowest), both(binary('eq', x, lowest), binary('gt', reg('j'), reg('lowest_at'))))
  const listing: Listing = {
    list, length: candidates, wanted: 'wanted', together: min(list.room, togetherOf(candidates, 'wanted')), keyAt: (j) => load('x1', [at(j)]), bound: load('x3', [0]),
    accepts: (x, bound) => both(binary('gt', x, bound), isBehind(x)),
    mayAccept: (j, bound) => { const x: Expr = { kind: 'load', buffer: 'x1', index: [at(j)], lanes: LANES }; return both(binary('gt', x, splat(bound)), binary('le', x, splat(lowest))) },
  }
  const round: readonly Stmt[] = [
    indexFrom('wanted', reg('limit'), add(candidates, 1)), ...listFirst(listing), indexFrom('found', reg('count'), add(candidates, 1)),
    loopTo('k', 'found', [when(binary('lt', reg('kept'), indexValue(most)), [...elementOf('at', list, 'k'), letBe('candidate', 'i32', load(list.values, ['at'])), ...consider(of, attrs)])]),
    ...elementOf('lowest_of', list, max(sub('found', 1), 0)), setTo('lowest', load(list.keys, ['lowest_of'])), setTo('lowest_at', load(list.values, ['lowest_of'])),
    setTo('goes_on', both(binary('eq', reg('count'), reg('limit')), binary('lt', reg('kept'), indexValue(most)))), setTo('limit', least(indexValue(candidates), times(reg('limit'), i32(FURTHER)))),
  ]
  return [
    loopTo('p', most, [storeTo('y0', add(mul(row, most), 'p'), i32(0))]), loopTo('p_area', room, [storeTo('taken', add(taken, mul(4, room), 'p_area'), f32(0))]),
    integer('kept', i32(0)), integer('limit', indexValue(first)), varOf('lowest', 'f32', f32(Infinity)), integer('lowest_at', i32(-1)), varOf('goes_on', 'bool', binary('lt', i32(0), indexValue(min(most, candidates)))),
    loopTo('round', roundsFor(candidates, first), [when(local('goes_on', 'bool'), round)]),
    storeTo('y1', row, reg('kept')),
  ]
}

/**
 * ONNX NonMaxSuppression up to the point where its result has a shape that is known: of boxes [batch, box, 4] with scores [batch, class, box], thresholds
 * of overlap and of score [1], the boxes chosen for each class [batch, class, most], zeros behind them, and how many they are [batch, class].
 */
export const nonMaxSuppression: Op = defineOp({
  name: 'non_max_suppression',
  doc: 'For each class up to `most` boxes by falling score, without those that share more than the third input of what both cover with one taken before, nor any that score no more than the fourth; and how many they are. Boxes are two corners, or with `centred` centre and size.',
  source: 'ONNX NonMaxSuppression-11',
  attrs: { most: 'dim', centred: 'bool' },
  pattern: 'opaque',
  infer(call, ctx) {
    const [boxes, scores] = [tensorInput(call, 0, ['float32']), tensorInput(call, 1, ['float32'])], { most } = call.attrs
    const [batches, classes, candidates] = scores.shape as [Dim, Dim, Dim], [own, count, four] = boxes.shape as [Dim, Dim, Dim]
    checkShape(boxes.shape.length === 3 && scores.shape.length === 3, `boxes ${printShape(boxes.shape)} and scores ${printShape(scores.shape)} must have rank 3`)
    for (const i of [2, 3]) checkShape(printShape(tensorInput(call, i, ['float32']).shape) === '[1]', `a threshold has shape ${printShape(tensorInput(call, i, ['float32']).shape)}, not [1]`)
    ctx.assume(own, batches, 'boxes and scores are of one batch')
    ctx.assume(count, candidates, 'each box has a score')
    ctx.assume(four, 4, 'a box has four numbers')
    checkAttribute(typeof most !== 'number' || (Number.isInteger(most) && most >= 0), `most is ${String(most)}, not a count`)
    return [tensorType('int32', [batches, classes, most]), tensorType('int32', [batches, classes])]
  },
  reference({ inputs, attrs: { most, centred }, outputs }) {
    const [boxes, scores, share, least] = required(inputs) as [HostTensor, HostTensor, HostTensor, HostTensor], [first, second] = outputs as [ConcreteType, ConcreteType]
    const [, classes, candidates] = scores.shape as [number, number, number], xs = boxes.data as Float32Array, ys = scores.data as Float32Array
    const chosen = new Int32Array(elementCount(first.shape)), counts = new Int32Array(elementCount(second.shape))
    counts.forEach((_, row) => {
      const score = (n: number): number => ys[row * candidates + n] as number
      const box = (n: number): Box => corners([...xs.subarray((Math.floor(row / classes) * candidates + n) * 4).subarray(0, 4)] as unknown as Box, centred)
      const order = Array.from({ length: candidates }, (_, n) => n).filter((n) => score(n) > (least.data[0] as number)).sort((a, b) => score(b) - score(a) || a - b)
      const kept: number[] = []
      for (const n of order) if (kept.length < (most as number) && !kept.some((k) => overlap(box(k), box(n), share.data[0] as number))) kept.push(n)
      chosen.set(kept, row * (most as number))
      counts[row] = kept.length
    })
    return [{ ...first, data: chosen }, { ...second, data: counts }]
  },
  kernel(ctx) {
    const [, scores] = ctx.inputs as readonly [TensorType, TensorType], [batches, classes, candidates] = scores.shape as [Dim, Dim, Dim]
    const { most } = ctx.attrs, rows = mul(batches, classes), groups = ctx.gpu === undefined ? rowGroups(rows) : rows, boxes = mul(TOGETHER, ceilDiv(most, TOGETHER)), memory = mul(FIELDS.length, boxes)
    const room = roomFor(togetherOf(candidates, candidates)), length = mul(2, groups, room)
    const list: SortedList = { keys: 'scores', values: 'order', base: mul('group', 2, room), room, count: 'listed', type: 'f32', precedes: (x, y) => binary('gt', x, y) }
    const of: Row = { row: 'row', batch: floorDiv('row', classes), candidates, taken: mul('group', memory), room: boxes }
    return kernelOf('non_max_suppression', ctx, [eachRowInGroups(rows, groups, choose(of, ctx.attrs, list))], {
      temps: [{ name: 'scores', dtype: 'float32', length }, { name: 'order', dtype: 'int32', length }, { name: 'taken', dtype: 'float32', length: mul(groups, memory) }],
    })
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 9, 4], range: [0, 4] }, { dtype: 'float32', shape: [2, 3, 9] }, { dtype: 'float32', shape: [1], data: [0.2] }, { dtype: 'float32', shape: [1], data: [-0.5] }], attrs: { most: 4, centred: false } },
    { inputs: [{ dtype: 'float32', shape: [1, 7, 4], range: [0.5, 3] }, { dtype: 'float32', shape: [1, 2, 7] }, { dtype: 'float32', shape: [1], data: [0.1] }, { dtype: 'float32', shape: [1], data: [-2] }], attrs: { most: 7, centred: true } },
    { inputs: [{ dtype: 'float32', shape: [1, 0, 4] }, { dtype: 'float32', shape: [1, 1, 0] }, { dtype: 'float32', shape: [1], data: [0] }, { dtype: 'float32', shape: [1], data: [0] }], attrs: { most: 0, centred: false } },
  ],
})

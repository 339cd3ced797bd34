/** Greedy choice of boxes that do not overlap, the one with the highest score first. */
import type { HostTensor } from '../../base/dtype.js'
import { elementCount } from '../../base/dtype.js'
import { add, mul, type Dim } from '../dims.js'
import { binary, indexValue, load, local, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { eachOf, indexFrom, letBe, loopTo, setTo, storeTo, varOf, when } from '../kernel/statements.js'
import { defineOp, type ConcreteType, type Op } from '../op.js'
import { printShape } from '../dims-text.js'
import { tensorType, type TensorType } from '../types.js'
import { required } from './elementwise.js'
import { greatest, least, minus, number, over, plus, times } from './expressions.js'
import { kernelOf } from './hand-written.js'
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

/** Whether the boxes of `p…` and `q…` share more than `threshold`. */
function overlapExpr(): Expr {
  const at = (name: string): Expr => local(name, 'f32')
  const area = (p: string): Expr => times(minus(at(`${p}2`), at(`${p}0`)), minus(at(`${p}3`), at(`${p}1`)))
  const side = (i: 0 | 1): Expr => greatest(f32(0), minus(least(at(`p${i + 2}`), at(`q${i + 2}`)), greatest(at(`p${i}`), at(`q${i}`))))
  const shared = times(side(0), side(1)), share = over(shared, minus(plus(area('p'), area('q')), shared))
  return both(both(binary('gt', area('p'), f32(0)), binary('gt', area('q'), f32(0))), binary('gt', share, load('x2', [0])))
}

interface Attrs { readonly most: Dim; readonly centred: boolean }

const integer = (name: string, value: Expr): Stmt => varOf(name, 'i32', value)
const reg = (name: string): Expr => local(name, 'i32')
const choice = (condition: Expr, then: readonly Stmt[], otherwise: readonly Stmt[]): Stmt => ({ kind: 'if', condition, then, else: otherwise })

/** Where the candidates of one class stand: `order` has room for them twice. */
interface Row { readonly row: Dim; readonly batch: Dim; readonly candidates: Dim }

const score = ({ row, candidates }: Row, at: Dim): Expr => load('x1', [add(mul(row, candidates), at)])

/** Lists the candidates that score enough at `order`, `count` of them. */
function gather(of: Row): readonly Stmt[] {
  return [
    integer('count', i32(0)),
    loopTo('i', of.candidates, [when(binary('gt', score(of, 'i'), load('x3', [0])), [
      indexFrom('to', reg('count'), of.candidates),
      storeTo('order', add(mul(2, of.row, of.candidates), 'to'), indexValue('i')),
      setTo('count', plus(reg('count'), i32(1))),
    ])]),
    indexFrom('n', reg('count'), add(of.candidates, 1)),
  ]
}

/** A list of `count` places is sorted when runs of this many doublings are. */
const MOST_DOUBLINGS = 31

/**
 * Sorts what is listed by falling score, equal ones by place: runs of `width` are merged two by two, from one half of `order` into the other;
 * `from` is where the half begins that has them.
 */
function sort(of: Row): readonly Stmt[] {
  const { row, candidates } = of, half = (of: Dim): Dim => add(mul(2, row, candidates), of), count = reg('count'), width = reg('width')
  const until = (a: Expr): Expr => least(a, count), i = indexValue('m'), extent = mul(2, candidates)
  const entry = (name: string, at: string): readonly Stmt[] => [
    indexFrom(`${name}_at`, plus(reg('from'), reg(at)), extent), letBe(name, 'i32', load('order', [half(`${name}_at`)])), indexFrom(`${name}_of`, reg(name), candidates),
  ]
  const take = (at: string): readonly Stmt[] => [...entry('taken', at), storeTo('order', half('put'), reg('taken')), setTo(at, plus(reg(at), i32(1)))]
  const merge = loopTo('m', 'n', [
    when(binary('eq', i, reg('end')), [setTo('left', i), setTo('middle', until(plus(i, width))), setTo('right', reg('middle')), setTo('end', until(plus(reg('middle'), width)))]),
    indexFrom('put', plus(minus(indexValue(candidates), reg('from')), i), extent),
    choice(binary('ge', reg('left'), reg('middle')), take('right'), [choice(binary('ge', reg('right'), reg('end')), take('left'), [
      ...entry('one', 'left'), ...entry('other', 'right'),
      choice(binary('ge', score(of, 'one_of'), score(of, 'other_of')), take('left'), take('right')),
    ])]),
  ])
  return [
    integer('from', i32(0)), integer('width', i32(1)),
    loopTo('doubling', MOST_DOUBLINGS, [when(binary('lt', width, count), [
      integer('left', i32(0)), integer('middle', i32(0)), integer('right', i32(0)), integer('end', i32(0)), merge,
      setTo('from', minus(indexValue(candidates), reg('from'))), setTo('width', plus(width, width)),
    ])]),
  ]
}

/** Takes what is listed in order, but for what shares too much with one taken before, until there are enough. */
function choose({ row, batch, candidates }: Row, { most, centred }: Attrs): readonly Stmt[] {
  const box = (at: Dim): Dim => mul(4, add(mul(batch, candidates), at)), chosen = (at: Dim): Dim => add(mul(row, most), at)
  return [
    loopTo('p', most, [storeTo('y0', chosen('p'), i32(0))]),
    integer('kept', i32(0)),
    loopTo('k', 'n', [when(binary('lt', reg('kept'), indexValue(most)), [
      indexFrom('at', plus(reg('from'), indexValue('k')), mul(2, candidates)),
      letBe('candidate', 'i32', load('order', [add(mul(2, row, candidates), 'at')])),
      indexFrom('q_of', reg('candidate'), candidates), ...cornerLets('q', box('q_of'), centred),
      integer('free', i32(1)), indexFrom('before', reg('kept'), add(most, 1)),
      loopTo('j', 'before', [when(binary('eq', reg('free'), i32(1)), [
        indexFrom('p_of', load('y0', [chosen('j')]), candidates), ...cornerLets('p', box('p_of'), centred),
        when(overlapExpr(), [setTo('free', i32(0))]),
      ])]),
      when(binary('eq', reg('free'), i32(1)), [indexFrom('to_kept', reg('kept'), most), storeTo('y0', chosen('to_kept'), reg('candidate')), setTo('kept', plus(reg('kept'), i32(1)))]),
    ])]),
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
    const of: Row = { row: add(mul('a', classes), 'c'), batch: 'a', candidates }
    const rows = eachOf('c', classes, [...gather(of), ...sort(of), ...choose(of, ctx.attrs)])
    return kernelOf('non_max_suppression', ctx, [eachOf('a', batches, [rows])], { temps: [{ name: 'order', dtype: 'int32', length: mul(2, batches, classes, candidates) }] })
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 9, 4], range: [0, 4] }, { dtype: 'float32', shape: [2, 3, 9] }, { dtype: 'float32', shape: [1], data: [0.2] }, { dtype: 'float32', shape: [1], data: [-0.5] }], attrs: { most: 4, centred: false } },
    { inputs: [{ dtype: 'float32', shape: [1, 7, 4], range: [0.5, 3] }, { dtype: 'float32', shape: [1, 2, 7] }, { dtype: 'float32', shape: [1], data: [0.1] }, { dtype: 'float32', shape: [1], data: [-2] }], attrs: { most: 7, centred: true } },
    { inputs: [{ dtype: 'float32', shape: [1, 0, 4] }, { dtype: 'float32', shape: [1, 1, 0] }, { dtype: 'float32', shape: [1], data: [0] }, { dtype: 'float32', shape: [1], data: [0] }], attrs: { most: 0, centred: false } },
  ],
})

/** Reductions over axes to one element: sums, norms, extremes. Statistics of floats are computed in double in the reference. */
import { elementCount, type DType } from '../../base/dtype.js'
import { invariant } from '../../base/error.js'
import * as dims from '../dims.js'
import type { Dim } from '../dims.js'
import { dimsOf } from '../integer-elements.js'
import { shapeOf, type Value } from '../graph.js'
import type { Axis, Stage } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { binary, cast, indexValue, load, local, REGISTER, selectExpr, unary, type BinaryOp, type Expr, type RegisterType } from '../kernel/expr.js'
import { defineOp, type Op, type Sample } from '../op.js'
import { tensorType } from '../types.js'
import { convertElement } from './convert.js'
import { elementOf, elementsOf, limitsOf, newElements, tensorOfElements, type Element } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { number, numberOf, times } from './expressions.js'
import { offsetsOver } from './offsets.js'
import { ALL_DTYPES, checkAttribute, checkAxis, findElementClass, NUMBERS, tensorInput } from './operands.js'
import { REDUCE_GRADS } from './reduce-grad.js'

const REDUCE_ATTRS = { axes: 'ints', keepdims: 'bool' } as const
export interface ReduceAttrs { readonly axes: readonly number[]; readonly keepdims: boolean }

interface ReduceRow {
  readonly doc: string
  readonly source: string
  readonly dtypes: readonly DType[]
  /** The result from the elements along the reduced axes. Bigints stand for 64-bit integers unless `inDoubles`. */
  readonly reduce: (elements: readonly Element[], dtype: DType) => Element
  /** Computed in doubles (f64 registers) for integers too, truncated at the end: logarithms and roots. */
  readonly inDoubles?: true
  /** Elements are taken relative to the greatest one, which is added to the result: exponentials that must not overflow. */
  readonly fromPeak?: true
  /** What is folded, of one element; the identity where absent. */
  readonly map?: (x: Expr, type: RegisterType) => Expr
  readonly combine: (dtype: DType) => BinaryOp
  readonly init: (dtype: DType) => Element
  /** The result from the accumulator and the number of elements. */
  readonly finish?: (sum: Expr, count: Dim, type: RegisterType) => Expr
  readonly symbolic?: (elements: readonly Dim[]) => Dim
}

const isBig = (dtype: DType): boolean => findElementClass(dtype) === 'big'
const zero = (): Element => 0
const adding = (): BinaryOp => 'add'

/** The sum of `f` of each element, exact for integers: doubles hold sums of 32-bit ones. */
function total(elements: readonly Element[], dtype: DType, f: (x: never) => Element = (x) => x): Element {
  const of = f as (x: Element) => Element
  let sum: Element = isBig(dtype) ? 0n : 0
  for (const x of elements) sum = (sum as number) + (of(x) as number)
  return sum
}

/** The product, wrapped on the way: exact modulo 2^32 (or 2^64 with bigints). */
function productOf(elements: readonly Element[], dtype: DType): Element {
  if (isBig(dtype)) return (elements as readonly bigint[]).reduce((p, x) => BigInt.asIntN(64, p * x), 1n)
  return (elements as readonly number[]).reduce(findElementClass(dtype) === 'int' ? Math.imul : (p, x) => p * x, 1)
}

const square = (x: never): Element => (x as number) * (x as number)
const magnitude = (x: never): Element => ((x as number) < 0 ? -(x as number) : x)
const sumOfDoubles = (elements: readonly Element[], f: (x: number) => number): number => (elements as readonly number[]).reduce((s, x) => s + f(x), 0)

function extreme(elements: readonly Element[], init: Element, beats: (x: Element, best: Element) => boolean): Element {
  let best = init
  for (const x of elements) {
    if (x !== x) return x // NaN wins
    if (beats(x, best)) best = x
  }
  return best
}

function mean(elements: readonly Element[], dtype: DType): Element {
  const sum = total(elements, dtype)
  if (typeof sum === 'bigint') return elements.length === 0 ? 0n : sum / BigInt(elements.length)
  if (findElementClass(dtype) === 'float') return sum / elements.length
  return elements.length === 0 ? 0 : Math.trunc(sum / elements.length)
}

/** Integer means over no elements are 0, as integer division by 0 is. */
function dividedByCount(sum: Expr, count: Dim, type: RegisterType): Expr {
  const safe = type === 'f32' || type === 'f64' || typeof count === 'number' && count > 0 ? count : dims.max(count, 1)
  return binary('div', sum, cast(type, indexValue(safe)))
}

function logSumExp(elements: readonly Element[]): number {
  const numbers = elements as readonly number[]
  const peak = numbers.reduce((m, x) => Math.max(m, x), -Infinity)
  const shift = Number.isFinite(peak) ? peak : 0
  return Math.log(sumOfDoubles(numbers, (x) => Math.exp(x - shift))) + shift
}

const TABLE = {
  reduce_sum: { doc: 'The sum over `axes`; 0 over no elements.', source: 'ONNX ReduceSum-13; torch.sum', dtypes: NUMBERS, reduce: total, combine: adding, init: zero, symbolic: (d) => dims.add(0, ...d) },
  reduce_mean: { doc: 'The mean over `axes`; integers truncate.', source: 'ONNX ReduceMean-18; torch.mean', dtypes: NUMBERS, reduce: mean, combine: adding, init: zero, finish: dividedByCount },
  reduce_max: {
    doc: 'The greatest element over `axes`; NaN if one is; the least value of the dtype over no elements.', source: 'ONNX ReduceMax-20; torch.amax', dtypes: ALL_DTYPES,
    reduce: (e, d) => extreme(e, limitsOf(d).lowest, (x, best) => x > best), combine: (d) => (d === 'bool' ? 'or' : 'max'), init: (d) => limitsOf(d).lowest, symbolic: (d) => dims.max(...d),
  },
  reduce_min: {
    doc: 'The least element over `axes`; NaN if one is; the greatest value of the dtype over no elements.', source: 'ONNX ReduceMin-20; torch.amin', dtypes: ALL_DTYPES,
    reduce: (e, d) => extreme(e, limitsOf(d).highest, (x, best) => x < best), combine: (d) => (d === 'bool' ? 'and' : 'min'), init: (d) => limitsOf(d).highest, symbolic: (d) => dims.min(...d),
  },
  reduce_prod: { doc: 'The product over `axes`; 1 over no elements.', source: 'ONNX ReduceProd-18; torch.prod', dtypes: NUMBERS, reduce: productOf, combine: () => 'mul', init: () => 1, symbolic: (d) => dims.mul(1, ...d) },
  reduce_l1: { doc: 'The sum of absolute values over `axes`.', source: 'ONNX ReduceL1-18', dtypes: NUMBERS, reduce: (e, d) => total(e, d, magnitude), map: (x, t) => (t === 'u32' || t === 'u64' ? x : unary('abs', x)), combine: adding, init: zero },
  reduce_l2: { doc: 'The square root of the sum of squares over `axes`.', source: 'ONNX ReduceL2-18; torch.linalg.vector_norm', dtypes: NUMBERS, inDoubles: true, reduce: (e) => Math.sqrt(sumOfDoubles(e, (x) => x * x)), map: (x) => times(x, x), combine: adding, init: zero, finish: (s) => unary('sqrt', s) },
  reduce_log_sum: { doc: 'The logarithm of the sum over `axes`.', source: 'ONNX ReduceLogSum-18', dtypes: NUMBERS, inDoubles: true, reduce: (e) => Math.log(sumOfDoubles(e, (x) => x)), combine: adding, init: zero, finish: (s) => unary('log', s) },
  reduce_log_sum_exp: { doc: 'The logarithm of the sum of exponentials over `axes`, without overflow.', source: 'ONNX ReduceLogSumExp-18; torch.logsumexp', dtypes: NUMBERS, inDoubles: true, fromPeak: true, reduce: logSumExp, map: (x) => unary('exp', x), combine: adding, init: zero, finish: (s) => unary('log', s) },
  reduce_sum_square: { doc: 'The sum of squares over `axes`.', source: 'ONNX ReduceSumSquare-18', dtypes: NUMBERS, reduce: (e, d) => total(e, d, findElementClass(d) === 'int' ? ((x: never) => Math.imul(x, x)) : square), map: (x) => times(x, x), combine: adding, init: zero },
} as const satisfies Record<string, ReduceRow>

/** The extents that are left: 1 for reduced axes with `keepdims`, none without. */
export function reducedShape(shape: readonly Dim[], axes: readonly number[], keepdims: boolean): readonly Dim[] {
  return keepdims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i))
}

/** Kept axes as outer axes, reduced ones for a reduce stage, the index of the input in both, and the index of the result. */
export function reduceAxes(shape: readonly Dim[], axes: readonly number[], keepdims: boolean): { readonly outer: readonly Axis[]; readonly inner: readonly Axis[]; readonly from: readonly Dim[]; readonly to: readonly Dim[] } {
  const all = axesOver(shape).map((axis, i) => (axes.includes(i) ? { ...axis, name: `r${i}` } : axis))
  const outer = all.filter((_, i) => !axes.includes(i)), inner = all.filter((_, i) => axes.includes(i))
  const to = keepdims ? all.map((axis, i): Dim => (axes.includes(i) ? 0 : axis.name)) : outer.map((axis): Dim => axis.name)
  return { outer, inner, from: all.map((axis) => axis.name), to }
}

/** The number of elements that are folded into one. */
export const reducedCount = (shape: readonly Dim[], axes: readonly number[]): Dim => dims.product(axes.map((a) => shape[a] as Dim))

/** For each element of the result, calls `row` with the elements folded into it, in order. */
function forEachRow<T>(shape: readonly number[], axes: readonly number[], elements: ArrayLike<T>, row: (elements: T[], i: number) => void): void {
  const starts = offsetsOver(shape, (a) => !axes.includes(a)), steps = offsetsOver(shape, (a) => axes.includes(a))
  const gathered = new Array<T>(steps.length)
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number
    for (let k = 0; k < steps.length; k++) gathered[k] = elements[start + (steps[k] as number)] as T
    row(gathered, i)
  }
}

/** Stages that fold by the row's `combine` and store. */
function stagesOf(row: ReduceRow, dtype: DType, shape: readonly Dim[], attrs: ReduceAttrs): { readonly axes: readonly Axis[]; readonly stages: readonly Stage[] } {
  const { outer, inner, from, to } = reduceAxes(shape, attrs.axes, attrs.keepdims)
  const own = REGISTER[dtype]
  const type: RegisterType = row.inDoubles === true && own !== 'f32' ? 'f64' : own
  const x = type === own ? load('x0', from) : cast(type, load('x0', from))
  const count = reducedCount(shape, attrs.axes)
  const stages: Stage[] = []
  let shifted = x
  let result = (sum: Expr): Expr => (row.finish === undefined ? sum : row.finish(sum, count, type))
  if (row.fromPeak === true) {
    const peak = local('peak', type)
    stages.push({ kind: 'reduce', axes: inner, lets: [], accumulators: [{ name: 'peak', type, init: number(type, -Infinity), combine: 'max', value: x }] })
    stages.push({ kind: 'let', lets: [{ kind: 'value', name: 'shift', type, value: selectExpr(unary('isinf', peak), number(type, 0), peak) }] })
    shifted = binary('sub', x, local('shift', type))
    const finish = result
    result = (sum) => binary('add', finish(sum), local('shift', type))
  }
  const value = row.map === undefined ? shifted : row.map(shifted, type)
  const folded = result(local('acc', type))
  stages.push({ kind: 'reduce', axes: inner, lets: [], accumulators: [{ name: 'acc', type, init: numberOf(type === own ? dtype : 'float64', row.init(dtype)), combine: row.combine(dtype), value }] })
  stages.push({ kind: 'store', axes: [], lets: [], buffer: 'y0', index: to, value: type === own ? folded : cast(own, folded) })
  return { axes: outer, stages }
}

function samplesOf(row: ReduceRow): Sample<ReduceAttrs>[] {
  const positive = { range: [0.5, 3] as const }
  const ints: Sample<ReduceAttrs>[] = [
    { inputs: [{ dtype: 'int64', shape: [2, 3], range: [1, 5] }], attrs: { axes: [0, 1], keepdims: true } },
    { inputs: [{ dtype: 'int32', shape: [4, 2], range: [1, 9] }], attrs: { axes: [0], keepdims: false } },
    { inputs: [{ dtype: 'uint8', shape: [3, 2], range: [1, 4] }], attrs: { axes: [1], keepdims: false } },
  ]
  return [
    { inputs: [{ dtype: 'float32', shape: [3, 4, 5], ...positive }], attrs: { axes: [1], keepdims: false } },
    { inputs: [{ dtype: 'float16', shape: [2, 3, 2], ...positive }], attrs: { axes: [0, 2], keepdims: true } },
    { inputs: [{ dtype: 'float64', shape: [7], ...positive }], attrs: { axes: [0], keepdims: false } },
    { inputs: [{ dtype: 'float32', shape: [], ...positive }], attrs: { axes: [], keepdims: false } },
    { inputs: [{ dtype: 'float32', shape: [2, 0, 3] }], attrs: { axes: [1], keepdims: true } },
    { inputs: [{ dtype: 'float32', shape: [3, 2], data: [NaN, 1, -Infinity, 2, 5, Infinity] }], attrs: { axes: [1], keepdims: false } },
    ...ints,
    ...(row.dtypes.includes('bool') ? [{ inputs: [{ dtype: 'bool', shape: [3, 3] }], attrs: { axes: [1], keepdims: false } } as const] : []),
  ]
}

function defineReduce(name: string, row: ReduceRow): Op {
  const { symbolic } = row
  const grad = REDUCE_GRADS[name]
  return defineOp<typeof REDUCE_ATTRS>({
    name, doc: row.doc, source: row.source, attrs: REDUCE_ATTRS, pattern: 'reduction',
    infer(call) {
      const x = tensorInput(call, 0, row.dtypes)
      const { axes, keepdims } = call.attrs
      axes.forEach((a, i) => { checkAxis(a, x.shape.length, 'reduced axis'); checkAttribute(i === 0 || a > (axes[i - 1] as number), `axes [${axes.join(', ')}] must ascend`) })
      return [tensorType(x.dtype, reducedShape(x.shape, axes, keepdims))]
    },
    ...(symbolic !== undefined && {
      symbolic(call, _output) {
        const x = call.inputs[0] as Value
        const known = dimsOf(x), shape = shapeOf(x) as readonly number[]
        if (known === undefined || elementCount(shape) === 0) return undefined
        const out: Dim[] = []
        forEachRow<Dim>(shape, call.attrs.axes, known, (elements) => out.push(symbolic(elements)))
        return out
      },
    }),
    reference({ inputs, attrs, outputs }) {
      const [x] = required(inputs)
      const output = onlyOutput(outputs)
      const out = newElements(output.dtype, elementCount(output.shape))
      const doubles = row.inDoubles === true && findElementClass(x.dtype) !== 'float'
      const elements = elementsOf(x)
      const finish = doubles ? convertElement('float64', output.dtype) : (e: Element): Element => e
      forEachRow<Element>(x.shape, attrs.axes, doubles ? Array.from(elements, Number) : elements, (group, i) => {
        const result = row.reduce(group, x.dtype)
        out[i] = finish(isBig(output.dtype) && typeof result === 'number' && !doubles ? elementOf(output.dtype, result) : result)
      })
      return [tensorOfElements(output, out)]
    },
    compute(ctx) {
      const x = ctx.inputs[0]
      invariant(x !== null && x !== undefined, `${name} lacks its input`)
      return { name, buffers: ctx.buffers, ...stagesOf(row, x.dtype, x.shape, ctx.attrs) }
    },
    ...(grad !== undefined && { grad }),
    samples: samplesOf(row),
  })
}

/** Reductions to one element per row. */
export const REDUCTIONS: readonly Op[] = Object.entries(TABLE).map(([name, row]) => defineReduce(name, row))

/** The greatest or least elements along an axis, in order. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import { GradMath } from '../gradients.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load, REGISTER } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { defineOp, type ConcreteType, type GradCall, type GradContext, type GradRule } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { rowsAlong } from './along-axis.js'
import { elementsOf, newElements, tensorOfElements, type Element } from './elements.js'
import { required } from './elementwise.js'
import { flatIndex, kernelOf, loopsOver } from './hand-written.js'
import { offsetsOver } from './offsets.js'
import { checkAttribute, checkAxis, NUMBERS, tensorInput } from './operands.js'
import { topKChain, topKKernel, type TopKAttrs } from './top-k-groups.js'
import { insertRow } from './top-k-row.js'
import { sortRows } from './top-k-sort.js'

/** Whether `x` comes before `y` by its value: NaN counts as greatest. */
function precedes(x: Element, y: Element, largest: boolean): boolean {
  if (x !== x || y !== y) return largest ? x !== x && y === y : x === x && y !== y
  return largest ? x > y : x < y
}

/** Elements that are wanted, and elements of a row, up to which inserting each in its place is better than sorting. */
const FEW = 16, SHORT = 32

const mayBeMore = (count: Dim, than: number): boolean => typeof count !== 'number' || count > than

/** What is taken has the gradient of its place in the result. */
const topKGrad: GradRule<TopKAttrs> = {
  saves: () => ({ inputs: [], outputs: [1] }),
  backward<V>(ctx: GradContext<V>, call: GradCall<V, TopKAttrs>, [dy]: readonly (V | null)[]): readonly (V | null)[] {
    const [type] = call.types.inputs, indices = call.outputs[1] ?? null
    if (dy === null || dy === undefined || type === null || type === undefined || indices === null) return [null]
    const g = new GradMath(ctx)
    return [g.op('scatter_elements', [g.zeros(type.dtype, type.shape), indices, dy], { axis: call.attrs.axis, reduction: 'add' })]
  },
}

/** ONNX TopK. Results: values, positions along the axis. */
export const topK = defineOp({
  name: 'top_k',
  doc: 'The k greatest (or least) elements along `axis` in descending (or ascending) order, and their positions; of equal elements the first comes first, and NaN counts as greatest.',
  source: 'ONNX TopK-11; torch.topk, torch.sort',
  attrs: { axis: 'int', largest: 'bool', k: 'dim' },
  pattern: 'opaque',
  infer(call, ctx) {
    const x = tensorInput(call, 0, NUMBERS), { axis, k } = call.attrs
    checkAxis(axis, x.shape.length)
    checkAttribute(typeof k !== 'number' || (Number.isInteger(k) && k >= 0), `k is ${String(k)}, not a count`)
    ctx.assume(k, x.shape[axis] as Dim, `no more elements can be taken than axis ${axis} has`, 'le')
    const shape = x.shape.map((d, i) => (i === axis ? k : d))
    return [tensorType(x.dtype, shape), tensorType('int64', shape)]
  },
  reference({ inputs, attrs, outputs }) {
    const [x] = required(inputs) as [HostTensor], [values, positions] = outputs as readonly [ConcreteType, ConcreteType]
    const from = elementsOf(x), out = newElements(values.dtype, elementCount(values.shape)), at = new BigInt64Array(elementCount(values.shape))
    const steps = offsetsOver(x.shape, (a) => a === attrs.axis), toSteps = offsetsOver(values.shape, (a) => a === attrs.axis)
    const toStarts = offsetsOver(values.shape, (a) => a !== attrs.axis)
    offsetsOver(x.shape, (a) => a !== attrs.axis).forEach((start, row) => {
      const element = (i: number): Element => from[start + (steps[i] as number)] as Element
      const order = Array.from(steps, (_, i) => i).sort((a, b) => (precedes(element(a), element(b), attrs.largest) ? -1 : precedes(element(b), element(a), attrs.largest) ? 1 : a - b))
      toSteps.forEach((step, i) => {
        const to = (toStarts[row] as number) + step
        out[to] = element(order[i] as number)
        at[to] = BigInt(order[i] as number)
      })
    })
    return [tensorOfElements(values, out), { dtype: 'int64', shape: positions.shape, data: at }]
  },
  kernel(ctx) {
    if (ctx.gpu !== undefined) return topKKernel(ctx)
    const [x] = ctx.inputs as readonly [TensorType], [y] = ctx.outputs as readonly [TensorType], { axis, largest, k } = ctx.attrs
    if (mayBeMore(k, FEW) && mayBeMore(x.shape[axis] as Dim, SHORT)) {
      const { body, temps } = sortRows({ dtype: x.dtype, largest, along: rowsAlong(x.shape, axis), k })
      return kernelOf('top_k', ctx, body, { temps })
    }
    const axes = axesOver(x.shape), type = REGISTER[x.dtype], at = (shape: readonly Dim[], i: Dim): Dim => flatIndex(shape, axes.map((a, d) => (d === axis ? i : a.name)))
    const element: readonly Stmt[] = [{ kind: 'let', name: 'x', type, value: load('x0', [at(x.shape, 'j')]) }]
    const row = insertRow({ type, largest, length: x.shape[axis] as Dim, k, element, place: (p) => at(y.shape, p), values: 'y0', positions: 'y1', as: 'i64' })
    return kernelOf('top_k', ctx, loopsOver(axes.filter((_, i) => i !== axis), row, true))
  },
  chain: topKChain,
  grad: topKGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 7] }], attrs: { axis: 1, largest: true, k: 3 } },
    { inputs: [{ dtype: 'float32', shape: [5, 2, 3] }], attrs: { axis: 0, largest: false, k: 5 } },
    { inputs: [{ dtype: 'int64', shape: [2, 9], range: [-2, 2] }], attrs: { axis: 1, largest: true, k: 6 } },
    { inputs: [{ dtype: 'uint8', shape: [8], data: [3, 1, 3, 0, 255, 1, 0, 3] }], attrs: { axis: 0, largest: false, k: 8 } },
    { inputs: [{ dtype: 'float16', shape: [2, 5, 2] }], attrs: { axis: 1, largest: true, k: 1 } },
    { inputs: [{ dtype: 'float64', shape: [6], data: [1, NaN, -Infinity, 2, NaN, Infinity] }], attrs: { axis: 0, largest: true, k: 4 } },
    { inputs: [{ dtype: 'float32', shape: [6], data: [1, NaN, -Infinity, 2, NaN, Infinity] }], attrs: { axis: 0, largest: false, k: 6 } },
    { inputs: [{ dtype: 'uint64', shape: [4], data: [1, 9, 3, 9] }], attrs: { axis: 0, largest: true, k: 2 } },
    { inputs: [{ dtype: 'float32', shape: [2, 3] }], attrs: { axis: 1, largest: true, k: 0 } },
    { inputs: [{ dtype: 'int32', shape: [0, 4] }], attrs: { axis: 1, largest: true, k: 2 } },
    { inputs: [{ dtype: 'int64', shape: [19, 37], range: [-9, 9] }], attrs: { axis: 1, largest: true, k: 37 } },
    { inputs: [{ dtype: 'int32', shape: [2, 250, 2], range: [-99, 99] }], attrs: { axis: 1, largest: false, k: 33 } },
    { inputs: [{ dtype: 'float32', shape: [50, 2], data: Array.from({ length: 100 }, (_, i) => (i * 37) % 100 - 50) }], attrs: { axis: 0, largest: true, k: 41 } },
  ],
})

/** Scatters: a copy of the first input with updates written at indices that are data, one after another. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { printShape } from '../dims-text.js'
import { product, type Dim } from '../dims.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { binary, load, type BinaryOp, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { defineOp, type ConcreteType } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { elementsOf, newElements, tensorOfElements, type Element } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { elementOffsets, INDEX_DTYPES, tupleLength, tupleOffsets } from './gather.js'
import { scatterElementsGrad, scatterNdGrad } from './gather-grad.js'
import { flatIndex, kernelOf, loopsOver } from './hand-written.js'
import { ALL_DTYPES, checkAttribute, checkAxis, checkSameDType, checkShape, NUMBERS, tensorInput } from './operands.js'

interface Reduction { readonly fold: (old: Element, update: Element) => Element; readonly op: BinaryOp }
/** How an update meets what is there; `none` replaces it. NaN propagates through max and min. */
const REDUCTIONS: Readonly<Record<string, Reduction | undefined>> = {
  add: { op: 'add', fold: (a, b) => (a as number) + (b as number) },
  mul: { op: 'mul', fold: (a, b) => (a as number) * (b as number) },
  max: { op: 'max', fold: (a, b) => (a !== a || a > b ? a : b) },
  min: { op: 'min', fold: (a, b) => (a !== a || a < b ? a : b) },
}

function scatterTypes(call: Parameters<typeof tensorInput>[0], reduction: string): readonly [TensorType, TensorType, TensorType] {
  checkAttribute(reduction === 'none' || REDUCTIONS[reduction] !== undefined, `reduction '${reduction}' must be none, add, mul, max or min`)
  const x = tensorInput(call, 0, reduction === 'none' ? ALL_DTYPES : NUMBERS), indices = tensorInput(call, 1, INDEX_DTYPES), updates = tensorInput(call, 2)
  checkSameDType(x, updates, 'the input and the updates')
  return [x, indices, updates]
}

/** Writes `updates`, rows of `length` elements, at `starts`. */
function scatterRows(x: HostTensor, updates: HostTensor, starts: Int32Array, length: number, reduction: string, output: ConcreteType): HostTensor {
  const fold = REDUCTIONS[reduction]?.fold
  const from = elementsOf(x), replacing = elementsOf(updates), out = newElements(output.dtype, from.length)
  for (let i = 0; i < from.length; i++) out[i] = from[i] as Element
  starts.forEach((start, r) => {
    for (let k = 0; k < length; k++) {
      const update = replacing[r * length + k] as Element
      out[start + k] = fold === undefined ? update : fold(out[start + k] as Element, update)
    }
  })
  return tensorOfElements(output, out)
}

/** Copies x0 to y0. */
function copyAll(shape: readonly Dim[]): Stmt {
  return { kind: 'for', variable: 'c', lo: 0, hi: product(shape), step: 1, body: [{ kind: 'store', buffer: 'y0', index: 'c', value: load('x0', ['c']) }] }
}

function storeUpdate(at: Dim, update: Expr, reduction: string): Stmt {
  const op = REDUCTIONS[reduction]?.op
  return { kind: 'store', buffer: 'y0', index: at, value: op === undefined ? update : binary(op, load('y0', [at]), update) }
}

const scatterElements = defineOp({
  name: 'scatter_elements',
  doc: 'The first input with each update written (or folded in, by `reduction`) at its own place, with the coordinate along `axis` replaced by its index.',
  source: 'ONNX ScatterElements-18; torch.scatter',
  attrs: { axis: 'int', reduction: 'string' },
  pattern: 'reduction',
  infer(call, ctx) {
    const [x, indices, updates] = scatterTypes(call, call.attrs.reduction)
    checkAxis(call.attrs.axis, x.shape.length)
    checkShape(indices.shape.length === x.shape.length && updates.shape.length === x.shape.length, `indices ${printShape(indices.shape)} and updates ${printShape(updates.shape)} must have the rank of ${printShape(x.shape)}`)
    indices.shape.forEach((d, i) => {
      ctx.assume(d, updates.shape[i] as Dim, `indices ${printShape(indices.shape)} and updates ${printShape(updates.shape)} go together`)
      if (i !== call.attrs.axis) ctx.assume(d, x.shape[i] as Dim, `indices ${printShape(indices.shape)} address elements of ${printShape(x.shape)}`, 'le')
    })
    return [x]
  },
  reference({ inputs, attrs, outputs }) {
    const [x, indices, updates] = required(inputs) as [HostTensor, HostTensor, HostTensor]
    return [scatterRows(x, updates, elementOffsets(x.shape, attrs.axis, indices), 1, attrs.reduction, onlyOutput(outputs))]
  },
  kernel(ctx) {
    const [x, indices] = ctx.inputs as readonly [TensorType, TensorType]
    const axes = axesOver(indices.shape)
    const index = axes.map((a) => a.name)
    const own = flatIndex(indices.shape, index)
    const update: readonly Stmt[] = [
      { kind: 'data-index', name: 'at', value: load('x1', [own]), extent: x.shape[ctx.attrs.axis] as Dim },
      storeUpdate(flatIndex(x.shape, index.map((name, i) => (i === ctx.attrs.axis ? 'at' : name))), load('x2', [own]), ctx.attrs.reduction),
    ]
    return kernelOf('scatter_elements', ctx, [copyAll(x.shape), ...loopsOver(axes, update)])
  },
  grad: scatterElementsGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 3] }, { dtype: 'int64', shape: [2, 3], data: [1, 0, 2, 0, -1, 1] }, { dtype: 'float32', shape: [2, 3] }], attrs: { axis: 0, reduction: 'none' } },
    { inputs: [{ dtype: 'float16', shape: [1, 5] }, { dtype: 'int32', shape: [1, 3], data: [1, -4, 4] }, { dtype: 'float16', shape: [1, 3] }], attrs: { axis: 1, reduction: 'add' } },
    { inputs: [{ dtype: 'int64', shape: [4] }, { dtype: 'int64', shape: [3], data: [1, 1, 0] }, { dtype: 'int64', shape: [3] }], attrs: { axis: 0, reduction: 'mul' } },
    { inputs: [{ dtype: 'float32', shape: [3], data: [1, NaN, 3] }, { dtype: 'int64', shape: [3], data: [0, 1, 2] }, { dtype: 'float32', shape: [3], data: [2, 0, NaN] }], attrs: { axis: 0, reduction: 'max' } },
    { inputs: [{ dtype: 'bool', shape: [2, 2] }, { dtype: 'int64', shape: [0, 2] }, { dtype: 'bool', shape: [0, 2] }], attrs: { axis: 0, reduction: 'none' } },
  ],
})

const scatterNd = defineOp({
  name: 'scatter_nd',
  doc: 'The first input with slices of updates written (or folded in, by `reduction`) at index tuples, which the last axis of the indices holds.',
  source: 'ONNX ScatterND-18',
  attrs: { reduction: 'string' },
  pattern: 'reduction',
  infer(call, ctx) {
    const [x, indices, updates] = scatterTypes(call, call.attrs.reduction)
    const length = tupleLength(indices.shape)
    checkShape(length <= x.shape.length, `tuples of ${length} indices do not fit the rank of ${printShape(x.shape)}`)
    const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(length)]
    checkShape(updates.shape.length === wanted.length, `the updates ${printShape(updates.shape)} must have shape ${printShape(wanted)}`)
    wanted.forEach((d, i) => ctx.assume(updates.shape[i] as Dim, d, `the updates ${printShape(updates.shape)} have shape ${printShape(wanted)}`))
    return [tensorType(x.dtype, x.shape)]
  },
  reference({ inputs, attrs, outputs }) {
    const [x, indices, updates] = required(inputs) as [HostTensor, HostTensor, HostTensor]
    const row = elementCount(x.shape.slice(tupleLength(indices.shape)))
    return [scatterRows(x, updates, tupleOffsets(x.shape, 0, indices), row, attrs.reduction, onlyOutput(outputs))]
  },
  kernel(ctx) {
    const [x, indices, updates] = ctx.inputs as readonly [TensorType, TensorType, TensorType]
    const length = tupleLength(indices.shape)
    const axes = axesOver(updates.shape)
    const tuples = axes.slice(0, indices.shape.length - 1), row = axes.slice(tuples.length)
    const tuple = tuples.map((a) => a.name), inRow = row.map((a) => a.name)
    const names = Array.from({ length }, (_, k) => `at${k}`)
    const reads = names.map((name, k): Stmt => ({ kind: 'data-index', name, value: load('x1', [flatIndex(indices.shape, [...tuple, k])]), extent: x.shape[k] as Dim }))
    const store = storeUpdate(flatIndex(x.shape, [...names, ...inRow]), load('x2', [flatIndex(updates.shape, [...tuple, ...inRow])]), ctx.attrs.reduction)
    return kernelOf('scatter_nd', ctx, [copyAll(x.shape), ...loopsOver(tuples, [...reads, ...loopsOver(row, [store])])])
  },
  grad: scatterNdGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [4, 3] }, { dtype: 'int64', shape: [2, 1], data: [3, -3] }, { dtype: 'float32', shape: [2, 3] }], attrs: { reduction: 'none' } },
    { inputs: [{ dtype: 'float16', shape: [2, 3] }, { dtype: 'int64', shape: [3, 2], data: [0, 1, 0, 1, 1, 2] }, { dtype: 'float16', shape: [3] }], attrs: { reduction: 'add' } },
    { inputs: [{ dtype: 'int32', shape: [5] }, { dtype: 'int32', shape: [1], data: [2] }, { dtype: 'int32', shape: [] }], attrs: { reduction: 'min' } },
    { inputs: [{ dtype: 'int64', shape: [2, 2] }, { dtype: 'int64', shape: [0, 1] }, { dtype: 'int64', shape: [0, 2] }], attrs: { reduction: 'none' } },
  ],
})

/** Ops that write at indices that are data. */
export const SCATTERS = [scatterElements, scatterNd]

/** Gathers: elements chosen by indices that are data. Negative indices count from the end; others out of range are errors. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { printShape } from '../dims-text.js'
import type { Dim } from '../dims.js'
import { dimsOf } from '../integer-elements.js'
import { shapeOf, type Value } from '../graph.js'
import type { Compute, Let } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load, type Expr } from '../kernel/expr.js'
import { defineOp, type ConcreteType } from '../op.js'
import { tensorType } from '../types.js'
import { numbersOf, pick } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { gatherElementsGrad, gatherGrad, gatherNdGrad } from './gather-grad.js'
import { rowMajorStrides } from './offsets.js'
import { checkAttribute, checkAxis, checkShape, tensorInput } from './operands.js'

/** dtypes of index tensors. */
export const INDEX_DTYPES = ['int32', 'int64'] as const

/** `index` with negative ones counted from the end; throws `index-out-of-range`. */
export function wrapIndex(index: number, extent: number): number {
  const wrapped = index < 0 ? index + extent : index
  if (wrapped < 0 || wrapped >= extent) throw new IngotError('index-out-of-range', `index ${index} is outside an axis of ${extent} elements`, { hint: `indices run from ${-extent} to ${extent - 1}` })
  return wrapped
}

/** A let that reads an index into an axis of `extent` from data. */
export const dataIndex = (name: string, value: Expr, extent: Dim): Let => ({ kind: 'data-index', name, value, extent })

/** A compute that stores, at each point of the output, one element of `x0` at an index that may use `lets`. */
function picking(name: string, ctx: { readonly buffers: Compute['buffers'] }, shape: readonly Dim[], at: (index: readonly string[]) => { readonly lets: readonly Let[]; readonly from: readonly Dim[] }): Compute {
  const axes = axesOver(shape)
  const index = axes.map((a) => a.name)
  const { lets, from } = at(index)
  return { name, buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets, buffer: 'y0', index, value: load('x0', from) }] }
}

/** Offsets in a tensor of `shape` gathered along `axis` at `indices`: outer axes, then the indices, then inner axes. */
function gatherOffsets(shape: readonly number[], axis: number, indices: ArrayLike<number>): Int32Array {
  const extent = shape[axis] as number
  const outer = elementCount(shape.slice(0, axis)), inner = elementCount(shape.slice(axis + 1))
  const offsets = new Int32Array(outer * indices.length * inner)
  let at = 0
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < indices.length; i++) {
      const row = (o * extent + wrapIndex(indices[i] as number, extent)) * inner
      for (let k = 0; k < inner; k++) offsets[at++] = row + k
    }
  }
  return offsets
}

const gather = defineOp({
  name: 'gather',
  doc: 'Whole slices of the first input along `axis`, chosen by the indices; the axis is replaced by the axes of the indices.',
  source: 'ONNX Gather-13; numpy.take; torch.index_select',
  attrs: { axis: 'int' },
  pattern: 'injective',
  infer(call) {
    const x = tensorInput(call, 0), indices = tensorInput(call, 1, INDEX_DTYPES)
    const { axis } = call.attrs
    checkAxis(axis, x.shape.length)
    return [tensorType(x.dtype, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)])]
  },
  symbolic(call) {
    const [x, indices] = call.inputs as readonly [Value, Value]
    const known = dimsOf(x), at = dimsOf(indices)
    if (known === undefined || at === undefined || !at.every((d) => typeof d === 'number')) return undefined
    return Array.from(gatherOffsets(shapeOf(x) as readonly number[], call.attrs.axis, at as readonly number[]), (k) => known[k] as Dim)
  },
  reference({ inputs, attrs, outputs }) {
    const [x, indices] = required(inputs)
    return [pick(x, onlyOutput(outputs), gatherOffsets(x.shape, attrs.axis, numbersOf(indices as HostTensor)))]
  },
  grad: gatherGrad,
  compute(ctx) {
    const { axis } = ctx.attrs
    const x = ctx.inputs[0]?.shape ?? [], rank = ctx.inputs[1]?.shape.length ?? 0
    return picking('gather', ctx, ctx.outputs[0]?.shape ?? [], (index) => ({
      lets: [dataIndex('at', load('x1', index.slice(axis, axis + rank)), x[axis] as Dim)],
      from: [...index.slice(0, axis), 'at', ...index.slice(axis + rank)],
    }))
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 4] }, { dtype: 'int64', shape: [2, 2], data: [0, -1, 2, 1] }], attrs: { axis: 0 } },
    { inputs: [{ dtype: 'float16', shape: [2, 3, 2] }, { dtype: 'int32', shape: [4], data: [2, 0, -3, 1] }], attrs: { axis: 1 } },
    { inputs: [{ dtype: 'int64', shape: [5] }, { dtype: 'int64', shape: [], data: [-2] }], attrs: { axis: 0 } },
    { inputs: [{ dtype: 'bool', shape: [2, 3] }, { dtype: 'int64', shape: [0] }], attrs: { axis: 1 } },
  ],
})

/** For each element of the indices, where the element it chooses along `axis` is. */
export function elementOffsets(shape: readonly number[], axis: number, indices: HostTensor): Int32Array {
  const strides = rowMajorStrides(shape), own = rowMajorStrides(indices.shape)
  const at = numbersOf(indices)
  return Int32Array.from({ length: at.length }, (_, i) => {
    let offset = 0
    shape.forEach((d, a) => {
      const k = a === axis ? wrapIndex(at[i] as number, d) : Math.floor(i / (own[a] as number)) % (indices.shape[a] as number)
      offset += k * (strides[a] as number)
    })
    return offset
  })
}

const gatherElements = defineOp({
  name: 'gather_elements',
  doc: 'For each index the element of the first input at the same place, with the coordinate along `axis` replaced by the index.',
  source: 'ONNX GatherElements-13; torch.gather',
  attrs: { axis: 'int' },
  pattern: 'injective',
  infer(call, ctx) {
    const x = tensorInput(call, 0), indices = tensorInput(call, 1, INDEX_DTYPES)
    checkAxis(call.attrs.axis, x.shape.length)
    checkShape(x.shape.length === indices.shape.length, `the indices ${printShape(indices.shape)} must have the rank of ${printShape(x.shape)}`)
    indices.shape.forEach((d, i) => { if (i !== call.attrs.axis) ctx.assume(d, x.shape[i] as Dim, `indices ${printShape(indices.shape)} choose elements of ${printShape(x.shape)}`, 'le') })
    return [tensorType(x.dtype, indices.shape)]
  },
  reference({ inputs, attrs, outputs }) {
    const [x, indices] = required(inputs)
    return [pick(x, onlyOutput(outputs), elementOffsets(x.shape, attrs.axis, indices as HostTensor))]
  },
  grad: gatherElementsGrad,
  compute(ctx) {
    const { axis } = ctx.attrs
    return picking('gather_elements', ctx, ctx.outputs[0]?.shape ?? [], (index) => ({
      lets: [dataIndex('at', load('x1', index), ctx.inputs[0]?.shape[axis] as Dim)],
      from: index.map((name, i) => (i === axis ? 'at' : name)),
    }))
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [3, 3] }, { dtype: 'int64', shape: [2, 3], data: [1, 2, 0, -1, 0, 0] }], attrs: { axis: 0 } },
    { inputs: [{ dtype: 'int64', shape: [2, 4] }, { dtype: 'int32', shape: [2, 2], data: [3, -4, 0, 1] }], attrs: { axis: 1 } },
    { inputs: [{ dtype: 'bool', shape: [3] }, { dtype: 'int64', shape: [0] }], attrs: { axis: 0 } },
  ],
})

/** For each index tuple (the last axis of the indices), where the slice that it chooses starts. */
export function tupleOffsets(shape: readonly number[], batchDims: number, indices: HostTensor): Int32Array {
  const length = indices.shape[indices.shape.length - 1] as number
  const strides = rowMajorStrides(shape)
  const at = numbersOf(indices)
  const count = elementCount(indices.shape.slice(0, -1))
  const perBatch = elementCount(indices.shape.slice(batchDims, -1))
  const batchStride = elementCount(shape.slice(batchDims))
  return Int32Array.from({ length: count }, (_, i) => {
    let offset = Math.floor(i / perBatch) * batchStride
    for (let k = 0; k < length; k++) offset += wrapIndex(at[i * length + k] as number, shape[batchDims + k] as number) * (strides[batchDims + k] as number)
    return offset
  })
}

/** Entries of an index tuple: the last extent of the indices, which must be a number. Throws `shape-not-static`. */
export function tupleLength(indices: readonly Dim[]): number {
  const last = indices[indices.length - 1]
  if (typeof last !== 'number') throw new IngotError('shape-not-static', `the last extent of the indices ${printShape(indices)} must be a number: it says how many axes are indexed`)
  return last
}

const gatherNd = defineOp({
  name: 'gather_nd',
  doc: 'Slices of the first input at index tuples, which the last axis of the indices holds; the first `batch_dims` axes go together.',
  source: 'ONNX GatherND-13',
  attrs: { batch_dims: 'int' },
  pattern: 'injective',
  infer(call, ctx) {
    const x = tensorInput(call, 0), indices = tensorInput(call, 1, INDEX_DTYPES)
    const batch = call.attrs.batch_dims
    const length = tupleLength(indices.shape)
    checkAttribute(batch >= 0 && batch < Math.min(x.shape.length, indices.shape.length), `batch_dims ${batch} must be below the ranks of ${printShape(x.shape)} and ${printShape(indices.shape)}`)
    checkShape(batch + length <= x.shape.length, `tuples of ${length} indices after ${batch} batch axes do not fit the rank of ${printShape(x.shape)}`)
    for (let i = 0; i < batch; i++) ctx.assume(x.shape[i] as Dim, indices.shape[i] as Dim, `batch axis ${i} of ${printShape(x.shape)} and ${printShape(indices.shape)}`)
    return [tensorType(x.dtype, [...indices.shape.slice(0, -1), ...x.shape.slice(batch + length)])]
  },
  reference({ inputs, attrs, outputs }) {
    const [x, indices] = required(inputs) as [HostTensor, HostTensor]
    const output: ConcreteType = onlyOutput(outputs)
    const starts = tupleOffsets(x.shape, attrs.batch_dims, indices)
    const row = elementCount(x.shape.slice(attrs.batch_dims + tupleLength(indices.shape)))
    return [pick(x, output, Int32Array.from({ length: starts.length * row }, (_, i) => (starts[Math.floor(i / row)] as number) + (i % row)))]
  },
  compute(ctx) {
    const batch = ctx.attrs.batch_dims
    const x = ctx.inputs[0]?.shape ?? [], indices = ctx.inputs[1]?.shape ?? []
    const length = tupleLength(indices)
    return picking('gather_nd', ctx, ctx.outputs[0]?.shape ?? [], (index) => {
      const tuple = index.slice(0, indices.length - 1)
      const names = Array.from({ length }, (_, k) => `at${k}`)
      return {
        lets: names.map((name, k) => dataIndex(name, load('x1', [...tuple, k]), x[batch + k] as Dim)),
        from: [...index.slice(0, batch), ...names, ...index.slice(indices.length - 1)],
      }
    })
  },
  grad: gatherNdGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 4] }, { dtype: 'int64', shape: [2, 2], data: [0, 1, 1, -1] }], attrs: { batch_dims: 0 } },
    { inputs: [{ dtype: 'float16', shape: [2, 3, 2] }, { dtype: 'int64', shape: [2, 1], data: [2, 0] }], attrs: { batch_dims: 1 } },
    { inputs: [{ dtype: 'int64', shape: [2, 2] }, { dtype: 'int32', shape: [2], data: [1, 0] }], attrs: { batch_dims: 0 } },
    { inputs: [{ dtype: 'bool', shape: [3] }, { dtype: 'int64', shape: [0, 1] }], attrs: { batch_dims: 0 } },
  ],
})

/** Ops that choose elements by indices that are data. */
export const GATHERS = [gather, gatherElements, gatherNd]

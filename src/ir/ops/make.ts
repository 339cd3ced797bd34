/** Ops that make tensors from attributes: range, fill, dims_tensor; and from positions: one_hot, trilu. */
import { elementCount } from '../../base/dtype.js'
import { printShape } from '../dims-text.js'
import { add, mul, product, sub, type Dim } from '../dims.js'
import { dimsOf, integerTensor } from '../integer-elements.js'
import type { Stage } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { binary, cast, constant, indexValue, load, REGISTER, selectExpr, type RegisterType } from '../kernel/expr.js'
import { defineOp } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { elementOf, elementsOf, newElements, numbersOf, pick, tensorOfElements, type Element } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { numberOf } from './expressions.js'
import { oneHotGrad } from './gather-grad.js'
import { triluGrad } from './movement-grad.js'
import { rowMajorStrides } from './offsets.js'
import { ALL_DTYPES, checkAttribute, checkDType, checkShape, INTEGERS, NUMBERS, tensorInput } from './operands.js'

/** Converts an index to a register. */
const positionAs = (type: RegisterType, index: Dim): ReturnType<typeof cast> => (type === 'i32' ? indexValue(index) : cast(type, indexValue(index)))

const range = defineOp({
  name: 'range', doc: 'The `length` numbers start, start + step, start + 2 step….', source: 'ONNX Range-11 of integers; torch.arange',
  attrs: { start: 'dim', step: 'dim', length: 'dim', dtype: 'dtype' }, amounts: ['start', 'step'], pattern: 'injective',
  infer(call) {
    checkDType(call.attrs.dtype, NUMBERS, 'the range')
    return [tensorType(call.attrs.dtype, [call.attrs.length])]
  },
  symbolic: (call, output) => Array.from({ length: output.shape[0] as number }, (_, i) => add(call.attrs.start, mul(i, call.attrs.step))),
  reference({ attrs, outputs }) {
    const output = onlyOutput(outputs)
    const out = newElements(output.dtype, elementCount(output.shape))
    for (let i = 0; i < out.length; i++) out[i] = elementOf(output.dtype, (attrs.start as number) + i * (attrs.step as number))
    return [tensorOfElements(output, out)]
  },
  compute(ctx) {
    const axes = axesOver([ctx.attrs.length])
    const value = positionAs(REGISTER[ctx.attrs.dtype], add(ctx.attrs.start, mul('i0', ctx.attrs.step)))
    return { name: 'range', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['i0'], value }] }
  },
  samples: [
    { inputs: [], attrs: { start: 0, step: 1, length: 5, dtype: 'int64' } },
    { inputs: [], attrs: { start: 7, step: -3, length: 4, dtype: 'int32' } },
    { inputs: [], attrs: { start: 2, step: 2, length: 0, dtype: 'int64' } },
    { inputs: [], attrs: { start: -2, step: 1, length: 4, dtype: 'float32' } },
  ],
})

const fill = defineOp({
  name: 'fill', doc: 'A tensor whose every element is the one of `value`.', source: 'ONNX ConstantOfShape-21; torch.full',
  attrs: { shape: 'dims', value: 'tensor' }, pattern: 'injective',
  infer(call) {
    const { shape, value } = call.attrs
    checkDType(value.dtype, ALL_DTYPES, 'the value')
    checkAttribute(elementCount(value.shape) === 1, `the value of fill has shape ${printShape(value.shape)}; it must be one element`)
    return [tensorType(value.dtype, shape)]
  },
  symbolic(call, output) {
    const [value] = dimsOf({ name: 'value', type: tensorType(call.attrs.value.dtype, call.attrs.value.shape), data: call.attrs.value }) ?? []
    return value === undefined ? undefined : new Array<Dim>(elementCount(output.shape as readonly number[])).fill(value)
  },
  reference({ attrs, outputs }) {
    const output = onlyOutput(outputs)
    return [pick(attrs.value, output, new Int32Array(elementCount(output.shape)))]
  },
  compute(ctx) {
    const axes = axesOver(ctx.attrs.shape)
    const { value } = ctx.attrs
    const stage: Stage = { kind: 'store', axes: [], lets: [], buffer: 'y0', index: axes.map((a) => a.name), value: numberOf(value.dtype, elementsOf(value)[0] as Element) }
    return { name: 'fill', buffers: ctx.buffers, axes, stages: [stage] }
  },
  samples: [
    { inputs: [], attrs: { shape: [2, 3], value: { dtype: 'float32', shape: [1], data: Float32Array.of(1.5) } } },
    { inputs: [], attrs: { shape: [], value: { dtype: 'int64', shape: [], data: BigInt64Array.of(-(2n ** 60n)) } } },
    { inputs: [], attrs: { shape: [4], value: { dtype: 'float16', shape: [1], data: Uint16Array.of(0xfc00) } } },
    { inputs: [], attrs: { shape: [0, 2], value: { dtype: 'bool', shape: [1], data: Uint8Array.of(1) } } },
  ],
})

const dimsTensor = defineOp({
  name: 'dims_tensor', doc: 'A small integer tensor whose elements are extents, or arithmetic on them.', source: 'what becomes of ONNX Shape-23 and the shape arithmetic behind it',
  attrs: { dims: 'dims', shape: 'ints', dtype: 'dtype' }, amounts: ['dims'], pattern: 'joining',
  infer(call) {
    const { dims, shape, dtype } = call.attrs
    checkDType(dtype, INTEGERS, 'a tensor of extents')
    checkAttribute(product(shape) === dims.length, `${dims.length} extents do not make a tensor of shape ${printShape(shape)}`)
    return [tensorType(dtype, shape)]
  },
  symbolic: (call) => call.attrs.dims,
  reference: ({ attrs, outputs }) => [integerTensor(onlyOutput(outputs), attrs.dims as readonly number[])],
  compute(ctx) {
    const { dims, shape, dtype } = ctx.attrs
    const strides = rowMajorStrides(shape)
    const stages = dims.map((d, i): Stage => ({
      kind: 'store', axes: [], lets: [], buffer: 'y0', index: shape.map((n, axis) => Math.floor(i / (strides[axis] as number)) % n), value: positionAs(REGISTER[dtype], d),
    }))
    return { name: 'dims_tensor', buffers: ctx.buffers, axes: [], stages }
  },
  samples: [
    { inputs: [], attrs: { dims: [2, 3, 5], shape: [3], dtype: 'int64' } },
    { inputs: [], attrs: { dims: [-7], shape: [], dtype: 'int32' } },
    { inputs: [], attrs: { dims: [1, 2, 3, 4], shape: [2, 2], dtype: 'int64' } },
    { inputs: [], attrs: { dims: [], shape: [0], dtype: 'int64' } },
  ],
})

const oneHot = defineOp({
  name: 'one_hot',
  doc: 'A new axis of `depth` elements at `axis`: the second of `values` at the index, the first elsewhere; negative indices count from the end, and one out of range marks nothing.',
  source: 'ONNX OneHot-11 of integer indices; torch.nn.functional.one_hot',
  attrs: { axis: 'int', depth: 'dim' }, pattern: 'injective',
  infer(call, ctx) {
    const indices = tensorInput(call, 0, INTEGERS), values = tensorInput(call, 1)
    const { axis, depth } = call.attrs
    checkAttribute(axis >= 0 && axis <= indices.shape.length, `axis ${axis} is not from 0 to ${indices.shape.length}`)
    checkShape(values.shape.length === 1, `the values ${printShape(values.shape)} must be two elements: off and on`)
    ctx.assume(values.shape[0] as Dim, 2, 'the values of one_hot are two elements: off and on')
    return [tensorType(values.dtype, [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)])]
  },
  reference({ inputs, attrs, outputs }) {
    const [indices, values] = required(inputs) as [NonNullable<typeof inputs[0]>, NonNullable<typeof inputs[0]>]
    const output = onlyOutput(outputs)
    const depth = attrs.depth as number
    const inner = elementCount(indices.shape.slice(attrs.axis))
    const at = numbersOf(indices)
    const choice = Int32Array.from({ length: elementCount(output.shape) }, (_, i) => {
      const position = Math.floor(i / inner) % depth
      const index = at[Math.floor(i / (inner * depth)) * inner + (i % inner)] as number
      return index === position || index + depth === position ? 1 : 0
    })
    return [pick(values, output, choice)]
  },
  compute(ctx) {
    const { axis, depth } = ctx.attrs
    const indices = ctx.inputs[0] as TensorType
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    const type = REGISTER[indices.dtype]
    const chosen = load('x0', index.filter((_, i) => i !== axis)), position = index[axis] as string
    const isFromStart = binary('eq', chosen, positionAs(type, position))
    const isHot = type === 'u32' || type === 'u64' ? isFromStart : binary('or', isFromStart, binary('eq', chosen, positionAs(type, sub(position, depth))))
    const stage: Stage = { kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: selectExpr(isHot, load('x1', [1]), load('x1', [0])) }
    return { name: 'one_hot', buffers: ctx.buffers, axes, stages: [stage] }
  },
  grad: oneHotGrad,
  samples: [
    { inputs: [{ dtype: 'int64', shape: [3], data: [0, -1, 7] }, { dtype: 'float32', shape: [2], data: [0, 1] }], attrs: { axis: 1, depth: 4 } },
    { inputs: [{ dtype: 'int32', shape: [2, 2], data: [1, 2, -4, 0] }, { dtype: 'int64', shape: [2], data: [-1, 5] }], attrs: { axis: 0, depth: 3 } },
    { inputs: [{ dtype: 'uint8', shape: [], data: [2] }, { dtype: 'bool', shape: [2], data: [0, 1] }], attrs: { axis: 0, depth: 3 } },
    { inputs: [{ dtype: 'int64', shape: [0] }, { dtype: 'float16', shape: [2], data: [1, 2] }], attrs: { axis: 1, depth: 2 } },
  ],
})

const trilu = defineOp({
  name: 'trilu', doc: 'The upper (or lower) triangle of the last two axes from the k-th diagonal on, zeros elsewhere.', source: 'ONNX Trilu-14; torch.triu and tril',
  attrs: { upper: 'bool', k: 'int' }, pattern: 'injective',
  infer(call) {
    const x = tensorInput(call, 0)
    checkShape(x.shape.length >= 2, `trilu needs a matrix, not ${printShape(x.shape)}`)
    return [x]
  },
  reference({ inputs, attrs, outputs }) {
    const [x] = required(inputs)
    const output = onlyOutput(outputs)
    const [rows, columns] = output.shape.slice(-2) as [number, number]
    const kept = Int32Array.from({ length: elementCount(output.shape) }, (_, at) => {
      const i = Math.floor(at / columns) % rows, j = at % columns
      return (attrs.upper ? j - i >= attrs.k : j - i <= attrs.k) ? at : -1
    })
    return [pick(x, output, kept)]
  },
  compute(ctx) {
    const output = ctx.outputs[0] as TensorType
    const axes = axesOver(output.shape)
    const index = axes.map((a) => a.name)
    const [i, j] = index.slice(-2) as [string, string]
    const isKept = binary(ctx.attrs.upper ? 'ge' : 'le', indexValue(sub(j, i)), constant('i32', ctx.attrs.k))
    const stage: Stage = { kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: selectExpr(isKept, load('x0', index), numberOf(output.dtype, 0)) }
    return { name: 'trilu', buffers: ctx.buffers, axes, stages: [stage] }
  },
  grad: triluGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 4] }], attrs: { upper: true, k: 1 } },
    { inputs: [{ dtype: 'int64', shape: [4, 3], range: [1, 9] }], attrs: { upper: false, k: -1 } },
    { inputs: [{ dtype: 'bool', shape: [3, 3], data: [1, 1, 1, 1, 1, 1, 1, 1, 1] }], attrs: { upper: false, k: 9 } },
    { inputs: [{ dtype: 'float16', shape: [3, 0] }], attrs: { upper: true, k: 0 } },
  ],
})

/** Ops that make tensors from attributes. */
export const MAKERS = [range, fill, dimsTensor]
/** Ops whose elements depend on positions. */
export const POSITIONALS = [oneHot, trilu]

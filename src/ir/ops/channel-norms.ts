/** Norms along channels (axis 1): group norm, batch norm with given statistics, local response norm. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { printShape } from '../dims-text.js'
import { add, floorDiv, max, min, mul, product, sub, type Dim } from '../dims.js'
import type { Stage } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { binary, cast, load, local, REGISTER, unary, type Expr } from '../kernel/expr.js'
import { defineOp, type Call, type InferContext } from '../op.js'
import type { TensorType } from '../types.js'
import { newElements, numbersOf, tensorOfElements } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { minus, number, over, plus, times } from './expressions.js'
import { batchNormGrad, groupNormGrad, lrnGrad } from './norm-grad.js'
import { checkAttribute, checkSameDType, checkShape, FLOATS, tensorInput } from './operands.js'
import { divideByCount, mapRows, momentsOf, sumStage } from './rows.js'

function channelled(call: Call<unknown>): TensorType {
  const x = tensorInput(call, 0, FLOATS)
  checkShape(x.shape.length >= 2, `${printShape(x.shape)} has no channels: they are axis 1`)
  return x
}

/** Checks that input `i` has one element per channel of `x`. */
function perChannel(call: Call<unknown>, i: number, name: string, x: TensorType, ctx: InferContext): TensorType {
  const p = tensorInput(call, i, FLOATS)
  checkShape(p.shape.length === 1, `the ${name} ${printShape(p.shape)} must have one axis, with an element per channel`)
  ctx.assume(p.shape[0] as Dim, x.shape[1] as Dim, `the ${name} has an element for each channel of ${printShape(x.shape)}`)
  return p
}

/** The channel of an element of a tensor, from its position. */
function channelOf(shape: readonly number[]): (position: number) => number {
  const inner = elementCount(shape.slice(2)), channels = shape[1] as number
  return (i) => Math.floor(i / inner) % channels
}

const groupNorm = defineOp({
  name: 'group_norm',
  doc: 'Channels in `groups` groups: each element less the mean of its group, over the square root of the variance of its group plus epsilon, times scale plus bias of its channel.',
  source: 'ONNX GroupNormalization-21, InstanceNormalization-22 (as many groups as channels); torch.nn.functional.group_norm',
  attrs: { groups: 'int', epsilon: 'float' },
  pattern: 'reduction',
  infer(call, ctx) {
    const x = channelled(call)
    const { groups } = call.attrs
    const channels = x.shape[1] as Dim
    checkAttribute(Number.isInteger(groups) && groups >= 1 && (typeof channels !== 'number' || channels % groups === 0), `${groups} groups do not divide the channels of ${printShape(x.shape)}`)
    for (const [i, name] of [[1, 'scale'], [2, 'bias']] as const) checkSameDType(x, perChannel(call, i, name, x, ctx), `the input and the ${name}`)
    return [x]
  },
  reference({ inputs, attrs, outputs }) {
    const [x, scale, bias] = required(inputs) as [HostTensor, HostTensor, HostTensor]
    const [n, c] = x.shape as [number, number]
    const shape = [n, attrs.groups, elementCount(x.shape) === 0 ? 0 : elementCount(x.shape) / (n * attrs.groups)]
    const channel = channelOf([n, c, elementCount(x.shape.slice(2))])
    const s = numbersOf(scale), b = numbersOf(bias)
    const output = onlyOutput(outputs)
    const grouped = mapRows({ ...x, shape }, { dtype: output.dtype, shape }, (a) => a === 2, (row, at) => {
      const { mean, variance } = momentsOf(row)
      const factor = 1 / Math.sqrt(variance + attrs.epsilon)
      row.forEach((v, k) => { const own = channel(at(k)); row[k] = (v - mean) * factor * (s[own] as number) + (b[own] as number) })
    })
    return [{ ...grouped, shape: output.shape }]
  },
  compute(ctx) {
    const x = ctx.inputs[0] as TensorType
    const { groups, epsilon } = ctx.attrs
    const perGroup = floorDiv(x.shape[1] as Dim, groups)
    const all = axesOver(x.shape)
    const [batch] = all as [(typeof all)[0]]
    const outer = [batch, { name: 'g', hi: groups }]
    const inner = [{ name: 'c', hi: perGroup }, ...all.slice(2)]
    const channel = add(mul('g', perGroup), 'c')
    const index: readonly Dim[] = [batch.name, channel, ...all.slice(2).map((a) => a.name)]
    const type = REGISTER[x.dtype]
    const count = product([perGroup, ...x.shape.slice(2)])
    const centre = minus(load('x0', index), local('mean', type))
    const stages: Stage[] = [
      sumStage('sum', inner, type, load('x0', index)),
      { kind: 'let', lets: [{ kind: 'value', name: 'mean', type, value: divideByCount(local('sum', type), count, type) }] },
      sumStage('squares', inner, type, times(centre, centre)),
      { kind: 'let', lets: [{ kind: 'value', name: 'factor', type, value: unary('rsqrt', plus(divideByCount(local('squares', type), count, type), number(type, epsilon))) }] },
      { kind: 'store', axes: inner, lets: [], buffer: 'y0', index, value: plus(times(times(centre, local('factor', type)), load('x1', [channel])), load('x2', [channel])) },
    ]
    return { name: 'group_norm', buffers: ctx.buffers, axes: outer, stages }
  },
  grad: groupNormGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 6, 3, 5] }, { dtype: 'float32', shape: [6] }, { dtype: 'float32', shape: [6] }], attrs: { groups: 3, epsilon: 1e-5 } },
    { inputs: [{ dtype: 'float16', shape: [1, 4, 7] }, { dtype: 'float16', shape: [4] }, { dtype: 'float16', shape: [4] }], attrs: { groups: 4, epsilon: 1e-3 } },
    { inputs: [{ dtype: 'float64', shape: [3, 4] }, { dtype: 'float64', shape: [4] }, { dtype: 'float64', shape: [4] }], attrs: { groups: 2, epsilon: 1e-5 } },
    { inputs: [{ dtype: 'float32', shape: [0, 2, 3] }, { dtype: 'float32', shape: [2] }, { dtype: 'float32', shape: [2] }], attrs: { groups: 1, epsilon: 1e-5 } },
  ],
})

const batchNorm = defineOp({
  name: 'batch_norm',
  doc: 'Each element less the mean of its channel, over the square root of the variance of its channel plus epsilon, times scale plus bias; all four are given.',
  source: 'ONNX BatchNormalization-15 in inference; torch.nn.functional.batch_norm',
  attrs: { epsilon: 'float' },
  pattern: 'injective',
  infer(call, ctx) {
    const x = channelled(call)
    for (const [i, name] of [[1, 'scale'], [2, 'bias'], [3, 'mean'], [4, 'variance']] as const) perChannel(call, i, name, x, ctx)
    return [x]
  },
  reference({ inputs, attrs, outputs }) {
    const [x, scale, bias, mean, variance] = required(inputs).map(numbersOf) as [ReturnType<typeof numbersOf>, ...ReturnType<typeof numbersOf>[]]
    const output = onlyOutput(outputs)
    const channel = channelOf(output.shape)
    const at = (values: typeof scale, c: number): number => values?.[c] as number
    const out = newElements(output.dtype, x.length)
    for (let i = 0; i < x.length; i++) {
      const c = channel(i)
      out[i] = ((x[i] as number) - at(mean, c)) / Math.sqrt(at(variance, c) + attrs.epsilon) * at(scale, c) + at(bias, c)
    }
    return [tensorOfElements(output, out)]
  },
  compute(ctx) {
    const output = ctx.outputs[0] as TensorType
    const axes = axesOver(output.shape)
    const index = axes.map((a) => a.name)
    const type = REGISTER[output.dtype]
    const parameter = (i: number): Expr => {
      const own = load(`x${i}`, [index[1] as string])
      return REGISTER[(ctx.inputs[i] as TensorType).dtype] === type ? own : cast(type, own)
    }
    const factor = unary('rsqrt', plus(parameter(4), number(type, ctx.attrs.epsilon)))
    const value = plus(times(times(minus(load('x0', index), parameter(3)), factor), parameter(1)), parameter(2))
    return { name: 'batch_norm', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value }] }
  },
  grad: batchNormGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3, 4, 5] }, { dtype: 'float32', shape: [3] }, { dtype: 'float32', shape: [3] }, { dtype: 'float32', shape: [3] }, { dtype: 'float32', shape: [3], range: [0.5, 2] }], attrs: { epsilon: 1e-5 } },
    { inputs: [{ dtype: 'float16', shape: [2, 3] }, { dtype: 'float16', shape: [3] }, { dtype: 'float16', shape: [3] }, { dtype: 'float32', shape: [3] }, { dtype: 'float32', shape: [3], range: [0.5, 2] }], attrs: { epsilon: 1e-3 } },
    { inputs: [{ dtype: 'float32', shape: [0, 2, 3] }, { dtype: 'float32', shape: [2] }, { dtype: 'float32', shape: [2] }, { dtype: 'float32', shape: [2] }, { dtype: 'float32', shape: [2] }], attrs: { epsilon: 1e-5 } },
  ],
})

/** Channels before and after its own that local response norm looks at. */
const reach = (size: number): { readonly before: number; readonly after: number } => ({ before: Math.floor((size - 1) / 2), after: Math.ceil((size - 1) / 2) })

const lrn = defineOp({
  name: 'lrn',
  doc: 'x over (bias + alpha / size * the sum of squares of `size` channels around its own) to the power of beta.',
  source: 'ONNX LRN-13; torch.nn.functional.local_response_norm',
  attrs: { size: 'int', alpha: 'float', beta: 'float', bias: 'float' },
  pattern: 'reduction',
  infer(call) {
    checkAttribute(Number.isInteger(call.attrs.size) && call.attrs.size >= 1, `size ${call.attrs.size} must be 1 or more`)
    return [channelled(call)]
  },
  reference({ inputs, attrs, outputs }) {
    const [x] = required(inputs)
    const { before, after } = reach(attrs.size)
    return [mapRows(x, onlyOutput(outputs), (a) => a === 1, (row) => {
      const sums = row.map((_, c) => row.slice(Math.max(0, c - before), c + after + 1).reduce((s, v) => s + v * v, 0))
      row.forEach((v, c) => { row[c] = v / (attrs.bias + (attrs.alpha / attrs.size) * (sums[c] as number)) ** attrs.beta })
    })]
  },
  compute(ctx) {
    const x = ctx.inputs[0] as TensorType
    const { size, alpha, beta, bias } = ctx.attrs
    const axes = axesOver(x.shape)
    const index = axes.map((a) => a.name)
    const { before, after } = reach(size)
    const type = REGISTER[x.dtype]
    const near = load('x0', index.map((name, i) => (i === 1 ? 'c' : name)))
    const around = [{ name: 'c', lo: max(0, sub('i1', before)), hi: min(x.shape[1] as Dim, add('i1', after + 1)) }]
    const base = plus(number(type, bias), times(number(type, alpha / size), local('squares', type)))
    const value = over(load('x0', index), binary('pow', base, number(type, beta)))
    return { name: 'lrn', buffers: ctx.buffers, axes, stages: [sumStage('squares', around, type, times(near, near)), { kind: 'store', axes: [], lets: [], buffer: 'y0', index, value }] }
  },
  grad: lrnGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 7, 3] }], attrs: { size: 3, alpha: 0.1, beta: 0.75, bias: 1 } },
    { inputs: [{ dtype: 'float16', shape: [1, 4, 2, 2] }], attrs: { size: 4, alpha: 0.5, beta: 0.5, bias: 2 } },
    { inputs: [{ dtype: 'float32', shape: [2, 2] }], attrs: { size: 9, alpha: 1, beta: 1, bias: 1 } },
  ],
})

/** Norms along channels. */
export const CHANNEL_NORMS = [groupNorm, batchNorm, lrn]

/** Average and Lp pooling. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { add, ceilDiv, min, mul, sub, type Dim } from '../dims.js'
import { fromNumbers } from '../host-tensor.js'
import type { Axis, Compute, ComputeContext } from '../kernel/compute.js'
import { binary, cast, constant, load, local, REGISTER, unary, type Expr } from '../kernel/expr.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { greatest, minus, times } from './expressions.js'
import { floatElements } from './float-elements.js'
import { FLOATS, tensorInput } from './operands.js'
import { inferPool, POOL_ATTRS, poolReference, poolSampleAttrs, poolSpace, poolWindows, type PoolAttrs } from './pool.js'
import { averagePoolGrad, lpPoolGrad } from './pool-grad.js'
import { requireEntries } from './requirements.js'
import type { WindowAxis } from './window.js'

interface AverageAttrs extends PoolAttrs { readonly count_include_pad: boolean }

/** Taps of output point `o` that are in the input or its padding: all but what a partly fitting last window has beyond. */
function paddedTaps(w: WindowAxis, o: Dim, ceil: boolean): Dim {
  return ceil ? min(w.kernel, ceilDiv(sub(add(w.extent, w.before, w.after), mul(o, w.stride)), w.dilation)) : w.kernel
}

function computeAverage(ctx: ComputeContext<AverageAttrs>): Compute {
  const [y] = ctx.outputs as [TensorType], space = poolSpace(ctx), type = REGISTER[y.dtype]
  const counts = space.windows.map((w, i) => ctx.attrs.count_include_pad ? asIndex(paddedTaps(w, `o${i}`, ctx.attrs.ceil_mode)) : tapCount(space.taps[i] as Axis))
  // A window with nothing to count sums to 0, and so is its average.
  const divisor: Expr = counts.every((c) => c.kind === 'const')
    ? constant(type, counts.reduce((p, c) => p * Number(c.value), 1))
    : cast(type, greatest(counts.reduce(times), constant('i32', 1)))
  return {
    name: 'average_pool', buffers: ctx.buffers, axes: space.axes,
    stages: [
      { kind: 'reduce', axes: space.taps, lets: [], accumulators: [{ name: 'acc', type, init: constant(type, 0), combine: 'add', value: load('x0', space.input) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: space.output, value: binary('div', local('acc', type), divisor) },
    ],
  }
}

/** Number of taps in a clamped axis, as a register: bounds are what the loop has, so they are computed once. */
function tapCount({ lo = 0, hi }: Axis): Expr {
  if (lo === 0 && typeof hi === 'number') return asIndex(hi)
  return greatest(minus(asIndex(hi), asIndex(lo)), constant('i32', 0))
}

function asIndex(dim: Dim): Extract<Expr, { kind: 'const' | 'index' }> {
  return typeof dim === 'number' ? { kind: 'const', type: 'i32', value: dim } : { kind: 'index', index: dim }
}

function referenceAverage(call: ReferenceCall<AverageAttrs>): HostTensor[] {
  const { attrs } = call
  const [x] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType]
  const xs = floatElements(x), y = new Float64Array(elementCount(out.shape)), windows = poolWindows(x.shape, attrs)
  poolReference(x.shape, out.shape, attrs, (output, base, offsets, taps, at) => {
    let sum = 0
    for (let t = 0; t < taps; t++) sum += xs[base + (offsets[t] as number)] as number
    const count = attrs.count_include_pad ? windows.reduce((p, w, i) => p * countPadded(w, at[i] as number), 1) : taps
    y[output] = count === 0 ? 0 : sum / count
  })
  return [fromNumbers(out.dtype, out.shape, y)]
}

/** Counts one by one the taps within input and padding. */
function countPadded(w: WindowAxis, o: number): number {
  let count = 0
  for (let k = 0; k < (w.kernel as number); k++) if (o * w.stride + k * w.dilation < (w.before as number) + (w.extent as number) + (w.after as number)) count++
  return count
}

const AVERAGE_SAMPLES: readonly [readonly number[], PoolAttrs][] = [
  [[2, 3, 7, 5], poolSampleAttrs([3, 2])],
  [[1, 2, 9, 8], poolSampleAttrs([3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] })],
  [[1, 2, 9, 8], poolSampleAttrs([2, 3], { strides: [2, 3], pads: [0, 2, 1, 1], dilations: [3, 2] })],
  [[1, 1, 6, 6], poolSampleAttrs([3, 3], { strides: [2, 2], ceil_mode: true })],
  [[1, 2, 6, 7], poolSampleAttrs([3, 2], { strides: [3, 3], pads: [1, 1, 1, 0], ceil_mode: true })],
  [[1, 1, 2, 2], poolSampleAttrs([1, 1], { strides: [2, 2], ceil_mode: true })],
  [[2, 2, 11], poolSampleAttrs([4], { strides: [3], pads: [1, 2] })],
  [[1, 2, 4, 5, 3], poolSampleAttrs([2, 2, 2], { strides: [1, 2, 1], pads: [1, 0, 0, 0, 1, 1] })],
  [[0, 2, 5, 5], poolSampleAttrs([2, 2])],
]

/** ONNX AveragePool. */
export const averagePool = defineOp({
  name: 'average_pool',
  doc: 'Average of each window over its elements inside the input, or with count_include_pad over those in the padding too (as zeros).',
  source: 'ONNX AveragePool-22; torch.nn.functional.avg_pool2d',
  attrs: { ...POOL_ATTRS, count_include_pad: 'bool' },
  amounts: ['pads'],
  pattern: 'reduction',
  infer(call, ctx) {
    const x = tensorInput(call, 0, FLOATS)
    return [tensorType(x.dtype, inferPool(x, call.attrs, ctx))]
  },
  reference: referenceAverage,
  compute: computeAverage,
  grad: averagePoolGrad,
  samples: [
    ...[false, true].flatMap((count_include_pad) => AVERAGE_SAMPLES.map(([shape, attrs]) => ({ inputs: [{ dtype: 'float32' as const, shape }], attrs: { ...attrs, count_include_pad } }))),
    { inputs: [{ dtype: 'float16' as const, shape: [1, 2, 5, 5] }], attrs: { ...poolSampleAttrs([3, 3], { pads: [1, 1, 1, 1] }), count_include_pad: false } },
    { inputs: [{ dtype: 'float64' as const, shape: [1, 2, 5, 5] }], attrs: { ...poolSampleAttrs([2, 2]), count_include_pad: false } },
  ],
})

interface LpAttrs extends PoolAttrs { readonly p: number }

function computeLp(ctx: ComputeContext<LpAttrs>): Compute {
  const [y] = ctx.outputs as [TensorType], space = poolSpace(ctx), type = REGISTER[y.dtype], { p } = ctx.attrs
  const x = local('x', type), acc = local('acc', type)
  const power = p === 1 ? unary('abs', x) : p === 2 ? binary('mul', x, x) : binary('pow', unary('abs', x), constant(type, p))
  const root = p === 1 ? acc : p === 2 ? unary('sqrt', acc) : binary('pow', acc, constant(type, 1 / p))
  return {
    name: 'lp_pool', buffers: ctx.buffers, axes: space.axes,
    stages: [
      { kind: 'reduce', axes: space.taps, lets: [{ kind: 'value', name: 'x', type, value: load('x0', space.input) }], accumulators: [{ name: 'acc', type, init: constant(type, 0), combine: 'add', value: power }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: space.output, value: root },
    ],
  }
}

function referenceLp(call: ReferenceCall<LpAttrs>): HostTensor[] {
  const { p } = call.attrs
  const [x] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType]
  const xs = floatElements(x), y = new Float64Array(elementCount(out.shape))
  poolReference(x.shape, out.shape, call.attrs, (output, base, offsets, taps) => {
    let sum = 0
    for (let t = 0; t < taps; t++) sum += Math.abs(xs[base + (offsets[t] as number)] as number) ** p
    y[output] = sum ** (1 / p)
  })
  return [fromNumbers(out.dtype, out.shape, y)]
}

/** ONNX LpPool. */
export const lpPool = defineOp({
  name: 'lp_pool',
  doc: 'p-norm of each window: the p-th root of the sum of |x|^p; padding counts as zeros.',
  source: 'ONNX LpPool-22; torch.nn.functional.lp_pool2d',
  attrs: { ...POOL_ATTRS, p: 'int' },
  amounts: ['pads'],
  pattern: 'reduction',
  infer(call, ctx) {
    const x = tensorInput(call, 0, FLOATS)
    requireEntries('p', [call.attrs.p], 1, 1)
    return [tensorType(x.dtype, inferPool(x, call.attrs, ctx))]
  },
  reference: referenceLp,
  compute: computeLp,
  grad: lpPoolGrad,
  samples: [
    ...[1, 2, 3].flatMap((p) => AVERAGE_SAMPLES.slice(0, 5).map(([shape, attrs]) => ({ inputs: [{ dtype: 'float32' as const, shape }], attrs: { ...attrs, p } }))),
    { inputs: [{ dtype: 'float32' as const, shape: [2, 2, 11] }], attrs: { ...poolSampleAttrs([4], { strides: [3], pads: [1, 2] }), p: 2 } },
  ],
})

/** Convolution over any number of spatial axes, with groups, strides, dilations, pads and an optional bias. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { add, divExact, floorDiv, mul, product, type Dim } from '../dims.js'
import { printDim } from '../dims-text.js'
import { fromNumbers } from '../host-tensor.js'
import type { Axis, Buffer, Compute, ComputeContext } from '../kernel/compute.js'
import { binary, constant, load, local, REGISTER } from '../kernel/expr.js'
import { defineOp, type ConcreteType, type InferContext, type ReferenceCall } from '../op.js'
import { printType, tensorType, type TensorType } from '../types.js'
import { convGrad } from './conv-grad.js'
import { floatElements } from './float-elements.js'
import { FLOATS, weightedInputs } from './operands.js'
import { requireEntries, requireRank } from './requirements.js'
import { tapSweep, type TapSweep } from './tap-sweep.js'
import { requireWindowAttrs, staysInside, windowAxes, windowCount, windowIndex, windowTaps, type WindowAttrs } from './window.js'

const ATTRS = { strides: 'ints', dilations: 'ints', pads: 'dims', group: 'int' } as const
interface ConvAttrs extends WindowAttrs { readonly group: number }

function inferShape(x: TensorType, w: TensorType, bias: TensorType | undefined, attrs: ConvAttrs, ctx: InferContext): readonly Dim[] {
  const rank = x.shape.length - 2
  if (rank < 1) throw new IngotError('shape-mismatch', `conv needs an input [N, C, spatial…] of rank 3 or more, but it is ${printType(x)}`, { hint: 'insert an axis of extent 1' })
  requireRank(w, 'the weight', x.shape.length, '[M, C/group, kernel…]')
  requireWindowAttrs(attrs, rank)
  requireEntries('group', [attrs.group], 1, 1)
  const [n, c] = x.shape as [Dim, Dim], [m, cg] = w.shape as [Dim, Dim]
  if (typeof m === 'number' && m % attrs.group !== 0) throw new IngotError('shape-mismatch', `conv makes ${m} channels, which ${attrs.group} groups do not divide`)
  if (typeof c === 'number' && typeof cg === 'number' && c !== cg * attrs.group) {
    throw new IngotError('shape-mismatch', `conv's weight ${printType(w)} reads ${cg} channels in each of ${attrs.group} groups, but the input ${printType(x)} has ${c} channels`, { hint: 'the second extent of the weight is the number of input channels divided by group' })
  }
  ctx.assume(c, mul(cg, attrs.group), "conv's input has group times as many channels as its weight reads")
  if (bias !== undefined) {
    requireRank(bias, 'the bias', 1, '[M]')
    ctx.assume(bias.shape[0] as Dim, m, `conv's bias has one element for each of the ${printDim(m)} output channels`)
  }
  return [n, m, ...windowAxes(x.shape.slice(2), w.shape.slice(2), attrs).map((axis) => windowCount(axis, false, ctx))]
}

/** 1×1 without strides and pads: the spatial axes act as one. */
function isPointwise(w: TensorType, attrs: ConvAttrs): boolean {
  return w.shape.slice(2).every((k) => k === 1) && attrs.strides.every((s) => s === 1) && attrs.pads.every((p) => p === 0)
}

function compute(ctx: ComputeContext<ConvAttrs>): Compute {
  const { attrs } = ctx
  const [x, w, bias] = ctx.inputs as [TensorType, TensorType, TensorType | null | undefined]
  const [y] = ctx.outputs as [TensorType]
  const [n, m] = y.shape as [Dim, Dim], cg = w.shape[1] as Dim
  const mg = divExact(m, attrs.group) ?? floorDiv(m, attrs.group)
  const flat = isPointwise(w, attrs)
  const windows = flat ? [] : windowAxes(x.shape.slice(2), w.shape.slice(2), attrs)
  const outerNames = flat ? ['o'] : windows.map((_, i) => `o${i}`)
  const grouped = attrs.group > 1, several = !grouped || mg !== 1
  const channel = add(grouped ? mul('g', mg) : 0, several ? 'm' : 0)
  const spatialAxes: Axis[] = flat ? [{ name: 'o', hi: product(y.shape.slice(2)) }] : windows.map((_, i) => ({ name: `o${i}`, hi: y.shape[2 + i] as Dim }))
  const axes: Axis[] = [{ name: 'n', hi: n }, ...(grouped ? [{ name: 'g', hi: attrs.group }] : []), ...(several ? [{ name: 'm', hi: mg }] : []), ...spatialAxes]
  const summed = cg !== 1 || flat
  const taps: Axis[] = windows.map((window, i) => ({ name: `k${i}`, ...windowTaps(window, `o${i}`, !staysInside(window, false)) }))
  const input: Dim[] = ['n', add(grouped ? mul('g', cg) : 0, summed ? 'c' : 0), ...(flat ? ['o'] : windows.map((window, i) => windowIndex(window, `o${i}`, `k${i}`)))]
  const weight: Dim[] = [channel, summed ? 'c' : 0, ...windows.map((_, i) => `k${i}`)]
  const type = REGISTER[y.dtype]
  return {
    name: 'conv', buffers: flat ? ctx.buffers.map(flattenSpatial) : ctx.buffers, axes,
    stages: [
      {
        kind: 'reduce', axes: [...(summed ? [{ name: 'c', hi: cg }] : []), ...taps], lets: [],
        accumulators: [{ name: 'acc', type, init: bias == null ? constant(type, 0) : load('x2', [channel]), combine: 'add', value: binary('mul', load('x0', input), load('x1', weight)) }],
      },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['n', channel, ...outerNames], value: local('acc', type) },
    ],
  }
}

/** A pointwise convolution's buffers: [N, C, P], [M, C/group], [M]. */
function flattenSpatial(b: Buffer): Buffer {
  if (b.name === 'x2') return b
  return { ...b, shape: b.name === 'x1' ? b.shape.slice(0, 2) : [...b.shape.slice(0, 2), product(b.shape.slice(2))] }
}

function reference(call: ReferenceCall<ConvAttrs>): HostTensor[] {
  const [x, w, bias] = call.inputs as [HostTensor, HostTensor, HostTensor | null | undefined]
  const [out] = call.outputs as [ConcreteType]
  const [batch, channels] = out.shape as [number, number], cg = w.shape[1] as number, mg = channels / call.attrs.group
  const spatial = out.shape.slice(2), plane = elementCount(spatial), inPlane = elementCount(x.shape.slice(2))
  const sweep = tapSweep(windowAxes(x.shape.slice(2), w.shape.slice(2), call.attrs), spatial)
  const xs = floatElements(x), ws = floatElements(w), bs = bias == null ? undefined : floatElements(bias)
  const sums = out.dtype === 'int32' ? new IntegerSums(elementCount(out.shape), sweep) : new FloatSums(elementCount(out.shape), sweep)
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < channels; m++) {
      const yAt = (n * channels + m) * plane
      if (bs !== undefined) sums.y.fill(bs[m] as number, yAt, yAt + plane)
      const first = n * (x.shape[1] as number) + Math.floor(m / mg) * cg
      for (let c = 0; c < cg; c++) {
        for (let tap = 0; tap < sweep.taps; tap++) sums.add(tap, ws[(m * cg + c) * sweep.taps + tap] as number, xs, (first + c) * inPlane, yAt, plane)
      }
    }
  }
  return [fromNumbers(out.dtype, out.shape, sums.finish())]
}

/** Sums of products in double. */
class FloatSums {
  readonly y: Float64Array
  readonly #sweep: TapSweep
  constructor(count: number, sweep: TapSweep) { this.y = new Float64Array(count); this.#sweep = sweep }
  add(tap: number, weight: number, xs: Float64Array, xAt: number, yAt: number): void { this.#sweep.gather(tap, weight, xs, xAt, this.y, yAt) }
  finish(): Float64Array { return this.y }
}

/** Sums modulo 2^32, each weight as two halves, with which products and sums are exact in double. */
class IntegerSums {
  readonly y: Float64Array
  readonly #high: Float64Array
  readonly #sweep: TapSweep
  constructor(count: number, sweep: TapSweep) { this.y = new Float64Array(count); this.#high = new Float64Array(count); this.#sweep = sweep }
  add(tap: number, weight: number, xs: Float64Array, xAt: number, yAt: number, count: number): void {
    for (const [half, sums] of [[weight & 0xffff, this.y], [weight >> 16, this.#high]] as const) {
      if (half === 0) continue
      this.#sweep.gather(tap, half, xs, xAt, sums, yAt)
      for (let i = yAt; i < yAt + count; i++) sums[i] = (sums[i] as number) | 0
    }
  }
  finish(): Float64Array { return this.y.map((low, i) => (low + ((this.#high[i] as number) << 16)) | 0) }
}

const sample = (x: readonly number[], w: readonly number[], attrs: Partial<ConvAttrs> = {}, more: { readonly bias?: boolean; readonly dtype?: HostTensor['dtype'] } = {}) => {
  const rank = x.length - 2, dtype = more.dtype ?? 'float32'
  const ones = new Array<number>(rank).fill(1)
  return {
    inputs: [{ dtype, shape: x }, { dtype, shape: w }, more.bias === true ? { dtype, shape: [w[0] as number] } : null],
    attrs: { strides: ones, dilations: ones, pads: new Array<number>(2 * rank).fill(0), group: 1, ...attrs },
  }
}

/** ONNX Conv; auto_pad is resolved to pads before. */
export const conv = defineOp({
  name: 'conv',
  doc: 'Convolution (cross-correlation) of x[N, C, spatial…] with w[M, C/group, kernel…], plus bias[M]; pads are all begins, then all ends. Sums of int32 wrap.',
  source: 'ONNX Conv-11; torch.nn.functional.conv1d, conv2d, conv3d',
  attrs: ATTRS,
  amounts: ['pads'],
  pattern: 'contraction',
  infer(call, ctx) {
    const { x, w, bias } = weightedInputs(call, [...FLOATS, 'int32'])
    return [tensorType(x.dtype, inferShape(x, w, bias, call.attrs, ctx))]
  },
  reference,
  compute,
  grad: convGrad,
  samples: [
    sample([1, 3, 7, 5], [4, 3, 3, 3], {}, { bias: true }),
    sample([2, 3, 7, 5], [4, 3, 3, 2], { pads: [1, 0, 2, 1] }, { bias: true }),
    sample([1, 2, 9, 8], [3, 2, 3, 3], { strides: [2, 3], pads: [1, 1, 1, 1] }),
    sample([1, 2, 9, 8], [3, 2, 2, 3], { dilations: [3, 2], pads: [0, 2, 1, 3] }),
    sample([1, 2, 9, 8], [3, 2, 3, 3], { strides: [2, 1], dilations: [2, 3], pads: [3, 4, 2, 5] }, { bias: true }),
    sample([2, 6, 5, 5], [4, 3, 3, 3], { group: 2, pads: [1, 1, 1, 1] }, { bias: true }),
    sample([2, 4, 6, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }, { bias: true }),
    sample([1, 3, 6, 5], [6, 1, 3, 3], { group: 3, strides: [2, 2] }),
    sample([2, 5, 3, 4], [7, 5, 1, 1], {}, { bias: true }),
    sample([1, 4, 3, 4], [6, 2, 1, 1], { group: 2 }, { bias: true }),
    sample([1, 4, 3, 4], [4, 1, 1, 1], { group: 4 }),
    sample([1, 5, 4, 5], [3, 5, 1, 1], { strides: [2, 2] }),
    sample([2, 3, 11], [4, 3, 3], { pads: [1, 1] }, { bias: true }),
    sample([1, 2, 11], [4, 2, 4], { strides: [3], dilations: [2], pads: [0, 3] }),
    sample([1, 2, 4, 5, 3], [3, 2, 2, 3, 2], { pads: [1, 0, 1, 0, 1, 0], strides: [1, 2, 1] }, { bias: true }),
    sample([1, 1, 2, 3, 2, 3], [2, 1, 1, 2, 2, 2], { pads: [0, 0, 0, 1, 0, 0, 1, 0] }),
    sample([0, 3, 7, 5], [4, 3, 3, 3]),
    sample([1, 1, 5, 5], [1, 1, 3, 3], {}, { dtype: 'float64' }),
    sample([1, 2, 5, 5], [2, 2, 3, 3], { pads: [1, 1, 1, 1] }, { dtype: 'float16', bias: true }),
    sample([1, 2, 5, 5], [2, 2, 3, 3], {}, { dtype: 'bfloat16' }),
    sample([2, 3, 6, 5], [4, 3, 3, 2], { strides: [2, 1], pads: [1, 0, 1, 1] }, { dtype: 'int32', bias: true }),
    sample([1, 5, 3, 4], [7, 5, 1, 1], {}, { dtype: 'int32' }),
  ],
})

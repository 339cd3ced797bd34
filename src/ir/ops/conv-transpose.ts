/** Transposed convolution (the gradient of a convolution with respect to its input) over any number of spatial axes. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { add, floorDiv, mul, sub, type Dim } from '../dims.js'
import { printDim } from '../dims-text.js'
import { fromNumbers } from '../host-tensor.js'
import type { Axis, Compute, ComputeContext } from '../kernel/compute.js'
import { binary, constant, load, local, REGISTER } from '../kernel/expr.js'
import { defineOp, type ConcreteType, type InferContext, type ReferenceCall } from '../op.js'
import { printType, tensorType, type TensorType } from '../types.js'
import { convTransposeGrad } from './conv-grad.js'
import { floatElements } from './float-elements.js'
import { weightedInputs } from './operands.js'
import { requireEntries, requireRank } from './requirements.js'
import { tapRun } from './tap-run.js'
import { tapSweep } from './tap-sweep.js'
import { requireWindowAttrs, windowAxes, windowSpan, type WindowAttrs, type WindowAxis } from './window.js'

const ATTRS = { strides: 'ints', dilations: 'ints', pads: 'dims', output_padding: 'ints', group: 'int' } as const
interface ConvTransposeAttrs extends WindowAttrs { readonly output_padding: readonly number[]; readonly group: number }

function inferShape(x: TensorType, w: TensorType, bias: TensorType | undefined, attrs: ConvTransposeAttrs, ctx: InferContext): readonly Dim[] {
  const rank = x.shape.length - 2
  if (rank < 1) throw new IngotError('shape-mismatch', `conv_transpose needs an input [N, C, spatial…] of rank 3 or more, but it is ${printType(x)}`, { hint: 'insert an axis of extent 1' })
  requireRank(w, 'the weight', x.shape.length, '[C, M/group, kernel…]')
  requireWindowAttrs(attrs, rank)
  requireEntries('output_padding', attrs.output_padding, rank, 0)
  requireEntries('group', [attrs.group], 1, 1)
  const [n, c] = x.shape as [Dim, Dim], m = mul(w.shape[1] as Dim, attrs.group)
  if (typeof c === 'number' && c % attrs.group !== 0) throw new IngotError('shape-mismatch', `conv_transpose reads ${c} channels, which ${attrs.group} groups do not divide`)
  ctx.assume(c, w.shape[0] as Dim, `conv_transpose's input has as many channels as the weight ${printType(w)} reads`)
  if (bias !== undefined) {
    requireRank(bias, 'the bias', 1, '[M]')
    ctx.assume(bias.shape[0] as Dim, m, `conv_transpose's bias has one element for each of the ${printDim(m)} output channels`)
  }
  return [n, m, ...windowAxes(x.shape.slice(2), w.shape.slice(2), attrs).map((axis, i) => {
    const extent = add(mul(axis.stride, sub(axis.extent, 1)), attrs.output_padding[i] as number, windowSpan(axis), mul(-1, axis.before), mul(-1, axis.after))
    ctx.assume(0, extent, 'conv_transpose may not crop (by pads) more than there is', 'le')
    return extent
  })]
}

/** True where no two input points add to one output point, and every output point takes one: windows as long as their stride, side by side. */
const isApart = ({ kernel, stride, dilation, before, after }: WindowAxis, padding: number): boolean => kernel === stride && (dilation === 1 || stride === 1) && before === 0 && after === 0 && padding === 0

/** The axes of output coordinate `o`, where it is in terms of them, and the input point and tap that it takes: sums over taps have an axis of their own. */
interface Coordinate { readonly outer: readonly Axis[]; readonly at: Dim; readonly summed: readonly Axis[]; readonly input: Dim; readonly tap: Dim }

function coordinateOf(w: WindowAxis, padding: number, extent: Dim, i: number): Coordinate {
  const o = `o${i}`, k = `k${i}`
  if (isApart(w, padding)) return { outer: [{ name: o, hi: w.extent }, { name: k, hi: w.kernel }], at: add(mul(w.stride, o), k), summed: [], input: o, tap: k }
  const run = tapRun(w, o)
  return { outer: [{ name: o, hi: extent }], at: o, summed: [{ name: k, lo: run.lo, hi: run.hi }], input: run.index(k), tap: add(run.first, mul(run.step, k)) }
}

function compute(ctx: ComputeContext<ConvTransposeAttrs>): Compute {
  const { attrs } = ctx
  const [x, w, bias] = ctx.inputs as [TensorType, TensorType, TensorType | null | undefined], [y] = ctx.outputs as [TensorType]
  const mg = w.shape[1] as Dim, grouped = attrs.group > 1
  const cg = grouped ? floorDiv(x.shape[1] as Dim, attrs.group) : x.shape[1] as Dim
  const spatial = windowAxes(x.shape.slice(2), w.shape.slice(2), attrs).map((axis, i) => coordinateOf(axis, attrs.output_padding[i] as number, y.shape[2 + i] as Dim, i))
  const axes: Axis[] = [
    { name: 'n', hi: y.shape[0] as Dim }, ...(grouped ? [{ name: 'g', hi: attrs.group }] : []), { name: 'm', hi: mg },
    ...spatial.flatMap((s) => s.outer),
  ]
  const channel = grouped ? add(mul('g', mg), 'm') : 'm', inputChannel = grouped ? add(mul('g', cg), 'c') : 'c'
  const input: Dim[] = ['n', inputChannel, ...spatial.map((s) => s.input)]
  const weight: Dim[] = [inputChannel, 'm', ...spatial.map((s) => s.tap)]
  const type = REGISTER[y.dtype]
  return {
    name: 'conv_transpose', buffers: ctx.buffers, axes,
    stages: [
      {
        kind: 'reduce', axes: [{ name: 'c', hi: cg }, ...spatial.flatMap((s) => s.summed)], lets: [],
        accumulators: [{ name: 'acc', type, init: bias == null ? constant(type, 0) : load('x2', [channel]), combine: 'add', value: binary('mul', load('x0', input), load('x1', weight)) }],
      },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['n', channel, ...spatial.map((s) => s.at)], value: local('acc', type) },
    ],
  }
}

function reference(call: ReferenceCall<ConvTransposeAttrs>): HostTensor[] {
  const [x, w, bias] = call.inputs as [HostTensor, HostTensor, HostTensor | null | undefined], [out] = call.outputs as [ConcreteType]
  const [batch, channels] = x.shape as [number, number], outChannels = out.shape[1] as number, mg = w.shape[1] as number
  const cg = channels / call.attrs.group, spatial = out.shape.slice(2), plane = elementCount(spatial), inPlane = elementCount(x.shape.slice(2))
  const windows = windowAxes(x.shape.slice(2), w.shape.slice(2), call.attrs).map((axis, i) => ({ ...axis, extent: spatial[i] as number }))
  const sweep = tapSweep(windows, x.shape.slice(2))
  const xs = floatElements(x), ws = floatElements(w), bs = bias == null ? undefined : floatElements(bias)
  const y = new Float64Array(elementCount(out.shape))
  for (let n = 0; n < batch; n++) {
    for (let m = 0; m < outChannels; m++) {
      const yAt = (n * outChannels + m) * plane, group = Math.floor(m / mg)
      if (bs !== undefined) y.fill(bs[m] as number, yAt, yAt + plane)
      for (let c = group * cg; c < (group + 1) * cg; c++) {
        for (let tap = 0; tap < sweep.taps; tap++) sweep.scatter(tap, ws[(c * mg + (m % mg)) * sweep.taps + tap] as number, xs, (n * channels + c) * inPlane, y, yAt)
      }
    }
  }
  return [fromNumbers(out.dtype, out.shape, y)]
}

const sample = (x: readonly number[], w: readonly number[], attrs: Partial<ConvTransposeAttrs> = {}, more: { readonly bias?: boolean; readonly dtype?: HostTensor['dtype'] } = {}) => {
  const rank = x.length - 2, dtype = more.dtype ?? 'float32'
  const ones = new Array<number>(rank).fill(1), group = attrs.group ?? 1
  return {
    inputs: [{ dtype, shape: x }, { dtype, shape: w }, more.bias === true ? { dtype, shape: [(w[1] as number) * group] } : null],
    attrs: { strides: ones, dilations: ones, pads: new Array<number>(2 * rank).fill(0), output_padding: new Array<number>(rank).fill(0), group, ...attrs },
  }
}

/** ONNX ConvTranspose; auto_pad and output_shape are resolved to pads before. */
export const convTranspose = defineOp({
  name: 'conv_transpose',
  doc: 'Transposed convolution of x[N, C, spatial…] with w[C, M/group, kernel…], plus bias[M]: each input point adds its weights to the outputs that a convolution would read from.',
  source: 'ONNX ConvTranspose-11; torch.nn.functional.conv_transpose2d',
  attrs: ATTRS,
  amounts: ['pads'],
  pattern: 'contraction',
  infer(call, ctx) {
    const { x, w, bias } = weightedInputs(call)
    return [tensorType(x.dtype, inferShape(x, w, bias, call.attrs, ctx))]
  },
  reference,
  compute,
  grad: convTransposeGrad,
  samples: [
    sample([1, 3, 4, 5], [3, 2, 3, 3], {}, { bias: true }),
    sample([2, 3, 4, 5], [3, 2, 2, 2], { strides: [2, 2] }, { bias: true }),
    sample([1, 2, 4, 5], [2, 3, 3, 4], { strides: [2, 3], pads: [1, 0, 2, 1], output_padding: [1, 2] }),
    sample([1, 2, 5, 4], [2, 2, 3, 3], { dilations: [2, 3], pads: [1, 2, 0, 3] }),
    sample([1, 2, 5, 4], [2, 2, 3, 3], { strides: [4, 3], dilations: [2, 2], pads: [1, 2, 0, 3] }),
    sample([1, 2, 5, 4], [2, 2, 4, 3], { strides: [6, 2], dilations: [4, 4] }, { bias: true }),
    sample([1, 4, 3, 4], [4, 3, 3, 3], { group: 2, strides: [2, 1] }, { bias: true }),
    sample([1, 3, 3, 4], [3, 1, 2, 3], { group: 3 }),
    sample([2, 3, 7], [3, 2, 4], { strides: [3], pads: [2, 1] }),
    sample([1, 2, 2, 3, 4], [2, 2, 2, 1, 3], { strides: [2, 1, 2] }, { bias: true }),
    sample([1, 2, 3, 3], [2, 1, 1, 1], { strides: [2, 2] }),
    sample([1, 5, 7, 6], [5, 9, 2, 3], { strides: [2, 3] }, { bias: true }),
    sample([1, 4, 3, 6], [4, 2, 2, 3], { strides: [2, 2], group: 2 }),
    sample([0, 2, 3, 3], [2, 1, 2, 2]),
    sample([1, 2, 3, 3], [2, 2, 2, 2], {}, { dtype: 'float64' }),
    sample([1, 2, 3, 3], [2, 2, 2, 2], { strides: [2, 2] }, { dtype: 'float16', bias: true }),
  ],
})

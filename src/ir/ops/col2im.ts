/** Windows of an image added up where they overlap: what gathering windows turned around is. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { add, floorDiv, mul, sub, type Dim } from '../dims.js'
import { printShape } from '../dims-text.js'
import type { Compute, ComputeContext } from '../kernel/compute.js'
import { load, local, REGISTER } from '../kernel/expr.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { elementsOf, newElements, tensorOfElements, type Element } from './elements.js'
import { numberOf } from './expressions.js'
import { checkShape, NUMBERS, tensorInput } from './operands.js'
import { tapRun } from './tap-run.js'
import { requireWindowAttrs, windowAxes, windowSpan, type WindowAttrs } from './window.js'

const ATTRS = { shape: 'dims', strides: 'ints', dilations: 'ints', pads: 'dims' } as const
interface Col2ImAttrs extends WindowAttrs { readonly shape: readonly Dim[] }

/** The windows of x[N, C, kernel…, windows…], each along its axis; their extents are the numbers of windows. */
function windowsOf(shape: readonly Dim[], attrs: Col2ImAttrs) {
  const rank = attrs.shape.length
  return windowAxes(shape.slice(2 + rank), shape.slice(2, 2 + rank), attrs)
}

function compute(ctx: ComputeContext<Col2ImAttrs>): Compute {
  const [x] = ctx.inputs as readonly [TensorType], [y] = ctx.outputs as readonly [TensorType], type = REGISTER[y.dtype]
  const runs = windowsOf(x.shape, ctx.attrs).map((w, i) => tapRun(w, `o${i}`)), taps = runs.map((run, i) => add(run.first, mul(run.step, `k${i}`))), places = runs.map((run, i) => run.index(`k${i}`))
  return {
    name: 'col2im', buffers: ctx.buffers, axes: [{ name: 'n', hi: y.shape[0] as Dim }, { name: 'c', hi: y.shape[1] as Dim }, ...runs.map((_, i) => ({ name: `o${i}`, hi: y.shape[2 + i] as Dim }))],
    stages: [
      { kind: 'reduce', axes: runs.map((run, i) => ({ name: `k${i}`, lo: run.lo, hi: run.hi })), lets: [], accumulators: [{ name: 'sum', type, init: numberOf(y.dtype, type === 'i64' || type === 'u64' ? 0n : 0), combine: 'add', value: load('x0', ['n', 'c', ...taps, ...places]) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['n', 'c', ...runs.map((_, i) => `o${i}`)], value: local('sum', type) },
    ],
  }
}

/** Adds each element to where it lies in the image. */
function reference({ inputs, attrs, outputs }: ReferenceCall<Col2ImAttrs>): HostTensor[] {
  const [x] = inputs as readonly [HostTensor], [out] = outputs as readonly [ConcreteType], from = elementsOf(x), to = newElements(out.dtype, elementCount(out.shape)), rank = attrs.shape.length
  const plane = elementCount(out.shape.slice(2)), own = elementCount(x.shape.slice(2))
  for (let i = 0; i < from.length; i++) {
    let rest = i % own, at = 0, inside = true
    const index = x.shape.slice(2).reduceRight<number[]>((list, extent) => { list.unshift(rest % extent); rest = Math.floor(rest / extent); return list }, [])
    for (let axis = 0; axis < rank; axis++) {
      const o = (index[rank + axis] as number) * (attrs.strides[axis] as number) + (index[axis] as number) * (attrs.dilations[axis] as number) - (attrs.pads[axis] as number), extent = out.shape[2 + axis] as number
      inside &&= o >= 0 && o < extent
      at = at * extent + o
    }
    if (!inside) continue
    at += Math.floor(i / own) * plane
    to[at] = ((to[at] as number) + (from[i] as number)) as Element
  }
  return [tensorOfElements(out, to)]
}

const sample = (windows: readonly number[], kernel: readonly number[], attrs: Partial<Col2ImAttrs> & { readonly shape: readonly number[] }, dtype: HostTensor['dtype'] = 'float32') => ({
  inputs: [{ dtype, shape: [2, 3, ...kernel, ...windows] }],
  attrs: { strides: kernel.map(() => 1), dilations: kernel.map(() => 1), pads: [...kernel, ...kernel].map(() => 0), ...attrs },
})

/** ONNX Col2Im, of an input whose axes are taken apart. */
export const col2im = defineOp({
  name: 'col2im',
  doc: 'Windows x[N, C, kernel…, windows…] of an image [N, C, shape…] added up where they overlap; pads are all begins, then all ends. Sums of integers wrap.',
  source: 'ONNX Col2Im-18; torch.nn.functional.fold',
  attrs: ATTRS, amounts: ['pads'], pattern: 'reduction',
  infer(call, ctx) {
    const x = tensorInput(call, 0, NUMBERS), { attrs } = call, rank = attrs.shape.length
    requireWindowAttrs(attrs, rank)
    checkShape(rank >= 1 && x.shape.length === 2 + 2 * rank, `windows of an image of ${rank} axes have ${2 + 2 * rank}, not ${printShape(x.shape)}`)
    windowsOf(x.shape, attrs).forEach((w, i) => {
      const room = sub(add(attrs.shape[i] as Dim, w.before, w.after), windowSpan(w))
      ctx.assume(0, room, 'a window is no larger than the padded image', 'le')
      ctx.assume(add(floorDiv(room, w.stride), 1), w.extent, 'there are as many windows as fit into the padded image')
    })
    return [tensorType(x.dtype, [...x.shape.slice(0, 2), ...attrs.shape])]
  },
  reference, compute,
  samples: [
    sample([4, 3], [2, 3], { shape: [5, 5] }),
    sample([3, 2], [2, 2], { shape: [6, 5], strides: [2, 3] }),
    sample([3, 4], [3, 2], { shape: [6, 5], strides: [2, 1], dilations: [2, 2], pads: [1, 0, 2, 1] }),
    sample([4], [3], { shape: [7], strides: [2], pads: [1, 1] }),
    sample([2, 2, 3], [2, 1, 2], { shape: [3, 2, 4] }, 'float64'),
    sample([3, 3], [2, 2], { shape: [4, 4] }, 'int64'),
    sample([3, 3], [2, 2], { shape: [4, 4] }, 'uint8'),
    sample([3, 3], [2, 2], { shape: [4, 4] }, 'float16'),
  ],
})

/** Slice: every step-th element of some axes. */
import { printShape } from '../dims-text.js'
import { add, dimsEqual, mul, sub, type Dim } from '../dims.js'
import { dimsOf } from '../integer-elements.js'
import { shapeOf, type Value } from '../graph.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load } from '../kernel/expr.js'
import { inputShape, linear, type GradMath } from '../gradients.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { pick } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { axisOffsets, boxOffsets, rowMajorStrides } from './offsets.js'
import { checkAttribute, checkAxis, tensorInput } from './operands.js'

interface SliceAttrs { readonly axes: readonly number[]; readonly starts: readonly Dim[]; readonly steps: readonly number[]; readonly sizes: readonly Dim[] }

/** Start and step of every axis of the input; axes that are not sliced are whole. */
function startAndStep<D extends Dim>(attrs: SliceAttrs, rank: number): readonly { readonly start: D; readonly step: number }[] {
  return Array.from({ length: rank }, (_, axis) => {
    const i = attrs.axes.indexOf(axis)
    return i < 0 ? { start: 0 as D, step: 1 } : { start: attrs.starts[i] as D, step: attrs.steps[i] as number }
  })
}

/** For each element of the slice, where it is in the input. */
function sliceOffsets(shape: readonly number[], attrs: SliceAttrs, output: readonly number[]): Int32Array {
  const strides = rowMajorStrides(shape)
  return boxOffsets(startAndStep<number>(attrs, shape.length).map(({ start, step }, i) => axisOffsets(output[i] as number, strides[i] as number, (k) => start + step * k)))
}

/** The transpose of slicing: `dy` where the slice was, zeros elsewhere. Steps are undone one axis at a time, by reversing and by zeros between elements. */
function intoSlice<V>(g: GradMath<V>, dy: V, attrs: SliceAttrs, shape: readonly Dim[]): V {
  const before = new Array<Dim>(shape.length).fill(0), after = new Array<Dim>(shape.length).fill(0)
  const padded = (x: V, lo: readonly Dim[], hi: readonly Dim[]): V => g.ctx.emit('pad', [x, null], { mode: 'constant', before: lo, after: hi })
  let x = dy
  attrs.axes.forEach((axis, i) => {
    const step = attrs.steps[i] as number, size = attrs.sizes[i] as Dim, start = attrs.starts[i] as Dim
    const reach = add(mul(Math.abs(step), sub(size, 1)), 1)
    if (step < 0) x = g.unary('slice', x, { axes: [axis], starts: [sub(size, 1)], steps: [-1], sizes: [size] })
    if (Math.abs(step) > 1 && size !== 0) {
      const now = g.ctx.shape(x), none = now.map((): Dim => 0)
      const spread = padded(g.reshape(x, [...now.slice(0, axis + 1), 1, ...now.slice(axis + 1)]), [...none, 0], [...none.slice(0, axis + 1), Math.abs(step) - 1, ...none.slice(axis + 1)])
      x = g.slice(g.reshape(spread, now.map((d, k) => (k === axis ? mul(d, Math.abs(step)) : d))), axis, 0, reach)
    }
    const length = size === 0 ? 0 : reach
    before[axis] = size === 0 ? 0 : step < 0 ? add(start, mul(step, sub(size, 1))) : start
    after[axis] = sub(shape[axis] as Dim, add(before[axis] as Dim, length))
  })
  return padded(x, before, after)
}

/** Slice; `starts` are within the axis already, `sizes` are the extents of the result. */
export const slice = defineOp({
  name: 'slice',
  doc: 'Along each of `axes`, `sizes` elements from `starts` on, `steps` apart (backwards for negative steps).',
  source: 'ONNX Slice-13; numpy basic indexing',
  attrs: { axes: 'ints', starts: 'dims', steps: 'ints', sizes: 'dims' },
  pattern: 'injective',
  infer(call, ctx) {
    const x = tensorInput(call, 0)
    const { axes, starts, steps, sizes } = call.attrs
    checkAttribute([starts, steps, sizes].every((l) => l.length === axes.length), `axes, starts, steps and sizes must have as many entries as each other, but have ${axes.length}, ${starts.length}, ${steps.length} and ${sizes.length}`)
    checkAttribute(new Set(axes).size === axes.length, `axes [${axes.join(', ')}] names an axis twice`)
    const shape = [...x.shape]
    axes.forEach((axis, i) => {
      checkAxis(axis, x.shape.length)
      const start = starts[i] as Dim, step = steps[i] as number, size = sizes[i] as Dim, extent = x.shape[axis] as Dim
      checkAttribute(Number.isInteger(step) && step !== 0, `step ${step} of axis ${axis} must be an integer other than 0`)
      shape[axis] = size
      if (size === 0 || (dimsEqual(size, extent) && dimsEqual(start, step > 0 ? 0 : sub(extent, 1)))) return
      const why = `a slice of axis ${axis} of ${printShape(x.shape)} from ${printShape([start])} by ${step} of ${printShape([size])} elements stays within the axis`
      if (typeof size === 'number' && typeof extent === 'number' && typeof start === 'number') {
        const last = start + step * (size - 1)
        checkAttribute(size >= 0 && Math.min(start, last) >= 0 && Math.max(start, last) < extent, `it is not so that ${why}`)
      } else if (typeof size === 'number' && step > 0 && typeof start === 'number') ctx.assume(start + step * (size - 1) + 1, extent, why, 'le')
    })
    return [tensorType(x.dtype, shape)]
  },
  symbolic(call, output) {
    const x = call.inputs[0] as Value
    const known = dimsOf(x)
    if (known === undefined || !call.attrs.starts.every((s) => typeof s === 'number')) return undefined
    return Array.from(sliceOffsets(shapeOf(x) as readonly number[], call.attrs, output.shape as readonly number[]), (at) => known[at] as Dim)
  },
  reference({ inputs, attrs, outputs }) {
    const [x] = required(inputs)
    const output = onlyOutput(outputs)
    return [pick(x, output, sliceOffsets(x.shape, attrs, output.shape))]
  },
  grad: linear<SliceAttrs>((g, dy, call) => intoSlice(g, dy, call.attrs, inputShape(call, 0))),
  compute(ctx) {
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    const from = startAndStep<Dim>(ctx.attrs, axes.length).map(({ start, step }, i) => add(start, mul(step, index[i] as string)))
    return { name: 'slice', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: load('x0', from) }] }
  },
  samples: [
    { inputs: [{ dtype: 'float32', shape: [4, 7] }], attrs: { axes: [1], starts: [1], steps: [2], sizes: [3] } },
    { inputs: [{ dtype: 'int64', shape: [5] }], attrs: { axes: [0], starts: [4], steps: [-1], sizes: [5] } },
    { inputs: [{ dtype: 'float16', shape: [3, 4, 2] }], attrs: { axes: [0, 1], starts: [2, 3], steps: [-2, -1], sizes: [2, 2] } },
    { inputs: [{ dtype: 'bool', shape: [3] }], attrs: { axes: [0], starts: [3], steps: [1], sizes: [0] } },
    { inputs: [{ dtype: 'float32', shape: [] }], attrs: { axes: [], starts: [], steps: [], sizes: [] } },
  ],
})

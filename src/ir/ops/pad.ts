/** Pad: more elements before and after each axis, or fewer. */
import { IngotError } from '../../base/error.js'
import { printShape } from '../dims-text.js'
import { add, max, min, mod, mul, sub, type Dim } from '../dims.js'
import type { Axis, Compute, ComputeContext, Stage } from '../kernel/compute.js'
import { axesOver } from '../kernel/elementwise-compute.js'
import { load } from '../kernel/expr.js'
import { defineOp } from '../op.js'
import { tensorType } from '../types.js'
import { pick } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { numberOf } from './expressions.js'
import { padGrad } from './movement-grad.js'
import { boxOffsets, rowMajorStrides } from './offsets.js'
import { checkAttribute, checkSameDType, checkShape, findTensorInput, tensorInput } from './operands.js'

interface PadAttrs { readonly mode: string; readonly before: readonly Dim[]; readonly after: readonly Dim[] }

/** Marks a position that no input element stands at. */
const OUTSIDE = -1

const positiveMod = (a: number, b: number): number => ((a % b) + b) % b

/** Which input element stands at position `i` (0 is the first element of the input) of an axis of `n` elements; undefined for the pad value. */
function sourceOf(mode: string, i: number, n: number): number | undefined {
  if (i >= 0 && i < n) return i
  switch (mode) {
    case 'edge': return i < 0 ? 0 : n - 1
    case 'wrap': return positiveMod(i, n)
    case 'reflect': { const k = positiveMod(i, Math.max(1, 2 * n - 2)); return Math.min(k, 2 * n - 2 - k) }
    default: return undefined
  }
}

/** The same as an index expression. */
function sourceIndex(mode: string, i: Dim, n: Dim): Dim {
  switch (mode) {
    case 'edge': return max(0, min(i, sub(n, 1)))
    case 'wrap': return mod(i, n)
    default: {
      const last = mul(2, sub(n, 1)), k = mod(i, max(1, last))
      return min(k, sub(last, k))
    }
  }
}

/** Constant pads are written first, over everything that is padded; then the input over its part. */
function constantPad(ctx: ComputeContext<PadAttrs>): Compute {
  const shape = ctx.inputs[0]?.shape ?? [], output = ctx.outputs[0]
  const { before, after } = ctx.attrs
  const axes = axesOver(output?.shape ?? [])
  const firstPadded = axes.findIndex((_, i) => before[i] !== 0 || after[i] !== 0)
  const outer = firstPadded < 0 ? axes : axes.slice(0, firstPadded)
  const index = axes.map((a) => a.name)
  const inner = axes.slice(outer.length)
  const value = ctx.inputs[1] == null ? numberOf(output?.dtype ?? 'float32', 0) : load('x1', ctx.inputs[1].shape.map(() => 0))
  const fill = (part: readonly Axis[]): Stage => ({ kind: 'store', axes: part, lets: [], buffer: 'y0', index, value })
  const fills = borders(inner, before.slice(outer.length), after.slice(outer.length))?.map(fill) ?? [fill(inner)]
  // The part of the input that stays runs from `lo` to `hi`: all of it but for negative pads.
  const kept = inner.map((axis, k) => {
    const i = outer.length + k, n = shape[i] as Dim
    return { name: axis.name, lo: max(0, mul(-1, before[i] as Dim)), hi: add(n, min(0, after[i] as Dim)) }
  })
  const to = index.map((name, i) => (i < outer.length ? name : add(name, before[i] as Dim)))
  const copy: Stage = { kind: 'store', axes: kept, lets: [], buffer: 'y0', index: to, value: load('x0', index) }
  return { name: 'pad', buffers: ctx.buffers, axes: outer, stages: inner.length === 0 ? [copy] : [...fills, copy] }
}

/** The parts of `axes` around the input, each point in one: before and after it along each axis, within it along those outside. undefined where pads may take away. */
function borders(axes: readonly Axis[], before: readonly Dim[], after: readonly Dim[]): (readonly Axis[])[] | undefined {
  if (![...before, ...after].every((d) => typeof d === 'number' && d >= 0)) return undefined
  const within = axes.map((a, i): Axis => ({ name: a.name, lo: before[i] as Dim, hi: sub(a.hi, after[i] as Dim) }))
  return axes.flatMap((a, i) => {
    const around = (lo: Dim, hi: Dim): readonly Axis[] => [...within.slice(0, i), { name: a.name, lo, hi }, ...axes.slice(i + 1)]
    const parts: (readonly Axis[])[] = []
    if (before[i] !== 0) parts.push(around(0, before[i] as Dim))
    if (after[i] !== 0) parts.push(around(sub(a.hi, after[i] as Dim), a.hi))
    return parts
  })
}

/** Pad; `before` and `after` have an entry for each axis. */
export const pad = defineOp({
  name: 'pad',
  doc: 'The input with `before` and `after` elements added to each axis (taken away where negative): the second input or 0, or elements of the axis itself, mirrored (reflect, without the edge), repeated (edge) or in a ring (wrap).',
  source: 'ONNX Pad-23; numpy.pad',
  attrs: { mode: 'string', before: 'dims', after: 'dims' },
  amounts: ['before', 'after'],
  pattern: 'joining',
  infer(call) {
    const x = tensorInput(call, 0), value = findTensorInput(call, 1)
    const { mode, before, after } = call.attrs
    checkAttribute(['constant', 'reflect', 'edge', 'wrap'].includes(mode), `pad mode '${mode}' must be constant, reflect, edge or wrap`)
    checkAttribute(before.length === x.shape.length && after.length === x.shape.length, `before and after must have an entry for each axis of ${printShape(x.shape)}`)
    if (value !== undefined) {
      checkSameDType(x, value, 'the input and the pad value')
      checkShape(value.shape.every((d) => d === 1), `the pad value ${printShape(value.shape)} must be one element`)
    }
    const shape = x.shape.map((d, i) => add(d, before[i] as Dim, after[i] as Dim))
    shape.forEach((d, i) => {
      const n = x.shape[i] as Dim
      if (typeof d === 'number' && d < 0) throw new IngotError('shape-mismatch', `axis ${i} of ${printShape(x.shape)} has fewer than the elements that pads ${printShape([before[i] as Dim, after[i] as Dim])} take away`)
      if (mode !== 'constant') checkShape(n !== 0 || d === 0, `axis ${i} is empty and has nothing to pad with in mode ${mode}`)
    })
    return [tensorType(x.dtype, shape)]
  },
  reference({ inputs, attrs, outputs }) {
    const x = inputs[0]
    const output = onlyOutput(outputs)
    const [first] = required([x ?? null])
    const strides = rowMajorStrides(first.shape)
    const lists = output.shape.map((n, a) => {
      const stride = strides[a] as number
      const sources = Array.from({ length: n }, (_, i) => sourceOf(attrs.mode, i - (attrs.before[a] as number), first.shape[a] as number))
      return Int32Array.from(sources, (s) => (s === undefined ? OUTSIDE : s * stride))
    })
    const offsets = lists.some((l) => l.includes(OUTSIDE)) ? outsideAware(lists) : boxOffsets(lists)
    return [pick(first, output, offsets, inputs[1] ?? undefined)]
  },
  compute(ctx) {
    const { mode, before } = ctx.attrs
    if (mode === 'constant') return constantPad(ctx)
    const shape = ctx.inputs[0]?.shape ?? []
    const axes = axesOver(ctx.outputs[0]?.shape ?? [])
    const index = axes.map((a) => a.name)
    const from = shape.map((n, i) => (before[i] === 0 && ctx.attrs.after[i] === 0 ? (index[i] as string) : sourceIndex(mode, sub(index[i] as string, before[i] as Dim), n)))
    return { name: 'pad', buffers: ctx.buffers, axes, stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: load('x0', from) }] }
  },
  grad: padGrad,
  samples: [
    { inputs: [{ dtype: 'float32', shape: [2, 3] }, { dtype: 'float32', shape: [], data: [7] }], attrs: { mode: 'constant', before: [0, 1], after: [0, 2] } },
    { inputs: [{ dtype: 'int64', shape: [4] }, null], attrs: { mode: 'constant', before: [-1], after: [2] } },
    { inputs: [{ dtype: 'float16', shape: [3, 4] }, null], attrs: { mode: 'constant', before: [1, -1], after: [-2, -1] } },
    { inputs: [{ dtype: 'float32', shape: [2, 4] }, null], attrs: { mode: 'reflect', before: [1, 2], after: [0, 3] } },
    { inputs: [{ dtype: 'float32', shape: [1, 3] }, null], attrs: { mode: 'reflect', before: [2, 5], after: [1, 0] } },
    { inputs: [{ dtype: 'bool', shape: [2, 3] }, null], attrs: { mode: 'edge', before: [1, 2], after: [2, -1] } },
    { inputs: [{ dtype: 'int32', shape: [3] }, null], attrs: { mode: 'wrap', before: [4], after: [5] } },
    { inputs: [{ dtype: 'float32', shape: [2, 0] }, null], attrs: { mode: 'constant', before: [0, 1], after: [1, 1] } },
  ],
})

/** As `boxOffsets`, with every offset below 0 that has a part outside. */
function outsideAware(lists: readonly Int32Array[]): Int32Array {
  const inside = boxOffsets(lists.map((l) => l.map((o) => (o === OUTSIDE ? 0 : o))))
  const outside = boxOffsets(lists.map((l) => l.map((o) => (o === OUTSIDE ? 1 : 0))))
  return inside.map((o, i) => (outside[i] === 0 ? o : -1))
}

/** What max, average and Lp pools share: attributes, shape rule, windows and the shape of their computes. */
import { IngotError } from '../../base/error.js'
import { elementCount } from '../../base/dtype.js'
import { type Dim } from '../dims.js'
import type { Axis, ComputeContext } from '../kernel/compute.js'
import type { InferContext } from '../op.js'
import { printType, type TensorType } from '../types.js'
import { requireEntries } from './requirements.js'
import { requireWindowAttrs, staysInside, visitWindows, windowAxes, windowCount, windowIndex, windowTaps, type WindowAttrs, type WindowAxis } from './window.js'

/** Attribute schema of every pool. `pads` is all begins, then all ends. */
export const POOL_ATTRS = { kernel: 'ints', strides: 'ints', dilations: 'ints', pads: 'dims', ceil_mode: 'bool' } as const
export interface PoolAttrs extends WindowAttrs { readonly kernel: readonly number[]; readonly ceil_mode: boolean }

/** The windows of a pool along the spatial axes of `shape` = [N, C, spatial…]. */
export function poolWindows(shape: readonly Dim[], attrs: PoolAttrs): WindowAxis[] {
  return windowAxes(shape.slice(2), attrs.kernel, attrs)
}

/** Shape of a pool's result; throws `shape-mismatch` or `bad-attribute`. */
export function inferPool(x: TensorType, attrs: PoolAttrs, ctx: InferContext): readonly Dim[] {
  const rank = x.shape.length - 2
  if (rank < 1) throw new IngotError('shape-mismatch', `a pool needs an input [N, C, spatial…] of rank 3 or more, but it is ${printType(x)}`, { hint: 'insert an axis of extent 1' })
  requireEntries('kernel', attrs.kernel, rank, 1)
  requireWindowAttrs(attrs, rank)
  return [...x.shape.slice(0, 2), ...poolWindows(x.shape, attrs).map((w) => windowCount(w, attrs.ceil_mode, ctx))]
}

export interface PoolSpace {
  readonly windows: readonly WindowAxis[]
  readonly axes: readonly Axis[]
  /** Reduce axes, clamped to taps inside the input. */
  readonly taps: readonly Axis[]
  readonly input: readonly Dim[]
  readonly output: readonly Dim[]
}

/** Axes n c o0… outside and k0… inside of a pool's compute. */
export function poolSpace(ctx: ComputeContext<PoolAttrs>): PoolSpace {
  const [x] = ctx.inputs as [TensorType], [y] = ctx.outputs as [TensorType]
  const windows = poolWindows(x.shape, ctx.attrs)
  return {
    windows,
    axes: [{ name: 'n', hi: y.shape[0] as Dim }, { name: 'c', hi: y.shape[1] as Dim }, ...windows.map((_, i) => ({ name: `o${i}`, hi: y.shape[2 + i] as Dim }))],
    taps: windows.map((w, i) => ({ name: `k${i}`, ...windowTaps(w, `o${i}`, !staysInside(w, ctx.attrs.ceil_mode)) })),
    input: ['n', 'c', ...windows.map((w, i) => windowIndex(w, `o${i}`, `k${i}`))],
    output: ['n', 'c', ...windows.map((_, i) => `o${i}`)],
  }
}

/** Fills `y` by `reduce`, called for each output element with the flat offsets of its window's elements relative to its plane's start `base`. */
export function poolReference(xShape: readonly number[], yShape: readonly number[], attrs: PoolAttrs, reduce: (output: number, base: number, offsets: Int32Array, taps: number, at: readonly number[]) => void): void {
  const planes = elementCount(xShape.slice(0, 2)), inPlane = elementCount(xShape.slice(2)), outPlane = elementCount(yShape.slice(2))
  visitWindows(poolWindows(xShape, attrs), yShape.slice(2), (output, offsets, taps, at) => {
    for (let plane = 0; plane < planes; plane++) reduce(plane * outPlane + output, plane * inPlane, offsets, taps, at)
  })
}

/** A sample's attributes: strides and dilations 1, no pads, no ceil, where `attrs` does not say otherwise. */
export function poolSampleAttrs(kernel: readonly number[], attrs: Partial<PoolAttrs> = {}): PoolAttrs {
  const ones = kernel.map(() => 1)
  return { kernel, strides: ones, dilations: ones, pads: [...kernel, ...kernel].map(() => 0), ceil_mode: false, ...attrs }
}

/**
 * Sliding windows along spatial axes, as convolutions and pools have them. Along one axis the window of output point `o`
 * has taps k = 0 … kernel, and tap k reads the input at `o*stride + k*dilation - before` where that is inside.
 */
import { add, ceilDiv, floorDiv, max, min, mul, sub, type Dim } from '../dims.js'
import { printDim } from '../dims-text.js'
import type { InferContext } from '../op.js'
import { rowMajorStrides } from './offsets.js'
import { requireEntries } from './requirements.js'

export interface WindowAxis {
  readonly extent: Dim
  readonly kernel: Dim
  readonly stride: number
  readonly dilation: number
  readonly before: Dim
  readonly after: Dim
}

export interface WindowAttrs { readonly strides: readonly number[]; readonly dilations: readonly number[]; readonly pads: readonly Dim[] }

/** The window along each spatial axis; `pads` is all begins, then all ends. */
export function windowAxes(spatial: readonly Dim[], kernel: readonly Dim[], attrs: WindowAttrs): WindowAxis[] {
  const rank = spatial.length
  return spatial.map((extent, i) => ({
    extent, kernel: kernel[i] as Dim, stride: attrs.strides[i] as number, dilation: attrs.dilations[i] as number,
    before: attrs.pads[i] as Dim, after: attrs.pads[rank + i] as Dim,
  }))
}

/** Throws `bad-attribute` unless strides, dilations and pads fit `rank` spatial axes. */
export function requireWindowAttrs(attrs: WindowAttrs, rank: number): void {
  requireEntries('strides', attrs.strides, rank, 1)
  requireEntries('dilations', attrs.dilations, rank, 1)
  requireEntries('pads', attrs.pads, 2 * rank, -Infinity)
}

/** Input elements that a window spans: `dilation*(kernel - 1) + 1`. */
export function windowSpan(w: WindowAxis): Dim {
  return add(mul(w.dilation, sub(w.kernel, 1)), 1)
}

/**
 * Number of windows along an axis. With `ceil` a last window that only partly fits counts too, unless it would start in the
 * padding after the input (ONNX pooling). Takes it that one window fits.
 */
export function windowCount(w: WindowAxis, ceil: boolean, ctx: InferContext): Dim {
  const padded = add(w.extent, w.before, w.after), room = sub(padded, windowSpan(w))
  ctx.assume(windowSpan(w), ceil ? add(padded, w.stride - 1) : padded, `a window of ${printDim(windowSpan(w))} elements must fit into the padded extent ${printDim(padded)}`, 'le')
  if (!ceil) return add(floorDiv(room, w.stride), 1)
  const starting = ceilDiv(add(w.extent, w.before), w.stride)
  return min(add(ceilDiv(room, w.stride), 1), starting)
}

/** The taps `lo … hi` of output point `o` that read inside the input; `hi` may be below `lo` where none does. `clamp` false: all taps do. */
export function windowTaps(w: WindowAxis, o: Dim, clamp: boolean): { readonly lo: Dim; readonly hi: Dim } {
  if (!clamp) return { lo: 0, hi: w.kernel }
  const start = sub(w.before, mul(o, w.stride))
  const lo = w.before === 0 ? 0 : max(0, ceilDiv(start, w.dilation))
  return { lo, hi: min(w.kernel, ceilDiv(add(w.extent, start), w.dilation)) }
}

/** The input index that tap `k` of output point `o` reads. */
export function windowIndex(w: WindowAxis, o: Dim, k: Dim): Dim {
  return add(mul(o, w.stride), mul(k, w.dilation), mul(-1, w.before))
}

/** True where no window along the axis can reach outside the input: no padding, and `ceil` off or without effect. */
export function staysInside(w: WindowAxis, ceil: boolean): boolean {
  const room = sub(add(w.extent, w.before, w.after), windowSpan(w))
  return (!ceil || (typeof room === 'number' && room % w.stride === 0)) && typeof w.before === 'number' && w.before <= 0 && typeof w.after === 'number' && w.after <= 0
}

/**
 * Calls `visit` for every output point (flat index within the spatial plane) with the flat input offsets of the taps that
 * read inside, in row-major order, and the output point's coordinates. All extents must be numbers. `offsets` is reused.
 */
export function visitWindows(axes: readonly WindowAxis[], counts: readonly number[], visit: (output: number, offsets: Int32Array, taps: number, at: readonly number[]) => void): void {
  const rank = axes.length
  const strides = rowMajorStrides(axes.map((w) => w.extent as number))
  const points = counts.reduce((p, c) => p * c, 1)
  const offsets = new Int32Array(axes.reduce((p, w) => p * (w.kernel as number), 1))
  const at = new Array<number>(rank).fill(0)
  for (let output = 0; output < points; output++) {
    let taps = 0
    const collect = (axis: number, base: number): void => {
      if (axis === rank) { offsets[taps++] = base; return }
      const w = axes[axis] as WindowAxis
      for (let k = 0; k < (w.kernel as number); k++) {
        const i = (at[axis] as number) * w.stride + k * w.dilation - (w.before as number)
        if (i >= 0 && i < (w.extent as number)) collect(axis + 1, base + i * (strides[axis] as number))
      }
    }
    collect(0, 0)
    visit(output, offsets, taps, at)
    for (let axis = rank - 1; axis >= 0; axis--) {
      at[axis] = (at[axis] as number) + 1
      if ((at[axis] as number) < (counts[axis] as number)) break
      at[axis] = 0
    }
  }
}

/**
 * The inner work of convolution references: for one kernel tap, adds a weight times a plane of `dense` points to the
 * points of a `strided` plane that the tap relates them to, or the other way round. Along each axis dense point `d`
 * meets strided point `d*stride + k*dilation - before` where that is inside.
 */
import { rowMajorStrides } from './offsets.js'
import type { WindowAxis } from './window.js'

export interface TapSweep {
  /** Kernel taps of all axes, row-major. */
  readonly taps: number
  /** `dense[d] += weight * strided[…]`: a convolution, whose output is dense. */
  gather(tap: number, weight: number, strided: Float64Array, stridedAt: number, dense: Float64Array, denseAt: number): void
  /** `strided[…] += weight * dense[d]`: a transposed convolution, whose input is dense. */
  scatter(tap: number, weight: number, dense: Float64Array, denseAt: number, strided: Float64Array, stridedAt: number): void
}

interface AxisSpan { readonly lo: number; readonly hi: number; readonly shift: number }

/** The sweep over windows `axes` (extents are those of the strided plane) with `dense` points along each axis; all extents numbers. */
export function tapSweep(axes: readonly WindowAxis[], dense: readonly number[]): TapSweep {
  if (isPointwise(axes, dense)) return tapSweep([{ ...(axes[0] as WindowAxis), extent: dense.reduce((p, d) => p * d, 1) }], [dense.reduce((p, d) => p * d, 1)])
  const last = axes.length - 1
  const stridedStrides = rowMajorStrides(axes.map((w) => w.extent as number)), denseStrides = rowMajorStrides(dense)
  const steps = axes.map((w, i) => w.stride * (stridedStrides[i] as number))
  const kernel = axes.map((w) => w.kernel as number)
  const taps = kernel.reduce((p, k) => p * k, 1)
  const spans = Array.from({ length: taps }, (_, tap) => spansOf(axes, dense, kernel, tap))
  // Rows along the last axis are found by recursion over the axes before it; `row` does the arithmetic.
  const rows = (spanOf: readonly AxisSpan[], axis: number, stridedAt: number, denseAt: number, row: (stridedAt: number, denseAt: number, count: number) => void): void => {
    const { lo, hi, shift } = spanOf[axis] as AxisSpan
    const step = steps[axis] as number, denseStep = denseStrides[axis] as number
    const from = stridedAt + shift * (stridedStrides[axis] as number) + lo * step
    if (axis === last) { if (hi > lo) row(from, denseAt + lo, hi - lo); return }
    for (let d = lo, at = from; d < hi; d++, at += step) rows(spanOf, axis + 1, at, denseAt + d * denseStep, row)
  }
  const step = axes[last]?.stride ?? 1
  return {
    taps,
    gather(tap, weight, x, xAt, y, yAt) {
      rows(spans[tap] as AxisSpan[], 0, xAt, yAt, (from, to, count) => {
        for (let i = 0, at = from; i < count; i++, at += step) y[to + i] = (y[to + i] as number) + weight * (x[at] as number)
      })
    },
    scatter(tap, weight, x, xAt, y, yAt) {
      rows(spans[tap] as AxisSpan[], 0, yAt, xAt, (to, from, count) => {
        for (let i = 0, at = to; i < count; i++, at += step) y[at] = (y[at] as number) + weight * (x[from + i] as number)
      })
    },
  }
}

/** True for several axes on which both planes coincide point for point: they act as one axis. */
function isPointwise(axes: readonly WindowAxis[], dense: readonly number[]): boolean {
  return axes.length > 1 && axes.every((w, i) => w.kernel === 1 && w.stride === 1 && w.before === 0 && w.extent === dense[i])
}

/** Per axis, the dense points that `tap` relates to points inside, and the shift of the strided index. */
function spansOf(axes: readonly WindowAxis[], dense: readonly number[], kernel: readonly number[], tap: number): AxisSpan[] {
  const spans = new Array<AxisSpan>(axes.length)
  for (let axis = axes.length - 1, rest = tap; axis >= 0; axis--) {
    const w = axes[axis] as WindowAxis, k = rest % (kernel[axis] as number)
    rest = Math.floor(rest / (kernel[axis] as number))
    const shift = k * w.dilation - (w.before as number)
    spans[axis] = { shift, lo: Math.max(0, Math.ceil(-shift / w.stride)), hi: Math.min(dense[axis] as number, Math.ceil(((w.extent as number) - shift) / w.stride)) }
  }
  return spans
}

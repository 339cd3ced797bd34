/** Reference of grid_sample: each output point maps to input coordinates, which are interpolated one axis after the other. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { fromNumbers } from '../host-tensor.js'
import type { ConcreteType, ReferenceCall } from '../op.js'
import { numbersOf, pick, type Numbers } from './elements.js'
import { rowMajorStrides } from './offsets.js'
import { CUBIC_A, type GridSampleAttrs } from './grid-sample-attributes.js'
import { cubicWeight } from './interpolation.js'

/** Input places along one axis, −1 for one that holds 0, and their weights. */
interface Taps { readonly at: readonly number[]; readonly weights: readonly number[] }

/** Samples `call.inputs[0]` at the coordinates in `call.inputs[1]`; see the op's record. */
export function gridSampleReference(call: ReferenceCall<GridSampleAttrs>): HostTensor[] {
  const { attrs } = call
  const [x, grid] = call.inputs as [HostTensor, HostTensor], [out] = call.outputs as [ConcreteType]
  const spatial = x.shape.slice(2), rank = spatial.length, coordinates = numbersOf(grid)
  const [batch, channels] = x.shape as [number, number], points = elementCount(out.shape.slice(2)), plane = elementCount(spatial)
  const strides = rowMajorStrides(spatial), round = grid.dtype === 'float64' ? (v: number): number => v : Math.fround
  const tapsOf = (n: number, p: number): Taps[] => spatial.map((extent, a) => tapsAlong(coordinates[(n * points + p) * rank + rank - 1 - a] as number, extent, attrs, round))
  const count = batch * channels * points
  if (attrs.mode === 'nearest') {
    const offsets = new Int32Array(count)
    visit(batch, channels, points, tapsOf, (to, from, taps) => {
      const at = taps.map((t) => t.at[0] as number)
      offsets[to] = at.includes(-1) ? -1 : at.reduce((sum, i, a) => sum + i * (strides[a] as number), from * plane)
    })
    return [pick(x, out, offsets)]
  }
  const values = numbersOf(x), result = new Float64Array(count)
  visit(batch, channels, points, tapsOf, (to, from, taps) => { result[to] = interpolated(values, from * plane, strides, taps, 0) })
  return [fromNumbers(out.dtype, out.shape, result)]
}

function visit(batch: number, channels: number, points: number, tapsOf: (n: number, p: number) => Taps[], each: (to: number, plane: number, taps: readonly Taps[]) => void): void {
  for (let n = 0; n < batch; n++) for (let p = 0; p < points; p++) {
    const taps = tapsOf(n, p)
    for (let c = 0; c < channels; c++) each((n * channels + c) * points + p, n * channels + c, taps)
  }
}

function interpolated(values: Numbers, start: number, strides: readonly number[], taps: readonly Taps[], axis: number): number {
  if (axis === taps.length) return values[start] as number
  const { at, weights } = taps[axis] as Taps
  return at.reduce((sum, i, t) => sum + (weights[t] as number) * (i < 0 ? 0 : interpolated(values, start + i * (strides[axis] as number), strides, taps, axis + 1)), 0)
}

/** What coordinate `g`, from −1 to 1, reads along an axis. */
function tapsAlong(g: number, extent: number, attrs: GridSampleAttrs, round: (v: number) => number): Taps {
  const { mode, padding, align_corners: align } = attrs, low = align ? 0 : -0.5, high = extent - 1 - low
  const exact = attrs.pixels ? g : align ? round(round(round(g + 1) / 2) * (extent - 1)) : round(round(round(round(g + 1) * extent) - 1) / 2)
  const wished = mode === 'nearest' ? roundEven(exact) : exact
  const outside = wished < low || wished > high
  const at = !outside || padding === 'zeros' ? wished : padding === 'border' ? Math.min(Math.max(wished, 0), extent - 1) : reflected(wished, low, high)
  const floor = Math.floor(at), ratio = at - floor
  const offsets = mode === 'nearest' ? [0] : mode === 'linear' ? [0, 1] : [-1, 0, 1, 2]
  return { at: offsets.map((o) => placeOf(floor + o, extent, attrs)), weights: offsets.map((o) => (mode === 'nearest' ? 1 : mode === 'linear' ? 1 - Math.abs(o - ratio) : cubicWeight(CUBIC_A, Math.abs(o - ratio)))) }
}

function placeOf(i: number, extent: number, { padding, align_corners: align }: GridSampleAttrs): number {
  if (padding === 'border') return Math.min(Math.max(i, 0), extent - 1)
  if (padding === 'zeros') return i >= 0 && i < extent ? i : -1
  return Math.trunc(reflected(i, align ? 0 : -0.5, extent - (align ? 1 : 0.5)))
}

/** `v` mirrored at the borders until it lies between them. */
function reflected(v: number, low: number, high: number): number {
  if (low === high) return low
  let at = v
  while (at < low || at > high) at = at < low ? 2 * low - at : 2 * high - at
  return at
}

const roundEven = (v: number): number => { const r = Math.round(v); return Math.abs(v % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r }

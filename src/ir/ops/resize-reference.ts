/** Reference of resize: each axis in turn is resampled by a table of neighbours and weights. */
import { allocate, elementCount, type HostTensor } from '../../base/dtype.js'
import { evaluateDim } from '../../base/dim.js'
import { fromNumbers, toNumbers } from '../host-tensor.js'
import type { ConcreteType, ReferenceCall } from '../op.js'
import { limitsOf, pick } from './elements.js'
import { cubicWeight } from './interpolation.js'
import { boxOffsets, rowMajorStrides } from './offsets.js'
import { FLOATS } from './operands.js'
import { COORDINATES, INTEGER_NUDGE, NEAREST_MODES, oneOf, roundFraction, scaleOf, sourceCoordinate, type Fraction, type ResizeAxis } from './resize-coordinates.js'
import { resizedAxes, type ResizeAttrs } from './resize-attributes.js'

/** What one output coordinate takes: input coordinates with weights, or nothing where it lies outside the region (extrapolation). */
interface Taps { readonly at: readonly number[]; readonly weights: readonly number[]; readonly outside: boolean }

/** Resamples `call.inputs[0]`; see the op's record. */
export function resizeReference(call: ReferenceCall<ResizeAttrs>): HostTensor[] {
  const { attrs } = call
  const [x] = call.inputs as [HostTensor], [out] = call.outputs as [ConcreteType]
  if (elementCount(out.shape) === 0) return [{ dtype: out.dtype, shape: out.shape, data: allocate(out.dtype, 0) }]
  const axes = resizedAxes(x.shape, out.shape, attrs)
  const tables = axes.map((a) => Array.from({ length: a.output as number }, (_, i) => tapsOf(a, i, attrs)))
  return [attrs.mode === 'nearest' ? takeNearest(x, out, axes, tables, attrs.extrapolation) : interpolate(x, out, axes, tables, attrs.extrapolation)]
}

function takeNearest(x: HostTensor, out: ConcreteType, axes: readonly ResizeAxis[], tables: readonly (readonly Taps[])[], extrapolation: number): HostTensor {
  const strides = rowMajorStrides(x.shape)
  const offsets = boxOffsets(out.shape.map((count, axis) => {
    const table = tables[axes.findIndex((a) => a.axis === axis)]
    return Int32Array.from({ length: count }, (_, i) => (table?.[i]?.at[0] ?? i) * (strides[axis] as number))
  }))
  visitOutside(out.shape, axes, tables, (i) => { offsets[i] = -1 })
  return pick(x, out, offsets, fromNumbers(x.dtype, [], [extrapolation]))
}

function interpolate(x: HostTensor, out: ConcreteType, axes: readonly ResizeAxis[], tables: readonly (readonly Taps[])[], extrapolation: number): HostTensor {
  let values = toNumbers(x)
  const shape = [...x.shape]
  axes.forEach((a, k) => {
    const table = tables[k] as readonly Taps[], from = shape[a.axis] as number
    const inner = elementCount(shape.slice(a.axis + 1)), outer = elementCount(shape.slice(0, a.axis))
    const next = new Float64Array(outer * table.length * inner)
    for (let o = 0; o < outer; o++) {
      table.forEach(({ at, weights }, i) => {
        for (let j = 0; j < inner; j++) {
          let sum = 0
          for (let t = 0; t < at.length; t++) sum += (weights[t] as number) * (values[(o * from + (at[t] as number)) * inner + j] as number)
          next[(o * table.length + i) * inner + j] = sum
        }
      })
    }
    values = next
    shape[a.axis] = table.length
  })
  visitOutside(out.shape, axes, tables, (i) => { values[i] = extrapolation })
  if (FLOATS.includes(out.dtype)) return fromNumbers(out.dtype, out.shape, values)
  const { lowest, highest } = limitsOf(out.dtype)
  return fromNumbers(out.dtype, out.shape, values.map((v) => Math.min(Math.max(Math.trunc(v < 0 ? v - INTEGER_NUDGE : v + INTEGER_NUDGE), Number(lowest)), Number(highest))))
}

/** Calls `visit` for every element of the result with a coordinate outside the region of interest. */
function visitOutside(shape: readonly number[], axes: readonly ResizeAxis[], tables: readonly (readonly Taps[])[], visit: (i: number) => void): void {
  const strides = rowMajorStrides(shape), count = elementCount(shape)
  axes.forEach((a, k) => {
    if (tables[k]?.every((taps) => !taps.outside) !== false) return
    const stride = strides[a.axis] as number
    for (let i = 0; i < count; i++) if (tables[k]?.[Math.floor(i / stride) % (shape[a.axis] as number)]?.outside === true) visit(i)
  })
}

function tapsOf(a: ResizeAxis, x: number, attrs: ResizeAttrs): Taps {
  const coordinates = oneOf('coordinates', attrs.coordinates, COORDINATES), last = (a.input as number) - 1
  const clamp = (i: number): number => Math.min(Math.max(i, 0), last)
  const exact = coordinates === 'tf_crop_and_resize' ? undefined : sourceCoordinate(a, coordinates, x)
  const at = exact === undefined ? cropCoordinate(a, x) : (exact.numerator as number) / (exact.denominator as number)
  const outside = exact === undefined && (at < 0 || at > last)
  if (attrs.mode === 'nearest') {
    const mode = oneOf('nearest_mode', attrs.nearest_mode, NEAREST_MODES)
    return { at: [clamp(exact === undefined ? roundFloat(at, mode) : evaluateDim(roundFraction(exact, mode), () => NaN))], weights: [1], outside }
  }
  const scale = attrs.antialias ? Math.min(1, quotient(scaleOf(a))) : 1
  const reach = Math.ceil((attrs.mode === 'linear' ? 1 : 2) / scale), first = Math.floor(at) - reach + 1
  const all = Array.from({ length: 2 * reach }, (_, t) => ({ i: first + t, weight: filterWeight(attrs, (first + t - at) * scale) }))
  const kept = attrs.exclude_outside ? all.filter(({ i }) => i >= 0 && i <= last) : all
  const sum = kept.reduce((s, { weight }) => s + weight, 0)
  return { at: kept.map(({ i }) => clamp(i)), weights: kept.map(({ weight }) => weight / sum), outside }
}

const quotient = (f: Fraction): number => (f.numerator as number) / (f.denominator as number)

/** The input coordinate of `tf_crop_and_resize`. */
function cropCoordinate(a: ResizeAxis, x: number): number {
  const last = (a.input as number) - 1, count = a.output as number
  return count > 1 ? a.start * last + (x * ((a.end - a.start) * last)) / (count - 1) : 0.5 * (a.start + a.end) * last
}

function roundFloat(x: number, mode: (typeof NEAREST_MODES)[number]): number {
  switch (mode) {
    case 'floor': return Math.floor(x)
    case 'ceil': return Math.ceil(x)
    case 'round_prefer_floor': return Math.ceil(x - 0.5)
    case 'round_prefer_ceil': return Math.floor(x + 0.5)
  }
}

/** The triangle, or the cubic kernel, at distance `x`. */
function filterWeight(attrs: ResizeAttrs, x: number): number {
  const d = Math.abs(x)
  return attrs.mode === 'linear' ? Math.max(0, 1 - d) : cubicWeight(attrs.cubic_a, d)
}

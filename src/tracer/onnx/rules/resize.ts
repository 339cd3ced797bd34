/** Rules for Resize and Upsample: every opset's way of saying how large the result is and where it samples. */
import type { Dim } from '../../../base/dim.js'
import { floorDiv, mul } from '../../../ir/dims.js'
import { toNumbers } from '../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'

interface Sizes { readonly shape: readonly Dim[]; readonly scales: readonly number[] }

const resize: Rule = (call) => {
  if (call.opset < 11) return upsample(call)
  call.arity(1, 4)
  const own = call.shape(0), rank = own.length
  const axes = call.attrs.has('axes') ? call.attrs.ints('axes', []).map((a) => call.axis(a, rank)) : own.map((_, i) => i)
  const mode = call.attrs.string('mode', 'nearest'), coordinates = call.attrs.string('coordinate_transformation_mode', 'half_pixel')
  const policy = call.attrs.string('keep_aspect_ratio_policy', 'stretch')
  const wished = hasElements(call, 3) ? call.dims(3, 'sizes') : undefined
  if ((wished === undefined) === !hasElements(call, 2)) call.fail('onnx-invalid', 'Resize needs either scales or sizes')
  const { shape, scales } = wished === undefined ? byScales(call, own, axes, constantNumbers(call, 2, 'scales')) : bySizes(call, own, axes, wished, policy)
  return call.emit('resize', [call.input(0)], {
    mode, coordinates, nearest_mode: call.attrs.string('nearest_mode', 'round_prefer_floor'), cubic_a: call.attrs.float('cubic_coeff_a', -0.75),
    exclude_outside: call.attrs.bool('exclude_outside', false), extrapolation: call.attrs.float('extrapolation_value', 0),
    antialias: call.attrs.bool('antialias', false), scales, shape, roi: coordinates === 'tf_crop_and_resize' ? roiOf(call, rank, axes) : wholeRoi(rank),
  })
}

/** Upsample, and Resize of opset 10: asymmetric coordinates, nearest rounds down. */
const upsample: Rule = (call) => {
  const byInput = call.opset >= 9
  call.arity(byInput ? 2 : 1)
  const own = call.shape(0), mode = call.attrs.string('mode', 'nearest')
  const given = byInput ? constantNumbers(call, 1, 'scales')
    : call.opset < 7 ? [1, 1, call.attrs.float('height_scale', 1), call.attrs.float('width_scale', 1)] : call.attrs.floats('scales', [])
  const { shape, scales } = byScales(call, own, own.map((_, i) => i), given)
  return call.emit('resize', [call.input(0)], {
    mode: mode === 'bilinear' ? 'linear' : mode, coordinates: 'asymmetric', nearest_mode: 'floor', cubic_a: -0.75, exclude_outside: false, extrapolation: 0, antialias: false, scales, shape, roi: wholeRoi(own.length),
  })
}

const hasElements = (call: NodeCall, i: number): boolean => { const v = call.optional(i); return v !== null && !(v.type.kind === 'tensor' && v.type.shape[0] === 0) }

function constantNumbers(call: NodeCall, i: number, what: string): readonly number[] {
  const data = call.constantOf(i) ?? call.fail('shape-not-static', `the ${what} of ${call.opType} are only known while running`, 'make them constants, or use sizes')
  return Array.from(toNumbers(data))
}

function byScales(call: NodeCall, own: readonly Dim[], axes: readonly number[], given: readonly number[]): Sizes {
  if (given.length !== axes.length) call.fail('bad-attribute', `${given.length} scales for ${axes.length} axes`)
  const scales: number[] = own.map(() => 1)
  axes.forEach((a, i) => { scales[a] = given[i] as number })
  return { scales, shape: own.map((d, i) => scaledExtent(call, d, scales[i] as number)) }
}

/** floor(extent · scale). A float is a fraction over a power of two, so the product is exact for symbols too. */
function scaledExtent(call: NodeCall, extent: Dim, scale: number): Dim {
  if (!(scale > 0) || !Number.isFinite(scale)) return call.fail('bad-attribute', `a scale of ${scale}`)
  if (typeof extent === 'number') return Math.floor(extent * scale)
  let numerator = scale, denominator = 1
  while (!Number.isInteger(numerator)) { numerator *= 2; denominator *= 2 }
  return floorDiv(mul(extent, numerator), denominator)
}

function bySizes(call: NodeCall, own: readonly Dim[], axes: readonly number[], wished: readonly Dim[], policy: string): Sizes {
  if (wished.length !== axes.length) call.fail('bad-attribute', `${wished.length} sizes for ${axes.length} axes`)
  const shape = [...own], scales: number[] = own.map(() => 1)
  if (policy === 'stretch') {
    axes.forEach((a, i) => { shape[a] = wished[i] as Dim; scales[a] = NaN })
    return { shape, scales }
  }
  const ratios = axes.map((a, i) => {
    const from = own[a], to = wished[i]
    return typeof from === 'number' && typeof to === 'number' ? to / from : call.fail('shape-not-static', `keep_aspect_ratio_policy ${policy} needs extents that are known while compiling`)
  })
  const scale = policy === 'not_larger' ? Math.min(...ratios) : policy === 'not_smaller' ? Math.max(...ratios) : call.fail('bad-attribute', `keep_aspect_ratio_policy is '${policy}', not stretch, not_larger or not_smaller`)
  // Halves are rounded up (ONNX Resize-18).
  for (const a of axes) { shape[a] = Math.floor((own[a] as number) * scale + 0.5); scales[a] = scale }
  return { shape, scales }
}

const wholeRoi = (rank: number): number[] => Array.from({ length: 2 * rank }, (_, i) => (i < rank ? 0 : 1))

/** Region of interest for all axes: starts, then ends. */
function roiOf(call: NodeCall, rank: number, axes: readonly number[]): readonly number[] {
  const given = constantNumbers(call, 1, 'roi')
  if (given.length !== 2 * axes.length) call.fail('bad-attribute', `roi has ${given.length} numbers for ${axes.length} axes`)
  const roi = wholeRoi(rank)
  axes.forEach((a, i) => { roi[a] = given[i] as number; roi[rank + a] = given[axes.length + i] as number })
  return roi
}

/** Resampling ops of the default domain. */
export const RESIZE: RuleTable = { Resize: always(resize), Upsample: always(upsample) }

/** Resampling along any axes: nearest, linear and cubic. */
import type { DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { defineOp } from '../op.js'
import { printShape } from '../dims-text.js'
import { printType, tensorType, type TensorType } from '../types.js'
import { ALL_DTYPES, NUMBERS, tensorInput } from './operands.js'
import { requireEntries } from './requirements.js'
import { RESIZE_ATTRS, type ResizeAttrs } from './resize-attributes.js'
import { resizeCompute } from './resize-compute.js'
import { COORDINATES, NEAREST_MODES, oneOf } from './resize-coordinates.js'
import { resizeGrad } from './resize-grad.js'
import { resizeReference } from './resize-reference.js'

function check(x: TensorType, attrs: ResizeAttrs): void {
  const rank = x.shape.length
  oneOf('mode', attrs.mode, ['nearest', 'linear', 'cubic'])
  oneOf('coordinates', attrs.coordinates, COORDINATES)
  oneOf('nearest_mode', attrs.nearest_mode, NEAREST_MODES)
  requireEntries('shape', attrs.shape, rank, 0)
  if (attrs.scales.length !== rank || attrs.scales.some((s) => !(Number.isNaN(s) || (s > 0 && s < Infinity)))) {
    throw new IngotError('bad-attribute', `scales must hold one positive number for each of the ${rank} axes, but is [${attrs.scales.join(', ')}]`, { hint: 'NaN takes the ratio of the extents' })
  }
  if (attrs.roi.length !== 2 * rank) throw new IngotError('bad-attribute', `roi must hold a start for each of the ${rank} axes, then an end for each, but has ${attrs.roi.length} entries`)
  attrs.shape.forEach((to, i) => {
    if (x.shape[i] === 0 && to !== 0) throw new IngotError('shape-mismatch', `resize cannot make ${printShape(attrs.shape)} of the empty ${printType(x)}`)
  })
}

interface SampleOptions extends Partial<ResizeAttrs> { readonly dtype?: DType; readonly range?: readonly [number, number] }

function sample(from: readonly number[], to: readonly number[], { dtype = 'float32', range, ...attrs }: SampleOptions = {}) {
  return {
    inputs: [{ dtype, shape: from, ...(range !== undefined && { range }) }],
    attrs: {
      mode: 'linear', coordinates: 'half_pixel', nearest_mode: 'round_prefer_floor', cubic_a: -0.75, exclude_outside: false, extrapolation: 0,
      scales: from.map(() => NaN), roi: [...from.map(() => 0), ...from.map(() => 1)], antialias: false, shape: to, ...attrs,
    },
  }
}

/** ONNX Resize. */
export const resize = defineOp({
  name: 'resize',
  doc: 'Resamples x to `shape`: along each axis that changes, output coordinates map to input coordinates by `coordinates`, and `mode` takes the nearest element or weighs 2 (linear) or 4 (cubic) neighbours; antialias widens the filter when shrinking.',
  source: 'ONNX Resize-19; torch.nn.functional.interpolate',
  attrs: RESIZE_ATTRS,
  pattern: 'reduction',
  infer(call) {
    const x = tensorInput(call, 0, call.attrs.mode === 'nearest' ? ALL_DTYPES : NUMBERS)
    check(x, call.attrs)
    return [tensorType(x.dtype, call.attrs.shape)]
  },
  reference: resizeReference,
  compute: resizeCompute,
  grad: resizeGrad,
  samples: [
    ...NEAREST_MODES.flatMap((nearest_mode) => COORDINATES.map((coordinates) => sample([1, 2, 5, 4], [1, 2, 7, 9], { mode: 'nearest', nearest_mode, coordinates }))),
    ...COORDINATES.flatMap((coordinates) => ['linear', 'cubic'].flatMap((mode) => [
      sample([1, 2, 5, 4], [1, 2, 8, 3], { mode, coordinates }),
      sample([2, 4, 5], [2, 1, 7], { mode, coordinates, exclude_outside: true }),
    ])),
    ...['linear', 'cubic'].flatMap((mode) => [false, true].map((exclude_outside) => sample([1, 1, 9, 7], [1, 1, 4, 5], { mode, exclude_outside, antialias: true }))),
    sample([1, 1, 4, 4], [1, 1, 8, 8], { mode: 'nearest', coordinates: 'asymmetric', nearest_mode: 'floor', scales: [1, 1, 2, 2] }),
    sample([1, 1, 4, 4], [1, 1, 8, 12], { mode: 'nearest', scales: [1, 1, 2, 3] }),
    sample([1, 1, 4, 6], [1, 1, 2, 3], { scales: [1, 1, 0.6000000238418579, 0.5] }),
    sample([1, 1, 4, 6], [1, 1, 3, 4], { mode: 'cubic', coordinates: 'align_corners', scales: [1, 1, 0.800000011920929, 0.6700000166893005] }),
    sample([1, 1, 5, 4], [1, 1, 4, 3], { coordinates: 'half_pixel_symmetric', scales: [1, 1, 0.8999999761581421, 0.8999999761581421] }),
    sample([1, 1, 6, 5], [1, 1, 4, 3], { coordinates: 'tf_crop_and_resize', extrapolation: 10, roi: [0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7] }),
    sample([1, 1, 6, 5], [1, 1, 1, 3], { mode: 'nearest', coordinates: 'tf_crop_and_resize', extrapolation: -2, roi: [0, 0, 0.4, -0.6, 1, 1, 0.9, 0.7] }),
    sample([2, 3, 4, 3, 2], [2, 3, 7, 5, 3]),
    sample([3, 4], [5, 2], { dtype: 'float64', mode: 'cubic' }),
    sample([2, 5], [2, 9], { dtype: 'float16' }),
    sample([2, 5], [2, 9], { dtype: 'uint8', range: [0, 256] }),
    sample([2, 5], [2, 9], { dtype: 'int64', mode: 'nearest' }),
    sample([3, 5], [3, 5]),
    sample([0, 5], [0, 9]),
  ],
})

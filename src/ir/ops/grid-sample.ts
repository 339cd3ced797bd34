/** Sampling at coordinates that are data. */
import type { DType } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import { printShape } from '../dims-text.js'
import { defineOp, type SampleInput } from '../op.js'
import { tensorType } from '../types.js'
import { GRID_SAMPLE_ATTRS, type GridSampleAttrs } from './grid-sample-attributes.js'
import { gridSampleCompute } from './grid-sample-compute.js'
import { gridSampleReference } from './grid-sample-reference.js'
import { ALL_DTYPES, checkAttribute, checkShape, FLOATS, tensorInput } from './operands.js'
import { oneOf } from './resize-coordinates.js'

const MODES = ['nearest', 'linear', 'cubic'] as const
const PADDINGS = ['zeros', 'border', 'reflection'] as const

interface SampleOptions extends Partial<GridSampleAttrs> { readonly dtype?: DType; readonly gridDType?: DType; readonly grid?: readonly number[] }

/** A sample of an input [2, 3, …extents] at `places`, with coordinates that reach well outside of it. */
function sample(extents: readonly number[], places: readonly number[], { dtype = 'float32', gridDType = 'float32', grid, ...attrs }: SampleOptions = {}) {
  const coordinates: SampleInput = { dtype: gridDType, shape: [2, ...places, extents.length], range: [-2.4, 2.4], ...(grid !== undefined && { data: grid }) }
  return { inputs: [{ dtype, shape: [2, 3, ...extents] }, coordinates], attrs: { mode: 'linear', padding: 'zeros', align_corners: false, pixels: false, ...attrs } }
}

/** ONNX GridSample. */
export const gridSample = defineOp({
  name: 'grid_sample',
  doc: 'Elements of x [batch, channels, …] at the coordinates in the last axis of the grid [batch, …places, axes], the last axis of x first, where −1 and 1 are its ends: the centres of the outer elements with `align_corners`, else their outer edges, or (`pixels`) which count elements from the first; between elements it takes the nearest or weighs 2 (linear) or 4 (cubic) along each axis, and outside zeros, the border or a reflection.',
  source: 'ONNX GridSample-22; torch.nn.functional.grid_sample',
  attrs: GRID_SAMPLE_ATTRS,
  pattern: 'reduction',
  infer(call, ctx) {
    const mode = oneOf('mode', call.attrs.mode, MODES)
    oneOf('padding', call.attrs.padding, PADDINGS)
    checkAttribute(!call.attrs.pixels || !call.attrs.align_corners, 'coordinates that count elements have no corners to align')
    const x = tensorInput(call, 0, mode === 'nearest' ? ALL_DTYPES : FLOATS), grid = tensorInput(call, 1, FLOATS), rank = x.shape.length
    checkShape(rank >= 3 && grid.shape.length === rank, `grid_sample needs an input with spatial axes and a grid of the same rank, not ${printShape(x.shape)} and ${printShape(grid.shape)}`)
    const places = grid.shape.slice(1, -1)
    checkShape(!x.shape.slice(2).includes(0) || places.includes(0), `there is nothing to sample in ${printShape(x.shape)}`)
    ctx.assume(x.shape[0] as Dim, grid.shape[0] as Dim, 'grid_sample takes a grid for each image of a batch')
    ctx.assume(grid.shape[rank - 1] as Dim, rank - 2, 'the last axis of a grid holds a coordinate for each spatial axis')
    return [tensorType(x.dtype, [...x.shape.slice(0, 2), ...places])]
  },
  reference: gridSampleReference,
  compute: gridSampleCompute,
  samples: [
    ...MODES.flatMap((mode) => PADDINGS.flatMap((padding) => [false, true].map((align_corners) => sample([4, 5], [3, 4], { mode, padding, align_corners })))),
    ...MODES.flatMap((mode) => PADDINGS.map((padding) => sample([2, 3, 4], [2, 2, 3], { mode, padding, align_corners: padding === 'border' }))),
    sample([6], [5], { padding: 'reflection' }),
    sample([1, 1], [2, 3], { mode: 'cubic', padding: 'reflection', align_corners: true }),
    sample([1, 3], [2, 3], { padding: 'reflection' }),
    sample([3, 4], [1, 2], { padding: 'reflection', grid: [1e4, -37.25, 0.5, -1, 1, 1, -1, 61.3] }),
    sample([3, 4], [1, 2], { grid: [1e12, 0, -1e30, 0.5, 1, 1, -1, -1] }),
    sample([3, 4], [2, 2], { dtype: 'float64', gridDType: 'float64', mode: 'cubic' }),
    sample([3, 4], [2, 2], { dtype: 'float16', gridDType: 'float16' }),
    sample([3, 4], [2, 2], { dtype: 'float64', padding: 'border' }),
    sample([3, 4], [2, 2], { dtype: 'int64', mode: 'nearest' }),
    sample([3, 4], [2, 2], { dtype: 'bool', mode: 'nearest', padding: 'border' }),
    sample([3, 4], [0, 2]),
    sample([5, 3], [4, 2], { pixels: true }),
    sample([5, 3], [4, 2], { pixels: true, mode: 'cubic', padding: 'reflection' }),
    sample([2, 3, 2], [2, 2, 2], { pixels: true, padding: 'border', dtype: 'float64', gridDType: 'float64' }),
  ],
})

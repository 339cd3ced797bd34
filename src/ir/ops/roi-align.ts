/** Regions of interest by bilinear samples. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Dim } from '../dims.js'
import { fromNumbers } from '../host-tensor.js'
import { defineOp, type ConcreteType, type ReferenceCall } from '../op.js'
import { numbersOf } from './elements.js'
import { checkAttribute, checkShape, tensorInput } from './operands.js'
import { oneOf } from './resize-coordinates.js'
import { ROI_ALIGN_ATTRS, roiAlignKernel, type RoiAlignAttrs } from './roi-align-kernel.js'
import { inferRegions } from './roi-space.js'

/** A neighbour along an axis, and its weight. */
interface Tap { readonly at: number; readonly weight: number }

/** The points along one axis of a bin: how many there are, and the neighbours of those that do not lie outside of the image. */
interface Points { readonly count: number; readonly inside: readonly (readonly Tap[])[] }

function pointsOf(from: number, to: number, place: number, pooled: number, extent: number, attrs: RoiAlignAttrs, round: (v: number) => number): Points {
  const shift = attrs.half_pixel ? 0.5 : 0, scale = round(attrs.spatial_scale), start = round(round(from * scale) - shift), end = round(round(to * scale) - shift)
  const size = attrs.half_pixel ? round(end - start) : Math.max(round(end - start), 1), bin = round(size / pooled)
  const count = attrs.sampling_ratio > 0 ? attrs.sampling_ratio : Math.max(Math.ceil(bin), 0), step = round(bin / Math.max(count, 1)), base = round(start + round(place * bin))
  const inside: (readonly Tap[])[] = []
  for (let i = 0; i < count; i++) {
    const at = round(base + round((i + 0.5) * step))
    if (!(at >= -1 && at <= extent)) continue
    const within = Math.min(Math.max(at, 0), extent - 1), low = Math.floor(within)
    inside.push([{ at: low, weight: 1 - (within - low) }, { at: Math.min(low + 1, extent - 1), weight: within - low }])
  }
  return { count, inside }
}

function reference({ inputs, attrs, outputs }: ReferenceCall<RoiAlignAttrs>): HostTensor[] {
  const [x, rois, images] = inputs as readonly [HostTensor, HostTensor, HostTensor], [out] = outputs as readonly [ConcreteType]
  const values = numbersOf(x), regions = numbersOf(rois), of = numbersOf(images), round = x.dtype === 'float64' ? (v: number): number => v : Math.fround
  const [batch, channels, height, width] = x.shape as readonly [number, number, number, number]
  const result = new Float64Array(elementCount(out.shape))
  for (let r = 0, to = 0; r < (out.shape[0] as number); r++) {
    const given = of[r] as number, image = given < 0 ? given + batch : given, at = (i: number): number => regions[4 * r + i] as number
    if (!(image >= 0 && image < batch)) throw new IngotError('index-out-of-range', `region ${r} is of image ${given}, and there are ${batch}`)
    for (let c = 0; c < channels; c++) for (let p = 0; p < attrs.height; p++) for (let s = 0; s < attrs.width; s++, to++) {
      const rows = pointsOf(at(1), at(3), p, attrs.height, height, attrs, round), columns = pointsOf(at(0), at(2), s, attrs.width, width, attrs, round)
      const samples = rows.inside.flatMap((row) => columns.inside.map((column) => row.flatMap((a) => column.map((b) => a.weight * b.weight * (values[((image * channels + c) * height + a.at) * width + b.at] as number)))))
      const count = rows.count * columns.count, outside = samples.length < count ? [0] : []
      if (count > 0) result[to] = attrs.mode === 'max' ? Math.max(...outside, ...samples.flat()) : samples.flat().reduce((a, b) => a + b, 0) / count
    }
  }
  return [fromNumbers(out.dtype, out.shape, result)]
}

/** Regions inside an image of 6 × 5, across its borders, outside of it, turned around, and without area. */
const REGIONS = [0.3, 0.7, 4.1, 5.2, -3, -2.5, 2.2, 1.5, 3.4, 4.2, 9.5, 8, 12, 12, 15, 14, 4, 3, 1, 1, 2, 2, 2, 2, -40, -30, 50, 40]

const sample = (attrs: Partial<RoiAlignAttrs>, { dtype = 'float32', channels = 3 }: { readonly dtype?: 'float32' | 'float64' | 'float16'; readonly channels?: number } = {}) => ({
  inputs: [{ dtype, shape: [2, channels, 6, 5] }, { dtype, shape: [7, 4], data: REGIONS }, { dtype: 'int64', shape: [7], data: [0, 1, 1, 0, 1, 0, 1] }] as const,
  attrs: { mode: 'avg', height: 2, width: 3, sampling_ratio: 0, spatial_scale: 1, half_pixel: true, ...attrs },
})

/** ONNX RoiAlign. */
export const roiAlign = defineOp({
  name: 'roi_align',
  doc: 'Each region [x1, y1, x2, y2] of the image that the third input names, in height × width bins: the mean (avg) of samples between pixels, or (max) the greatest share of a pixel in one; sampling_ratio × sampling_ratio samples a bin, or for 0 about one a pixel. With half_pixel, coordinates count from the corner of the image, else from the centre of its first pixel, and regions are at least a pixel.',
  source: 'ONNX RoiAlign-22; torchvision.ops.roi_align',
  attrs: ROI_ALIGN_ATTRS,
  pattern: 'opaque',
  infer(call, ctx) {
    oneOf('mode', call.attrs.mode, ['avg', 'max'])
    checkAttribute(Number.isInteger(call.attrs.sampling_ratio) && call.attrs.sampling_ratio >= 0, `the sampling ratio ${call.attrs.sampling_ratio} must be a count`)
    const y = inferRegions(call, ctx, 4, [call.attrs.height, call.attrs.width]), images = tensorInput(call, 2, ['int64', 'int32'])
    checkShape(images.shape.length === 1, 'the images of regions are a list')
    ctx.assume(images.shape[0] as Dim, y.shape[0] as Dim, 'each region has an image')
    return [y]
  },
  reference,
  kernel: roiAlignKernel,
  samples: [
    ...['avg', 'max'].flatMap((mode) => [0, 2].flatMap((sampling_ratio) => [true, false].map((half_pixel) => sample({ mode, sampling_ratio, half_pixel })))),
    sample({ spatial_scale: 0.37 }, { channels: 9 }),
    sample({ height: 1, width: 1, spatial_scale: 3.5, mode: 'max' }, { channels: 4 }),
    sample({ sampling_ratio: 3, spatial_scale: 0.5 }, { dtype: 'float64' }),
    sample({}, { dtype: 'float16' }),
    { inputs: [{ dtype: 'float32', shape: [1, 2, 3, 4] }, { dtype: 'float32', shape: [0, 4] }, { dtype: 'int64', shape: [0] }], attrs: { mode: 'avg', height: 2, width: 2, sampling_ratio: 0, spatial_scale: 1, half_pixel: true } },
    { inputs: [{ dtype: 'float32', shape: [1, 1, 1, 1] }, { dtype: 'float32', shape: [1, 4], data: [0, 0, 1, 1] }, { dtype: 'int32', shape: [1], data: [-1] }], attrs: { mode: 'avg', height: 2, width: 1, sampling_ratio: 0, spatial_scale: 1, half_pixel: true } },
  ],
})

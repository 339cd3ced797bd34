/** Pools over regions of interest as ONNX nodes. */
import { float, int, ints, text } from '../attributes.js'
import { rule, type RuleTable } from '../node-export.js'

interface RoiAlignAttrs { readonly mode: string; readonly height: number; readonly width: number; readonly sampling_ratio: number; readonly spatial_scale: number; readonly half_pixel: boolean }

const roiAlign = rule<RoiAlignAttrs>((e, a) => {
  e.result('RoiAlign', [e.input(0), e.input(1), e.cast(e.input(2), 'int64')], {
    mode: text(a.mode), output_height: int(a.height), output_width: int(a.width), sampling_ratio: int(a.sampling_ratio), spatial_scale: float(a.spatial_scale),
    coordinate_transformation_mode: text(a.half_pixel ? 'half_pixel' : 'output_half_pixel'),
  })
})

const maxRoiPool = rule<{ readonly height: number; readonly width: number; readonly spatial_scale: number }>((e, a) => {
  e.result('MaxRoiPool', [e.input(0), e.input(1)], { pooled_shape: ints([a.height, a.width]), spatial_scale: float(a.spatial_scale) })
})

/** Regions of interest. */
export const REGIONS: RuleTable = { roi_align: roiAlign, max_roi_pool: maxRoiPool }

/** Rules for pools over regions of interest. */
import { since, type Rule, type RuleTable } from '../call.js'

/** Until opset 16 there is no half pixel. */
const roiAlign: Rule = (call) => {
  call.arity(3)
  const transformation = call.opset < 16 ? 'output_half_pixel' : call.attrs.string('coordinate_transformation_mode', 'half_pixel'), mode = call.attrs.string('mode', 'avg')
  if (!['half_pixel', 'output_half_pixel'].includes(transformation)) call.fail('bad-attribute', `coordinate_transformation_mode is '${transformation}', not half_pixel or output_half_pixel`)
  return call.emit('roi_align', [call.input(0), call.input(1), call.input(2)], {
    mode, height: call.attrs.int('output_height', 1), width: call.attrs.int('output_width', 1), sampling_ratio: call.attrs.int('sampling_ratio', 0),
    spatial_scale: call.attrs.float('spatial_scale', 1), half_pixel: transformation === 'half_pixel',
  })
}

const maxRoiPool: Rule = (call) => {
  call.arity(2)
  const [height, width, ...more] = call.attrs.ints('pooled_shape', [])
  if (height === undefined || width === undefined || more.length > 0) return call.fail('bad-attribute', 'pooled_shape must be two numbers')
  return call.emit('max_roi_pool', [call.input(0), call.input(1)], { height, width, spatial_scale: call.attrs.float('spatial_scale', 1) })
}

/** Pools over regions of the default domain. */
export const REGIONS: RuleTable = { RoiAlign: since(10, roiAlign), MaxRoiPool: [{ since: 1, rule: maxRoiPool }] }

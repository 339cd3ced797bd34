/** Attributes of resize, and the axes that they change. */
import type { Dim } from '../dims.js'
import type { AttrsOf } from '../op.js'
import { COORDINATES, isIdentityAxis, oneOf, type ResizeAxis } from './resize-coordinates.js'

/** Attribute schema of resize: `coordinates` is ONNX's coordinate_transformation_mode; `scales` has one entry per axis, NaN for the ratio of extents; `roi` all starts, then all ends. */
export const RESIZE_ATTRS = {
  mode: 'string', coordinates: 'string', nearest_mode: 'string', cubic_a: 'float', exclude_outside: 'bool', extrapolation: 'float',
  scales: 'floats', roi: 'floats', antialias: 'bool', shape: 'dims',
} as const
export type ResizeAttrs = AttrsOf<typeof RESIZE_ATTRS>

/** The axes that a resize changes; `roi` is all starts, then all ends. */
export function resizedAxes(input: readonly Dim[], output: readonly Dim[], attrs: ResizeAttrs): ResizeAxis[] {
  const rank = input.length, coordinates = oneOf('coordinates', attrs.coordinates, COORDINATES)
  return input
    .map((extent, axis): ResizeAxis => ({ axis, input: extent, output: output[axis] as Dim, scale: attrs.scales[axis] as number, start: attrs.roi[axis] as number, end: attrs.roi[rank + axis] as number }))
    .filter((a) => !isIdentityAxis(a, coordinates))
}

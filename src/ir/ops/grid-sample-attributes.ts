/** Attributes of grid_sample. */
import type { AttrsOf } from '../op.js'

/** Attribute schema of grid_sample: `mode` is nearest, linear or cubic, `padding` is zeros, border or reflection; `pixels`, which go without `align_corners`, say that coordinates count elements. */
export const GRID_SAMPLE_ATTRS = { mode: 'string', padding: 'string', align_corners: 'bool', pixels: 'bool' } as const
export type GridSampleAttrs = AttrsOf<typeof GRID_SAMPLE_ATTRS>

/** Parameter of the cubic kernel. */
export const CUBIC_A = -0.75

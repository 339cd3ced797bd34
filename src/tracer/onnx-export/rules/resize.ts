/** Resize as an ONNX node: by sizes where our scales follow from extents, else by scales. */
import { dimsEqual, type Dim } from '../../../ir/dims.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { bool, float, text } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type RuleTable } from '../node-export.js'

interface ResizeAttrs {
  readonly mode: string; readonly coordinates: string; readonly nearest_mode: string; readonly cubic_a: number; readonly exclude_outside: boolean
  readonly extrapolation: number; readonly scales: readonly number[]; readonly roi: readonly number[]; readonly antialias: boolean; readonly shape: readonly Dim[]
}

const floatVector = (e: NodeExport, list: readonly number[]): Ref => e.constant(fromNumbers('float32', [list.length], list))

/** Scales for all axes; an axis that goes by the ratio of its extents must have one that float32 holds. */
function scalesOf(e: NodeExport, own: readonly Dim[], { scales, shape }: ResizeAttrs): Ref {
  return floatVector(e, scales.map((scale, i) => {
    const from = own[i] as Dim, to = shape[i] as Dim
    if (dimsEqual(from, to) && (Number.isNaN(scale) || scale === 1)) return 1
    const known = Math.fround(Number.isNaN(scale) && typeof from === 'number' && typeof to === 'number' ? to / from : scale)
    const agrees = typeof from !== 'number' || Math.floor(from * known) === to
    if (Number.isNaN(known) || !agrees) e.fail('unsupported-op', `ONNX has no Resize that scales some axes and takes axis ${i} to an extent`, 'resize in two steps')
    return known
  }))
}

const resize = rule<ResizeAttrs>((e, attrs) => {
  const own = e.type(0).shape, { scales, shape } = attrs
  // A scale is the ratio of extents where it makes exactly the extent that is wished for.
  const bySizes = scales.every((s, i) => Number.isNaN(s) || (s === 1 && dimsEqual(own[i] as Dim, shape[i] as Dim)) || (typeof own[i] === 'number' && own[i] as number * s === shape[i]))
  const roi = attrs.coordinates === 'tf_crop_and_resize' ? floatVector(e, attrs.roi) : null
  const size = bySizes ? [null, e.dims(shape)] : [scalesOf(e, own, attrs)]
  if (own.length === 0) { e.result('Identity', [e.input(0)]); return }
  e.result('Resize', [e.input(0), roi, ...size], {
    mode: text(attrs.mode), coordinate_transformation_mode: text(attrs.coordinates), nearest_mode: text(attrs.nearest_mode), cubic_coeff_a: float(attrs.cubic_a),
    exclude_outside: bool(attrs.exclude_outside), extrapolation_value: float(attrs.extrapolation), antialias: bool(attrs.antialias),
  })
})

/** Coordinates that count elements, as ONNX has them: the outer edges are −1 and 1, and the last axis comes first. */
function ofPixels(e: NodeExport, grid: Ref): Ref {
  const extents = e.cast(e.dims(e.type(0).shape.slice(2).reverse()), grid.dtype), edges = e.add('Add', [e.add('Mul', [grid, e.scalar(grid.dtype, 2)]), e.scalar(grid.dtype, 1)])
  return e.add('Sub', [e.add('Div', [edges, extents]), e.scalar(grid.dtype, 1)])
}

const gridSample = rule<{ readonly mode: string; readonly padding: string; readonly align_corners: boolean; readonly pixels: boolean }>((e, { mode, padding, align_corners, pixels }) => {
  const given = e.input(1), grid = given.dtype === 'bfloat16' ? e.cast(given, 'float32') : given
  e.result('GridSample', [e.input(0), pixels ? ofPixels(e, grid) : grid], { mode: text(mode), padding_mode: text(padding), align_corners: bool(align_corners) })
})

/** Resampling. */
export const RESIZE: RuleTable = { resize, grid_sample: gridSample }

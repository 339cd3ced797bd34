/** Rules for GridSample, and AffineGrid, which makes grids for it. */
import type { Dim } from '../../../base/dim.js'
import { sub } from '../../../ir/dims.js'
import type { Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { greater } from './bounds.js'
import { castTo, reshapeTo, sliceAxis } from './compose.js'
import { dimAsScalar } from './scalars.js'

const MODES: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic', nearest: 'nearest' }

/** Until opset 19 images have two axes, and the modes are named for them. */
const gridSample: Rule = (call) => {
  call.arity(2)
  const flat = call.opset < 20, mode = call.attrs.string('mode', flat ? 'bilinear' : 'linear')
  if (flat && call.shape(0).length !== 4) call.fail('shape-mismatch', `GridSample takes an input of rank 4 before opset 20, not ${call.shape(0).length}`)
  return call.emit('grid_sample', [call.input(0), call.input(1)], {
    mode: flat ? MODES[mode] ?? call.fail('bad-attribute', `mode is '${mode}', not bilinear, bicubic or nearest`) : mode,
    padding: call.attrs.string('padding_mode', 'zeros'), align_corners: call.attrs.bool('align_corners', false), pixels: false,
  })
}

/** theta [batch, axes, axes + 1] applied to evenly spaced positions, computed at least in float32. */
const affineGrid: Rule = (call) => {
  call.arity(2)
  const size = call.dims(1, 'the size'), places = size.slice(2), axes = places.length, own = call.dtype(0), wide = own === 'float64' ? own : 'float32'
  const [batch, rows, columns] = call.shape(0) as readonly [Dim, Dim, Dim]
  if ((axes !== 2 && axes !== 3) || call.shape(0).length !== 3) return call.fail('shape-mismatch', `AffineGrid takes a theta of rank 3 and a size of 4 or 5 numbers, not of rank ${call.shape(0).length} and ${size.length} numbers`)
  call.assume(batch, size[0] as Dim, 'AffineGrid takes a theta for each image')
  call.assume(rows, axes, 'theta has a row for each axis')
  call.assume(columns, axes + 1, 'theta has a column for each axis and one more')
  const theta = castTo(call, call.input(0), wide), align = call.attrs.bool('align_corners', false)
  const column = (j: number): Value => reshapeTo(call, sliceAxis(call, theta, 2, j, 1), [batch, ...places.map(() => 1), rows])
  const grid = places.reduceRight<Value>((sum, extent, a) => {
    const along = reshapeTo(call, positions(call, extent, align, wide), [1, ...places.map((_, i) => (i === a ? extent : 1)), 1])
    return call.add('add', [call.add('mul', [along, column(axes - 1 - a)]), sum])
  }, column(axes))
  return castTo(call, grid, own)
}

/** From −1 to 1, at the centres of the outer elements or at their outer edges. An element alone lies in the middle. */
function positions(call: NodeCall, extent: Dim, align: boolean, dtype: 'float32' | 'float64'): Value {
  const twice = call.add('range', [], { start: sub(1, extent), step: 2, length: extent, dtype })
  return call.add('div', [twice, dimAsScalar(call, align ? greater(call, sub(extent, 1), 1) : extent, dtype)])
}

/** Grids of the default domain. */
export const GRIDS: RuleTable = { GridSample: since(16, gridSample), AffineGrid: since(20, affineGrid) }
/** Grids of com.microsoft, where GridSample is what it is until opset 19. */
export const MICROSOFT_GRIDS: RuleTable = { GridSample: always(gridSample) }

/** Rules for GridSample, and AffineGrid, which makes grids for it. */
import { since, type Rule, type RuleTable } from '../call.js'

const MODES: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic', nearest: 'nearest' }

/** Until opset 19 images have two axes, and the modes are named for them. */
const gridSample: Rule = (call) => {
  call.arity(2)
  const flat = call.opset < 20, mode = call.attrs.string('mode', flat ? 'bilinear' : 'linear')
  if (flat && call.shape(0).length !== 4) call.fail('shape-mismatch', `GridSample takes an input of rank 4 before opset 20, not ${call.shape(0).length}`)
  return call.emit('grid_sample', [call.input(0), call.input(1)], {
    mode: flat ? MODES[mode] ?? call.fail('bad-attribute', `mode is '${mode}', not bilinear, bicubic or nearest`) : mode,
    padding: call.attrs.string('padding_mode', 'zeros'), align_corners: call.attrs.bool('align_corners', false),
  })
}

/** Grids of the default domain. */
export const GRIDS: RuleTable = { GridSample: since(16, gridSample) }

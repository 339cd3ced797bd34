/** Images made larger or smaller. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { dims, isSymbolic } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { perAxis } from './convolution.js'

export interface InterpolateOptions {
  /** Extents of the result's spatial axes. */
  readonly size?: number | readonly number[]
  /** What extents are multiplied by, in place of `size`. */
  readonly scaleFactor?: number | readonly number[]
  /** nearest unless given; linear, bilinear and trilinear by the number of spatial axes. */
  readonly mode?: 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'trilinear' | 'bicubic'
  /** Whether corner elements stay where they are, rather than the outer edges. */
  readonly alignCorners?: boolean
  /** Averages over what falls on one element when shrinking; for bilinear and bicubic. */
  readonly antialias?: boolean
}

/** op's mode, and the number of spatial axes it is for. */
const MODES: Readonly<Record<string, { readonly mode: string; readonly axes?: number } | undefined>> = {
  nearest: { mode: 'nearest' }, 'nearest-exact': { mode: 'nearest' },
  linear: { mode: 'linear', axes: 1 }, bilinear: { mode: 'linear', axes: 2 }, trilinear: { mode: 'linear', axes: 3 }, bicubic: { mode: 'cubic', axes: 2 },
}

/** [batch, channels, …] resampled to other spatial extents. Source: torch.nn.functional.interpolate. */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const name = options.mode ?? 'nearest', how = MODES[name], rank = x.shape.length - 2, align = options.alignCorners === true
  if (how === undefined || rank < 1 || (how.axes !== undefined && how.axes !== rank)) throw callError('bad-attribute', `mode '${name}' is not for an input of ${x.shape.length} axes`, { hint: 'the input is [batch, channels, …]; linear is for one further axis, bilinear and bicubic for two, trilinear for three' })
  if (align && how.mode === 'nearest') throw callError('bad-attribute', `alignCorners says nothing about mode '${name}'`)
  const { size, scaleFactor } = options
  if ((size === undefined) === (scaleFactor === undefined)) throw callError('bad-attribute', 'interpolate needs either size or scaleFactor')
  const scales = scaleFactor === undefined ? null : perAxis(scaleFactor, rank, 1, 'scaleFactor')
  const spatial = scales === null ? perAxis(size, rank, 1, 'size') : x.shape.slice(2).map((d, i) => scaledExtent(d, scales[i] as number))
  return apply1('resize', [x], {
    mode: how.mode, coordinates: name === 'nearest' ? 'asymmetric' : align ? 'align_corners' : 'half_pixel', nearest_mode: name === 'nearest-exact' ? 'round_prefer_ceil' : 'floor',
    cubic_a: options.antialias === true ? -0.5 : -0.75, exclude_outside: options.antialias === true, extrapolation: 0, antialias: options.antialias === true,
    scales: [1, 1, ...(scales === null || align ? spatial.map(() => NaN) : scales)], roi: [...x.shape.map(() => 0), ...x.shape.map(() => 1)], shape: [...x.shape.slice(0, 2), ...spatial],
  })
}

/** floor(extent · scale); of symbolic extents the scale as a fraction. */
function scaledExtent(extent: number, scale: number): number {
  if (!(scale > 0) || !Number.isFinite(scale)) throw callError('bad-attribute', `a scale of ${scale}`)
  if (!isSymbolic(extent)) return Math.floor(extent * scale)
  let numerator = scale, denominator = 1
  while (!Number.isInteger(numerator)) { numerator *= 2; denominator *= 2 }
  return dims.floorDiv(dims.mul(extent, numerator), denominator)
}

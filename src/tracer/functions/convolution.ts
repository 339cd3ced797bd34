/** Convolutions over one, two or more spatial axes. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { dims } from '../extents.js'
import type { Tensor } from '../tensor.js'

export interface ConvOptions {
  /** Positions between windows, for all spatial axes or for each; 1 unless given. */
  readonly stride?: number | readonly number[]
  /** Zeros before and after, for all axes or for each; `same` keeps extents (at stride 1), `valid` is 0. */
  readonly padding?: number | readonly number[] | 'same' | 'valid'
  readonly dilation?: number | readonly number[]
  readonly groups?: number
}

export interface ConvTransposeOptions extends ConvOptions {
  readonly padding?: number | readonly number[]
  /** Positions added after the end. */
  readonly outputPadding?: number | readonly number[]
}

/** `value` for each of `rank` axes. Throws `bad-attribute`. */
export function perAxis(value: number | readonly number[] | undefined, rank: number, otherwise: number, name: string): readonly number[] {
  if (typeof value !== 'object') return new Array<number>(rank).fill(value ?? otherwise)
  if (value.length !== rank) throw callError('bad-attribute', `${name} has ${value.length} entries for ${rank} spatial axes`)
  return value
}

function padsOf(options: ConvOptions, kernel: readonly number[], stride: readonly number[], dilation: readonly number[]): readonly number[] {
  const { padding } = options, rank = kernel.length
  if (padding === 'same') {
    if (stride.some((s) => s !== 1)) throw callError('bad-attribute', "padding 'same' is for convolutions with stride 1")
    const total = kernel.map((k, i) => dims.mul(dims.sub(k, 1), dilation[i] as number)), before = total.map((n) => dims.floorDiv(n, 2))
    return [...before, ...total.map((n, i) => dims.sub(n, before[i] as number))]
  }
  const both = perAxis(padding === 'valid' ? 0 : padding, rank, 0, 'padding')
  return [...both, ...both]
}

/** Runs `fn` on `x` with a batch axis, which is taken away again where it was not there. */
export function batched(x: Tensor, rank: number, name: string, fn: (x: Tensor) => Tensor): Tensor {
  if (x.shape.length === rank + 2) return fn(x)
  if (x.shape.length === rank + 1) return fn(x.unsqueeze(0)).select(0, 0)
  throw callError('shape-mismatch', `${name} takes [batch, channels, …] with ${rank} spatial axes, and the input has ${x.shape.length} axes`)
}

function conv(name: string, rank: number, x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvOptions): Tensor {
  const strides = perAxis(options.stride, rank, 1, 'stride'), dilations = perAxis(options.dilation, rank, 1, 'dilation')
  const attrs = { strides, dilations, pads: padsOf(options, weight.shape.slice(2), strides, dilations), group: options.groups ?? 1 }
  return batched(x, rank, name, (input) => apply1('conv', [input, weight, bias], attrs))
}

function convTranspose(name: string, rank: number, x: Tensor, weight: Tensor, bias: Tensor | null, options: ConvTransposeOptions): Tensor {
  const padding = perAxis(options.padding, rank, 0, 'padding')
  const attrs = {
    strides: perAxis(options.stride, rank, 1, 'stride'), dilations: perAxis(options.dilation, rank, 1, 'dilation'), pads: [...padding, ...padding],
    output_padding: perAxis(options.outputPadding, rank, 0, 'outputPadding'), group: options.groups ?? 1,
  }
  return batched(x, rank, name, (input) => apply1('conv_transpose', [input, weight, bias], attrs))
}

/** Convolution of [batch, channels, length] with [out, in / groups, kernel]. Source: torch.nn.functional.conv1d. */
export function conv1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor { return conv('conv1d', 1, x, weight, bias, options) }

/** Convolution of [batch, channels, height, width] with [out, in / groups, height, width]. Source: torch.nn.functional.conv2d. */
export function conv2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor { return conv('conv2d', 2, x, weight, bias, options) }

/** Convolution over three spatial axes. Source: torch.nn.functional.conv3d. */
export function conv3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor { return conv('conv3d', 3, x, weight, bias, options) }

/** Transposed convolution with [in, out / groups, kernel]. Source: torch.nn.functional.conv_transpose1d. */
export function convTranspose1d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor { return convTranspose('convTranspose1d', 1, x, weight, bias, options) }

/** Transposed convolution with [in, out / groups, height, width]. Source: torch.nn.functional.conv_transpose2d. */
export function convTranspose2d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor { return convTranspose('convTranspose2d', 2, x, weight, bias, options) }

/** Transposed convolution over three spatial axes. Source: torch.nn.functional.conv_transpose3d. */
export function convTranspose3d(x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor { return convTranspose('convTranspose3d', 3, x, weight, bias, options) }

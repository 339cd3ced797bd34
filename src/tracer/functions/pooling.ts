/** Pools over windows of two spatial axes. */
import { IngotError } from '../../base/error.js'
import { apply1 } from '../dispatch.js'
import { exactQuotient } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { perAxis } from './convolution.js'

export interface PoolOptions {
  /** The kernel's size unless given. */
  readonly stride?: number | readonly number[]
  readonly padding?: number | readonly number[]
  /** Keeps windows that reach beyond the end. */
  readonly ceilMode?: boolean
}
export interface MaxPoolOptions extends PoolOptions { readonly dilation?: number | readonly number[] }
export interface AvgPoolOptions extends PoolOptions {
  /** Whether zeros of the padding count in the mean; true unless given. */
  readonly countIncludePad?: boolean
}

function attrsOf(kernelSize: number | readonly number[], rank: number, options: MaxPoolOptions) {
  const kernel = perAxis(kernelSize, rank, 1, 'kernelSize'), padding = perAxis(options.padding, rank, 0, 'padding')
  return { kernel, strides: perAxis(options.stride ?? kernel, rank, 1, 'stride'), dilations: perAxis(options.dilation, rank, 1, 'dilation'), pads: [...padding, ...padding], ceil_mode: options.ceilMode === true }
}

/** The greatest of each window of [batch, channels, length]. Source: torch.nn.functional.max_pool1d. */
export function maxPool1d(x: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions = {}): Tensor { return apply1('max_pool', [x], attrsOf(kernelSize, 1, options)) }

/** The greatest of each window of [batch, channels, height, width]. Source: torch.nn.functional.max_pool2d. */
export function maxPool2d(x: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions = {}): Tensor { return apply1('max_pool', [x], attrsOf(kernelSize, 2, options)) }

/** The mean of each window of [batch, channels, length]. Source: torch.nn.functional.avg_pool1d. */
export function avgPool1d(x: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions = {}): Tensor {
  return apply1('average_pool', [x], { ...attrsOf(kernelSize, 1, options), count_include_pad: options.countIncludePad !== false })
}

/** The mean of each window of [batch, channels, height, width]. Source: torch.nn.functional.avg_pool2d. */
export function avgPool2d(x: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions = {}): Tensor {
  return apply1('average_pool', [x], { ...attrsOf(kernelSize, 2, options), count_include_pad: options.countIncludePad !== false })
}

/** Means of windows that cover the input, `outputSize` of them along each axis, whose extents it must divide. Source: torch.nn.functional.adaptive_avg_pool2d. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: number | readonly number[]): Tensor {
  const size = perAxis(outputSize, 2, 1, 'outputSize'), spatial = x.shape.slice(-2)
  if (size.every((n) => n === 1)) return x.mean([-2, -1], { keepdim: true })
  const kernel = spatial.map((d, i) => exactQuotient(d, size[i] as number)).filter((k): k is number => typeof k === 'number')
  if (kernel.length < 2) throw new IngotError('unsupported-op', `adaptiveAvgPool2d to [${size.join(', ')}] of an input of [${spatial.map(String).join(', ')}], which it does not divide`, { hint: 'pad or resize the input to a multiple' })
  return avgPool2d(x, kernel)
}

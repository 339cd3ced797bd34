/** Pools over windows of one to three spatial axes. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { exactQuotient } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { batched, perAxis } from './convolution.js'

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

function maxPool(rank: number, x: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions): Tensor {
  return batched(x, rank, `maxPool${rank}d`, (input) => apply1('max_pool', [input], attrsOf(kernelSize, rank, options)))
}

function avgPool(rank: number, x: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions): Tensor {
  return batched(x, rank, `avgPool${rank}d`, (input) => apply1('average_pool', [input], { ...attrsOf(kernelSize, rank, options), count_include_pad: options.countIncludePad !== false }))
}

/** The greatest of each window of [batch, channels, length]; the batch may be left out. Source: torch.nn.functional.max_pool1d. */
export function maxPool1d(x: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions = {}): Tensor { return maxPool(1, x, kernelSize, options) }

/** The greatest of each window of [batch, channels, height, width]; the batch may be left out. Source: torch.nn.functional.max_pool2d. */
export function maxPool2d(x: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions = {}): Tensor { return maxPool(2, x, kernelSize, options) }

/** The greatest of each window of [batch, channels, depth, height, width]; the batch may be left out. Source: torch.nn.functional.max_pool3d. */
export function maxPool3d(x: Tensor, kernelSize: number | readonly number[], options: MaxPoolOptions = {}): Tensor { return maxPool(3, x, kernelSize, options) }

/** The mean of each window of [batch, channels, length]; the batch may be left out. Source: torch.nn.functional.avg_pool1d. */
export function avgPool1d(x: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions = {}): Tensor { return avgPool(1, x, kernelSize, options) }

/** The mean of each window of [batch, channels, height, width]; the batch may be left out. Source: torch.nn.functional.avg_pool2d. */
export function avgPool2d(x: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions = {}): Tensor { return avgPool(2, x, kernelSize, options) }

/** The mean of each window of [batch, channels, depth, height, width]; the batch may be left out. Source: torch.nn.functional.avg_pool3d. */
export function avgPool3d(x: Tensor, kernelSize: number | readonly number[], options: AvgPoolOptions = {}): Tensor { return avgPool(3, x, kernelSize, options) }

/** Extents of windows, `outputSize` of which cover the last axes. Throws `unsupported-op` where they do not divide them. */
function coveringKernel(name: string, x: Tensor, outputSize: number | readonly number[], rank: number): readonly number[] {
  const size = perAxis(outputSize, rank, 1, 'outputSize'), spatial = x.shape.slice(-rank)
  return spatial.map((d, i) => {
    const kernel = exactQuotient(d, size[i] as number)
    if (typeof kernel === 'number') return kernel
    throw callError('unsupported-op', `${name} to [${size.join(', ')}] of an input of [${spatial.map(String).join(', ')}], which it does not divide`, { hint: 'pad or resize the input to a multiple' })
  })
}

const isOne = (size: number | readonly number[]): boolean => (typeof size === 'number' ? [size] : size).every((n) => n === 1)

/** Means of windows that cover the input, `outputSize` of them, which must divide its extent. Source: torch.nn.functional.adaptive_avg_pool1d. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: number | readonly number[]): Tensor {
  return isOne(outputSize) ? x.mean(-1, { keepdim: true }) : avgPool1d(x, coveringKernel('adaptiveAvgPool1d', x, outputSize, 1))
}

/** Means of windows that cover the input, `outputSize` of them along each axis, whose extents it must divide. Source: torch.nn.functional.adaptive_avg_pool2d. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: number | readonly number[]): Tensor {
  return isOne(outputSize) ? x.mean([-2, -1], { keepdim: true }) : avgPool2d(x, coveringKernel('adaptiveAvgPool2d', x, outputSize, 2))
}

/** Extremes of windows that cover the input, as adaptiveAvgPool2d has means. Source: torch.nn.functional.adaptive_max_pool2d. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: number | readonly number[]): Tensor {
  return isOne(outputSize) ? x.amax([-2, -1], { keepdim: true }) : maxPool2d(x, coveringKernel('adaptiveMaxPool2d', x, outputSize, 2))
}

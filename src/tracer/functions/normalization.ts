/** Normalisation: over the last axes, over groups of channels, over a batch. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { countOf, dims } from '../extents.js'
import { noGrad } from '../modes.js'
import { ones, zeros } from '../creation.js'
import type { Tensor } from '../tensor.js'
import { copy_ } from './in-place.js'

const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((d, i) => d === b[i])

/** Mean 0 and variance 1 over the last axes, of `normalizedShape`, then times weight plus bias. Source: torch.nn.functional.layer_norm. */
export function layerNorm(x: Tensor, normalizedShape: readonly number[], weight: Tensor | null = null, bias: Tensor | null = null, eps = 1e-5): Tensor {
  return apply1('layer_norm', [x, weight ?? ones(normalizedShape, { dtype: x.dtype }), bias], { axis: lastAxes(x, normalizedShape), epsilon: eps })
}

/** The last axes over their root mean square, times weight. Source: torch.nn.functional.rms_norm. */
export function rmsNorm(x: Tensor, normalizedShape: readonly number[], weight: Tensor | null = null, eps = 1.1920928955078125e-7): Tensor {
  return apply1('rms_norm', [x, weight ?? ones(normalizedShape, { dtype: x.dtype })], { axis: lastAxes(x, normalizedShape), epsilon: eps })
}

function lastAxes(x: Tensor, normalizedShape: readonly number[]): number {
  const axis = x.shape.length - normalizedShape.length
  if (axis < 0 || !sameShape(x.shape.slice(axis), normalizedShape)) throw callError('shape-mismatch', `the last axes of [${x.shape.map(String).join(', ')}] are not [${normalizedShape.join(', ')}]`)
  return axis
}

/** Mean 0 and variance 1 over each of `groups` groups of channels of [batch, channels, …]. Source: torch.nn.functional.group_norm. */
export function groupNorm(x: Tensor, groups: number, weight: Tensor | null = null, bias: Tensor | null = null, eps = 1e-5): Tensor {
  const channels = [x.shape[1] ?? 1]
  return apply1('group_norm', [x, weight ?? ones(channels, { dtype: x.dtype }), bias ?? zeros(channels, { dtype: x.dtype })], { groups, epsilon: eps })
}

/** Mean 0 and variance 1 over each channel of each example. Source: torch.nn.functional.instance_norm without running statistics. */
export function instanceNorm(x: Tensor, weight: Tensor | null = null, bias: Tensor | null = null, eps = 1e-5): Tensor { return groupNorm(x, x.shape[1] ?? 1, weight, bias, eps) }

/** Vectors along an axis over their p-norm. Source: torch.nn.functional.normalize. */
export function normalize(x: Tensor, p = 2, dim = 1, eps = 1e-12): Tensor { return x.div(x.norm(p, dim, { keepdim: true }).clampMin(eps)) }

/** x over a power of the mean square of `size` channels around its own. Source: torch.nn.functional.local_response_norm. */
export function localResponseNorm(x: Tensor, size: number, alpha = 1e-4, beta = 0.75, k = 1): Tensor {
  // Of an even size the op has one channel more after its own, torch before.
  return size % 2 === 1 ? apply1('lrn', [x], { size, alpha, beta, bias: k }) : apply1('lrn', [x.flip(1)], { size, alpha, beta, bias: k }).flip(1)
}

export interface BatchNormOptions {
  /** Normalises by the batch itself, and moves the running statistics towards it. */
  readonly training?: boolean
  /** How far the running statistics move; 0.1 unless given. */
  readonly momentum?: number
  readonly eps?: number
}

/**
 * Mean 0 and variance 1 of each channel of [batch, channels, …]: by the running statistics, or in training (or without such) by those of the batch, towards which the
 * running ones are moved in place. Source: torch.nn.functional.batch_norm.
 */
export function batchNorm(x: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, weight: Tensor | null = null, bias: Tensor | null = null, options: BatchNormOptions = {}): Tensor {
  const channels = [x.shape[1] ?? 1], affine = [weight ?? ones(channels, { dtype: x.dtype }), bias ?? zeros(channels, { dtype: x.dtype })] as const
  const attrs = { epsilon: options.eps ?? 1e-5 }
  if (options.training !== true && runningMean !== null && runningVar !== null) return apply1('batch_norm', [x, ...affine, runningMean, runningVar], attrs)
  const axes = x.shape.flatMap((_, i) => (i === 1 ? [] : [i]))
  const mean = x.mean(axes), centred = x.sub(x.mean(axes, { keepdim: true })), variance = centred.mul(centred).mean(axes)
  if (options.training === true && runningMean !== null && runningVar !== null) {
    const momentum = options.momentum ?? 0.1, count = countOf(axes.map((a) => x.shape[a] as number))
    noGrad(() => {
      move(runningMean, mean, momentum)
      move(runningVar, variance.mul(count).div(dims.sub(count, 1)), momentum)
    })
  }
  return apply1('batch_norm', [x, ...affine, mean, variance], attrs)
}

/** Moves `t` a part of the way to `target`. */
function move(t: Tensor, target: Tensor, part: number): void {
  copy_(t, t.mul(1 - part).add(target.mul(part)))
}

/** What training makes small. Each is of every element, summed or averaged as `reduction` says: `mean` unless given. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { countOf } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'
import { where } from './choosing.js'
import { gather } from './indexing.js'
import { logSoftmax } from './softmax.js'

export type Reduction = 'mean' | 'sum' | 'none'
export interface LossOptions { readonly reduction?: Reduction }
export interface ClassLossOptions extends LossOptions {
  /** Of each class; its examples count so many times. */
  readonly weight?: Tensor
  /** A class whose examples do not count; -100 unless given. */
  readonly ignoreIndex?: number
}
export interface CrossEntropyOptions extends ClassLossOptions {
  /** The part of the probability that is spread over all classes. */
  readonly labelSmoothing?: number
}

function reduced(t: Tensor, { reduction = 'mean' }: LossOptions): Tensor {
  switch (reduction) {
    case 'mean': return t.mean()
    case 'sum': return t.sum()
    case 'none': return t
    default: throw callError('bad-attribute', `reduction '${String(reduction)}' is not mean, sum or none`)
  }
}

/**
 * Minus the logarithm of the probability that each example's class has: `logProbabilities` are [batch, classes, …] or [classes], `target` int64 [batch, …] or one number.
 * The mean is over the weights of the examples. Source: torch.nn.functional.nll_loss.
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
  const axis = logProbabilities.shape.length === 1 ? 0 : 1, ignored = target.eq(options.ignoreIndex ?? -100)
  // An ignored class need not be one.
  const classes = where(ignored, target.mul(0), target), at = classes.unsqueeze(axis)
  const chosen = gather(logProbabilities, axis, at).squeeze(axis).neg()
  const one = chosen.detach().mul(0).add(1)
  const weights = where(ignored, 0, options.weight === undefined ? one : apply1('gather', [options.weight, classes], { axis: 0 }))
  const losses = where(ignored, 0, chosen).mul(weights)
  return options.reduction === undefined || options.reduction === 'mean' ? losses.sum().div(weights.sum()) : reduced(losses, options)
}

/** nllLoss of the probabilities that logits give, or, with a target of floats in their shape, of those as probabilities. Source: torch.nn.functional.cross_entropy. */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const axis = logits.shape.length === 1 ? 0 : 1, logs = logSoftmax(logits, axis), smoothing = options.labelSmoothing ?? 0
  const weight = options.weight?.reshape(...logits.shape.map((_, i) => (i === axis ? -1 : 1)))
  const weighted = weight === undefined ? logs : logs.mul(weight)
  const count = logits.shape[axisOf(axis, logits.shape.length)] as number
  if (target.dtype.startsWith('float') || target.dtype === 'bfloat16') {
    const wanted = smoothing === 0 ? target : target.mul(1 - smoothing).add(smoothing / count)
    const losses = weighted.mul(wanted).sum(axis).neg()
    return options.reduction === undefined || options.reduction === 'mean' ? losses.sum().div(countOf(losses.shape)) : reduced(losses, options)
  }
  const plain = nllLoss(logs, target, options)
  if (smoothing === 0) return plain
  const ignored = target.eq(options.ignoreIndex ?? -100), spread = where(ignored, 0, weighted.sum(axis).neg())
  const counted = options.weight === undefined ? ignored.logicalNot().to(logits.dtype) : where(ignored, 0, apply1('gather', [options.weight, where(ignored, target.mul(0), target)], { axis: 0 }))
  const smooth = options.reduction === 'none' ? spread : options.reduction === 'sum' ? spread.sum() : spread.sum().div(counted.sum())
  return plain.mul(1 - smoothing).add(smooth.mul(smoothing / count))
}

/** The squared difference. Source: torch.nn.functional.mse_loss. */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor { return reduced(input.sub(target).square(), options) }

/** The absolute difference. Source: torch.nn.functional.l1_loss. */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor { return reduced(input.sub(target).abs(), options) }

/** Half the square of differences up to delta, and delta times what is beyond. Source: torch.nn.functional.huber_loss. */
export function huberLoss(input: Tensor, target: Tensor, options: LossOptions & { readonly delta?: number } = {}): Tensor {
  const delta = options.delta ?? 1, distance = input.sub(target).abs()
  return reduced(where(distance.le(delta), distance.square().mul(0.5), distance.sub(delta / 2).mul(delta)), options)
}

/** huberLoss over beta. Source: torch.nn.functional.smooth_l1_loss. */
export function smoothL1Loss(input: Tensor, target: Tensor, options: LossOptions & { readonly beta?: number } = {}): Tensor {
  const beta = options.beta ?? 1
  return beta === 0 ? l1Loss(input, target, options) : huberLoss(input, target, { ...options, delta: beta }).div(beta)
}

/** Minus the logarithm of the probability that `input` gives what `target` says; logarithms are cut off at -100. Source: torch.nn.functional.binary_cross_entropy. */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: LossOptions & { readonly weight?: Tensor } = {}): Tensor {
  const losses = target.mul(input.log().clampMin(-100)).add(target.rsub(1).mul(input.rsub(1).log().clampMin(-100))).neg()
  return reduced(options.weight === undefined ? losses : losses.mul(options.weight), options)
}

/** binaryCrossEntropy of the sigmoid of `input`, without its overflow. Source: torch.nn.functional.binary_cross_entropy_with_logits. */
export function binaryCrossEntropyWithLogits(input: Tensor, target: Tensor, options: LossOptions & { readonly weight?: Tensor; readonly posWeight?: Tensor } = {}): Tensor {
  // softplus(-x) is -log(sigmoid(x)), and x + softplus(-x) the loss where the target is 0.
  const missed = apply1('softplus', [input.neg()]), { posWeight, weight } = options
  const factor = posWeight === undefined ? missed : missed.mul(posWeight.sub(1).mul(target).add(1))
  const losses = target.rsub(1).mul(input).add(factor)
  return reduced(weight === undefined ? losses : losses.mul(weight), options)
}

/** target (log target - input) for logarithms of probabilities; with `batchmean` the sum over the first extent. Source: torch.nn.functional.kl_div. */
export function klDiv(input: Tensor, target: Tensor, options: { readonly reduction?: Reduction | 'batchmean'; readonly logTarget?: boolean } = {}): Tensor {
  const losses = options.logTarget === true ? target.exp().mul(target.sub(input)) : target.xlogy(target).sub(target.mul(input))
  return options.reduction === 'batchmean' ? losses.sum().div(input.shape[0] ?? 1) : reduced(losses, { reduction: options.reduction ?? 'mean' })
}

/** The cosine of the angle between vectors along an axis. Source: torch.nn.functional.cosine_similarity. */
export function cosineSimilarity(a: Tensor, b: Tensor, dim = 1, eps = 1e-8): Tensor {
  const length = (x: Tensor): Tensor => x.norm(2, dim).clampMin(eps)
  return a.mul(b).sum(dim).div(length(a).mul(length(b)))
}

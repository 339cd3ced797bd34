/** Layers that normalise. */
import { IngotError } from '../../base/error.js'
import { ones, tensor, zeros } from '../creation.js'
import { batchNorm, groupNorm, layerNorm, rmsNorm } from '../functions/normalization.js'
import { noGrad } from '../modes.js'
import type { Tensor } from '../tensor.js'
import { buffer, Module, parameter } from './module.js'

interface NormOptions {
  readonly eps?: number
  /** False leaves scale and shift away. */
  readonly affine?: boolean
}
export interface BatchNormLayerOptions extends NormOptions {
  /** How far the running statistics move; null averages over all batches. */
  readonly momentum?: number | null
  /** False normalises by the batch also in evaluation. */
  readonly trackRunningStats?: boolean
}

/* State-dict names are PyTorch's, so these properties have underscores. */

abstract class BatchNorm extends Module {
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  readonly running_mean: Tensor | null
  readonly running_var: Tensor | null
  readonly num_batches_tracked: Tensor | null
  readonly eps: number
  readonly momentum: number | null
  readonly #ranks: readonly number[]

  constructor(features: number, ranks: readonly number[], options: BatchNormLayerOptions) {
    super()
    const affine = options.affine !== false, tracked = options.trackRunningStats !== false
    this.weight = affine ? parameter(ones([features])) : null
    this.bias = affine ? parameter(zeros([features])) : null
    this.running_mean = tracked ? buffer(zeros([features])) : null
    this.running_var = tracked ? buffer(ones([features])) : null
    this.num_batches_tracked = tracked ? buffer(tensor(0n)) : null
    this.eps = options.eps ?? 1e-5
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum
    this.#ranks = ranks
  }

  forward(x: Tensor): Tensor {
    if (!this.#ranks.includes(x.shape.length)) throw new IngotError('shape-mismatch', `${this.constructor.name} takes tensors of ${this.#ranks.join(' or ')} axes, not of shape [${x.shape.map(String).join(', ')}]`)
    const counter = this.num_batches_tracked
    if (this.training && counter !== null) noGrad(() => counter.add_(1))
    const momentum = this.momentum ?? (this.training && counter !== null ? 1 / Number(counter.item()) : 0)
    return batchNorm(x, this.running_mean, this.running_var, this.weight, this.bias, { training: this.training, momentum, eps: this.eps })
  }
}

/** Normalises the channels of [batch, channels] or [batch, channels, length]. Source: torch.nn.BatchNorm1d. */
export class BatchNorm1d extends BatchNorm {
  constructor(features: number, options: BatchNormLayerOptions = {}) { super(features, [2, 3], options) }
}

/** Normalises the channels of [batch, channels, height, width]. Source: torch.nn.BatchNorm2d. */
export class BatchNorm2d extends BatchNorm {
  constructor(features: number, options: BatchNormLayerOptions = {}) { super(features, [4], options) }
}

/** Normalises the last axes. Source: torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  readonly normalizedShape: readonly number[]
  readonly eps: number

  constructor(normalizedShape: number | readonly number[], options: NormOptions & { readonly bias?: boolean } = {}) {
    super()
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.weight = options.affine === false ? null : parameter(ones(this.normalizedShape))
    this.bias = options.affine === false || options.bias === false ? null : parameter(zeros(this.normalizedShape))
    this.eps = options.eps ?? 1e-5
  }

  forward(x: Tensor): Tensor { return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps) }
}

/** Scales the last axes to a root mean square of 1. Source: torch.nn.RMSNorm. */
export class RMSNorm extends Module {
  readonly weight: Tensor | null
  readonly normalizedShape: readonly number[]
  readonly eps: number

  constructor(normalizedShape: number | readonly number[], options: NormOptions = {}) {
    super()
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.weight = options.affine === false ? null : parameter(ones(this.normalizedShape))
    this.eps = options.eps ?? 1.1920928955078125e-7
  }

  forward(x: Tensor): Tensor { return rmsNorm(x, this.normalizedShape, this.weight, this.eps) }
}

/** Normalises groups of channels of [batch, channels, …]. Source: torch.nn.GroupNorm. */
export class GroupNorm extends Module {
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  readonly groups: number
  readonly eps: number

  constructor(groups: number, channels: number, options: NormOptions = {}) {
    super()
    if (channels % groups !== 0) throw new IngotError('bad-attribute', `${groups} groups do not divide ${channels} channels`)
    this.weight = options.affine === false ? null : parameter(ones([channels]))
    this.bias = options.affine === false ? null : parameter(zeros([channels]))
    this.groups = groups
    this.eps = options.eps ?? 1e-5
  }

  forward(x: Tensor): Tensor { return groupNorm(x, this.groups, this.weight, this.bias, this.eps) }
}

/** Attention with several heads. */
import { IngotError } from '../../base/error.js'
import { zeros } from '../creation.js'
import { apply1 } from '../dispatch.js'
import { linear } from '../functions/contractions.js'
import { attentionWeights, scaledDotProductAttention, type AttentionOptions } from '../functions/attention.js'
import { where } from '../functions/choosing.js'
import { hostTensor } from '../../ir/host-tensor.js'
import type { Tensor } from '../tensor.js'
import { uniform, xavierBound } from './init.js'
import { Linear } from './linear.js'
import { Module, parameter } from './module.js'

export interface MultiheadAttentionOptions {
  readonly dropout?: number
  readonly bias?: boolean
  /** True takes and gives [batch, positions, features]; else positions come first, as in PyTorch. */
  readonly batchFirst?: boolean
}

export interface AttendOptions {
  /** [batch, keys] of bools, true for keys that nobody sees. */
  readonly keyPaddingMask?: Tensor | null
  /** [queries, keys] or [batch * heads, queries, keys]: bools, true where a query does NOT see a key, or numbers added to the scores. */
  readonly attnMask?: Tensor | null
  readonly isCausal?: boolean
  /** Gives the weights too, averaged over heads; false unless asked for, which PyTorch's layer does by default. */
  readonly needWeights?: boolean
}

/** Several attentions side by side, each to its own part of the features. Source: torch.nn.MultiheadAttention with equal feature counts. */
export class MultiheadAttention extends Module {
  readonly in_proj_weight: Tensor
  readonly in_proj_bias: Tensor | null
  readonly out_proj: Linear
  readonly heads: number
  readonly headFeatures: number
  readonly dropout: number
  readonly batchFirst: boolean

  constructor(features: number, heads: number, options: MultiheadAttentionOptions = {}) {
    super()
    if (features % heads !== 0) throw new IngotError('bad-attribute', `${heads} heads do not divide ${features} features`)
    const bias = options.bias !== false
    this.in_proj_weight = parameter(uniform([3 * features, features], xavierBound(3 * features, features)))
    this.in_proj_bias = bias ? parameter(zeros([3 * features])) : null
    this.out_proj = new Linear(features, features, { bias })
    this.out_proj.bias?.detach().zero_()
    this.heads = heads
    this.headFeatures = features / heads
    this.dropout = options.dropout ?? 0
    this.batchFirst = options.batchFirst === true
  }

  /** The attended values and, if asked for, the weights [batch, queries, keys]. */
  forward(query: Tensor, key: Tensor = query, value: Tensor = key, options: AttendOptions = {}): [Tensor, Tensor | null] {
    const batchAxis = this.batchFirst ? 0 : 1
    const [q, k, v] = this.#project(query, key, value).map((t) => this.#split(this.batchFirst ? t : t.transpose(0, 1))) as [Tensor, Tensor, Tensor]
    const attention: AttentionOptions = { attnMask: this.#mask(options, q, k), dropoutP: this.training ? this.dropout : 0, isCausal: options.isCausal === true && !options.attnMask && !options.keyPaddingMask }
    const weights = options.needWeights === true ? attentionWeights(q, k, attention) : null
    const heads = weights === null ? scaledDotProductAttention(q, k, v, attention) : weights.matmul(v)
    const joined = heads.transpose(1, 2).flatten(2)
    return [this.out_proj.forward(batchAxis === 0 ? joined : joined.transpose(0, 1)), weights?.mean(1) ?? null]
  }

  /** Queries, keys and values; one product where all are of one tensor. */
  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { in_proj_weight: weight, in_proj_bias: bias } = this
    if (query === key && key === value) return linear(query, weight, bias).chunk(3, -1)
    const weights = weight.chunk(3, 0), biases = bias?.chunk(3, 0) ?? []
    return [query, key, value].map((x, i) => linear(x, weights[i] as Tensor, biases[i] ?? null))
  }

  /** [batch, positions, features] as [batch, heads, positions, features of a head]. */
  #split(x: Tensor): Tensor {
    return x.reshape(x.shape[0] as number, x.shape[1] as number, this.heads, this.headFeatures).transpose(1, 2)
  }

  /** All masks as one that is added to the scores; null where there is none. */
  #mask({ attnMask, keyPaddingMask, isCausal }: AttendOptions, q: Tensor, k: Tensor): Tensor | null {
    const added = (mask: Tensor): Tensor => (mask.dtype === 'bool' ? where(mask, hostTensor(q.dtype, [], [-Infinity]), hostTensor(q.dtype, [], [0])) : mask)
    const parts: Tensor[] = []
    if (attnMask) parts.push(attnMask.ndim === 3 ? added(attnMask).reshape(-1, this.heads, attnMask.shape[1] as number, attnMask.shape[2] as number) : added(attnMask))
    else if (isCausal === true && keyPaddingMask) {
      const position = (length: number): Tensor => apply1('range', [], { start: 0, step: 1, length, dtype: 'int64' })
      parts.push(added(position(k.shape[2] as number).unsqueeze(0).gt(position(q.shape[2] as number).unsqueeze(1))))
    }
    if (keyPaddingMask) parts.push(added(keyPaddingMask).unsqueeze(1).unsqueeze(1))
    return parts.length === 0 ? null : parts.reduce((a, b) => a.add(b))
  }
}

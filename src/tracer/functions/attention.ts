/** Attention: means of values, weighted by how well queries and keys agree. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import type { Tensor } from '../tensor.js'
import { where } from './choosing.js'
import { dropout } from './dropout.js'

export interface AttentionOptions {
  /** Bools that say which keys each query sees, or numbers added to the scores; broadcast to [batch…, queries, keys]. */
  readonly attnMask?: Tensor | null
  readonly dropoutP?: number
  /** Each query sees keys up to its own position. */
  readonly isCausal?: boolean
  /** Of the scores; one over the root of the last extent of the queries unless given. */
  readonly scale?: number
}

/** softmax(q kᵀ scale + mask): weights for each query over the keys. */
export function attentionWeights(query: Tensor, key: Tensor, options: AttentionOptions = {}): Tensor {
  const { attnMask, isCausal, scale } = options
  if (isCausal === true && attnMask) throw callError('bad-attribute', 'attention is given a mask and is to be causal', { hint: 'make the mask causal itself' })
  const features = query.shape.at(-1)
  const factor = scale ?? (typeof features === 'number' ? 1 / Math.sqrt(features) : undefined)
  if (factor === undefined) throw callError('shape-not-static', 'the number of features per head must be known while tracing', { hint: 'pass scale, or trace with a number' })
  const scores = query.mul(factor).matmul(key.transpose(-2, -1))
  const mask = isCausal === true ? causal(query.shape.at(-2) ?? 1, key.shape.at(-2) ?? 1) : (attnMask ?? null)
  const masked = mask === null ? scores : mask.dtype === 'bool' ? where(mask, scores, -Infinity) : scores.add(mask)
  return dropout(masked.softmax(-1), options.dropoutP ?? 0, (options.dropoutP ?? 0) > 0)
}

/** [queries, keys], true where the key is not after the query. */
function causal(queries: number, keys: number): Tensor {
  const positions = (length: number): Tensor => apply1('range', [], { start: 0, step: 1, length, dtype: 'int64' })
  return positions(keys).unsqueeze(0).le(positions(queries).unsqueeze(1))
}

/** Attention of queries [batch…, queries, features] to keys and values [batch…, keys, features]. Source: torch.nn.functional.scaled_dot_product_attention. */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor {
  return attentionWeights(query, key, options).matmul(value)
}

/** What training makes small. */
import { apply1 } from '../dispatch.js'
import type { Tensor } from '../tensor.js'
import { logSoftmax } from './softmax.js'

export type Reduction = 'mean' | 'sum' | 'none'

const reduced = (t: Tensor, reduction: Reduction): Tensor => (reduction === 'mean' ? t.mean() : reduction === 'sum' ? t.sum() : t)

/** Minus the logarithm of the probability that `logits`, [batch, classes] or [batch, classes, …], give the classes that `target` [batch, …] of int64 names. Source: torch.nn.functional.cross_entropy. */
export function crossEntropy(logits: Tensor, target: Tensor, reduction: Reduction = 'mean'): Tensor {
  const axis = logits.shape.length === 1 ? 0 : 1
  const chosen = apply1('gather_elements', [logSoftmax(logits, axis), target.unsqueeze(axis)], { axis })
  return reduced(chosen.squeeze(axis).neg(), reduction)
}

/** The squared difference. Source: torch.nn.functional.mse_loss. */
export function mseLoss(input: Tensor, target: Tensor, reduction: Reduction = 'mean'): Tensor {
  const difference = input.sub(target)
  return reduced(difference.mul(difference), reduction)
}

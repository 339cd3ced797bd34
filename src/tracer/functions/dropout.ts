/** Dropping elements at random while training. */
import { callError } from '../call-error.js'
import { rand } from '../creation.js'
import { findRecorder } from '../dispatch.js'
import type { Tensor } from '../tensor.js'

/** In training each element is 0 with probability `p`, the others are scaled so that the mean stays; else the tensor itself. Cannot be traced in training. Source: torch.nn.functional.dropout. */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  if (!(p >= 0 && p <= 1)) throw callError('bad-attribute', `the probability of dropout is ${p}, not between 0 and 1`)
  if (!training || p === 0) return x
  if (findRecorder() !== null) throw callError('unsupported-op', 'dropout is traced in training, and a graph would drop the same elements in every run', { hint: 'call eval() on the model before tracing it' })
  if (p === 1) return x.mul(0)
  return x.mul(rand(x.shape).ge(p).to(x.dtype)).mul(1 / (1 - p))
}

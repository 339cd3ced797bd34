/** Copies that share nothing with the original. */
import { IngotError } from '../base/error.js'
import { STORAGE } from '../runtime/tensor.js'
import { gradFnOf, requiresGradOf } from './history.js'
import { STATE, Tensor } from './tensor.js'

/** A leaf with its own copy of the elements, of the flag and of the gradient; an inference tensor if made in inference mode. Throws `deepcopy-nonleaf`. Source: copy.deepcopy of torch's tensors. */
export function deepcopy(t: Tensor): Tensor {
  if (gradFnOf(t) !== null) throw new IngotError('deepcopy-nonleaf', 'only leaf tensors can be copied with all that belongs to them; this one was computed by a recorded operation', { hint: 'use clone(), which keeps the history, or detach().clone()' })
  const copy = new Tensor(t.dtype, t.shape, t[STORAGE].slice())
  copy[STATE].ownRequiresGrad = requiresGradOf(t)
  const { grad } = t[STATE]
  copy[STATE].grad = grad === null ? null : new Tensor(grad.dtype, grad.shape, grad[STORAGE].slice())
  return copy
}

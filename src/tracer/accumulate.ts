/** Adding a gradient to what a leaf has. */
import { apply1, findRecorder } from './dispatch.js'
import { addInPlace } from './inplace.js'
import { currentFrame } from './modes.js'
import { STATE, type Tensor } from './tensor.js'

/**
 * Adds `dy` to the gradient of `t`: the first is stored as a copy of its own, later ones are added in place, or by a recorded addition where gradients of gradients
 * are built. Throws `inference-inplace` where the gradient there is is an inference tensor, outside inference mode.
 */
export function accumulateInto(t: Tensor, dy: Tensor): void {
  const state = t[STATE]
  findRecorder()?.touch(t)
  if (state.grad === null) state.grad = apply1('cast', [dy], { to: dy.dtype })
  else if (currentFrame().grad && !currentFrame().inference) state.grad = apply1('add', [state.grad, dy])
  else addInPlace(state.grad, dy)
}

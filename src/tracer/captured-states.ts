/** Tensors that a traced function uses and does not own: what is tracked of them is put back when the trace ends. */
import type { TensorState } from './state.js'
import { geometryOf, setGeometry, STATE, type Tensor } from './tensor.js'

type Restored = Pick<TensorState, 'ownRequiresGrad' | 'gradFn' | 'outputIndex' | 'accumulator' | 'grad' | 'retainsGrad'>

/** Remembers states and restores them. */
export class CapturedStates {
  readonly #undo = new Map<Tensor, () => void>()

  /** Takes down how `t` is now, the first time. */
  remember(t: Tensor): void {
    if (this.#undo.has(t)) return
    const state = t[STATE], geometry = geometryOf(t)
    const { ownRequiresGrad, gradFn, outputIndex, accumulator, grad, retainsGrad, view, counter } = state
    const before: Restored = { ownRequiresGrad, gradFn, outputIndex, accumulator, grad, retainsGrad }
    const version = counter?.value, steps = view?.steps, seenVersion = view?.seenVersion
    this.#undo.set(t, () => {
      Object.assign(state, before)
      if (geometryOf(t).strides !== geometry.strides || t.shape !== geometry.shape) setGeometry(t, geometry)
      if (counter !== null && version !== undefined) counter.value = version
      if (view !== null && steps !== undefined && seenVersion !== undefined) { view.steps = steps; view.seenVersion = seenVersion }
    })
  }

  /** Puts everything back. */
  restore(): void {
    for (const undo of this.#undo.values()) undo()
  }
}

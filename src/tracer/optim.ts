/** Optimisers: steps along gradients, in place and unrecorded. Source: torch.optim. */
import { IngotError } from '../base/error.js'
import { zerosLike } from './creation.js'
import { noGrad } from './modes.js'
import type { Tensor } from './tensor.js'

/** What optimisers share. */
abstract class Optimizer {
  readonly parameters: readonly Tensor[]

  constructor(parameters: Iterable<Tensor>) {
    this.parameters = [...parameters]
    if (this.parameters.length === 0) throw new IngotError('bad-option', 'an optimiser is given no parameters')
  }

  /** Changes every parameter that has a gradient. */
  step(): void {
    noGrad(() => { for (const t of this.parameters) if (t.grad !== null) this.update(t, t.grad) })
  }

  /** Forgets the gradients. */
  zeroGrad(): void { for (const t of this.parameters) t.grad = null }

  protected abstract update(t: Tensor, gradient: Tensor): void
}

export interface SGDOptions {
  readonly lr: number
  readonly momentum?: number
  readonly weightDecay?: number
  readonly nesterov?: boolean
}

/** Stochastic gradient descent, with momentum if wished. Source: torch.optim.SGD. */
export class SGD extends Optimizer {
  readonly options: SGDOptions
  readonly #velocities = new Map<Tensor, Tensor>()

  constructor(parameters: Iterable<Tensor>, options: SGDOptions) {
    super(parameters)
    this.options = options
  }

  protected update(t: Tensor, gradient: Tensor): void {
    const { lr, momentum = 0, weightDecay = 0, nesterov = false } = this.options
    const dy = weightDecay === 0 ? gradient : gradient.add(t.mul(weightDecay))
    t.sub_(momentum === 0 ? dy.mul(lr) : this.#moved(t, dy, momentum, nesterov).mul(lr))
  }

  #moved(t: Tensor, dy: Tensor, momentum: number, nesterov: boolean): Tensor {
    let velocity = this.#velocities.get(t)
    if (velocity === undefined) this.#velocities.set(t, (velocity = dy.clone()))
    else velocity.mul_(momentum).add_(dy)
    return nesterov ? dy.add(velocity.mul(momentum)) : velocity
  }
}

export interface AdamOptions {
  readonly lr?: number
  /** How slowly the means of gradients and of their squares move. */
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
}

/** Adam. Source: torch.optim.Adam; Kingma and Ba 2015. */
export class Adam extends Optimizer {
  readonly options: AdamOptions
  readonly #moments = new Map<Tensor, { readonly mean: Tensor; readonly square: Tensor; steps: number }>()

  constructor(parameters: Iterable<Tensor>, options: AdamOptions = {}) {
    super(parameters)
    this.options = options
  }

  protected update(t: Tensor, gradient: Tensor): void {
    const { lr = 1e-3, betas: [b1, b2] = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = this.options
    const dy = weightDecay === 0 ? gradient : gradient.add(t.mul(weightDecay))
    let m = this.#moments.get(t)
    if (m === undefined) this.#moments.set(t, (m = { mean: zerosLike(t), square: zerosLike(t), steps: 0 }))
    m.steps++
    m.mean.mul_(b1).add_(dy.mul(1 - b1))
    m.square.mul_(b2).add_(dy.mul(dy).mul(1 - b2))
    const spread = m.square.sqrt().div(Math.sqrt(1 - b2 ** m.steps)).add(eps)
    t.sub_(m.mean.div(spread).mul(lr / (1 - b1 ** m.steps)))
  }
}

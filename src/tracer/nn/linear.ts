/** Layers of a weight matrix. */
import { randn } from '../creation.js'
import { linear } from '../functions/contractions.js'
import { embedding } from '../functions/embedding.js'
import { noGrad } from '../modes.js'
import type { Tensor } from '../tensor.js'
import { fanInBound, uniform } from './init.js'
import { Module, parameter } from './module.js'

/** x @ weightᵀ + bias. Source: torch.nn.Linear. */
export class Linear extends Module {
  readonly weight: Tensor
  readonly bias: Tensor | null

  constructor(inFeatures: number, outFeatures: number, options: { readonly bias?: boolean } = {}) {
    super()
    const bound = fanInBound(inFeatures)
    this.weight = parameter(uniform([outFeatures, inFeatures], bound))
    this.bias = options.bias === false ? null : parameter(uniform([outFeatures], bound))
  }

  forward(x: Tensor): Tensor { return linear(x, this.weight, this.bias) }
}

/** Rows of a table by their numbers. Source: torch.nn.Embedding. */
export class Embedding extends Module {
  readonly weight: Tensor
  readonly paddingIdx: number | undefined

  /** The row `paddingIdx` starts as zeros and gets no gradient. */
  constructor(count: number, features: number, options: { readonly paddingIdx?: number } = {}) {
    super()
    const weight = randn([count, features])
    this.paddingIdx = options.paddingIdx
    if (options.paddingIdx !== undefined) { const row = options.paddingIdx; noGrad(() => weight.select(0, row).zero_()) }
    this.weight = parameter(weight)
  }

  forward(input: Tensor): Tensor { return embedding(input, this.weight, this.paddingIdx) }
}

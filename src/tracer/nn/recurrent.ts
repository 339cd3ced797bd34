/** Recurrent layers: PyTorch's parameters, handed to the recurrence ops, whose gates stand in ONNX's order. */
import { IngotError } from '../../base/error.js'
import { apply } from '../dispatch.js'
import { dropout } from '../functions/dropout.js'
import { cat, stack } from '../functions/joining.js'
import type { Tensor } from '../tensor.js'
import { fanInBound, uniform } from './init.js'
import { Module, parameter } from './module.js'

export interface RecurrentOptions {
  readonly numLayers?: number
  readonly bias?: boolean
  /** True takes and gives [batch, time, features]; else time comes first, as in PyTorch. States have their layers first either way. */
  readonly batchFirst?: boolean
  /** Between layers, while training. */
  readonly dropout?: number
  readonly bidirectional?: boolean
}

/** A kind of recurrence: the op, PyTorch's gates in the order in which the op takes them, and what else the op asks. */
interface Kind { readonly op: 'lstm' | 'gru'; readonly gates: readonly number[]; readonly activations: readonly string[]; readonly attrs: Readonly<Record<string, boolean>> }
const LSTM_KIND: Kind = { op: 'lstm', gates: [0, 3, 1, 2], activations: ['Sigmoid', 'Tanh', 'Tanh'], attrs: { input_forget: false } }
const GRU_KIND: Kind = { op: 'gru', gates: [1, 0, 2], activations: ['Sigmoid', 'Tanh'], attrs: { linear_before_reset: true } }

/** Parameters are properties named as in PyTorch: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, with `_reverse` for the other direction. */
abstract class Recurrent extends Module {
  readonly hidden: number
  readonly options: RecurrentOptions
  readonly #kind: Kind

  constructor(kind: Kind, inputSize: number, hiddenSize: number, options: RecurrentOptions) {
    super()
    this.hidden = hiddenSize
    this.options = options
    this.#kind = kind
    const rows = kind.gates.length * hiddenSize, bound = fanInBound(hiddenSize)
    for (let layer = 0; layer < this.layers; layer++) {
      for (const suffix of this.suffixes(layer)) {
        const inputs = layer === 0 ? inputSize : hiddenSize * this.directions
        const shapes: readonly (readonly [string, readonly number[]])[] = [['weight_ih', [rows, inputs]], ['weight_hh', [rows, hiddenSize]], ...(options.bias === false ? [] : [['bias_ih', [rows]], ['bias_hh', [rows]]] as const)]
        for (const [name, shape] of shapes) this.#state[`${name}${suffix}`] = parameter(uniform(shape, bound))
      }
    }
  }

  /** The module's own properties, by names that are made. */
  get #state(): Record<string, Tensor> { return this as unknown as Record<string, Tensor> }

  get layers(): number { return this.options.numLayers ?? 1 }
  get directions(): number { return this.options.bidirectional === true ? 2 : 1 }

  protected suffixes(layer: number): readonly string[] {
    return this.directions === 1 ? [`_l${layer}`] : [`_l${layer}`, `_l${layer}_reverse`]
  }

  /** The result at each time and, for each kind of state, the last of all layers and directions. `states` are the first, or absent for zeros. */
  protected run(x: Tensor, states: readonly Tensor[] | undefined): readonly [Tensor, ...Tensor[]] {
    if (x.ndim !== 3) throw new IngotError('shape-mismatch', `${this.constructor.name} takes [${this.options.batchFirst === true ? 'batch, time' : 'time, batch'}, features], not a tensor of shape [${x.shape.map(String).join(', ')}]`)
    let y = this.options.batchFirst === true ? x.transpose(0, 1) : x
    const last: Tensor[][] = []
    for (let layer = 0; layer < this.layers; layer++) {
      if (layer > 0) y = dropout(y, this.options.dropout ?? 0, this.training)
      const [out, ...ends] = this.#layer(y, layer, states?.map((s) => s.narrow(0, layer * this.directions, this.directions)))
      // [time, directions, batch, hidden] as [time, batch, directions * hidden].
      y = (out as Tensor).transpose(1, 2).flatten(2)
      last.push(ends)
    }
    const kinds = last[0]?.length ?? 0
    return [this.options.batchFirst === true ? y.transpose(0, 1) : y, ...Array.from({ length: kinds }, (_, k) => cat(last.map((ends) => ends[k] as Tensor)))]
  }

  #layer(x: Tensor, layer: number, states: readonly Tensor[] | undefined): readonly Tensor[] {
    const { op, gates, activations, attrs } = this.#kind
    const parts = this.suffixes(layer)
    const reordered = (name: string): Tensor => stack(parts.map((suffix) => {
      const blocks = (this.#state[`${name}${suffix}`] as Tensor).chunk(gates.length)
      return cat(gates.map((g) => blocks[g] as Tensor))
    }))
    const bias = this.options.bias === false ? null : cat([reordered('bias_ih'), reordered('bias_hh')], 1)
    return apply(op, [x, reordered('weight_ih'), reordered('weight_hh'), bias, null, states?.[0] ?? null, ...(op === 'lstm' ? [states?.[1] ?? null, null] : [])], {
      direction: this.directions === 2 ? 'bidirectional' : 'forward', hidden: this.hidden, activations: parts.flatMap(() => activations),
      alphas: [], betas: [], clip: Infinity, layout: 0, ...attrs,
    })
  }
}

/** Long short-term memory. Source: torch.nn.LSTM. */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) { super(LSTM_KIND, inputSize, hiddenSize, options) }

  /** Results at each time, and the last hidden and cell states [layers * directions, batch, hidden]. */
  forward(x: Tensor, states?: readonly [Tensor, Tensor]): [Tensor, [Tensor, Tensor]] {
    const [y, h, c] = this.run(x, states)
    return [y, [h as Tensor, c as Tensor]]
  }
}

/** Gated recurrent unit. Source: torch.nn.GRU. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) { super(GRU_KIND, inputSize, hiddenSize, options) }

  /** Results at each time, and the last state [layers * directions, batch, hidden]. */
  forward(x: Tensor, state?: Tensor): [Tensor, Tensor] {
    const [y, h] = this.run(x, state === undefined ? undefined : [state])
    return [y, h as Tensor]
  }
}

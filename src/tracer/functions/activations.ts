/** Activation functions of neural networks, element by element. */
import type { Attrs } from '../../ir/graph.js'
import { apply1 } from '../dispatch.js'
import type { Tensor } from '../tensor.js'

const of = (op: string, x: Tensor, attrs: Attrs = {}): Tensor => apply1(op, [x], attrs)

/** x Φ(x) with the normal distribution Φ, or its approximation by tanh. Source: torch.nn.functional.gelu. */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor { return of('gelu', x, { approximate }) }

/** x sigmoid(x). Source: torch.nn.functional.silu. */
export function silu(x: Tensor): Tensor { return of('silu', x) }

/** x tanh(softplus(x)). Source: torch.nn.functional.mish. */
export function mish(x: Tensor): Tensor { return of('mish', x) }

/** log(1 + exp(x)). Source: torch.nn.functional.softplus with beta 1. */
export function softplus(x: Tensor): Tensor { return of('softplus', x) }

/** x / (1 + |x|). Source: torch.nn.functional.softsign. */
export function softsign(x: Tensor): Tensor { return of('softsign', x) }

/** x, times `negativeSlope` below zero. Source: torch.nn.functional.leaky_relu. */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor { return of('leaky_relu', x, { alpha: negativeSlope }) }

/** x, and alpha (exp(x) - 1) below zero. Source: torch.nn.functional.elu. */
export function elu(x: Tensor, alpha = 1): Tensor { return of('elu', x, { alpha }) }

/** Self-normalising elu. Source: torch.nn.functional.selu, whose constants these are. */
export function selu(x: Tensor): Tensor { return of('selu', x, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }) }

/** x between 0 and 6. Source: torch.nn.functional.relu6. */
export function relu6(x: Tensor): Tensor { return of('clip', x, { min: 0, max: 6 }) }

/** x between two bounds. Source: torch.nn.functional.hardtanh. */
export function hardtanh(x: Tensor, min = -1, max = 1): Tensor { return of('clip', x, { min, max }) }

/** x / 6 + 1/2 between 0 and 1. Source: torch.nn.functional.hardsigmoid. */
export function hardsigmoid(x: Tensor): Tensor { return of('hard_sigmoid', x, { alpha: 1 / 6, beta: 0.5 }) }

/** x hardsigmoid(x). Source: torch.nn.functional.hardswish. */
export function hardswish(x: Tensor): Tensor { return of('hard_swish', x) }

/** x, and x times `weight` (one number, or one per channel of axis 1) below zero. Source: torch.nn.functional.prelu. */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const slope = weight.shape[0] === 1 || x.shape.length < 2 ? weight : weight.reshape(-1, ...x.shape.slice(2).map(() => 1))
  return apply1('prelu', [x, slope])
}

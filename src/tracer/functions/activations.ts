/** Activation functions of neural networks, element by element. */
import type { Attrs } from '../../ir/graph.js'
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { exactQuotient } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'
import { where } from './choosing.js'

const of = (op: string, x: Tensor, attrs: Attrs = {}): Tensor => apply1(op, [x], attrs)

/** x Φ(x) with the normal distribution Φ, or its approximation by tanh. Source: torch.nn.functional.gelu. */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor { return of('gelu', x, { approximate }) }

/** x sigmoid(x). Source: torch.nn.functional.silu. */
export function silu(x: Tensor): Tensor { return of('silu', x) }

/** x tanh(softplus(x)). Source: torch.nn.functional.mish. */
export function mish(x: Tensor): Tensor { return of('mish', x) }

/** log(1 + exp(beta x)) / beta. Source: torch.nn.functional.softplus, which passes what is above a threshold on as it is. */
export function softplus(x: Tensor, beta = 1): Tensor { return beta === 1 ? of('softplus', x) : of('softplus', x.mul(beta)).div(beta) }

/** log(sigmoid(x)), without overflow. Source: torch.nn.functional.logsigmoid. */
export function logsigmoid(x: Tensor): Tensor { return of('softplus', x.neg()).neg() }

/** x / (1 + |x|). Source: torch.nn.functional.softsign. */
export function softsign(x: Tensor): Tensor { return of('softsign', x) }

/** x, times `negativeSlope` below zero. Source: torch.nn.functional.leaky_relu. */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor { return of('leaky_relu', x, { alpha: negativeSlope }) }

/** x, and alpha (exp(x) - 1) below zero. Source: torch.nn.functional.elu. */
export function elu(x: Tensor, alpha = 1): Tensor { return of('elu', x, { alpha }) }

/** Self-normalising elu. Source: torch.nn.functional.selu, whose constants these are. */
export function selu(x: Tensor): Tensor { return of('selu', x, { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }) }

/** max(0, x) + min(0, alpha (exp(x / alpha) - 1)). Source: torch.nn.functional.celu. */
export function celu(x: Tensor, alpha = 1): Tensor { return of('celu', x, { alpha }) }

/** x where it is above a threshold, else `value`. Source: torch.nn.functional.threshold. */
export function threshold(x: Tensor, above: number, value: number): Tensor {
  return value === 0 ? of('thresholded_relu', x, { alpha: above }) : where(x.gt(above), x, value)
}

/** x where it is further than `lambd` from 0, else 0. Source: torch.nn.functional.hardshrink. */
export function hardshrink(x: Tensor, lambd = 0.5): Tensor { return of('shrink', x, { bias: 0, lambd }) }

/** x moved towards 0 by `lambd`, and 0 where it is nearer. Source: torch.nn.functional.softshrink. */
export function softshrink(x: Tensor, lambd = 0.5): Tensor { return of('shrink', x, { bias: lambd, lambd }) }

/** x - tanh(x). Source: torch.nn.functional.tanhshrink. */
export function tanhshrink(x: Tensor): Tensor { return x.sub(x.tanh()) }

/** One half of an axis times the sigmoid of the other. Source: torch.nn.functional.glu. */
export function glu(x: Tensor, dim = -1): Tensor {
  const extent = x.shape[axisOf(dim, x.shape.length)] as number, half = exactQuotient(extent, 2)
  if (half === undefined) throw callError('shape-mismatch', `glu halves an axis, and this one has ${extent}`)
  return x.narrow(dim, 0, half).mul(x.narrow(dim, half, half).sigmoid())
}

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

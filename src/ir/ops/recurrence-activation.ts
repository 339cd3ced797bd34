/** Activation functions of ONNX's recurrent ops, as numbers for references and as expressions for kernels. */
import { IngotError } from '../../base/error.js'
import { binary, constant, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import { greatest, least, logistic, minus, number, over, plus, softplus, times } from './expressions.js'

interface Activation {
  /** Default alpha, where the function has one. */
  readonly alpha?: number
  readonly beta?: number
  readonly value: (x: number, alpha: number, beta: number) => number
  readonly expr: (x: Expr, type: RegisterType, alpha: Expr, beta: Expr) => Expr
}

const zero = (type: RegisterType): Expr => constant(type, 0)
const one = (type: RegisterType): Expr => constant(type, 1)

/** Keys are ONNX's names in lower case. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  relu: { value: (x) => Math.max(x, 0), expr: (x, t) => greatest(x, zero(t)) },
  tanh: { value: Math.tanh, expr: (x) => unary('tanh', x) },
  sigmoid: { value: (x) => 1 / (1 + Math.exp(-x)), expr: (x, t) => logistic(t, x) },
  affine: { alpha: 1, beta: 0, value: (x, a, b) => a * x + b, expr: (x, _, a, b) => plus(times(a, x), b) },
  leakyrelu: { alpha: 0.01, value: (x, a) => (x >= 0 ? x : a * x), expr: (x, t, a) => selectExpr(binary('ge', x, zero(t)), x, times(a, x)) },
  thresholdedrelu: { alpha: 1, value: (x, a) => (x >= a ? x : 0), expr: (x, t, a) => selectExpr(binary('ge', x, a), x, zero(t)) },
  scaledtanh: { alpha: 1, beta: 1, value: (x, a, b) => a * Math.tanh(b * x), expr: (x, _, a, b) => times(a, unary('tanh', times(b, x))) },
  hardsigmoid: { alpha: 0.2, beta: 0.5, value: (x, a, b) => Math.min(Math.max(a * x + b, 0), 1), expr: (x, t, a, b) => least(greatest(plus(times(a, x), b), zero(t)), one(t)) },
  elu: { alpha: 1, value: (x, a) => (x >= 0 ? x : a * Math.expm1(x)), expr: (x, t, a) => selectExpr(binary('ge', x, zero(t)), x, times(a, unary('expm1', x))) },
  softsign: { value: (x) => x / (1 + Math.abs(x)), expr: (x, t) => over(x, plus(one(t), unary('abs', x))) },
  softplus: { value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), expr: (x, t) => softplus(t, x) },
}

/** An activation with its parameters, applied after clipping its argument to [-clip, clip]. */
export interface BoundActivation {
  /** Its alpha, for a function that has one, and its beta. */
  readonly alpha?: number
  readonly beta?: number
  readonly value: (x: number) => number
  readonly expr: (x: Expr, type: RegisterType) => Expr
}

interface ActivationAttrs { readonly activations: readonly string[]; readonly alphas: readonly number[]; readonly betas: readonly number[] }

/**
 * The functions of `attrs`, in order. Each function that has an alpha takes the next of `alphas`, or where they have run out
 * its default; the same for betas. Throws `bad-attribute` for a name that ONNX does not list.
 */
export function bindActivations(attrs: ActivationAttrs): BoundActivation[] {
  let nextAlpha = 0, nextBeta = 0
  return attrs.activations.map((name) => {
    const known = Object.hasOwn(ACTIVATIONS, name.toLowerCase()) ? ACTIVATIONS[name.toLowerCase()] : undefined
    if (known === undefined) throw new IngotError('bad-attribute', `there is no activation '${name}'`, { hint: `the functions are ${Object.keys(ACTIVATIONS).join(', ')}, in any case of letters` })
    const alpha = known.alpha === undefined ? 0 : (attrs.alphas[nextAlpha++] ?? known.alpha)
    const beta = known.beta === undefined ? 0 : (attrs.betas[nextBeta++] ?? known.beta)
    return {
      ...(known.alpha !== undefined && { alpha }), ...(known.beta !== undefined && { beta }),
      value: (x) => known.value(x, alpha, beta),
      expr: (x, type) => known.expr(x, type, number(type, alpha), number(type, beta)),
    }
  })
}

/** `x` within [-limit, limit]; an infinite limit leaves it. */
export function clipExpr(x: Expr, limit: number, type: RegisterType): Expr {
  return limit === Infinity ? x : least(greatest(x, number(type, -limit)), number(type, limit))
}

/** The number `x` within [-limit, limit]. */
export const clipNumber = (x: number, limit: number): number => Math.min(Math.max(x, -limit), limit)

/** `1 - x`. */
export const complement = (x: Expr, type: RegisterType): Expr => minus(one(type), x)

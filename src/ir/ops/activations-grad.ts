/** Gradients of elementwise ops of one input with attributes; at kinks they take the side that torch takes. */
import { fromInput, type GradMath } from '../gradients.js'

/** Φ(x) + x φ(x) of the normal distribution. */
function normalGelu<V>(g: GradMath<V>, x: V, dy: V): V {
  const cdf = g.mul(g.add(g.unary('erf', g.mul(x, Math.SQRT1_2)), 1), 0.5)
  const density = g.mul(g.unary('exp', g.mul(g.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return g.mul(dy, g.add(cdf, g.mul(x, density)))
}

/** Derivative of x/2 * (1 + tanh u) with u = √(2/π) (x + 0.044715 x³). */
function tanhGelu<V>(g: GradMath<V>, x: V, dy: V): V {
  const slope = Math.sqrt(2 / Math.PI), cubic = 0.044715, squared = g.square(x)
  const t = g.unary('tanh', g.mul(g.mul(x, g.add(g.mul(squared, cubic), 1)), slope))
  const du = g.mul(g.add(g.mul(squared, 3 * cubic), 1), slope)
  const dt = g.mul(g.sub(1, g.square(t)), du)
  return g.mul(dy, g.mul(g.add(g.add(t, 1), g.mul(x, dt)), 0.5))
}

/** `inside` strictly between two bounds of `x`, else 0. */
const between = <V>(g: GradMath<V>, x: V, low: number, high: number, inside: V): V =>
  g.where(g.binary('logical_and', g.binary('gt', x, low), g.binary('lt', x, high)), inside, 0)

/** The slope of gelu, exact or of its approximation. */
export const geluGrad = fromInput<{ readonly approximate: string }>((g, x, dy, { approximate }) => (approximate === 'tanh' ? tanhGelu(g, x, dy) : normalGelu(g, x, dy)))
/** alpha between the two flat parts, 0 at their ends. */
export const hardSigmoidGrad = fromInput<{ readonly alpha: number; readonly beta: number }>((g, x, dy, { alpha, beta }) => between(g, g.add(g.mul(x, alpha), beta), 0, 1, g.mul(dy, alpha)))
/** 1 above zero, alpha at zero and below. */
export const leakyReluGrad = fromInput<{ readonly alpha: number }>((g, x, dy, { alpha }) => g.where(g.binary('gt', x, 0), dy, g.mul(dy, alpha)))
/** 1 above zero, alpha exp(x) at zero and below. */
export const eluGrad = fromInput<{ readonly alpha: number }>((g, x, dy, { alpha }) => g.where(g.binary('gt', x, 0), dy, g.mul(g.mul(dy, alpha), g.unary('exp', x))))
/** gamma above zero, gamma alpha exp(x) at zero and below. */
export const seluGrad = fromInput<{ readonly alpha: number; readonly gamma: number }>((g, x, dy, { alpha, gamma }) => g.where(g.binary('gt', x, 0), g.mul(dy, gamma), g.mul(g.mul(dy, alpha * gamma), g.unary('exp', x))))
/** 1 above zero, exp(x / alpha) at zero and below. */
export const celuGrad = fromInput<{ readonly alpha: number }>((g, x, dy, { alpha }) => g.where(g.binary('gt', x, 0), dy, g.mul(dy, g.unary('exp', g.div(x, alpha)))))
/** 1 above alpha, else 0. */
export const thresholdedReluGrad = fromInput<{ readonly alpha: number }>((g, x, dy, { alpha }) => g.where(g.binary('le', x, alpha), 0, dy))
/** 1 outside of ±lambd, 0 from -lambd to lambd. */
export const shrinkGrad = fromInput<{ readonly lambd: number }>((g, x, dy, { lambd }) => g.where(g.binary('logical_or', g.binary('lt', x, -lambd), g.binary('gt', x, lambd)), dy, 0))
/** s + alpha x s (1 - s) with s the logistic of alpha x. */
export const swishGrad = fromInput<{ readonly alpha: number }>((g, x, dy, { alpha }) => {
  const s = g.unary('sigmoid', g.mul(x, alpha))
  return g.mul(dy, g.mul(s, g.add(g.mul(g.mul(x, alpha), g.sub(1, s)), 1)))
})
/** Both bounds themselves pass the gradient on; NaN does not. */
export const clipGrad = fromInput<{ readonly min: number; readonly max: number }>((g, x, dy, { min, max }) => g.where(g.binary('logical_and', g.binary('ge', x, min), g.binary('le', x, max)), dy, 0))

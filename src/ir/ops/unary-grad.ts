/** Gradients of elementwise ops of one input without attributes. Formulas and what they save follow torch's derivatives. */
import { fromInput, fromOutput, linear, zeroGradient, type GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'

/** s + x s (1 - s) with s the logistic of x. */
function silu<V>(g: GradMath<V>, x: V, dy: V): V {
  const s = g.unary('sigmoid', x)
  return g.mul(dy, g.mul(s, g.add(g.mul(x, g.sub(1, s)), 1)))
}

/** t + x s (1 - t²) with t the hyperbolic tangent of softplus and s the logistic of x. */
function mish<V>(g: GradMath<V>, x: V, dy: V): V {
  const t = g.unary('tanh', g.unary('softplus', x))
  return g.mul(dy, g.add(t, g.mul(g.mul(x, g.unary('sigmoid', x)), g.sub(1, g.square(t)))))
}

/** Flat up to -3, as steep as x from 3 on. */
function hardSwish<V>(g: GradMath<V>, x: V, dy: V): V {
  const middle = g.mul(dy, g.add(g.div(x, 3), 0.5))
  return g.where(g.binary('le', x, -3), 0, g.where(g.binary('lt', x, 3), middle, dy))
}

/** Gradient rules of the unary ops by name. */
export const UNARY_GRADS: Readonly<Record<string, GradRule<unknown> | undefined>> = {
  neg: linear((g, dy) => g.neg(dy)),
  sign: zeroGradient(), floor: zeroGradient(), ceil: zeroGradient(), round: zeroGradient(),
  abs: fromInput((g, x, dy) => g.mul(dy, g.unary('sign', x))),
  sqrt: fromOutput((g, y, dy) => g.div(dy, g.mul(y, 2))),
  rsqrt: fromOutput((g, y, dy) => g.mul(g.mul(dy, -0.5), g.mul(y, g.square(y)))),
  reciprocal: fromOutput((g, y, dy) => g.mul(g.neg(dy), g.square(y))),
  exp: fromOutput((g, y, dy) => g.mul(dy, y)),
  log: fromInput((g, x, dy) => g.div(dy, x)),
  sin: fromInput((g, x, dy) => g.mul(dy, g.unary('cos', x))),
  cos: fromInput((g, x, dy) => g.mul(dy, g.neg(g.unary('sin', x)))),
  tan: fromOutput((g, y, dy) => g.mul(dy, g.add(g.square(y), 1))),
  asin: fromInput((g, x, dy) => g.mul(dy, g.unary('rsqrt', g.sub(1, g.square(x))))),
  acos: fromInput((g, x, dy) => g.neg(g.mul(dy, g.unary('rsqrt', g.sub(1, g.square(x)))))),
  atan: fromInput((g, x, dy) => g.div(dy, g.add(g.square(x), 1))),
  sinh: fromInput((g, x, dy) => g.mul(dy, g.unary('cosh', x))),
  cosh: fromInput((g, x, dy) => g.mul(dy, g.unary('sinh', x))),
  tanh: fromOutput((g, y, dy) => g.mul(dy, g.sub(1, g.square(y)))),
  asinh: fromInput((g, x, dy) => g.mul(dy, g.unary('rsqrt', g.add(g.square(x), 1)))),
  acosh: fromInput((g, x, dy) => g.mul(dy, g.unary('rsqrt', g.sub(g.square(x), 1)))),
  atanh: fromInput((g, x, dy) => g.div(dy, g.sub(1, g.square(x)))),
  erf: fromInput((g, x, dy) => g.mul(dy, g.mul(g.unary('exp', g.neg(g.square(x))), 2 / Math.sqrt(Math.PI)))),
  // Where the result is NaN the gradient passes, as in torch.
  relu: fromOutput((g, y, dy) => g.where(g.binary('le', y, 0), 0, dy)),
  sigmoid: fromOutput((g, y, dy) => g.mul(dy, g.mul(y, g.sub(1, y)))),
  softplus: fromInput((g, x, dy) => g.mul(dy, g.unary('sigmoid', x))),
  softsign: fromInput((g, x, dy) => g.div(dy, g.square(g.add(g.unary('abs', x), 1)))),
  silu: fromInput(silu),
  mish: fromInput(mish),
  hard_swish: fromInput(hardSwish),
}

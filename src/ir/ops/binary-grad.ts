/** Gradients of elementwise ops of two inputs. Formulas and what they save follow torch's derivatives. */
import { ofOperands, type GradMath, type OperandGradient } from '../gradients.js'
import type { GradRule } from '../op.js'

/** The gradient of an operand that is added. */
const itself: OperandGradient = { needs: [], of: (_, dy) => dy }

/** Equal operands share the gradient; one that compares to the other by `loses` has none. NaN compares to nothing. */
function extremeRule(loses: 'lt' | 'gt'): GradRule<unknown> {
  const share = <V>(g: GradMath<V>, dy: V, own: V, other: V): V => g.where(g.binary(loses, own, other), 0, g.where(g.binary('eq', own, other), g.div(dy, 2), dy))
  return ofOperands({ needs: [0, 1], of: (g, dy, a, b) => share(g, dy, a, b) }, { needs: [0, 1], of: (g, dy, a, b) => share(g, dy, b, a) })
}

/** A remainder is a - b * q with a rounded quotient q, which is constant between jumps. */
const remainderRule = (rounded: <V>(g: GradMath<V>, quotient: V) => V): GradRule<unknown> =>
  ofOperands(itself, { needs: [0, 1], of: (g, dy, a, b) => g.mul(g.neg(dy), rounded(g, g.div(a, b))) })

/** Gradient rules of the binary ops by name. */
export const BINARY_GRADS: Readonly<Record<string, GradRule<unknown> | undefined>> = {
  add: ofOperands(itself, itself),
  sub: ofOperands(itself, { needs: [], of: (g, dy) => g.neg(dy) }),
  mul: ofOperands({ needs: [1], of: (g, dy, _, b) => g.mul(dy, b) }, { needs: [0], of: (g, dy, a) => g.mul(dy, a) }),
  div: ofOperands({ needs: [1], of: (g, dy, _, b) => g.div(dy, b) }, { needs: [0, 1], of: (g, dy, a, b) => g.mul(g.neg(dy), g.div(g.div(a, b), b)) }),
  mod: remainderRule((g, q) => g.unary('floor', q)),
  fmod: remainderRule((g, q) => g.mul(g.unary('sign', q), g.unary('floor', g.unary('abs', q)))),
  minimum: extremeRule('gt'),
  maximum: extremeRule('lt'),
}

/** The slope acts where x is not above zero, at zero too. */
export const preluGrad: GradRule<unknown> = ofOperands(
  { needs: [0, 1], of: (g, dy, x, slope) => g.where(g.binary('gt', x, 0), dy, g.mul(dy, slope)) },
  { needs: [0], of: (g, dy, x) => g.where(g.binary('gt', x, 0), 0, g.mul(dy, x)) },
)

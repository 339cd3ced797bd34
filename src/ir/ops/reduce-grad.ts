/** Gradients of reductions and softmax. */
import { mul, type Dim } from '../dims.js'
import { INPUT_AND_RESULT, OWN_INPUT, OWN_RESULT, ruleOf, type GradOperands, type Saved } from '../gradient-rules.js'
import { fromOutput, inputShape, linear, type GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'

interface ReduceAttrs { readonly axes: readonly number[]; readonly keepdims: boolean }
/** What a formula works with: the input where it is saved, and gradient and result with the reduced axes at extent 1. */
interface Row<V> { readonly dy: V; readonly x: () => V; readonly y: () => V; readonly axes: readonly number[] }

/** `shape` with the reduced axes at extent 1. */
const kept = (shape: readonly Dim[], axes: readonly number[]): readonly Dim[] => shape.map((d, i) => (axes.includes(i) ? 1 : d))

function rowRule(saves: Saved, formula: <V>(g: GradMath<V>, row: Row<V>) => V): GradRule<ReduceAttrs> {
  return ruleOf<ReduceAttrs>({
    saves,
    gradients: [<V>(g: GradMath<V>, dy: V, of: GradOperands<V, ReduceAttrs>) => {
      const { axes } = of.attrs, shape = kept(of.type(0).shape, axes)
      return formula(g, { dy: g.reshape(dy, shape), x: () => of.input(0), y: () => g.reshape(of.output, shape), axes })
    }],
  })
}

/** Elements that equal the extreme share its gradient evenly. */
const extremeRule = rowRule(INPUT_AND_RESULT, (g, { dy, x, y, axes }) => {
  const isExtreme = g.cast(g.binary('eq', x(), y()), g.ctx.dtype(dy))
  return g.mul(g.div(dy, g.sum(isExtreme, axes, true)), isExtreme)
})

/** The product of all other elements: the whole over the own one, or where that is the only zero the product of all but zeros. */
function productGradient<V>(g: GradMath<V>, { dy, x, y, axes }: Row<V>): V {
  const isZero = g.binary('eq', x(), 0)
  const zeros = g.sum(g.cast(isZero, g.ctx.dtype(dy)), axes, true)
  const rest = axes.length === 0 ? g.where(isZero, 1, x()) : g.unary('reduce_prod', g.where(isZero, 1, x()), { axes, keepdims: true })
  const others = g.where(g.binary('eq', zeros, 1), rest, 0)
  return g.mul(dy, g.where(isZero, others, g.div(y(), x())))
}

const spread = linear<ReduceAttrs>((g, dy, call) => g.expand(g.reshape(dy, kept(inputShape(call, 0), call.attrs.axes)), inputShape(call, 0)))

/** Divided by the number of reduced elements before it is spread. */
const spreadMean = linear<ReduceAttrs>((g, dy, call) => {
  const shape = inputShape(call, 0), { axes } = call.attrs
  const count = g.extent(g.ctx.dtype(dy), axes.reduce((n: Dim, a) => mul(n, shape[a] as Dim), 1))
  return g.expand(g.div(g.reshape(dy, kept(shape, axes)), count), shape)
})

/** Gradient rules of the reductions by name. */
export const REDUCE_GRADS: Readonly<Record<string, GradRule<ReduceAttrs> | undefined>> = {
  reduce_sum: spread,
  reduce_mean: spreadMean,
  reduce_max: extremeRule,
  reduce_min: extremeRule,
  reduce_prod: rowRule(INPUT_AND_RESULT, productGradient),
  reduce_l1: rowRule(OWN_INPUT, (g, { dy, x }) => g.mul(dy, g.unary('sign', x()))),
  // Zero where the norm is: the least subgradient, as in torch.
  reduce_l2: rowRule(INPUT_AND_RESULT, (g, { dy, x, y }) => g.mul(x(), g.where(g.binary('eq', y(), 0), 0, g.div(dy, y())))),
  reduce_log_sum: linearInExp(),
  reduce_log_sum_exp: rowRule(INPUT_AND_RESULT, (g, { dy, x, y }) => g.mul(dy, g.unary('exp', g.sub(x(), y())))),
  reduce_sum_square: rowRule(OWN_INPUT, (g, { dy, x }) => g.mul(g.mul(dy, 2), x())),
}

/** The sum is the exponential of the result. */
function linearInExp(): GradRule<ReduceAttrs> {
  return ruleOf<ReduceAttrs>({
    saves: OWN_RESULT,
    gradients: [(g, dy, of) => g.expand(g.reshape(g.div(dy, g.unary('exp', of.output)), kept(of.type(0).shape, of.attrs.axes)), of.type(0).shape)],
  })
}

/** Gradient rules of softmax and its logarithm by name. */
export const SOFTMAX_GRADS: Readonly<Record<string, GradRule<{ readonly axis: number }> | undefined>> = {
  softmax: fromOutput<{ readonly axis: number }>((g, y, dy, { axis }) => g.mul(y, g.sub(dy, g.sum(g.mul(dy, y), [axis], true)))),
  log_softmax: fromOutput<{ readonly axis: number }>((g, y, dy, { axis }) => g.sub(dy, g.mul(g.unary('exp', y), g.sum(dy, [axis], true)))),
}

/** Gradients of pools. A sum over windows is a convolution with ones, plane by plane, so its adjoint is the transposed one. */
import { mul, product, type Dim } from '../dims.js'
import { INPUT_AND_RESULT, OWN_INPUT, ruleOf, type GradOperands } from '../gradient-rules.js'
import { linear, type GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'
import { toImage, toPoints } from './conv-grad.js'
import { poolWindows, type PoolAttrs } from './pool.js'
import { staysInside } from './window.js'

/** Adds each value of `points` to the elements of its window; `shape` is that of the pool's input. */
function spreadOverWindows<V>(g: GradMath<V>, points: V, shape: readonly Dim[], attrs: PoolAttrs): V {
  const spatial = shape.slice(2), planes = mul(shape[0] as Dim, shape[1] as Dim)
  const flat = g.reshape(points, [planes, 1, ...g.ctx.shape(points).slice(2)])
  const ones = g.full(g.ctx.dtype(points), [1, 1, ...attrs.kernel], 1)
  return g.reshape(toImage(g, flat, ones, spatial, { ...attrs, group: 1 }), shape)
}

interface AverageAttrs extends PoolAttrs { readonly count_include_pad: boolean }

/** The number of elements that each window averages over, of shape [1, 1, points…]; a number where it is the same for all. */
function windowCounts<V>(g: GradMath<V>, like: V, shape: readonly Dim[], counts: readonly Dim[], attrs: AverageAttrs): V | number {
  const windows = poolWindows(shape, attrs)
  if (attrs.count_include_pad ? !attrs.ceil_mode : windows.every((w) => staysInside(w, attrs.ceil_mode))) return attrs.kernel.reduce((p, k) => p * k, 1)
  const dtype = g.ctx.dtype(like), rank = windows.length, inner = g.full(dtype, [1, 1, ...shape.slice(2)], 1)
  // Padding that counts is ones too, and then no padding is left.
  const image = attrs.count_include_pad
    ? g.op('pad', [inner, g.ctx.scalar(dtype, 1)], { mode: 'constant', before: [0, 0, ...attrs.pads.slice(0, rank)], after: [0, 0, ...attrs.pads.slice(rank)] })
    : inner
  const pads = attrs.count_include_pad ? attrs.pads.map((): Dim => 0) : attrs.pads
  const found = toPoints(g, image, g.full(dtype, [1, 1, ...attrs.kernel], 1), counts, { ...attrs, pads, group: 1 })
  // A window with nothing in it is 0 whatever it is divided by.
  return g.binary('maximum', found, 1)
}

/** Each gradient over the count of its window, added to the window's elements. */
export const averagePoolGrad: GradRule<AverageAttrs> = linear<AverageAttrs>((g, dy, call) => {
  const shape = call.types.inputs[0]?.shape ?? []
  return spreadOverWindows(g, g.div(dy, windowCounts(g, dy, shape, g.ctx.shape(dy).slice(2), call.attrs)), shape, call.attrs)
})

/** sign(x) |x|^(p-1) times the sum of dy y^(1-p) over the windows that hold x; windows of zeros have no gradient. */
export const lpPoolGrad: GradRule<PoolAttrs & { readonly p: number }> = ruleOf<PoolAttrs & { readonly p: number }>({
  saves: INPUT_AND_RESULT,
  gradients: [(g, dy, of) => {
    const { p } = of.attrs, x = of.input(0), y = of.output
    const share = p === 1 ? dy : g.where(g.binary('eq', y, 0), 0, g.mul(dy, g.pow(y, 1 - p)))
    const sums = spreadOverWindows(g, share, of.type(0).shape, of.attrs)
    const slope = p === 1 ? g.unary('sign', x) : p === 2 ? x : g.mul(g.unary('sign', x), g.pow(g.unary('abs', x), p - 1))
    return g.mul(sums, slope)
  }],
})

/** The first greatest element of each window has its gradient, as in torch; where it is, is found again. */
export const maxPoolGrad: GradRule<PoolAttrs> = ruleOf<PoolAttrs>({
  saves: OWN_INPUT,
  gradients: [<V>(g: GradMath<V>, dy: V, of: GradOperands<V, PoolAttrs>) => {
    const { shape, dtype } = of.type(0), { kernel, strides, dilations, pads, ceil_mode } = of.attrs
    const where = g.unary('max_pool_indices', of.input(0), { kernel, strides, dilations, pads, ceil_mode, storage_order: 0 })
    const count = product(g.ctx.shape(dy))
    // A window wholly in the padding has the index -1, and nothing to give a gradient to.
    const isCertain = poolWindows(shape, of.attrs).every((w) => staysInside(w, ceil_mode))
    const given = isCertain ? dy : g.where(g.binary('lt', where, 0), 0, dy)
    const sums = g.op('scatter_nd', [g.zeros(dtype, [product(shape)]), g.reshape(where, [count, 1]), g.reshape(given, [count])], { reduction: 'add' })
    return g.reshape(sums, shape)
  }],
})

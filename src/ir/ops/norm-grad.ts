/** Gradients of norms. Statistics are computed again from the input, in float32 where it is a 16-bit float. */
import { divExact, floorDiv, product, type Dim } from '../dims.js'
import { jointRule, readFor, ruleOf, wideDType, type GradOperands, type GradientOf } from '../gradient-rules.js'
import { sumTo, type GradMath } from '../gradients.js'
import type { DType } from '../../base/dtype.js'
import type { GradRule } from '../op.js'

/** Rows with what was subtracted and divided: `normal` is the result before scale and bias, `factor` one over the deviation. */
interface Normalised<V> { readonly normal: V; readonly factor: V }

function normalise<V>(g: GradMath<V>, x: V, axes: readonly number[], epsilon: number, centred: boolean): Normalised<V> {
  const centre = centred ? g.sub(x, g.mean(x, axes)) : x
  const factor = g.unary('rsqrt', g.add(g.mean(g.square(centre), axes), epsilon))
  return { normal: g.mul(centre, factor), factor }
}

/** From the gradient of the normalised rows that of the rows: its parts along the mean and along the row itself drop out. */
function throughRows<V>(g: GradMath<V>, d: V, { normal, factor }: Normalised<V>, axes: readonly number[], centred: boolean): V {
  const across = g.mul(normal, g.mean(g.mul(d, normal), axes))
  return g.mul(factor, g.sub(centred ? g.sub(d, g.mean(d, axes)) : d, across))
}

interface RowNormAttrs { readonly axis: number; readonly epsilon: number }

/** The rule of a norm over the last axes: of inputs x, scale and (where `centred`) bias. */
export function rowNormGrad(centred: boolean): GradRule<RowNormAttrs> {
  return jointRule<RowNormAttrs>((wants) => readFor(wants, [[0, 1], [0], []]), (g, dy, of) => {
    const { dtype, shape } = of.type(0), wide = wideDType(dtype)
    const axes = shape.map((_, i) => i).slice(of.attrs.axis)
    const d = g.cast(dy, wide)
    const rows = of.wanted(0) || of.wanted(1) ? normalise(g, g.cast(of.input(0), wide), axes, of.attrs.epsilon, centred) : undefined
    return [
      rows !== undefined && of.wanted(0) ? g.cast(throughRows(g, g.mul(d, g.cast(of.input(1), wide)), rows, axes, centred), dtype) : null,
      rows !== undefined && of.wanted(1) ? g.cast(sumTo(g.ctx, g.mul(d, rows.normal), of.type(1).shape), dtype) : null,
      of.wanted(2) ? g.cast(sumTo(g.ctx, d, of.type(2).shape), dtype) : null,
    ]
  })
}

/** A tensor with an element per channel, shaped to broadcast over axis 1 of `shape`. */
const overChannels = <V>(g: GradMath<V>, p: V, shape: readonly Dim[]): V => g.reshape(p, [...(g.ctx.shape(p) as readonly [Dim]), ...shape.slice(2).map((): Dim => 1)])

/** Sums over all axes but the channels. */
const perChannel = <V>(g: GradMath<V>, x: V): V => g.sum(x, g.ctx.shape(x).map((_, i) => i).filter((i) => i !== 1), false)

/** As a row norm over groups, with a scale and a bias for each channel. */
export const groupNormGrad: GradRule<{ readonly groups: number; readonly epsilon: number }> = jointRule<{ readonly groups: number; readonly epsilon: number }>((wants) => readFor(wants, [[0, 1], [0], []]), (g, dy, of) => {
  const { dtype, shape } = of.type(0), { groups, epsilon } = of.attrs, wide = wideDType(dtype)
  const elements = product(shape.slice(1)), grouped: readonly Dim[] = [shape[0] as Dim, groups, divExact(elements, groups) ?? floorDiv(elements, groups)]
  const d = g.cast(dy, wide)
  const rows = of.wanted(0) || of.wanted(1) ? normalise(g, g.reshape(g.cast(of.input(0), wide), grouped), [2], epsilon, true) : undefined
  return [
    rows !== undefined && of.wanted(0) ? g.cast(g.reshape(throughRows(g, g.reshape(g.mul(d, overChannels(g, g.cast(of.input(1), wide), shape)), grouped), rows, [2], true), shape), dtype) : null,
    rows !== undefined && of.wanted(1) ? g.cast(perChannel(g, g.mul(d, g.reshape(rows.normal, shape))), dtype) : null,
    of.wanted(2) ? g.cast(perChannel(g, d), dtype) : null,
  ]
})

interface BatchNormAttrs { readonly epsilon: number }
/** Inputs of batch norm. */
const SCALE = 1, MEAN = 3, VARIANCE = 4

/** Statistics may have a dtype of their own. */
function batchDType(of: GradOperands<unknown, BatchNormAttrs>): DType {
  return of.call.types.inputs.some((t) => t?.dtype === 'float64') ? 'float64' : wideDType(of.type(0).dtype)
}

function batchParts<V>(g: GradMath<V>, dy: V, of: GradOperands<V, BatchNormAttrs>): { readonly d: V; read(i: number): V; factor(): V; centre(): V } {
  const wide = batchDType(of), { shape } = of.type(0)
  const read = (i: number): V => overChannels(g, g.cast(of.input(i), wide), shape)
  return {
    d: g.cast(dy, wide), read,
    factor: () => g.unary('rsqrt', g.add(read(VARIANCE), of.attrs.epsilon)),
    centre: () => g.sub(g.cast(of.input(0), wide), read(MEAN)),
  }
}

const channelGradient = (i: number, gradient: <V>(g: GradMath<V>, p: ReturnType<typeof batchParts<V>>) => V): GradientOf<BatchNormAttrs> => (g, dy, of) =>
  g.cast(perChannel(g, gradient(g, batchParts(g, dy, of))), of.type(i).dtype)

/** All statistics are inputs, so the norm is linear in x. */
export const batchNormGrad: GradRule<BatchNormAttrs> = ruleOf<BatchNormAttrs>({
  saves: (wants) => readFor(wants, [[SCALE, VARIANCE], [0, MEAN, VARIANCE], [], [SCALE, VARIANCE], [0, SCALE, MEAN, VARIANCE]]),
  gradients: [
    (g, dy, of) => {
      const { d, factor, read } = batchParts(g, dy, of)
      return g.cast(g.mul(d, g.mul(factor(), read(SCALE))), of.type(0).dtype)
    },
    channelGradient(SCALE, (g, { d, centre, factor }) => g.mul(d, g.mul(centre(), factor()))),
    channelGradient(2, (_, { d }) => d),
    channelGradient(MEAN, (g, { d, factor, read }) => g.neg(g.mul(d, g.mul(factor(), read(SCALE))))),
    channelGradient(VARIANCE, (g, { d, centre, factor, read }) => {
      const f = factor()
      return g.mul(g.mul(d, -0.5), g.mul(g.mul(centre(), read(SCALE)), g.mul(f, g.square(f))))
    }),
  ],
})

interface LrnAttrs { readonly size: number; readonly alpha: number; readonly beta: number; readonly bias: number }

/** Sums over `size` channels around each, `before` of them in front: an average pool over the channel axis, times its size. */
function channelSums<V>(g: GradMath<V>, x: V, shape: readonly Dim[], size: number, before: number): V {
  const flat = g.reshape(x, [shape[0] as Dim, 1, shape[1] as Dim, product(shape.slice(2))])
  const pads = [before, 0, size - 1 - before, 0]
  const average = g.unary('average_pool', flat, { kernel: [size, 1], strides: [1, 1], dilations: [1, 1], pads, ceil_mode: false, count_include_pad: true })
  return g.mul(g.reshape(average, shape), size)
}

/** With s = bias + alpha/size * sums of squares: dy s^-beta - 2 alpha/size beta x * (sums of dy x s^(-beta-1) over the channels that look at the own one). */
export const lrnGrad: GradRule<LrnAttrs> = ruleOf<LrnAttrs>({
  saves: { inputs: [0], outputs: [] },
  gradients: [(g, dy, of) => {
    const { dtype, shape } = of.type(0), { size, alpha, beta, bias } = of.attrs, wide = wideDType(dtype)
    const x = g.cast(of.input(0), wide), d = g.cast(dy, wide), before = Math.floor((size - 1) / 2)
    const s = g.add(g.mul(channelSums(g, g.square(x), shape, size, before), alpha / size), bias)
    const scaled = g.mul(d, g.pow(s, -beta))
    const looking = channelSums(g, g.div(g.mul(scaled, x), s), shape, size, size - 1 - before)
    return g.cast(g.sub(scaled, g.mul(g.mul(x, looking), (2 * alpha * beta) / size)), dtype)
  }],
})

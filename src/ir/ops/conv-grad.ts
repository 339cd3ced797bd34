/** Gradients of convolutions, by convolutions: with respect to the input the transposed one, with respect to the weight one whose kernel is the gradient. */
import { add, divExact, floorDiv, mul, sub, type Dim } from '../dims.js'
import { readFor, ruleOf, type GradientOf } from '../gradient-rules.js'
import type { GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'
import type { WindowAttrs } from './window.js'

interface GroupedAttrs extends WindowAttrs { readonly group: number }

/** Pads with the begins of `attrs` and ends such that `count` windows of `kernel` elements take exactly `extent` elements; negative where elements at the end are left out. */
export function exactPads(extents: readonly Dim[], kernel: readonly Dim[], counts: readonly Dim[], { strides, dilations, pads }: WindowAttrs): readonly Dim[] {
  const rank = extents.length, begins = pads.slice(0, rank)
  const ends = extents.map((extent, i) => {
    const covered = add(mul(strides[i] as number, sub(counts[i] as Dim, 1)), mul(dilations[i] as number, sub(kernel[i] as Dim, 1)), 1)
    return sub(covered, add(extent, begins[i] as Dim))
  })
  return [...begins, ...ends]
}

/** The adjoint in the image of a convolution with `w`: an image of `extents` from values at the points where windows stand. */
export function toImage<V>(g: GradMath<V>, points: V, w: V, extents: readonly Dim[], { strides, dilations, pads, group }: GroupedAttrs): V {
  const kernel = g.ctx.shape(w).slice(2), counts = g.ctx.shape(points).slice(2)
  const ends = exactPads(extents, kernel, counts, { strides, dilations, pads })
  return g.op('conv_transpose', [points, w, null], { strides, dilations, pads: ends, output_padding: extents.map(() => 0), group })
}

/** The adjoint in the points of a convolution with `w`: what windows read from an image, as many as `counts`. */
export function toPoints<V>(g: GradMath<V>, image: V, w: V, counts: readonly Dim[], { strides, dilations, pads, group }: GroupedAttrs): V {
  const ends = exactPads(g.ctx.shape(image).slice(2), g.ctx.shape(w).slice(2), counts, { strides, dilations, pads })
  return g.op('conv', [image, w, null], { strides, dilations, pads: ends, group })
}

/**
 * The adjoint in the weight [point channels, image channels / group, kernel…]: the convolution of image[N, C, …] with
 * points[N, M, …] as the kernel, batch and channels exchanged, and so strides and dilations.
 */
function toWeight<V>(g: GradMath<V>, image: V, points: V, kernel: readonly Dim[], attrs: GroupedAttrs): V {
  const { group } = attrs, [n, c, ...extents] = g.ctx.shape(image) as readonly [Dim, Dim, ...Dim[]]
  const inGroup = divExact(c, group) ?? floorDiv(c, group), spatial = extents.map((_, i) => i)
  const split = g.transpose(g.reshape(image, [n, group, inGroup, ...extents]), [2, 1, 0, ...spatial.map((i) => i + 3)])
  const rows = g.reshape(split, [inGroup, mul(group, n), ...extents])
  const swapped = { strides: attrs.dilations, dilations: attrs.strides, pads: attrs.pads, group }
  const exchange = [1, 0, ...spatial.map((i) => i + 2)]
  return g.transpose(toPoints(g, rows, g.transpose(points, exchange), kernel, swapped), exchange)
}

const biasGradient: GradientOf<unknown> = (g, dy) => g.sum(dy, g.ctx.shape(dy).map((_, i) => i).filter((i) => i !== 1), false)

/** The other operand is saved for each. */
const saves = (wants: readonly boolean[]): ReturnType<typeof readFor> => readFor(wants, [[1], [0], []])

/** A convolution's input holds the image, and its result the points. */
export const convGrad: GradRule<GroupedAttrs> = ruleOf<GroupedAttrs>({
  saves,
  gradients: [
    (g, dy, of) => toImage(g, dy, of.input(1), of.type(0).shape.slice(2), of.attrs),
    (g, dy, of) => toWeight(g, of.input(0), dy, of.type(1).shape.slice(2), of.attrs),
    biasGradient,
  ],
})

/** A transposed convolution's input holds the points, and its result the image. */
export const convTransposeGrad: GradRule<GroupedAttrs> = ruleOf<GroupedAttrs>({
  saves,
  gradients: [
    (g, dy, of) => toPoints(g, dy, of.input(1), of.type(0).shape.slice(2), of.attrs),
    (g, dy, of) => toWeight(g, dy, of.input(0), of.type(1).shape.slice(2), of.attrs),
    biasGradient,
  ],
})

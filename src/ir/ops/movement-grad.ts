/** Gradients of pad, tile, trilu and cumsum: each is the adjoint movement, with sums where elements were repeated. None saves anything. */
import { mul, type Dim } from '../dims.js'
import { jointRule, NOTHING } from '../gradient-rules.js'
import { inputShape, linear, type GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'
import { addAlong } from './gather-grad.js'

/** Each axis of the result is split in repetition and place, and the repetitions are summed. */
export const tileGrad = linear<{ readonly repeats: readonly Dim[] }>((g, dy, call) => {
  const shape = inputShape(call, 0)
  const split = g.reshape(dy, shape.flatMap((d, i) => [call.attrs.repeats[i] as Dim, d]))
  return g.reshape(g.sum(split, shape.map((_, i) => 2 * i), false), shape)
})

/** The same triangle of the gradient. */
export const triluGrad = linear<{ readonly upper: boolean; readonly k: number }>((g, dy, { attrs }) => g.unary('trilu', dy, { upper: attrs.upper, k: attrs.k }))

/** The running sum from the other end. */
export const cumsumGrad = linear<{ readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean }>((g, dy, { attrs }) =>
  g.unary('cumsum', dy, { axis: attrs.axis, exclusive: attrs.exclusive, reverse: !attrs.reverse }))

interface PadAttrs { readonly mode: string; readonly before: readonly Dim[]; readonly after: readonly Dim[] }

/** Pads of one value are cut off again. Pads that repeat elements add to them: which, a padded list of positions tells. */
function unpadded<V>(g: GradMath<V>, dy: V, shape: readonly Dim[], { mode, before, after }: PadAttrs): V {
  const negated = (pads: readonly Dim[]): readonly Dim[] => pads.map((d) => mul(-1, d))
  if (mode === 'constant') return g.op('pad', [dy, null], { mode, before: negated(before), after: negated(after) })
  return shape.reduce((sum: V, n, axis) => {
    if (before[axis] === 0 && after[axis] === 0) return sum
    const positions = g.op('range', [], { start: 0, step: 1, length: n, dtype: 'int64' })
    const sources = g.op('pad', [positions, null], { mode, before: [before[axis] as Dim], after: [after[axis] as Dim] })
    return addAlong(g, sum, sources, axis, n)
  }, dy)
}

/** The pad value has what of the gradient does not reach the input. */
export const padGrad: GradRule<PadAttrs> = jointRule<PadAttrs>(NOTHING, (g, dy, of) => {
  const { shape } = of.type(0), axes = shape.map((_, i) => i)
  const dx = unpadded(g, dy, shape, of.attrs)
  if (!of.wanted(1)) return [dx]
  const dvalue = g.sub(g.sum(dy, axes, true), g.sum(dx, axes, true))
  return [of.wanted(0) ? dx : null, g.reshape(dvalue, of.type(1).shape)]
})

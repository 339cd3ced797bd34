/** Gradients of ops with indices: gathers add at their indices, scatters read at theirs. Indices are saved, values only for products and extremes. */
import { product, type Dim } from '../dims.js'
import { jointRule, ruleOf, type GradOperands, type Saved } from '../gradient-rules.js'
import type { GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'

const INDICES: Saved = { inputs: [1], outputs: [] }

/** The numbers 0, 1 … of a given count. */
const countTo = (count: number, from = 0): readonly number[] => Array.from({ length: count }, (_, i) => from + i)

/**
 * Zeros with `extent` elements along `axis`, to which the slices of `x` are added at `indices`: the adjoint of gathering
 * along `axis`. `x` has the axes of the indices in the place of `axis`.
 */
export function addAlong<V>(g: GradMath<V>, x: V, indices: V, axis: number, extent: Dim): V {
  const shape = g.ctx.shape(x), tuple = g.ctx.shape(indices), count = tuple.length
  const outer = shape.slice(0, axis), inner = shape.slice(axis + count)
  const zeros = g.zeros(g.ctx.dtype(x), [extent, ...outer, ...inner])
  const updates = g.transpose(x, [...countTo(count, axis), ...countTo(axis), ...countTo(inner.length, axis + count)])
  const sum = g.op('scatter_nd', [zeros, g.reshape(indices, [...tuple, 1]), updates], { reduction: 'add' })
  return g.transpose(sum, [...countTo(axis, 1), 0, ...countTo(inner.length, axis + 1)])
}

/** Slices of the gradient are added where they were taken. */
export const gatherGrad: GradRule<{ readonly axis: number }> = ruleOf<{ readonly axis: number }>({
  saves: INDICES, gradients: [(g, dy, of) => addAlong(g, dy, of.input(1), of.attrs.axis, of.type(0).shape[of.attrs.axis] as Dim)],
})

/** Elements of the gradient are added where they were taken. */
export const gatherElementsGrad: GradRule<{ readonly axis: number }> = ruleOf<{ readonly axis: number }>({
  saves: INDICES, gradients: [(g, dy, of) => g.op('scatter_elements', [g.zeros(of.type(0).dtype, of.type(0).shape), of.input(1), dy], { axis: of.attrs.axis, reduction: 'add' })],
})

/** Index tuples that name the batch axes too. */
function fullTuples<V>(g: GradMath<V>, indices: V, batch: number): V {
  if (batch === 0) return indices
  const lead = g.ctx.shape(indices).slice(0, -1), dtype = g.ctx.dtype(indices)
  const positions = countTo(batch).map((axis) => {
    const range = g.op('range', [], { start: 0, step: 1, length: lead[axis] as Dim, dtype })
    return g.expand(g.reshape(range, [...lead.map((d, i) => (i === axis ? d : 1)), 1]), [...lead, 1])
  })
  return g.op('concat', [...positions, indices], { axis: lead.length })
}

/** Slices of the gradient are added at the index tuples. */
export const gatherNdGrad: GradRule<{ readonly batch_dims: number }> = ruleOf<{ readonly batch_dims: number }>({
  saves: INDICES,
  gradients: [(g, dy, of) => g.op('scatter_nd', [g.zeros(of.type(0).dtype, of.type(0).shape), fullTuples(g, of.input(1), of.attrs.batch_dims), dy], { reduction: 'add' })],
})

interface ScatterAttrs { readonly reduction: string }
/** Folds updates into `x` at the places of a scatter, and reads what is there. */
interface Places<V> { fold(x: V, updates: V, reduction: string): V; read(x: V): V }
/** The gradients of the tensor that is scattered into and of the updates, made when asked for. */
interface ScatterGradients<V> { readonly own: () => V; readonly updates: () => V }
type ScatterGradient<A extends ScatterAttrs> = <V>(g: GradMath<V>, dy: V, of: GradOperands<V, A>, at: Places<V>) => ScatterGradients<V>

/** Of several updates at one place the last stays, and only it has a gradient: its number is found there. */
function replacing<V>(g: GradMath<V>, dy: V, of: GradOperands<V, ScatterAttrs>, at: Places<V>): ScatterGradients<V> {
  const { shape: own, dtype } = of.type(0), { shape } = of.type(2)
  return {
    own: () => at.fold(dy, g.zeros(dtype, shape), 'none'),
    updates: () => {
      const numbers = g.reshape(g.op('range', [], { start: 0, step: 1, length: product(shape), dtype: 'int64' }), shape)
      const isLast = g.binary('eq', at.read(at.fold(g.zeros('int64', own), numbers, 'none')), numbers)
      return g.where(isLast, at.read(dy), 0)
    },
  }
}

const adding: ScatterGradient<ScatterAttrs> = (_, dy, __, at) => ({ own: () => dy, updates: () => at.read(dy) })

/** All that equal the extreme share its gradient. */
function extreme<V>(g: GradMath<V>, dy: V, of: GradOperands<V, ScatterAttrs>, at: Places<V>): ScatterGradients<V> {
  const { dtype } = of.type(0)
  const ownWins = g.cast(g.binary('eq', of.input(0), of.output), dtype), updateWins = g.cast(g.binary('eq', of.input(2), at.read(of.output)), dtype)
  const share = g.div(dy, at.fold(ownWins, updateWins, 'add'))
  return { own: () => g.mul(share, ownWins), updates: () => g.mul(at.read(share), updateWins) }
}

/** The product of all other factors: the whole over the own one, or where that is the only zero the product of all but zeros. */
function multiplying<V>(g: GradMath<V>, dy: V, of: GradOperands<V, ScatterAttrs>, at: Places<V>): ScatterGradients<V> {
  const { dtype } = of.type(0), x = of.input(0), updates = of.input(2)
  const ownZero = g.binary('eq', x, 0), updateZero = g.binary('eq', updates, 0)
  const isSingle = g.binary('eq', at.fold(g.cast(ownZero, dtype), g.cast(updateZero, dtype), 'add'), 1)
  const rest = g.where(isSingle, g.mul(dy, at.fold(g.where(ownZero, 1, x), g.where(updateZero, 1, updates), 'mul')), 0)
  const whole = g.mul(dy, of.output)
  return { own: () => g.where(ownZero, rest, g.div(whole, x)), updates: () => g.where(updateZero, at.read(rest), g.div(at.read(whole), updates)) }
}

/** The rule of a scatter, given how to write to and read from its places. */
function scatterRule<A extends ScatterAttrs>(placesOf: <V>(g: GradMath<V>, indices: V, attrs: A) => Places<V>): GradRule<A> {
  const ways: Readonly<Record<string, ScatterGradient<A>>> = { none: replacing, add: adding, mul: multiplying, min: extreme, max: extreme }
  return jointRule<A>((_, { reduction }) => (reduction === 'none' || reduction === 'add' ? INDICES : { inputs: [0, 1, 2], outputs: [0] }), (g, dy, of) => {
    const { own, updates } = (ways[of.attrs.reduction] ?? replacing)(g, dy, of, placesOf(g, of.input(1), of.attrs))
    return [of.wanted(0) ? own() : null, null, of.wanted(2) ? updates() : null]
  })
}

/** What was overwritten has no gradient, and updates have that of their places. */
export const scatterElementsGrad: GradRule<{ readonly axis: number; readonly reduction: string }> = scatterRule<{ readonly axis: number; readonly reduction: string }>((g, indices, { axis }) => ({
  fold: (x, updates, reduction) => g.op('scatter_elements', [x, indices, updates], { axis, reduction }),
  read: (x) => g.op('gather_elements', [x, indices], { axis }),
}))

/** As scatter_elements, at index tuples. */
export const scatterNdGrad: GradRule<ScatterAttrs> = scatterRule<ScatterAttrs>((g, indices) => ({
  fold: (x, updates, reduction) => g.op('scatter_nd', [x, indices, updates], { reduction }),
  read: (x) => g.op('gather_nd', [x, indices], { batch_dims: 0 }),
}))

/** The values of one_hot are two elements: the gradient of the marked places is the second's, that of the others the first's. */
export const oneHotGrad: GradRule<{ readonly axis: number; readonly depth: Dim }> = ruleOf<{ readonly axis: number; readonly depth: Dim }>({
  saves: { inputs: [0], outputs: [] },
  gradients: [null, <V>(g: GradMath<V>, dy: V, of: GradOperands<V, { readonly axis: number; readonly depth: Dim }>) => {
    const { dtype } = of.type(1), axes = of.outputType.shape.map((_, i) => i)
    const off = g.ctx.scalar(dtype, 0), on = g.ctx.scalar(dtype, 1)
    const marks = g.op('one_hot', [of.input(0), g.op('concat', [g.reshape(off, [1]), g.reshape(on, [1])], { axis: 0 })], { axis: of.attrs.axis, depth: of.attrs.depth })
    const total = (x: V): V => g.reshape(g.sum(x, axes, true), [1])
    return g.op('concat', [total(g.mul(dy, g.sub(1, marks))), total(g.mul(dy, marks))], { axis: 0 })
  }],
})

/** Gradient of resize: linear along each axis in turn, in every mode, so each axis is multiplied by the transposed matrix of its own resize. */
import type { DType } from '../../base/dtype.js'
import type { Dim } from '../dims.js'
import { inputShape, linear, type GradMath } from '../gradients.js'
import type { GradRule } from '../op.js'
import { resizedAxes, type ResizeAttrs } from './resize-attributes.js'

/** The resized rows of the identity: row j holds, of input element j, the weight in each output element. */
function transposedMatrix<V>(g: GradMath<V>, dtype: DType, axis: number, from: Dim, to: Dim, attrs: ResizeAttrs): V {
  const places = g.op('range', [], { start: 0, step: 1, length: from, dtype: 'int64' })
  const identity = g.cast(g.binary('eq', g.reshape(places, [from, 1]), places), dtype)
  const rank = attrs.shape.length
  const own = { scales: [1, attrs.scales[axis] as number], roi: [0, attrs.roi[axis] as number, 1, attrs.roi[rank + axis] as number], shape: [from, to] }
  // Outside of the region there is a constant, which has no gradient.
  return g.unary('resize', identity, { ...attrs, ...own, extrapolation: 0 })
}

/** Each resized axis multiplied by its transposed matrix; a matrix has as many elements as the product of the extents before and after. */
export const resizeGrad: GradRule<ResizeAttrs> = linear<ResizeAttrs>((g, dy, call) => {
  const shape = inputShape(call, 0), { attrs } = call, last = shape.length - 1
  return resizedAxes(shape, attrs.shape, attrs).reduce((d, { axis, input, output }) => {
    const matrix = transposedMatrix(g, g.ctx.dtype(dy), axis, input, output, attrs)
    const swapped = shape.map((_, i) => (i === axis ? last : i === last ? axis : i))
    const product = g.op('matmul', [g.transpose(d, swapped), matrix], { trans_a: false, trans_b: true })
    return g.transpose(product, swapped)
  }, dy)
})

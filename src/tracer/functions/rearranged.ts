/** Shapes and orders of axes that both the views and the in-place changes of shape come to. */
import type { Tensor } from '../tensor.js'
import { axesOf, axisOf } from './axes.js'

/** The order of axes with two exchanged. */
export function exchanged(x: Tensor, dim0: number, dim1: number): readonly number[] {
  const a = axisOf(dim0, x.shape.length), b = axisOf(dim1, x.shape.length)
  return x.shape.map((_, i) => (i === a ? b : i === b ? a : i))
}

/** The shape with a new axis of extent 1 at `dim`. */
export function unsqueezed(x: Tensor, dim: number): readonly number[] {
  const axis = axisOf(dim, x.shape.length + 1)
  return [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)]
}

/** The shape without the axes of extent 1 among the given ones, or among all. */
export function squeezed(x: Tensor, dim?: number | readonly number[]): readonly number[] {
  const axes = axesOf(dim, x.shape.length)
  return x.shape.filter((d, i) => d !== 1 || !axes.includes(i))
}

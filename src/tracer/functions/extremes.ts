/** The extremes of all elements, along an axis with their positions, or of each pair. */
import { apply1 } from '../dispatch.js'
import type { Tensor } from '../tensor.js'
import { maximum, minimum } from './arithmetic.js'
import { axisOf } from './axes.js'
import { amax, amin, type KeepOptions } from './reductions.js'
import { takeAlongDim } from './indexing.js'
import { reshape, squeeze } from './movement.js'

/** Elements and their positions along an axis. */
export interface ValuesAndIndices { readonly values: Tensor; readonly indices: Tensor }

/** The forms of `max` and `min` as methods. */
export interface ExtremeMethods {
  /** The greatest element. Source: torch.max. */
  max(): Tensor
  /** The greatest elements along an axis, and where they are: the first of equal ones. */
  max(dim: number, options?: KeepOptions): ValuesAndIndices
  /** The greater of each pair. */
  max(other: Tensor): Tensor
  /** The least element. Source: torch.min. */
  min(): Tensor
  /** The least elements along an axis, and where they are: the first of equal ones. */
  min(dim: number, options?: KeepOptions): ValuesAndIndices
  /** The lesser of each pair. */
  min(other: Tensor): Tensor
}

function along(op: string, x: Tensor, dim: number, options: KeepOptions): ValuesAndIndices {
  const kept = position(op, x, dim, { keepdim: true }), values = takeAlongDim(x, kept, dim)
  return options.keepdim === true ? { values, indices: kept } : { values: squeeze(values, dim), indices: squeeze(kept, dim) }
}

function position(op: string, x: Tensor, dim: number | null, options: KeepOptions): Tensor {
  const list = dim === null || x.shape.length === 0 ? reshape(x, -1) : x
  const result = apply1(op, [list], { axis: dim === null ? 0 : axisOf(dim, list.shape.length), keepdims: options.keepdim === true && x.shape.length > 0 && dim !== null, select_last: false })
  return dim === null && options.keepdim === true ? reshape(result, x.shape.map(() => 1)) : result
}

/** The greatest element, the greatest along an axis with their positions, or the greater of each pair. Source: torch.max. */
export function max(self: Tensor): Tensor
export function max(self: Tensor, dim: number, options?: KeepOptions): ValuesAndIndices
export function max(self: Tensor, other: Tensor): Tensor
export function max(self: Tensor, by?: number | Tensor, options: KeepOptions = {}): Tensor | ValuesAndIndices {
  if (by === undefined) return amax(self)
  return typeof by === 'number' ? along('argmax', self, by, options) : maximum(self, by)
}

/** The least element, the least along an axis with their positions, or the lesser of each pair. Source: torch.min. */
export function min(self: Tensor): Tensor
export function min(self: Tensor, dim: number, options?: KeepOptions): ValuesAndIndices
export function min(self: Tensor, other: Tensor): Tensor
export function min(self: Tensor, by?: number | Tensor, options: KeepOptions = {}): Tensor | ValuesAndIndices {
  if (by === undefined) return amin(self)
  return typeof by === 'number' ? along('argmin', self, by, options) : minimum(self, by)
}

/** The position of the greatest element along an axis, or among all; of equal ones the first. Source: torch.argmax. */
export function argmax(self: Tensor, dim: number | null = null, options: KeepOptions = {}): Tensor { return position('argmax', self, dim, options) }

/** The position of the least element along an axis, or among all; of equal ones the first. Source: torch.argmin. */
export function argmin(self: Tensor, dim: number | null = null, options: KeepOptions = {}): Tensor { return position('argmin', self, dim, options) }

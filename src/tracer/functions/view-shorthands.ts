/** Views by other names and from other descriptions than the plain ones of `movement.ts`. */
import { callError } from '../call-error.js'
import { countOf, dims, isSymbolic } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { applyView } from '../views.js'
import { axisOf, resolveShape, shapeArgument } from './axes.js'
import { expand, narrow, permute, reshape, split, transpose } from './movement.js'

/** A view in the shape of another tensor, stretched. Source: torch.Tensor.expand_as. */
export function expandAs(self: Tensor, other: Tensor): Tensor { return expand(self, other.shape) }

/** expand, by another name. Source: torch.broadcast_to. */
export function broadcastTo(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor { return expand(self, shapeArgument(shape)) }

/** The elements in the shape of another tensor, as a view where that can be. Source: torch.Tensor.reshape_as. */
export function reshapeAs(self: Tensor, other: Tensor): Tensor { return reshape(self, other.shape) }

/** transpose, by another name. Source: torch.swapaxes. */
export function swapaxes(self: Tensor, axis0: number, axis1: number): Tensor { return transpose(self, axis0, axis1) }

/** transpose, by another name. Source: torch.swapdims. */
export function swapdims(self: Tensor, dim0: number, dim1: number): Tensor { return transpose(self, dim0, dim1) }

/** A matrix with its axes exchanged; vectors and numbers as they are. Source: torch.t. */
export function t(self: Tensor): Tensor {
  if (self.shape.length > 2) throw callError('shape-mismatch', `t() is of matrices, not of [${self.shape.join(', ')}]`, { hint: 'use transpose(-2, -1)' })
  return self.shape.length === 2 ? transpose(self, 0, 1) : self
}

/** A view with axes moved to other places; the rest keep their order. Source: torch.movedim. */
export function movedim(self: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
  const rank = self.shape.length, list = (axes: number | readonly number[]): number[] => (typeof axes === 'number' ? [axes] : [...axes]).map((a) => axisOf(a, rank))
  const from = list(source), to = list(destination)
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
    throw callError('bad-attribute', `movedim moves the axes [${from.join(', ')}] to [${to.join(', ')}]; each must be named once`)
  }
  const rest = self.shape.flatMap((_, i) => (from.includes(i) ? [] : [i]))
  return permute(self, self.shape.map((_, i) => (to.includes(i) ? (from[to.indexOf(i)] as number) : (rest.shift() as number))))
}

/** movedim, by another name. Source: torch.moveaxis. */
export function moveaxis(self: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor { return movedim(self, source, destination) }

/** All elements in a row, as a view where that can be. Source: torch.ravel. */
export function ravel(self: Tensor): Tensor { return reshape(self, -1) }

/** A view with one axis as several; one extent may be -1. Source: torch.unflatten. */
export function unflatten(self: Tensor, dim: number, sizes: readonly number[]): Tensor {
  const axis = axisOf(dim, self.shape.length), extent = self.shape[axis] ?? 1, inner = resolveShape(sizes, extent)
  if (!isSymbolic(countOf(inner)) && !isSymbolic(extent) && countOf(inner) !== extent) throw callError('shape-mismatch', `[${sizes.join(', ')}] does not make an axis of ${extent}`)
  return reshape(self, [...self.shape.slice(0, axis), ...inner, ...self.shape.slice(axis + 1)])
}

/** A view of the positions of an axis from `start` to before `end`, `step` apart: `self[start:end:step]` in Python. Bounds beyond the axis are its ends. */
export function slice(self: Tensor, dim: number, start: number | null = null, end: number | null = null, step = 1): Tensor {
  const axis = axisOf(dim, self.shape.length), extent = self.shape[axis] ?? 1
  if (!(Number.isInteger(step) && step >= 1)) throw callError('bad-attribute', `a step of ${step}`, { hint: 'use flip to go backwards' })
  const bound = (at: number | null, otherwise: number): number => {
    if (at === null) return otherwise
    return dims.max(0, dims.min(!isSymbolic(at) && at < 0 ? dims.add(at, extent) : at, extent))
  }
  const from = bound(start, 0), to = bound(end, extent), length = dims.max(0, dims.sub(to, from))
  return applyView('slice', self, { axes: [axis], starts: [from], steps: [step], sizes: [dims.floorDiv(dims.add(length, step - 1), step)] })
}

/** Views of parts of an axis: of so many nearly equal ones, or between the given positions. Source: torch.tensor_split. */
export function tensorSplit(self: Tensor, parts: number | readonly number[], dim = 0): Tensor[] {
  const axis = axisOf(dim, self.shape.length), extent = self.shape[axis] ?? 1
  if (typeof parts !== 'number') {
    const at = parts.map((p) => Math.max(0, Math.min(p < 0 ? p + extent : p, extent)))
    return [...at, extent].map((end, i) => narrow(self, axis, at[i - 1] ?? 0, Math.max(0, end - (at[i - 1] ?? 0))))
  }
  if (!(parts >= 1)) throw callError('bad-attribute', `an axis is not split into ${parts} parts`)
  return split(self, Array.from({ length: parts }, (_, i) => Math.floor(extent / parts) + (i < extent % parts ? 1 : 0)), axis)
}

/** Views of parts side by side. Source: torch.hsplit. */
export function hsplit(self: Tensor, parts: number | readonly number[]): Tensor[] { return tensorSplit(self, parts, self.shape.length === 1 ? 0 : 1) }

/** Views of parts one below the other. Source: torch.vsplit. */
export function vsplit(self: Tensor, parts: number | readonly number[]): Tensor[] { return tensorSplit(self, parts, 0) }

/** The diagonal of two axes, from `offset` columns to the right, as the last axis. Source: torch.diagonal. */
export function diagonal(self: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
  const moved = movedim(self, [dim1, dim2], [-2, -1]), [rows = 0, columns = 0] = moved.shape.slice(-2), outer = moved.shape.slice(0, -2)
  const length = Math.max(0, offset < 0 ? Math.min(rows + offset, columns) : Math.min(rows, columns - offset))
  const start = offset < 0 ? -offset * columns : offset
  // Steps of one row and one column among the elements of a matrix in a row.
  return slice(narrow(reshape(moved, [...outer, rows * columns]), -1, length === 0 ? 0 : start, length === 0 ? 0 : (length - 1) * (columns + 1) + 1), -1, null, null, columns + 1)
}

/** Functions that only move elements: views where elements can stay, copies where not. */
import { callError } from '../call-error.js'
import { evaluate } from '../dispatch.js'
import { countOf, dims, isSymbolic } from '../extents.js'
import type { Tensor } from '../tensor.js'
import { applyView } from '../views.js'
import { axisOf, resolveShape, shapeArgument } from './axes.js'
import { exchanged, squeezed, unsqueezed } from './rearranged.js'

/** The same elements in another shape; one extent may be -1. Throws `shape-mismatch` where that needs a copy. Source: torch.Tensor.view. */
export function view(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
  return applyView('reshape', self, { shape: resolveShape(shapeArgument(shape), countOf(self.shape)) })
}

/** The same elements in another shape, as a view where that can be. Source: torch.reshape. */
export function reshape(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
  return evaluate('reshape', [self], { shape: resolveShape(shapeArgument(shape), countOf(self.shape)) })
}

/** A view in the shape of another tensor. Source: torch.Tensor.view_as. */
export function viewAs(self: Tensor, other: Tensor): Tensor { return view(self, other.shape) }

/** A view whose axes of extent 1 are stretched; -1 keeps an extent. Source: torch.Tensor.expand. */
export function expand(self: Tensor, ...shape: number[] | [readonly number[]]): Tensor {
  const wanted = shapeArgument(shape)
  const missing = wanted.length - self.shape.length
  return applyView('expand', self, { shape: wanted.map((d, i) => (d === -1 ? (self.shape[i - missing] ?? -1) : d)) })
}

/** A view with its axes in another order. Source: torch.permute. */
export function permute(self: Tensor, ...dims: number[] | [readonly number[]]): Tensor {
  return applyView('transpose', self, { perm: shapeArgument(dims).map((d) => axisOf(d, self.shape.length)) })
}

/** A view with two axes exchanged. Source: torch.transpose. */
export function transpose(self: Tensor, dim0: number, dim1: number): Tensor { return applyView('transpose', self, { perm: exchanged(self, dim0, dim1) }) }

/** A view of a part of one axis: `length` positions from `start` on. Source: torch.narrow. */
export function narrow(self: Tensor, dim: number, start: number, length: number): Tensor { return part(self, dim, start, length, false) }

/** A view of one position of an axis, which is dropped. Source: torch.select. */
export function select(self: Tensor, dim: number, index: number): Tensor { return at(self, dim, index, false) }

/** A view with a new axis of extent 1. Source: torch.unsqueeze. */
export function unsqueeze(self: Tensor, dim: number): Tensor { return applyView('reshape', self, { shape: unsqueezed(self, dim) }) }

/** A view without the axes of extent 1, or without the given ones if they have it. Source: torch.squeeze. */
export function squeeze(self: Tensor, dim?: number | readonly number[]): Tensor { return applyView('reshape', self, { shape: squeezed(self, dim) }) }

/** Views of parts of an axis, `size` long each (the last may be shorter), or of the given lengths. Source: torch.split. */
export function split(self: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  const extent = self.shape[axisOf(dim, self.shape.length)] ?? 1
  const sizes = typeof size === 'number' ? Array.from({ length: Math.max(1, Math.ceil(extent / size)) }, (_, i) => Math.min(size, extent - i * size)) : size
  if (sizes.reduce((n, s) => n + s, 0) !== extent) throw callError('shape-mismatch', `parts of [${sizes.join(', ')}] do not make an axis of ${extent}`)
  let start = 0
  return sizes.map((s) => {
    start += s
    return part(self, dim, start - s, s, true)
  })
}

/** Views of about `chunks` equal parts of an axis. Source: torch.chunk. */
export function chunk(self: Tensor, chunks: number, dim = 0): Tensor[] {
  return split(self, Math.max(1, Math.ceil((self.shape[axisOf(dim, self.shape.length)] ?? 1) / chunks)), dim)
}

/** A view of each position of an axis. Source: torch.unbind. */
export function unbind(self: Tensor, dim = 0): Tensor[] {
  return Array.from({ length: self.shape[axisOf(dim, self.shape.length)] ?? 0 }, (_, i) => at(self, dim, i, true))
}

function part(x: Tensor, dim: number, start: number, length: number, multi: boolean): Tensor {
  const axis = axisOf(dim, x.shape.length), extent = x.shape[axis] ?? 1
  const from = !isSymbolic(start) && start < 0 ? dims.add(start, extent) : start
  const rest = dims.sub(extent, dims.add(from, length))
  // What cannot be known to be within is refused when the graph runs.
  if ([from, length, rest].some((n) => !isSymbolic(n) && n < 0)) throw callError('index-out-of-range', `${length} positions from ${start} on are not within an axis of ${extent}`)
  return applyView('slice', x, { axes: [axis], starts: [from], steps: [1], sizes: [length] }, multi)
}

function at(x: Tensor, dim: number, index: number, multi: boolean): Tensor {
  const axis = axisOf(dim, x.shape.length), extent = x.shape[axis]
  if (extent === undefined || (!isSymbolic(extent) && (index < -extent || index >= extent))) throw callError('index-out-of-range', `index ${index} is outside an axis of ${extent ?? 0} elements`)
  return applyView('reshape', part(x, axis, index, 1, multi), { shape: x.shape.filter((_, i) => i !== axis) }, multi)
}

/** The axes from `startDim` to `endDim` as one, as a view where that can be. Source: torch.flatten. */
export function flatten(self: Tensor, startDim = 0, endDim = -1): Tensor {
  const rank = self.shape.length, start = axisOf(startDim, rank), end = axisOf(endDim, rank)
  if (start === end && rank > 0) return self
  return reshape(self, [...self.shape.slice(0, start), countOf(self.shape.slice(start, end + 1)), ...self.shape.slice(end + 1)])
}

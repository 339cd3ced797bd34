/** Functions of lists of tensors. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { writeOut } from '../inplace.js'
import { promoted } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import type { OutOptions } from './arithmetic.js'
import { axisOf } from './axes.js'
import { expand, reshape, unsqueeze } from './movement.js'

function first(tensors: readonly Tensor[], name: string): Tensor {
  const [t] = tensors
  if (t === undefined) throw callError('bad-attribute', `${name} needs at least one tensor`)
  return t
}

/** The tensors one after the other along an axis. Source: torch.cat. */
export function cat(tensors: readonly Tensor[], dim = 0, options: OutOptions = {}): Tensor {
  const axis = axisOf(dim, first(tensors, 'cat').shape.length)
  const compute = (): Tensor => apply1('concat', promoted(tensors), { axis })
  return options.out === undefined ? compute() : writeOut(options.out, tensors, compute)
}

/** The tensors one after the other along a new axis. Source: torch.stack. */
export function stack(tensors: readonly Tensor[], dim = 0, options: OutOptions = {}): Tensor {
  const axis = axisOf(dim, first(tensors, 'stack').shape.length + 1)
  return cat(tensors.map((t) => unsqueeze(t, axis)), axis, options)
}

/** Rows one below the other; vectors are rows. Source: torch.vstack. */
export function vstack(tensors: readonly Tensor[]): Tensor { return cat(tensors.map((t) => (t.shape.length < 2 ? reshape(t, 1, -1) : t)), 0) }

/** Tensors side by side: along the second axis, vectors one after the other. Source: torch.hstack. */
export function hstack(tensors: readonly Tensor[]): Tensor {
  const lists = tensors.map((t) => (t.shape.length === 0 ? reshape(t, 1) : t))
  return cat(lists, first(lists, 'hstack').shape.length === 1 ? 0 : 1)
}

/** Views of the tensors in their common shape. Source: torch.broadcast_tensors. */
export function broadcastTensors(...tensors: readonly Tensor[]): Tensor[] {
  const rank = Math.max(0, ...tensors.map((t) => t.shape.length))
  const shape = Array.from({ length: rank }, (_, i) => {
    const extents = tensors.map((t) => t.shape[t.shape.length - rank + i] ?? 1)
    return extents.find((d) => d !== 1) ?? 1
  })
  return tensors.map((t) => expand(t, shape))
}

/** Each vector's elements along an axis of its own, in the shape of all axes; with `xy` the first two axes are exchanged. Source: torch.meshgrid. */
export function meshgrid(tensors: readonly Tensor[], indexing: 'ij' | 'xy' = 'ij'): Tensor[] {
  const exchange = indexing === 'xy' && tensors.length > 1
  const axisAt = (i: number): number => (exchange && i < 2 ? 1 - i : i)
  return broadcastTensors(...tensors.map((t, i) => reshape(t, tensors.map((_, axis) => (axis === axisAt(i) ? -1 : 1)))))
}

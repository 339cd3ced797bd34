/**
 * Memory orders of tensors: a permutation of the axes, outermost first. `[0, 2, 3, 1]` keeps an image [N, C, H, W] with its
 * channels side by side. Values without an order are row-major; orders that differ only in where axes of extent 1 stand are the same.
 */
import { elementCount, type HostTensor } from '../base/dtype.js'
import { dimsEqual, type Dim } from './dims.js'
import { shapeOf, type Value } from './graph.js'
import { reshapeGroups } from './reshape-groups.js'

export type Order = readonly number[]

const isIncreasing = (list: readonly number[]): boolean => list.every((x, i) => i === 0 || x > (list[i - 1] as number))

/** `order` as it is written on a value of `shape`: undefined where memory is row-major all the same. Axes of extent 1 keep the place that row-major gives them, as far as that is one. */
export function normalOrder(shape: readonly Dim[], order: Order | undefined): Order | undefined {
  return order === undefined || isIncreasing(order.filter((a) => shape[a] !== 1)) ? undefined : order
}

/** Axes outermost first, those of extent 1 left out: equal for values whose elements lie in the same places. */
export function significantOrder(shape: readonly Dim[], order: Order | undefined): Order {
  return (order ?? shape.map((_, a) => a)).filter((a) => shape[a] !== 1)
}

/** True where both orders put the elements of a tensor of `shape` into the same places. */
export function sameLayout(shape: readonly Dim[], a: Order | undefined, b: Order | undefined): boolean {
  const x = significantOrder(shape, a), y = significantOrder(shape, b)
  return x.every((axis, i) => axis === y[i])
}

/** Batch, spatial axes, channels: for tensors [N, C, spatial…] of rank 3 or more. */
export function channelsLast(rank: number): Order {
  return [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1]
}

/** True where `value` lies row-major. */
export const isRowMajor = (value: Value): boolean => value.order === undefined

/**
 * The order that the same memory has when it is read under the shape `to`, if it has one: every run of axes that becomes
 * others must lie together in memory. `{ order: undefined }` is row-major; undefined means that a copy is needed.
 */
export function reshapedOrder(from: readonly Dim[], order: Order | undefined, to: readonly Dim[]): { readonly order: Order | undefined } | undefined {
  const sequence = significantOrder(from, order)
  if (isIncreasing(sequence)) return { order: undefined }
  const placed: { readonly at: number; readonly axes: readonly number[] }[] = [], loose: number[] = []
  for (const group of reshapeGroups(from, to)) {
    const axes = group.from.filter((a) => !dimsEqual(from[a] as Dim, 1))
    const at = axes.length === 0 ? -1 : sequence.indexOf(axes[0] as number)
    if (axes.some((a, i) => sequence[at + i] !== a)) return undefined
    if (axes.length === 0) loose.push(...group.to)
    else placed.push({ at, axes: group.to })
  }
  return { order: normalOrder(to, [...loose, ...placed.sort((a, b) => a.at - b.at).flatMap((p) => p.axes)]) }
}

/** Rank-N strides, in elements, of a tensor that lies in `order`; by logical axis. */
export function stridesOf(shape: readonly number[], order: Order | undefined): number[] {
  const strides = new Array<number>(shape.length).fill(1)
  let stride = 1
  for (const axis of [...(order ?? shape.map((_, a) => a))].reverse()) { strides[axis] = stride; stride *= shape[axis] as number }
  return strides
}

/** The elements of `tensor` in the places that `order` gives them. Dtypes whose elements share bytes stay row-major: throws nothing, gives them back as they are. */
export function elementsInOrder(tensor: HostTensor, order: Order | undefined): HostTensor['data'] {
  const { shape, data } = tensor
  if (order === undefined || data.length !== elementCount(shape) || normalOrder(shape, order) === undefined) return data
  const out = data.slice(), from = stridesOf(shape, undefined), rank = shape.length
  const at = new Array<number>(rank).fill(0)
  let source = 0
  for (let place = 0; place < data.length; place++) {
    out[place] = data[source] as never
    for (let k = rank - 1; k >= 0; k--) {
      const axis = order[k] as number, stride = from[axis] as number
      at[axis] = (at[axis] as number) + 1
      source += stride
      if ((at[axis] as number) < (shape[axis] as number)) break
      source -= stride * (shape[axis] as number)
      at[axis] = 0
    }
  }
  return out
}

/** The shape of `value` in memory: its extents outermost first. */
export function physicalShape(value: Value): readonly Dim[] {
  const shape = shapeOf(value)
  return value.order === undefined ? shape : value.order.map((a) => shape[a] as Dim)
}

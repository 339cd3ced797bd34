/** Where elements are: memory that a tensor and its views share, and the strides by which each of them sees it. */
import { allocate, DTYPES, elementCount, type DType, type TensorStorage } from '../base/dtype.js'
import { IngotError } from '../base/error.js'
import { reshapeGroups } from '../ir/reshape-groups.js'
import { dims, dimsOfShape, isSymbolic, stridesOf, timesExtent } from './extents.js'
import { axisOffsets, boxOffsets, rowMajorStrides } from '../ir/ops/offsets.js'

/** Memory shared by a tensor and its views. */
export interface Storage { readonly data: TensorStorage }

/** How a tensor sees a storage: element [i…] is at `offset + Σ i·stride`, in elements. Packed dtypes are only ever contiguous. */
export interface Geometry {
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  readonly offset: number
}

/** Row-major geometry from the first element on. */
export function contiguousGeometry(shape: readonly number[]): Geometry {
  return { shape, strides: stridesOf(shape), offset: 0 }
}

/** True where the elements lie in row-major order without gaps. Strides of axes with one element do not matter. */
export function isContiguous({ shape, strides }: Geometry): boolean {
  if (shape.includes(0)) return true
  for (let i = shape.length - 1, expected = 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false
    expected = timesExtent(expected, shape[i] as number)
  }
  return true
}

/** True where two indices share an element, as in expanded tensors. */
export function overlapsItself({ shape, strides }: Geometry): boolean {
  return !shape.includes(0) && shape.some((d, i) => d !== 1 && strides[i] === 0)
}

/** Where each element is in the storage, in row-major order. */
export function elementOffsets(geometry: Geometry): Int32Array {
  const offsets = boxOffsets(geometry.shape.map((d, i) => axisOffsets(d, geometry.strides[i] as number)))
  if (geometry.offset !== 0) for (let i = 0; i < offsets.length; i++) offsets[i] = (offsets[i] as number) + geometry.offset
  return offsets
}

/** The elements in row-major order: the storage itself or a window of it where that can be, else a copy. */
export function readElements(dtype: DType, { data }: Storage, geometry: Geometry): TensorStorage {
  const count = elementCount(geometry.shape)
  if (DTYPES[dtype].bits < 8 && dtype !== 'string') return data
  if (isContiguous(geometry)) {
    if (geometry.offset === 0 && data.length === count) return data
    return ArrayBuffer.isView(data) ? data.subarray(geometry.offset, geometry.offset + count) : data.slice(geometry.offset, geometry.offset + count)
  }
  const out = allocate(dtype, count) as unknown as unknown[]
  elementOffsets(geometry).forEach((at, i) => { out[i] = data[at] })
  return out as unknown as TensorStorage
}

/** Writes `elements`, in row-major order, to where the tensor's are. */
export function writeElements(dtype: DType, { data }: Storage, geometry: Geometry, elements: TensorStorage): void {
  if (!ArrayBuffer.isView(data)) throw new IngotError('unsupported-dtype', 'strings cannot be written in place', { where: { dtype } })
  const from = elements as Float32Array, to = data as Float32Array
  if (isContiguous(geometry)) to.set(from, geometry.offset)
  else elementOffsets(geometry).forEach((at, i) => { to[at] = from[i] as number })
}

/** The strides under which the elements of `geometry` have another shape, or undefined where no strides do. Source: torch's computeStride. */
export function reshapeStrides({ shape, strides }: Geometry, to: readonly number[]): number[] | undefined {
  if ([...shape, ...strides, ...to].some(isSymbolic)) return symbolicStrides({ shape, strides, offset: 0 }, to)
  if (elementCount(shape) === 0) return rowMajorStrides(to)
  const out = new Array<number>(to.length)
  let view = to.length - 1
  // Runs of axes that lie in memory as one axis, innermost first, are cut into axes of the new shape.
  let run = 1, base = strides[shape.length - 1] ?? 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    run *= shape[axis] as number
    const outer = shape[axis - 1]
    if (outer !== undefined && (outer === 1 || strides[axis - 1] === run * base)) continue
    let taken = 1
    while (view >= 0 && (taken < run || to[view] === 1)) {
      out[view] = taken * base
      taken *= to[view] as number
      view--
    }
    if (taken !== run) return undefined
    run = 1
    base = strides[axis - 1] ?? 1
  }
  for (; view >= 0; view--) out[view] = base
  return out
}

/** The same where extents are symbols: runs of axes with equal counts are cut, if each run lies in memory as one axis. */
function symbolicStrides({ shape, strides }: Geometry, to: readonly number[]): number[] | undefined {
  const out = new Array<number>(to.length).fill(1)
  for (const group of reshapeGroups(dimsOfShape(shape), dimsOfShape(to))) {
    const run = group.from.filter((axis) => shape[axis] !== 1)
    if (run.some((axis, k) => { const next = run[k + 1]; return next !== undefined && strides[axis] !== dims.mul(shape[next] as number, strides[next] as number) })) return undefined
    const last = run.at(-1)
    const inner = stridesOf(group.to.map((axis) => to[axis] as number))
    group.to.forEach((axis, k) => { out[axis] = dims.mul(inner[k] as number, last === undefined ? 1 : (strides[last] as number)) })
  }
  return out
}

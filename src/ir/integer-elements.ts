/** Small integer tensors as dims: how shape arithmetic is read from values and turned back into tensors. */
import { allocate, type DType, type HostTensor, type TensorStorage } from '../base/dtype.js'
import type { Dim } from './dims.js'
import type { Value } from './graph.js'

/** Integer tensors up to this many elements carry their elements as dims. */
export const SYMBOLIC_ELEMENTS = 256

/** The elements of a small integer tensor as dims: known symbolically, or constants. Undefined when not known. */
export function dimsOf(value: Value): readonly Dim[] | undefined {
  if (value.dims !== undefined) return value.dims
  if (value.data === undefined || !['int64', 'int32', 'bool'].includes(value.data.dtype)) return undefined
  return value.data.data.length <= SYMBOLIC_ELEMENTS ? Array.from(value.data.data as ArrayLike<number | bigint>, Number) : undefined
}

/** An integer or bool tensor of the given elements. */
export function integerTensor(type: { readonly dtype: DType; readonly shape: readonly Dim[] }, elements: readonly number[]): HostTensor {
  const data = allocate(type.dtype, elements.length) as { [i: number]: number | bigint } & TensorStorage
  const big = type.dtype === 'int64' || type.dtype === 'uint64'
  elements.forEach((e, i) => { data[i] = big ? BigInt(e) : e })
  return { dtype: type.dtype, shape: type.shape as readonly number[], data }
}

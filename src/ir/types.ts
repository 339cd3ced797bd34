/** Types of values in a graph: tensors with dtype and symbolic shape, and ONNX's sequences, optionals and maps. */
import type { DType } from '../base/dtype.js'
import { printShape } from './dims-text.js'
import { shapesEqual, type Dim } from './dims.js'

export interface TensorType { readonly kind: 'tensor'; readonly dtype: DType; readonly shape: readonly Dim[] }
export interface SequenceType { readonly kind: 'sequence'; readonly element: ValueType }
export interface OptionalType { readonly kind: 'optional'; readonly element: ValueType }
export interface MapType { readonly kind: 'map'; readonly key: DType; readonly value: ValueType }
export type ValueType = TensorType | SequenceType | OptionalType | MapType

/** The tensor type of `dtype` and `shape`. */
export function tensorType(dtype: DType, shape: readonly Dim[]): TensorType {
  return { kind: 'tensor', dtype, shape }
}

/** `float32[batch, 3]`, `seq(int64[n])`, `optional(…)`, `map(string, …)`. */
export function printType(type: ValueType): string {
  switch (type.kind) {
    case 'tensor': return `${type.dtype}${printShape(type.shape)}`
    case 'sequence': return `seq(${printType(type.element)})`
    case 'optional': return `optional(${printType(type.element)})`
    case 'map': return `map(${type.key}, ${printType(type.value)})`
  }
}

/** True when both types are the same with provably equal extents. */
export function typesEqual(a: ValueType, b: ValueType): boolean {
  if (a.kind === 'tensor') return b.kind === 'tensor' && a.dtype === b.dtype && shapesEqual(a.shape, b.shape)
  if (a.kind === 'map') return b.kind === 'map' && a.key === b.key && typesEqual(a.value, b.value)
  return a.kind === b.kind && typesEqual(a.element, b.element)
}

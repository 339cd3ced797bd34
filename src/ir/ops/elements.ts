/** Elements of host tensors as references work on them: numbers, or bigints for 64-bit integers. */
import { allocate, DTYPES, elementCount, type DType, type HostTensor, type TensorStorage } from '../../base/dtype.js'
import { fromNumbers, toNumbers } from '../host-tensor.js'
import type { ConcreteType } from '../op.js'
import { findElementClass } from './operands.js'

export type Element = number | bigint
/** Something that holds elements; which kind is the dtype's `ElementClass`. */
export interface Elements { readonly length: number; [index: number]: Element }
/** Numbers to read and write. */
export interface Numbers { readonly length: number; [index: number]: number }

/** True for the 16-bit floats, whose storage is bits. */
const storedAsBits = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16'

/** The elements of a tensor, to read only: its storage, or decoded numbers for 16-bit floats. */
export function elementsOf(tensor: HostTensor): Elements {
  return storedAsBits(tensor.dtype) ? toNumbers(tensor) : (tensor.data as unknown as Elements)
}

/** The elements of a tensor as numbers; 64-bit integers lose what doubles cannot hold. */
export function numbersOf(tensor: HostTensor): Numbers {
  if (findElementClass(tensor.dtype) === 'big') return Float64Array.from(tensor.data as BigInt64Array, Number)
  return elementsOf(tensor) as Numbers
}

/** Space for `count` elements of `dtype`; give it to `tensorOfElements` when filled. Integers wrap and floats round as they are written. */
export function newElements(dtype: DType, count: number): Elements {
  return storedAsBits(dtype) ? new Float64Array(count) : (allocate(dtype, count) as unknown as Elements)
}

/** The tensor that `newElements(type.dtype, …)` were filled for. */
export function tensorOfElements(type: ConcreteType, elements: Elements): HostTensor {
  if (storedAsBits(type.dtype)) return fromNumbers(type.dtype, type.shape, elements as Float64Array)
  return { dtype: type.dtype, shape: type.shape, data: elements as unknown as TensorStorage }
}

/** `value` as an element of `dtype`: a bigint for 64-bit integers. */
export function elementOf(dtype: DType, value: number): Element {
  return findElementClass(dtype) === 'big' ? BigInt(value) : value
}

/** A result whose element `i` is element `offsets[i]` of `input`, bits unchanged; `outside` stands where the offset is negative. */
export function pick(input: HostTensor, type: ConcreteType, offsets: Int32Array, outside?: HostTensor): HostTensor {
  const from = input.data as unknown as Elements
  const data = allocate(type.dtype, elementCount(type.shape)) as unknown as Elements
  const rest = outside === undefined ? elementOf(type.dtype, 0) : ((outside.data as unknown as Elements)[0] as Element)
  for (let i = 0; i < data.length; i++) {
    const at = offsets[i] as number
    data[i] = at < 0 ? rest : (from[at] as Element)
  }
  return { dtype: type.dtype, shape: type.shape, data: data as unknown as TensorStorage }
}

/** Least and greatest element of a dtype; infinities for floats. */
export function limitsOf(dtype: DType): { readonly lowest: Element; readonly highest: Element } {
  const { bits, kind } = DTYPES[dtype]
  if (kind === 'float') return { lowest: -Infinity, highest: Infinity }
  if (kind === 'bool') return { lowest: 0, highest: 1 }
  const signed = kind === 'int'
  if (bits === 64) return { lowest: signed ? -(2n ** 63n) : 0n, highest: 2n ** (signed ? 63n : 64n) - 1n }
  return { lowest: signed ? -(2 ** (bits - 1)) : 0, highest: 2 ** (signed ? bits - 1 : bits) - 1 }
}

/** Checks that op records share: which inputs are there, which dtypes they may have, which axes exist. */
import type { DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Dim } from '../dims.js'
import type { Value } from '../graph.js'
import type { TensorType } from '../types.js'

/** How elements of a dtype are held while a reference works on them: doubles, integers in doubles, bigints, or 0 and 1. */
export type ElementClass = 'float' | 'int' | 'big' | 'bool'

const CLASSES: Readonly<Partial<Record<DType, ElementClass>>> = {
  float32: 'float', float64: 'float', float16: 'float', bfloat16: 'float',
  int8: 'int', int16: 'int', int32: 'int', uint8: 'int', uint16: 'int', uint32: 'int', int64: 'big', uint64: 'big', bool: 'bool',
}

/** The element class of a dtype; undefined for strings, packed types and 8-bit floats, which no op computes on. */
export function findElementClass(dtype: DType): ElementClass | undefined { return CLASSES[dtype] }

const ofClasses = (...classes: readonly ElementClass[]): readonly DType[] =>
  (Object.keys(CLASSES) as DType[]).filter((d) => classes.includes(CLASSES[d] as ElementClass))

/** The four float dtypes. */
export const FLOATS = ofClasses('float')
/** The eight integer dtypes. */
export const INTEGERS = ofClasses('int', 'big')
/** Floats and integers. */
export const NUMBERS = ofClasses('float', 'int', 'big')
/** Every dtype that ops work on: numbers and bool. */
export const ALL_DTYPES = ofClasses('float', 'int', 'big', 'bool')

interface Inputs { readonly inputs: readonly (Value | null)[] }

/** Input `i` as a tensor type, or undefined where it is not given; throws `unsupported-type` for sequences and the like. */
export function findTensorInput(call: Inputs, i: number): TensorType | undefined {
  const value = call.inputs[i] ?? null
  if (value === null) return undefined
  if (value.type.kind !== 'tensor') throw new IngotError('unsupported-type', `input ${i} is a ${value.type.kind}, not a tensor`)
  return value.type
}

/** Input `i` as a tensor type of one of the dtypes in `allowed`; throws `bad-attribute` where it is missing and `unsupported-dtype`. */
export function tensorInput(call: Inputs, i: number, allowed: readonly DType[] = ALL_DTYPES): TensorType {
  const type = findTensorInput(call, i)
  if (type === undefined) throw new IngotError('bad-attribute', `input ${i} is required but not given`)
  checkDType(type.dtype, allowed, `input ${i}`)
  return type
}

/** Throws `unsupported-dtype` unless `dtype` is in `allowed`; `what` says whose dtype it is. */
export function checkDType(dtype: DType, allowed: readonly DType[], what: string): void {
  if (!allowed.includes(dtype)) {
    throw new IngotError('unsupported-dtype', `${what} is ${dtype}`, { where: { dtype }, hint: `this op takes ${allowed.join(', ')}; cast the input first` })
  }
}

/** Throws `dtype-mismatch` unless both types have the same dtype. */
export function checkSameDType(a: TensorType, b: TensorType, what: string): void {
  if (a.dtype !== b.dtype) throw new IngotError('dtype-mismatch', `${what} differ in dtype: ${a.dtype} and ${b.dtype}`, { hint: 'cast one of them' })
}

/** Throws `bad-attribute` unless `axis` is an axis of a tensor of `rank` (already made non-negative). */
export function checkAxis(axis: number, rank: number, name = 'axis'): void {
  if (!Number.isInteger(axis) || axis < 0 || axis >= rank) {
    throw new IngotError('bad-attribute', `${name} ${axis} is not an axis of a rank ${rank} tensor`, { hint: `it must be from 0 to ${rank - 1}; negative axes are resolved before` })
  }
}

/** Throws `bad-attribute` with `what` unless `condition` holds. */
export function checkAttribute(condition: boolean, what: string): void {
  if (!condition) throw new IngotError('bad-attribute', what)
}

/** Throws `shape-mismatch` with `what` unless `condition` holds. */
export function checkShape(condition: boolean, what: string, hint?: string): void {
  if (!condition) throw new IngotError('shape-mismatch', what, hint === undefined ? {} : { hint })
}

/** Extent `i` of a shape that is known to have it. */
export function extent(shape: readonly Dim[], i: number): Dim {
  const d = shape[i]
  checkShape(d !== undefined, `there is no axis ${i} in a rank ${shape.length} tensor`)
  return d as Dim
}

/** The operands of a convolution: input, weight and optional bias of one dtype, which is in `allowed`. */
export function weightedInputs(call: Inputs, allowed: readonly DType[] = FLOATS): { readonly x: TensorType; readonly w: TensorType; readonly bias: TensorType | undefined } {
  const x = tensorInput(call, 0, allowed), w = tensorInput(call, 1), bias = findTensorInput(call, 2)
  checkSameDType(x, w, 'input and weight')
  if (bias !== undefined) checkSameDType(x, bias, 'input and bias')
  return { x, w, bias }
}

/** Small compositions of our ops that several rules share. */
import type { Dim } from '../../../base/dim.js'
import { DTYPES, type DType } from '../../../base/dtype.js'
import { dimsEqual, shapesEqual } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import type { NodeCall } from '../call.js'

/** `x` seen in another shape of as many elements. */
export function reshapeTo(call: NodeCall, x: Value, shape: readonly Dim[]): Value {
  return shapesEqual(shapeOf(x), shape) ? x : call.add('reshape', [x], { shape })
}

/** `x` with extents of 1 put in at `axes`, which count in the result and ascend. */
export function unsqueezeAt(call: NodeCall, x: Value, axes: readonly number[]): Value {
  const shape = [...shapeOf(x)]
  for (const a of axes) shape.splice(a, 0, 1)
  return reshapeTo(call, x, shape)
}

/** `x` in another element type. */
export function castTo(call: NodeCall, x: Value, to: DType): Value {
  return dtypeOf(x) === to ? x : call.add('cast', [x], { to })
}

/** `x` with its axes permuted. */
export function transposeBy(call: NodeCall, x: Value, perm: readonly number[]): Value {
  return perm.every((p, i) => p === i) ? x : call.add('transpose', [x], { perm })
}

/** `x` spread to `shape` by numpy broadcasting. */
export function expandTo(call: NodeCall, x: Value, shape: readonly Dim[]): Value {
  return shapesEqual(shapeOf(x), shape) ? x : call.add('expand', [x], { shape })
}

/** A part of one axis. */
export function sliceAxis(call: NodeCall, x: Value, axis: number, start: Dim, size: Dim): Value {
  return start === 0 && dimsEqual(size, shapeOf(x)[axis] ?? 0) ? x : call.add('slice', [x], { axes: [axis], starts: [start], steps: [1], sizes: [size] })
}

/** 0, 1, 2, … as int64 along `axis` of a shape that is 1 elsewhere. */
export function iotaAlong(call: NodeCall, length: Dim, axis: number, rank: number): Value {
  const iota = call.add('range', [], { start: 0, step: 1, length, dtype: 'int64' })
  return reshapeTo(call, iota, Array.from({ length: rank }, (_, i) => (i === axis ? length : 1)))
}

/** The axes of a tensor of `rank` from `first` on. */
export const axesFrom = (first: number, rank: number): number[] => Array.from({ length: Math.max(0, rank - first) }, (_, i) => first + i)

/** True for a floating-point dtype. */
export const isFloat = (dtype: DType): boolean => DTYPES[dtype].kind === 'float'

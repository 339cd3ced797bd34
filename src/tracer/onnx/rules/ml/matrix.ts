/** What most operators of ai.onnx.ml begin with: rows of numbers, and attributes as matrices. */
import type { Dim } from '../../../../base/dim.js'
import { printShape } from '../../../../ir/dims-text.js'
import { shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import type { NodeCall } from '../../call.js'
import { castTo, reshapeTo } from '../compose.js'

/** A matrix as it is; a list is a row. */
export function matrixOf(call: NodeCall, x: Value): Value {
  const shape = shapeOf(x)
  if (shape.length === 1) return reshapeTo(call, x, [1, shape[0] as Dim])
  return shape.length === 2 ? x : call.fail('shape-mismatch', `${call.opType} takes a matrix of rows or one row, not ${printShape(shape)}`)
}

/** Input 0 as a matrix of float32. */
export const floatRows = (call: NodeCall): Value => castTo(call, matrixOf(call, call.input(0)), 'float32')

/** A float32 constant. */
export const floats = (call: NodeCall, shape: readonly number[], values: readonly number[]): Value => call.constant(fromNumbers('float32', shape, values))

/** The product of rows [N, features] with `rows` lists of weights, which an attribute has one after another: [N, rows]. */
export function productWith(call: NodeCall, x: Value, weights: readonly number[], rows: number, what: string): Value {
  const features = weights.length / rows
  if (!Number.isInteger(features) || features === 0) return call.fail('bad-attribute', `${what} has ${weights.length} numbers, which are not ${rows} lists of one length`)
  call.assume(shapeOf(x)[1] as Dim, features, `${what} has as many numbers as a row`)
  return call.add('matmul', [x, floats(call, [rows, features], weights)], { trans_a: false, trans_b: true })
}

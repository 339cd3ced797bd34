/**
 * What channels last are worth to an op that slides over images, in operations of a convolution at full speed (50 GFLOP/s:
 * copying an element into another order, measured at 25 GB/s, takes as long as 13). Negative where planes of channels are better.
 */
import { evaluateDim } from '../base/dim.js'
import type { Dim } from '../ir/dims.js'
import { shapeOf, type Node } from '../ir/graph.js'
import { LANES } from '../ir/kernel/expr.js'

/** Stands for an extent that is not known. */
const TYPICAL_EXTENT = 32
/** Copying an element into another order in a copy of its own, and where one is made anyway. */
export const COPY_COST = 13, TURN_COST = 5

/** Time of an element that fills no vector, beside that of a vector. */
const SINGLE = 1.6
/** Time of depthwise convolutions along rows of planes, beside that with channels last: of small windows and of others, and with strides. */
const ALONG_ROWS = 1.15, WIDE_WINDOW = 1.35, ACROSS_STRIDES = 4.5, SMALL_WINDOW = 9
/** Time of one that makes several channels of each, with channels last. */
const MULTIPLIED = 2.5
/** Times by which transposed ones are slower along rows, whose neighbours sum over other taps. */
const TRANSPOSED = 8
/** Part of the time that a product of channels and pixels takes longer along rows of pixels. */
const POINTWISE = 0.08

/** The number of elements of a shape; symbols count as a typical extent. */
export function estimateElements(shape: readonly Dim[]): number {
  return shape.reduce((n: number, d) => n * evaluateDim(d, () => TYPICAL_EXTENT), 1)
}

/** Time of `count` elements side by side, beside that of as many in full vectors. */
const inVectors = (count: number): number => (Math.floor(count / LANES) + SINGLE * (count % LANES)) / (count / LANES)

/** The gain of a `conv`, `paired_conv` or `conv_transpose`. */
export function layoutGain(node: Node): number {
  const [x, w] = node.inputs, [y] = node.outputs
  if (x == null || w == null || y === undefined) return 0
  const taps = estimateElements(shapeOf(w).slice(1)), group = node.attrs['group'] as number
  const operations = 2 * taps * estimateElements(shapeOf(node.op === 'conv_transpose' ? x : y))
  const filters = estimateElements(shapeOf(w).slice(0, 1))
  const isDepthwise = shapeOf(w)[1] === 1 && group > 1
  if (node.op === 'conv_transpose') return operations * (isDepthwise ? TRANSPOSED : Math.min(1, filters / LANES))
  const kernel = shapeOf(w).slice(2), strides = node.attrs['strides'] as readonly number[], spatial = shapeOf(y).slice(2)
  if (isDepthwise) {
    const rows = strides.at(-1) !== 1 ? ACROSS_STRIDES : taps > SMALL_WINDOW ? WIDE_WINDOW : ALONG_ROWS
    return operations * (rows * inVectors(estimateElements(spatial.slice(-1))) - (filters === group ? inVectors(filters) : MULTIPLIED))
  }
  if (group === 1 && [...kernel, ...strides].every((k) => k === 1)) return operations * (inVectors(estimateElements(spatial)) - 1 + POINTWISE)
  return operations * (1 - LANES * group / filters)
}

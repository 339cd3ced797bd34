/** The axes that a matrix product or a convolution sums over first. */
import { shapeOf, type Node, type Value } from '../ir/graph.js'

/** Of the left and of the right operand of a `matmul` the inner axes, of a `conv` those of channels. */
export function summedAxes({ op, attrs }: Node, x: Value, w: Value): readonly [number, number] {
  if (op === 'conv') return [1, 1]
  const rankX = shapeOf(x).length, rankW = shapeOf(w).length
  return [rankX === 1 ? 0 : attrs['trans_a'] === true ? rankX - 2 : rankX - 1, rankW === 1 ? 0 : attrs['trans_b'] === true ? rankW - 1 : rankW - 2]
}

/** Rotary embedding: pairs of features turned by angles that depend on the position. */
import type { Dim } from '../../../base/dim.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import type { NodeCall } from '../call.js'
import { reshapeTo, sliceAxis } from './compose.js'

export interface Rotation {
  /** Cosines and sines of the angles; broadcast against the pairs, whose last axis is half of what is turned. */
  readonly cos: Value
  readonly sin: Value
  /** The first so many features of each head are turned, in pairs. */
  readonly turned: number
  /** Pairs lie side by side, instead of half of the turned features apart. */
  readonly interleaved: boolean
}

/** `x` of rank 4, whose last axis has the features of a head, turned. */
export function rotated(call: NodeCall, x: Value, { cos, sin, turned, interleaved }: Rotation): Value {
  const full = shapeOf(x)[3], half = turned / 2
  if (typeof full !== 'number') return call.fail('shape-not-static', 'the head size must be known while compiling')
  if (turned > full || !Number.isInteger(half)) call.fail('shape-mismatch', `${turned} features of ${full} cannot be turned in pairs`)
  const part = (start: number): Value => (interleaved
    ? call.add('slice', [x], { axes: [3], starts: [start], steps: [2], sizes: [half] })
    : sliceAxis(call, x, 3, start * half, half))
  const first = part(0), second = part(1)
  const real = call.add('sub', [call.add('mul', [cos, first]), call.add('mul', [sin, second])])
  const imaginary = call.add('add', [call.add('mul', [sin, first]), call.add('mul', [cos, second])])
  const pairs = interleaved ? woven(call, real, imaginary) : call.add('concat', [real, imaginary], { axis: 3 })
  return turned === full ? pairs : call.add('concat', [pairs, sliceAxis(call, x, 3, turned, full - turned)], { axis: 3 })
}

/** Elements of `a` and `b` in turn along the last axis. */
function woven(call: NodeCall, a: Value, b: Value): Value {
  const shape = shapeOf(a), last = shape[3] as number
  const pair = call.add('concat', [a, b].map((v) => reshapeTo(call, v, [...shape, 1])), { axis: 4 })
  return reshapeTo(call, pair, [...shape.slice(0, 3), 2 * last])
}

/** Rows of a table of cosines or sines at `positions`, [batch, rows], with an axis of 1 for the heads at `headAxis`; only the first `half` columns. */
export function anglesAt(call: NodeCall, table: Value, positions: Value | null, half: number, headAxis: 1 | 2): Value {
  const rows = positions === null ? table : call.add('gather', [table, positions], { axis: 0 })
  const cut = sliceAxis(call, rows, 2, 0, half), [b, s, d] = shapeOf(cut) as readonly [Dim, Dim, Dim]
  return reshapeTo(call, cut, headAxis === 1 ? [b, 1, s, d] : [b, s, 1, d])
}

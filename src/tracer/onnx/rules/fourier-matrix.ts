/** The matrices by which signals are multiplied to give their Fourier transforms: cosines, constant where the length is known. */
import type { Dim } from '../../../base/dim.js'
import { isStatic, mul } from '../../../ir/dims.js'
import type { Value } from '../../../ir/graph.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import type { NodeCall } from '../call.js'
import { castTo, iotaAlong, reshapeTo } from './compose.js'
import { dimAsScalar } from './scalars.js'

export type WideFloat = 'float32' | 'float64'

/** Rows are `rows` elements of a signal of length `length`, each a real part and perhaps an imaginary one; columns are `columns` elements of its transform likewise. */
export interface FourierMatrix {
  readonly length: Dim
  readonly rows: Dim
  readonly columns: Dim
  readonly from: 1 | 2
  readonly to: 1 | 2
  readonly inverse: boolean
  /** The rows are half of a spectrum, of which the other half is the mirror image: they count twice, but for the first and the middle. */
  readonly mirrored?: boolean
}

/** By how much the angle of the cosine is ahead that takes part `from` to part `to` (0 real, 1 imaginary), in quarters of a turn. */
const quarter = (from: number, to: number, inverse: boolean): number => (to - from) * (inverse ? -1 : 1)

/** The matrix, [rows · from, columns · to]. */
export function fourierMatrix(call: NodeCall, m: FourierMatrix, type: WideFloat): Value {
  const extents = [m.length, m.rows, m.columns]
  return isStatic(extents) ? constantMatrix(call, m, extents as [number, number, number], type) : runningMatrix(call, m, type)
}

function constantMatrix(call: NodeCall, { from, to, inverse, mirrored }: FourierMatrix, [length, rows, columns]: readonly [number, number, number], type: WideFloat): Value {
  const elements = new Float64Array(rows * from * columns * to)
  const cosines = Float64Array.from({ length: 4 * length }, (_, i) => cosine(i, 4 * length))
  let at = 0
  for (let j = 0; j < rows; j++) for (let f = 0; f < from; f++) for (let k = 0; k < columns; k++) for (let t = 0; t < to; t++) {
    const turn = 4 * ((j * k) % length) + quarter(f, t, inverse) * length
    const weight = mirrored === true && j > 0 && 2 * j !== length ? 2 : 1
    elements[at++] = (cosines[(turn + 4 * length) % (4 * length)] as number) * weight / (inverse ? length : 1)
  }
  return call.constant(fromNumbers(type, [rows * from, columns * to], elements))
}

/** The cosine of `i` of `count` parts of a turn, exactly 0, 1 and −1 where it is that; `count` is a multiple of 4. */
function cosine(i: number, count: number): number {
  const part = Math.min(i, count - i)
  return part * 4 === count ? 0 : part * 4 > count ? -Math.cos(2 * Math.PI * (count / 2 - part) / count) : Math.cos(2 * Math.PI * part / count)
}

function runningMatrix(call: NodeCall, { length, rows, columns, from, to, inverse, mirrored }: FourierMatrix, type: WideFloat): Value {
  const place = (count: Dim, axis: number): Value => castTo(call, iotaAlong(call, count, axis, 4), 'uint32'), whole = (value: number): Value => call.scalar('uint32', value)
  const quarters = [0, 1].slice(0, from).flatMap((f) => [0, 1].slice(0, to).map((t) => (quarter(f, t, inverse) + 5) % 4)), extent = dimAsScalar(call, length, 'uint32')
  // As sines of up to a quarter of a turn, of which `extent` parts are one, so that zeros and ones are exact.
  const row = place(rows, 0), times = (count: number): Value => call.add('mul', [extent, whole(count)]), parts = call.add('mod', [call.add('mul', [row, place(columns, 2)]), extent])
  const ahead = call.add('mul', [call.constant(fromNumbers('uint32', [1, from, 1, to], quarters)), extent])
  const turn = call.add('mod', [call.add('add', [call.add('mul', [parts, whole(4)]), ahead]), times(4)]), below = call.add('gt', [turn, times(2)])
  const upper = call.add('where', [below, call.add('sub', [times(4), turn]), turn]), first = call.add('minimum', [upper, call.add('sub', [times(2), upper])])
  const sine = call.add('sin', [call.add('mul', [call.add('div', [castTo(call, first, type), dimAsScalar(call, length, type)]), call.scalar(type, Math.PI / 2)])])
  let matrix = call.add('where', [below, call.add('neg', [sine]), sine])
  if (mirrored === true) {
    const once = call.add('logical_or', [call.add('eq', [row, whole(0)]), call.add('eq', [call.add('mul', [row, whole(2)]), extent])])
    matrix = call.add('mul', [matrix, call.add('where', [once, call.scalar(type, 1), call.scalar(type, 2)])])
  }
  if (inverse) matrix = call.add('div', [matrix, dimAsScalar(call, length, type)])
  return reshapeTo(call, matrix, [mul(rows, from), mul(columns, to)])
}

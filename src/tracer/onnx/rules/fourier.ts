/**
 * Fourier transforms as products with constant matrices: of a short signal at once; of a long one whose length has factors in two steps, each
 * over all parts of the signal that are a factor apart (Cooley and Tukey, An algorithm for the machine calculation of complex Fourier series, 1965).
 */
import type { Dim } from '../../../base/dim.js'
import { add, dimsEqual, floorDiv, mul, sub } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import type { NodeCall } from '../call.js'
import { axesFrom, reshapeTo, sliceAxis, transposeBy } from './compose.js'
import { fourierMatrix, type WideFloat } from './fourier-matrix.js'

export interface Transform {
  /** Elements of the signal in time, which is cut or filled up with zeros to it. */
  readonly length: Dim
  readonly inverse: boolean
  /** Only the first half of the spectrum of a real signal is given, or taken. */
  readonly onesided: boolean
}

/** Signals up to this length are transformed by one matrix. */
const SHORT = 512
/** Elements that a constant matrix may have. */
const MOST_ELEMENTS = 2 ** 26

/** The transform along the last axis but one of `x`, whose last axis holds a real part, or a real and an imaginary one. */
export function transformed(call: NodeCall, x: Value, t: Transform, type: WideFloat): Value {
  const { length, inverse, onesided } = t, half = add(floorDiv(length, 2), 1), toReal = onesided && inverse
  const parts = partsOf(call, x), signal = fitted(call, x, toReal ? half : length)
  if (onesided && parts !== (inverse ? 2 : 1)) call.fail('shape-mismatch', inverse ? 'the inverse of half a spectrum takes complex numbers' : 'half a spectrum is that of a real signal')
  if (typeof length === 'number' && length > SHORT && factorOf(length) > 1) {
    const whole = longTransform(call, toReal ? mirrored(call, signal, length) : signal, length, inverse, type), axis = shapeOf(x).length - 2
    return toReal ? sliceAxis(call, whole, axis + 1, 0, 1) : onesided ? sliceAxis(call, whole, axis, 0, half) : whole
  }
  return product(call, signal, { length, rows: toReal ? half : length, columns: onesided && !inverse ? half : length, from: parts, to: toReal ? 1 : 2, inverse, mirrored: toReal }, type)
}

function partsOf(call: NodeCall, x: Value): 1 | 2 {
  const parts = shapeOf(x).at(-1)
  return parts === 1 || parts === 2 ? parts : call.fail('shape-mismatch', `the last axis of a signal holds a real part, or a real and an imaginary one, not ${String(parts)}`)
}

/** `x` with `length` elements along the last axis but one: the first ones, or zeros after them. */
function fitted(call: NodeCall, x: Value, length: Dim): Value {
  const shape = shapeOf(x), axis = shape.length - 2, own = shape[axis] as Dim
  if (dimsEqual(own, length)) return x
  const after: Dim[] = shape.map(() => 0)
  after[axis] = sub(length, own)
  return call.add('pad', [x], { mode: 'constant', before: shape.map(() => 0), after })
}

/** The product of the last two axes, taken as one, and a matrix. */
function product(call: NodeCall, x: Value, m: Parameters<typeof fourierMatrix>[1], type: WideFloat): Value {
  if (typeof m.rows === 'number' && typeof m.columns === 'number' && m.rows * m.from * m.columns * m.to > MOST_ELEMENTS) {
    return call.fail('unsupported-op', `a Fourier transform of length ${String(m.length)} is not supported`, 'choose a length with small factors')
  }
  const others = shapeOf(x).slice(0, -2), rows = reshapeTo(call, x, [...others, mul(m.rows, m.from)])
  return reshapeTo(call, call.add('matmul', [rows, fourierMatrix(call, m, type)], { trans_a: false, trans_b: false }), [...others, m.columns, m.to])
}

/** The greatest factor of `length` that is not above its square root. */
function factorOf(length: number): number {
  let factor = Math.floor(Math.sqrt(length))
  while (length % factor !== 0) factor--
  return factor
}

/** The transform of a signal whose length is a · b: transforms of length a over elements that lie b apart, turned, and transforms of length b over those. */
function longTransform(call: NodeCall, x: Value, length: number, inverse: boolean, type: WideFloat): Value {
  const a = factorOf(length), b = length / a, from = partsOf(call, x)
  if (length <= SHORT || a === 1) return product(call, x, { length, rows: length, columns: length, from, to: 2, inverse }, type)
  const others = shapeOf(x).slice(0, -2), rank = others.length, outer = axesFrom(0, rank), swapped = [...outer, rank + 1, rank, rank + 2]
  const apart = transposeBy(call, reshapeTo(call, x, [...others, a, b, from]), swapped)
  const first = turned(call, product(call, apart, { length: a, rows: a, columns: a, from, to: 2, inverse }, type), a, b, inverse, type)
  const second = longTransform(call, transposeBy(call, first, swapped), b, inverse, type)
  return reshapeTo(call, transposeBy(call, second, swapped), [...others, length, 2])
}

/** Element (j, k) of the last axes [b, a] turned by j · k of a · b parts of a turn. */
function turned(call: NodeCall, x: Value, a: number, b: number, inverse: boolean, type: WideFloat): Value {
  const angles = Array.from({ length: a * b }, (_, i) => 2 * Math.PI * Math.floor(i / a) * (i % a) / (a * b) * (inverse ? 1 : -1)), axis = shapeOf(x).length - 1
  const table = (f: (angle: number) => number): Value => call.constant(fromNumbers(type, [b, a, 1], angles.map(f)))
  const cos = table(Math.cos), sin = table(Math.sin), re = sliceAxis(call, x, axis, 0, 1), im = sliceAxis(call, x, axis, 1, 1), times = (v: Value, w: Value): Value => call.add('mul', [v, w])
  return call.add('concat', [call.add('sub', [times(re, cos), times(im, sin)]), call.add('add', [times(re, sin), times(im, cos)])], { axis })
}

/** The whole spectrum of a real signal from its first half; imaginary parts that such a spectrum does not have are dropped. */
function mirrored(call: NodeCall, x: Value, length: number): Value {
  const rank = shapeOf(x).length, axis = rank - 2, half = Math.floor(length / 2) + 1, real = (elements: readonly number[], shape: readonly number[]): Value => call.constant(fromNumbers(shapeDType(x), shape, elements))
  const kept = call.add('mul', [x, real(Array.from({ length: 2 * half }, (_, i) => (i === 1 || (i % 2 === 1 && i - 1 === length) ? 0 : 1)), [half, 2])])
  const back = call.add('slice', [x], { axes: [axis], starts: [length - half], steps: [-1], sizes: [length - half] })
  return call.add('concat', [kept, call.add('mul', [back, real([1, -1], [2])])], { axis })
}

const shapeDType = (x: Value): WideFloat => (x.type.kind === 'tensor' && x.type.dtype === 'float64' ? 'float64' : 'float32')

/** Rules for Fourier transforms of signals and of their frames. */
import type { Dim } from '../../../base/dim.js'
import { add, floorDiv, mul, sub } from '../../../ir/dims.js'
import { shapeOf } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { axesFrom, castTo, iotaAlong, reshapeTo, sliceAxis, transposeBy } from './compose.js'
import type { WideFloat } from './fourier-matrix.js'
import { transformed } from './fourier.js'
import { dimAsScalar } from './scalars.js'

const wideOf = (call: NodeCall): WideFloat => (call.dtype(0) === 'float64' ? 'float64' : 'float32')

/** An input that is one integer; undefined where it is not given. */
function integer(call: NodeCall, i: number, what: string): Dim | undefined {
  if (call.optional(i) === null) return undefined
  const [n, ...more] = call.dims(i, what)
  return n === undefined || more.length > 0 ? call.fail('shape-mismatch', `${what} must be one number`) : n
}

/** The axis is an attribute until opset 20. */
const dft: Rule = (call) => {
  const byInput = call.opset >= 20
  call.arity(1, byInput ? 3 : 2)
  const shape = call.shape(0), rank = shape.length, given = byInput ? integer(call, 2, 'the axis') ?? -2 : call.attrs.int('axis', 1)
  if (typeof given !== 'number') return call.fail('shape-not-static', 'the axis must be known while compiling')
  const axis = call.axis(given, rank), inverse = call.attrs.bool('inverse', false), onesided = call.attrs.bool('onesided', false), own = shape[axis] as Dim
  if (axis === rank - 1) call.fail('bad-attribute', 'the last axis holds the parts of numbers, and cannot be transformed')
  const length = integer(call, 1, 'the length') ?? (inverse && onesided ? mul(2, sub(own, 1)) : own)
  if (typeof length === 'number' && length < 1) call.fail('bad-attribute', `a transform of length ${length}`)
  const others = axesFrom(0, rank - 1).filter((a) => a !== axis), perm = [...others, axis, rank - 1], type = wideOf(call)
  const y = transformed(call, transposeBy(call, castTo(call, call.input(0), type), perm), { length, inverse, onesided }, type)
  return castTo(call, transposeBy(call, y, perm.map((_, i) => perm.indexOf(i))), call.dtype(0))
}

/** Frames of the signal, times the window. */
const stft: Rule = (call) => {
  call.arity(2, 4)
  const [, samples] = call.shape(0), step = integer(call, 1, 'the step between frames') as Dim, window = call.optional(2), type = wideOf(call)
  if (samples === undefined || call.shape(0).length !== 3) return call.fail('shape-mismatch', `STFT takes a signal of rank 3, not ${call.shape(0).length}`)
  if (typeof step === 'number' && step < 1) call.fail('bad-attribute', `a step of ${step} between frames`)
  const width = window === null ? undefined : call.shape(2)[0], length = integer(call, 3, 'the length of frames') ?? width ?? samples, taken = width ?? length
  call.assume(length, samples, 'STFT has a whole frame at least', 'le')
  call.assume(taken, length, 'a window is no longer than a frame', 'le')
  const frames = add(floorDiv(sub(samples, length), step), 1)
  const index = call.add('add', [call.add('mul', [iotaAlong(call, frames, 0, 2), dimAsScalar(call, step, 'int64')]), iotaAlong(call, taken, 1, 2)])
  const cut = call.add('gather', [castTo(call, call.input(0), type), index], { axis: 1 })
  const weighed = window === null ? cut : call.add('mul', [cut, reshapeTo(call, castTo(call, window, type), [taken, 1])])
  const onesided = call.attrs.bool('onesided', true), complex = shapeOf(cut).at(-1) === 2, y = transformed(call, weighed, { length, inverse: false, onesided: onesided && !complex }, type)
  return castTo(call, onesided && complex ? sliceAxis(call, y, 2, 0, add(floorDiv(length, 2), 1)) : y, call.dtype(0))
}

/** Of com.microsoft: real signals along the last axis, or halves of spectra, whose parts are the last axis. */
const realTransform = (inverse: boolean): Rule => (call) => {
  call.arity(1)
  const shape = call.shape(0), axis = shape.length - (inverse ? 2 : 1), own = shape[axis], type = wideOf(call)
  if (call.attrs.int('signal_ndim', 1) !== 1 || call.attrs.bool('normalized', false) || !call.attrs.bool('onesided', true)) call.fail('unsupported-op', `${call.opType} of several axes, normalised or two-sided is not supported`)
  if (own === undefined) return call.fail('shape-mismatch', `${call.opType} takes a signal, not a tensor of rank ${shape.length}`)
  const x = castTo(call, call.input(0), type), length = inverse ? mul(2, sub(own, 1)) : own
  const y = transformed(call, inverse ? x : reshapeTo(call, x, [...shape, 1]), { length, inverse, onesided: true }, type)
  return castTo(call, inverse ? reshapeTo(call, y, shapeOf(y).slice(0, -1)) : y, call.dtype(0))
}

/** Spectra of com.microsoft. */
export const MICROSOFT_SPECTRA: RuleTable = { Rfft: always(realTransform(false)), Irfft: always(realTransform(true)) }

/** Spectra, of the default domain. */
export const SPECTRA: RuleTable = { DFT: since(17, dft), STFT: since(17, stft) }

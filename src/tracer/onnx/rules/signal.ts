/** Rules for window functions of signals: sums of cosines. */
import type { Dim } from '../../../base/dim.js'
import type { DType } from '../../../base/dtype.js'
import { sub } from '../../../ir/dims.js'
import type { Value } from '../../../ir/graph.js'
import { fromNumbers } from '../../../ir/host-tensor.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { greater } from './bounds.js'
import { castTo } from './compose.js'
import { dimAsScalar } from './scalars.js'

/** a0 − a1·cos(2πk/n) + a2·cos(4πk/n), where n is the size of a periodic window and one less for a symmetric one. */
type Cosines = readonly [number, number, number]

const window = (cosines: Cosines): Rule => (call) => {
  call.arity(1)
  const to = dtypeOfNumber(call.attrs.int('output_datatype', 1), `the result of ${call.opType}`), periodic = call.attrs.bool('periodic', true)
  const [size] = call.dims(0, 'the size')
  if (size === undefined || (typeof size === 'number' && size < 0)) return call.fail('onnx-invalid', `${call.opType} needs a size that is not negative`)
  // A symmetric window of one element has no width between its ends; its element is the first of a window.
  const width = periodic ? size : greater(call, sub(size, 1), 1)
  return typeof size === 'number' && typeof width === 'number' ? constantWindow(call, cosines, size, width, to) : runningWindow(call, cosines, size, width, to)
}

function constantWindow(call: NodeCall, [a0, a1, a2]: Cosines, size: number, width: number, to: DType): Value {
  const elements = Array.from({ length: size }, (_, k) => { const angle = (2 * Math.PI * k) / width; return a0 - a1 * Math.cos(angle) + a2 * Math.cos(2 * angle) })
  return castTo(call, call.constant(fromNumbers('float64', [size], elements), call.outputName(0)), to)
}

function runningWindow(call: NodeCall, [a0, a1, a2]: Cosines, size: Dim, width: Dim, to: DType): Value {
  const type = to === 'float64' ? to : 'float32', c = (value: number): Value => call.scalar(type, value)
  const turns = call.add('div', [call.add('range', [], { start: 0, step: 1, length: size, dtype: type }), dimAsScalar(call, width, type)])
  const cosine = (times: number): Value => call.add('cos', [call.add('mul', [turns, c(2 * Math.PI * times)])])
  const two = call.add('sub', [c(a0), call.add('mul', [cosine(1), c(a1)])])
  return castTo(call, a2 === 0 ? two : call.add('add', [two, call.add('mul', [cosine(2), c(a2)])]), to)
}

/** Window functions of the default domain. */
export const SIGNAL: RuleTable = {
  HannWindow: since(17, window([0.5, 0.5, 0])),
  HammingWindow: since(17, window([25 / 46, 21 / 46, 0])),
  BlackmanWindow: since(17, window([0.42, 0.5, 0.08])),
}

/** Rules for ops that carry what they have seen from one step of a sequence to the next. */
import type { Dim } from '../../../base/dim.js'
import { sub } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { since, type Rule, type RuleTable } from '../call.js'
import { castTo, expandTo, iotaAlong, reshapeTo, sliceAxis } from './compose.js'
import { dimAsScalar } from './scalars.js'

/** Each place of the cache takes the element of the update that belongs there, if there is one. */
const tensorScatter: Rule = (call) => {
  call.arity(2, 3)
  const past = call.input(0), update = call.input(1), shape = call.shape(0), rank = shape.length, axis = call.axis(call.attrs.int('axis', -2), rank), mode = call.attrs.string('mode', 'linear')
  if (axis === 0) call.fail('bad-attribute', 'the axis of TensorScatter cannot be that of the batch')
  if (mode !== 'linear' && mode !== 'circular') call.fail('bad-attribute', `mode is '${mode}', not linear or circular`)
  if (call.shape(1).length !== rank) call.fail('shape-mismatch', `an update of rank ${call.shape(1).length} for a cache of rank ${rank}`)
  const length = shape[axis] as Dim, steps = call.shape(1)[axis] as Dim, extent = (d: Dim): Value => dimAsScalar(call, d, 'int64')
  shape.forEach((d, i) => { if (i !== axis) call.assume(d, call.shape(1)[i] as Dim, 'the update of TensorScatter differs from the cache along its axis only') })
  call.assume(steps, length, 'the update of TensorScatter is no longer than the cache', 'le')
  if (steps === 0) return past
  const place = iotaAlong(call, length, axis, rank), starts = call.optional(2)
  const start = starts === null ? call.scalar('int64', 0) : reshapeTo(call, castTo(call, starts, 'int64'), shape.map((d, i) => (i === 0 ? d : 1)))
  const behind = call.add('sub', [place, start]), step = mode === 'circular' ? call.add('mod', [behind, extent(length)]) : behind
  const inside = call.add('logical_and', [call.add('ge', [step, call.scalar('int64', 0)]), call.add('lt', [step, extent(steps)])])
  const index = expandTo(call, call.add('where', [inside, step, call.scalar('int64', 0)]), shape)
  return call.emit('where', [inside, call.add('gather_elements', [update, index], { axis }), past])
}

/** A convolution of each channel with itself, of the elements up to each one; those before the first are what the state holds. */
const causalConvWithState: Rule = (call) => {
  call.arity(2, 4)
  const x = call.input(0), weight = call.input(1), past = call.optional(3), activation = call.attrs.string('activation', 'none'), [channels, , taps] = call.shape(1), [, , length] = call.shape(0)
  if (!['none', 'silu', 'swish'].includes(activation)) call.fail('bad-attribute', `activation is '${activation}', not none, silu or swish`)
  if (typeof channels !== 'number' || typeof taps !== 'number' || taps < 1) return call.fail('shape-not-static', 'the weight of CausalConvWithState must have extents that are known while compiling')
  if (length === undefined || call.shape(0).length !== 3) return call.fail('shape-mismatch', `CausalConvWithState takes a tensor of rank 3, not ${call.shape(0).length}`)
  if (past !== null) call.assume(shapeOf(past)[2] ?? 0, taps - 1, 'the state holds as many elements as taps reach back')
  const before = taps - 1, joined = past === null || before === 0 ? x : call.add('concat', [past, x], { axis: 2 }), attrs = { strides: [1], dilations: [1], group: channels }
  const sums = call.add('conv', [joined, weight, call.optional(2)], { ...attrs, pads: [past === null ? before : 0, 0] })
  const y = activation === 'none' ? sums : call.add('silu', [sums])
  if (!call.wants(1)) return y
  const whole = past === null && before > 0 ? call.add('pad', [x], { mode: 'constant', before: [0, 0, before], after: [0, 0, 0] }) : joined
  return [y, sliceAxis(call, whole, 2, sub(shapeOf(whole)[2] as Dim, before), before)]
}

/** Caches of the default domain. */
export const CACHES: RuleTable = { TensorScatter: since(24, tensorScatter), CausalConvWithState: since(27, causalConvWithState) }

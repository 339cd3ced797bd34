/** Rules for ops that carry what they have seen from one step of a sequence to the next. */
import type { Dim } from '../../../base/dim.js'
import { sub } from '../../../ir/dims.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { always, since, type Rule, type RuleTable } from '../call.js'
import { castTo, expandTo, iotaAlong, reshapeTo, sliceAxis, transposeBy } from './compose.js'
import { movingCodes } from './narrow.js'
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

/**
 * A convolution of each channel with itself, of the elements up to each one; those before the first are what the state holds. In com.microsoft the
 * taps may lie apart, and channels may come last, in any number of axes.
 */
const causalConvWithState: Rule = (call) => {
  call.arity(2, 4)
  const activation = call.attrs.string('activation', 'none'), [channels, , taps] = call.shape(1), contrib = call.domain !== '', dilation = contrib ? call.attrs.int('dilation', 1) : 1, last = contrib && call.attrs.bool('channels_last', false)
  if (!['none', 'silu', 'swish'].includes(activation)) call.fail('bad-attribute', `activation is '${activation}', not none, silu or swish`)
  if (contrib && (call.attrs.int('ndim', 1) !== 1 || call.attrs.int('state_window', 0) !== 0)) call.fail('unsupported-op', 'CausalConvWithState of several axes, or with states of several steps, is not supported')
  if (dilation < 1) call.fail('bad-attribute', `dilation is ${dilation}`)
  if (typeof channels !== 'number' || typeof taps !== 'number' || taps < 1) return call.fail('shape-not-static', 'the weight of CausalConvWithState must have extents that are known while compiling')
  if (call.shape(0).length < 3 || (!last && call.shape(0).length > 3)) return call.fail('shape-mismatch', `CausalConvWithState takes a tensor of rank 3, not ${call.shape(0).length}`)
  const own = call.shape(0).slice(2), inner = (v: Value): Value => (last ? transposeBy(call, reshapeTo(call, v, [...shapeOf(v).slice(0, 2), channels]), [0, 2, 1]) : v)
  const outer = (v: Value): Value => { const turned = last ? transposeBy(call, v, [0, 2, 1]) : v; return last ? reshapeTo(call, turned, [...shapeOf(turned).slice(0, 2), ...own]) : v }
  const x = inner(call.input(0)), given = call.optional(3), past = given === null ? null : inner(given), before = (taps - 1) * dilation
  if (past !== null) call.assume(shapeOf(past)[2] ?? 0, before, 'the state holds as many elements as taps reach back')
  const joined = past === null || before === 0 ? x : call.add('concat', [past, x], { axis: 2 })
  const sums = call.add('conv', [joined, call.input(1), call.optional(2)], { strides: [1], dilations: [dilation], group: channels, pads: [past === null ? before : 0, 0] })
  const y = outer(activation === 'none' ? sums : call.add('silu', [sums]))
  if (!call.wants(1)) return y
  const whole = past === null && before > 0 ? call.add('pad', [x], { mode: 'constant', before: [0, 0, before], after: [0, 0, 0] }) : joined
  return [y, outer(sliceAxis(call, whole, 2, sub(shapeOf(whole)[2] as Dim, before), before))]
}

/** Caches of the default domain. */
export const CACHES: RuleTable = { TensorScatter: since(24, movingCodes(tensorScatter)), CausalConvWithState: since(27, causalConvWithState) }
/** Caches of com.microsoft. */
export const MICROSOFT_CACHES: RuleTable = { CausalConvWithState: always(causalConvWithState) }

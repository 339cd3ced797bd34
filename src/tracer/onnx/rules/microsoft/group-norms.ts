/** Rules for com.microsoft's group norms of images whose channels come last, or second, and what is fused with them. */
import type { Dim } from '../../../../base/dim.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { axesFrom, castTo, reshapeTo, transposeBy } from '../compose.js'

/** The norm of `x`, with scale and bias in inputs 1 and 2, and the activation that is asked for. */
function normalised(call: NodeCall, x: Value): Value {
  const rank = shapeOf(x).length, last = call.attrs.bool('channels_last', true), activation = call.attrs.int('activation', 0), groups = call.attrs.int('groups', undefined) ?? call.fail('bad-attribute', 'groups is missing')
  if (rank < 3) call.fail('shape-mismatch', `${call.opType} takes images, not a tensor of rank ${rank}`)
  if (activation !== 0 && activation !== 1) call.fail('bad-attribute', `activation is ${activation}, not 0 or 1`)
  const second = last ? transposeBy(call, x, [0, rank - 1, ...axesFrom(1, rank - 1)]) : x
  const own = (i: number): Value => castTo(call, call.input(i), dtypeOf(x)), norm = call.add('group_norm', [second, own(1), own(2)], { groups, epsilon: call.attrs.float('epsilon', 1e-5) })
  const y = activation === 1 ? call.add('silu', [norm]) : norm
  return last ? transposeBy(call, y, [0, ...axesFrom(2, rank), 1]) : y
}

const groupNorm: Rule = (call) => {
  call.arity(3)
  return normalised(call, call.input(0))
}

/** What is added may have one row for each image: [N, 1, 1, C], or [N, C]. */
const skipGroupNorm: Rule = (call) => {
  call.arity(4, 5)
  const x = call.input(0), rank = call.shape(0).length, last = call.attrs.bool('channels_last', true), ones: readonly Dim[] = axesFrom(2, rank).map(() => 1), bias = call.optional(4)
  const along = (channels: Dim, batch: Dim): readonly Dim[] => (last ? [batch, ...ones, channels] : [batch, channels, ...ones])
  const [n, c] = call.shape(3) as readonly [Dim, Dim], skip = call.shape(3).length === 2 ? reshapeTo(call, call.input(3), along(c, n)) : call.input(3)
  const sum = call.add('add', [x, skip]), s = bias === null ? sum : call.add('add', [sum, reshapeTo(call, bias, along(shapeOf(bias)[0] as Dim, 1))])
  const y = normalised(call, s)
  return call.wants(1) ? [y, s] : y
}

/** Group norms of com.microsoft. */
export const GROUP_NORMS: RuleTable = { GroupNorm: always(groupNorm), SkipGroupNorm: always(skipGroupNorm) }

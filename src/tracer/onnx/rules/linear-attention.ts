/** The rule for attention without softmax, computed in float32. */
import type { Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { castTo } from './compose.js'

/** What each update rule reads beside queries, keys and values. */
const UPDATES: Readonly<Record<string, { readonly decay: boolean; readonly beta: boolean }>> = {
  linear: { decay: false, beta: false }, gated: { decay: true, beta: false }, delta: { decay: false, beta: true }, gated_delta: { decay: true, beta: true },
}

/** Input `i` in float32; null where it is not given, which it must be just where `needed`. */
function operand(call: NodeCall, i: number, needed: boolean, rule: string): Value | null {
  const value = call.optional(i)
  if ((value !== null) !== needed) call.fail('onnx-invalid', `the update rule ${rule} of LinearAttention ${needed ? 'needs' : 'has no'} input ${i}`)
  return value === null ? null : castTo(call, value, 'float32')
}

const linearAttention: Rule = (call) => {
  call.arity(3, 6)
  const [heads, queryHeads] = ['kv_num_heads', 'q_num_heads'].map((name) => call.attrs.int(name, undefined) ?? call.fail('bad-attribute', `${name} is missing`)) as [number, number]
  const rule = call.attrs.string('update_rule', 'gated_delta'), given = call.attrs.float('scale', 0), width = call.shape(0)[2], past = call.optional(3)
  call.attrs.ignore('chunk_size')
  if (call.attrs.int('state_window', 0) !== 0) call.fail('unsupported-op', 'LinearAttention with states of several steps is not supported')
  const { decay, beta } = UPDATES[rule] ?? call.fail('bad-attribute', `update_rule is '${rule}', not ${Object.keys(UPDATES).join(', ')}`)
  const wide = (i: number): Value => castTo(call, call.input(i), 'float32'), logarithms = operand(call, 4, decay, rule), factors = logarithms === null ? null : call.add('exp', [logarithms])
  const operands = [wide(0), wide(1), wide(2), past === null ? null : wide(3), factors, operand(call, 5, beta, rule)], to = call.dtype(0), stateTo = past === null ? to : call.dtype(3)
  const [y, state] = call.emitAll('linear_attention', operands, { heads, query_heads: queryHeads, scale: given !== 0 ? given : typeof width === 'number' ? 1 / Math.sqrt(width / queryHeads) : call.fail('shape-not-static', 'the width of the queries must be known while compiling, or scale be given') }) as [Value, Value]
  return [castTo(call, y, to), castTo(call, state, stateTo)]
}

/** Linear attention of the default domain. */
export const LINEAR_ATTENTION: RuleTable = { LinearAttention: since(27, linearAttention) }
/** Linear attention of com.microsoft. */
export const MICROSOFT_LINEAR_ATTENTION: RuleTable = { LinearAttention: always(linearAttention) }

/** Rules for LSTM, GRU and RNN. */
import type { Attrs, Value } from '../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'

const DIRECTIONS = ['forward', 'reverse', 'bidirectional']

/** What the recurrences share; `defaults` are the activations of one direction, `rows` those of the weight of all gates. */
export function recurrenceOf(call: NodeCall, defaults: readonly string[], gates: number, rows = call.shape(1)[1]): Attrs {
  const direction = call.attrs.string('direction', 'forward')
  if (!DIRECTIONS.includes(direction)) call.fail('bad-attribute', `direction is '${direction}', not ${DIRECTIONS.join(', ')}`)
  const count = direction === 'bidirectional' ? 2 : 1
  const activations = call.attrs.strings('activations', Array.from({ length: count }, () => defaults).flat())
  if (activations.length !== count * defaults.length) call.fail('bad-attribute', `${activations.length} activations where ${count * defaults.length} are needed`)
  const hidden = call.attrs.int('hidden_size', undefined) ?? (typeof rows === 'number' ? rows / gates : call.fail('bad-attribute', 'hidden_size is missing'))
  call.attrs.ignore('output_sequence')
  return {
    direction, hidden, activations, alphas: call.attrs.floats('activation_alpha', []), betas: call.attrs.floats('activation_beta', []),
    clip: call.attrs.float('clip', Infinity), layout: call.attrs.int('layout', 0),
  }
}

const inputsOf = (call: NodeCall, count: number): readonly (Value | null)[] => Array.from({ length: count }, (_, i) => call.optional(i))

const lstm: Rule = (call) => {
  call.arity(3, 8)
  return call.emitAll('lstm', inputsOf(call, 8), { ...recurrenceOf(call, ['Sigmoid', 'Tanh', 'Tanh'], 4), input_forget: call.attrs.bool('input_forget', false) })
}

const gru: Rule = (call) => {
  call.arity(3, 6)
  return call.emitAll('gru', inputsOf(call, 6), { ...recurrenceOf(call, ['Sigmoid', 'Tanh'], 3), linear_before_reset: call.attrs.bool('linear_before_reset', false) })
}

const rnn: Rule = (call) => {
  call.arity(3, 6)
  return call.emitAll('rnn', inputsOf(call, 6), recurrenceOf(call, ['Tanh'], 1))
}

/** Recurrences of the default domain. */
export const RECURRENT: RuleTable = { LSTM: always(lstm), GRU: always(gru), RNN: always(rnn) }

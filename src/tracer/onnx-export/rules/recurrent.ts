/** Recurrences as ONNX nodes. */
import { fromNumbers } from '../../../ir/host-tensor.js'
import { bindActivations } from '../../../ir/ops/recurrence-activation.js'
import { directionsOf, packedShape } from '../../../ir/ops/recurrence.js'
import { bool, float, floats, int, ints, text, texts, type AttributeDrafts } from '../attributes.js'
import type { Ref } from '../graph-writer.js'
import { rule, type NodeExport, type Rule, type RuleTable } from '../node-export.js'

interface RecurrentAttrs {
  readonly direction: string; readonly hidden: number; readonly activations: readonly string[]; readonly alphas: readonly number[]; readonly betas: readonly number[]
  readonly clip: number; readonly layout: number; readonly input_forget?: boolean; readonly linear_before_reset?: boolean
}

const recurrence = (opType: string, operands: (e: NodeExport, a: RecurrentAttrs) => readonly (Ref | null)[] = (e) => e.inputs()): Rule => rule<RecurrentAttrs>((e, a) => {
  // Written out in full, because runtimes have defaults of their own.
  const functions = bindActivations(a), alphas = functions.flatMap((f) => f.alpha ?? []), betas = functions.flatMap((f) => f.beta ?? [])
  const attributes: AttributeDrafts = {
    direction: text(a.direction), hidden_size: int(a.hidden), activations: texts(a.activations), layout: int(a.layout),
    ...(alphas.length > 0 && { activation_alpha: floats(alphas) }), ...(betas.length > 0 && { activation_beta: floats(betas) }),
    ...(Number.isFinite(a.clip) && { clip: float(a.clip) }),
    ...(a.input_forget !== undefined && { input_forget: bool(a.input_forget) }),
    ...(a.linear_before_reset !== undefined && { linear_before_reset: bool(a.linear_before_reset) }),
  }
  e.results(opType, operands(e, a), attributes)
})

/** Operands of ONNX's op for a recurrence over projected inputs: the W of each direction picks the direction's gates. */
const unprojected = (gates: number) => (e: NodeExport, a: RecurrentAttrs): readonly (Ref | null)[] => {
  const count = directionsOf(a).length, rows = gates * a.hidden, features = count * rows, { dtype } = e.type(0)
  const picks = new Float64Array(count * rows * features)
  for (let row = 0; row < features; row++) picks[row * features + row] = 1
  const b = e.optional(2), w = e.constant(fromNumbers(dtype, [count, rows, features], picks))
  const bias = b && e.add('Concat', [e.constant(fromNumbers(dtype, [count, rows], new Float64Array(features))), b], { axis: int(1) })
  return [e.input(0), w, unpacked(e, packedShape(count, a.hidden, gates), rows), bias, ...e.inputs().slice(3)]
}

/** R as ONNX has it, [directions, rows, hidden], from its blocks of units. */
function unpacked(e: NodeExport, [count, blocks, hidden, gates, block]: readonly [number, number, number, number, number], rows: number): Ref {
  const list = (...values: number[]): Ref => e.constant(fromNumbers('int64', [values.length], values))
  const units = e.add('Reshape', [e.add('Transpose', [e.input(1)], { perm: ints([0, 3, 1, 4, 2]) }), list(count, gates, blocks * block, hidden)], {})
  return e.add('Reshape', [e.add('Slice', [units, list(0), list(hidden), list(2)], {}), list(count, rows, hidden)], {})
}

/** LSTM, GRU and RNN. */
export const RECURRENT: RuleTable = {
  lstm: recurrence('LSTM'), gru: recurrence('GRU'), rnn: recurrence('RNN'),
  lstm_recurrence: recurrence('LSTM', unprojected(4)), gru_recurrence: recurrence('GRU', unprojected(3)), rnn_recurrence: recurrence('RNN', unprojected(1)),
}

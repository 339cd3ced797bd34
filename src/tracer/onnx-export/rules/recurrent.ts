/** Recurrences as ONNX nodes. */
import { fromNumbers } from '../../../ir/host-tensor.js'
import { bindActivations } from '../../../ir/ops/recurrence-activation.js'
import { directionsOf, packedAt, packedShape, PRODUCTS } from '../../../ir/ops/recurrence.js'
import { bool, float, floats, int, text, texts, type AttributeDrafts } from '../attributes.js'
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
const unprojected = (products: readonly (readonly number[])[]) => (e: NodeExport, a: RecurrentAttrs): readonly (Ref | null)[] => {
  const count = directionsOf(a).length, rows = products.flat().length * a.hidden, features = count * rows, { dtype } = e.type(0)
  const picks = new Float64Array(count * rows * features)
  for (let row = 0; row < features; row++) picks[row * features + row] = 1
  const b = e.optional(2), w = e.constant(fromNumbers(dtype, [count, rows, features], picks))
  const bias = b && e.add('Concat', [e.constant(fromNumbers(dtype, [count, rows], new Float64Array(features))), b], { axis: int(1) })
  return [e.input(0), w, unpacked(e, products, count, a.hidden), bias, ...e.inputs().slice(3)]
}

/** R as ONNX has it, [directions, rows, hidden], from its panels. */
function unpacked(e: NodeExport, products: readonly (readonly number[])[], count: number, hidden: number): Ref {
  const rows = products.flat().length * hidden, [, weights] = packedShape(count, hidden, products)
  const places = Array.from({ length: count * rows * hidden }, (_, i) => {
    const row = Math.floor(i / hidden) % rows
    return Math.floor(i / (rows * hidden)) * weights + packedAt(products, hidden, Math.floor(row / hidden), row % hidden, i % hidden)
  })
  const flat = e.add('Reshape', [e.input(1), e.constant(fromNumbers('int64', [1], [-1]))], {})
  return e.add('Gather', [flat, e.constant(fromNumbers('int64', [count, rows, hidden], places))], { axis: int(0) })
}

/** LSTM, GRU and RNN. */
export const RECURRENT: RuleTable = {
  lstm: recurrence('LSTM'), gru: recurrence('GRU'), rnn: recurrence('RNN'),
  lstm_recurrence: recurrence('LSTM', unprojected(PRODUCTS.lstm)), gru_recurrence: recurrence('GRU', unprojected(PRODUCTS.gru)), rnn_recurrence: recurrence('RNN', unprojected(PRODUCTS.rnn)),
}

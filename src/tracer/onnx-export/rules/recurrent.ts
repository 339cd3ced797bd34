/** Recurrences as ONNX nodes. */
import { bindActivations } from '../../../ir/ops/recurrence-activation.js'
import { bool, float, floats, int, text, texts, type AttributeDrafts } from '../attributes.js'
import { rule, type Rule, type RuleTable } from '../node-export.js'

interface RecurrentAttrs {
  readonly direction: string; readonly hidden: number; readonly activations: readonly string[]; readonly alphas: readonly number[]; readonly betas: readonly number[]
  readonly clip: number; readonly layout: number; readonly input_forget?: boolean; readonly linear_before_reset?: boolean
}

const recurrence = (opType: string): Rule => rule<RecurrentAttrs>((e, a) => {
  // Written out in full, because runtimes have defaults of their own.
  const functions = bindActivations(a), alphas = functions.flatMap((f) => f.alpha ?? []), betas = functions.flatMap((f) => f.beta ?? [])
  const attributes: AttributeDrafts = {
    direction: text(a.direction), hidden_size: int(a.hidden), activations: texts(a.activations), layout: int(a.layout),
    ...(alphas.length > 0 && { activation_alpha: floats(alphas) }), ...(betas.length > 0 && { activation_beta: floats(betas) }),
    ...(Number.isFinite(a.clip) && { clip: float(a.clip) }),
    ...(a.input_forget !== undefined && { input_forget: bool(a.input_forget) }),
    ...(a.linear_before_reset !== undefined && { linear_before_reset: bool(a.linear_before_reset) }),
  }
  e.results(opType, e.inputs(), attributes)
})

/** LSTM, GRU and RNN. */
export const RECURRENT: RuleTable = { lstm: recurrence('LSTM'), gru: recurrence('GRU'), rnn: recurrence('RNN') }

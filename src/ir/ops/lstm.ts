/** Long short-term memory. */
import { load, local } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { defineOp, type Op } from '../op.js'
import { plus, times } from './expressions.js'
import { clipNumber, complement } from './recurrence-activation.js'
import { letStmt, type CellWriter } from './recurrence-kernel.js'
import { runRecurrence, type Step } from './recurrence-reference.js'
import { recurrentSamples } from './recurrence-samples.js'
import { recurrentKernel } from './recurrence-whole.js'
import { inferRecurrence, PRODUCTS, RECURRENT_ATTRS, type CellShape, type RecurrentAttrs } from './recurrence.js'

const CELL: CellShape = { name: 'lstm', gates: 4, functions: 3, states: 2, peepholes: 3, products: PRODUCTS.lstm }
interface LstmAttrs extends RecurrentAttrs { readonly input_forget: boolean }

/** Gates stand in W, R and B as input, output, forget, cell; in P as input, output, forget. */
function stepNumbers(s: Step, attrs: LstmAttrs): void {
  const { hidden, h, c } = s, old = Float64Array.from(h)
  const sum = (gate: number, j: number): number => { const row = gate * hidden + j; return (s.projected[row] as number) + s.recur(row, old) + s.recurrentBias(row) }
  const apply = (f: number, x: number): number => s.functions[f]?.value(clipNumber(x, attrs.clip)) ?? 0
  for (let j = 0; j < hidden; j++) {
    const before = c[j] as number
    const input = apply(0, sum(0, j) + s.peephole(j) * before)
    const forget = attrs.input_forget ? 1 - input : apply(0, sum(2, j) + s.peephole(2 * hidden + j) * before)
    const now = forget * before + input * apply(1, sum(3, j))
    const output = apply(0, sum(1, j) + s.peephole(hidden + j) * now)
    c[j] = now
    h[j] = output * (s.functions[2]?.value(now) ?? 0)
  }
}

function stepKernel(w: CellWriter, attrs: LstmAttrs): Stmt[] {
  const { type } = w, r = (name: string) => local(name, type)
  const gates = ['sum_i', 'sum_o', ...(attrs.input_forget ? [] : ['sum_f']), 'sum_c']
  const sums = gates.map((name) => ({ name, gate: ['sum_i', 'sum_o', 'sum_f', 'sum_c'].indexOf(name), input: true, state: 'h', biases: ['w', 'r'] as const }))
  return w.eachElement([
    ...w.sums(sums),
    letStmt('before', type, load('c', [w.at])),
    ...w.activate('input', 0, w.peep(r('sum_i'), 0, r('before'))),
    ...(attrs.input_forget ? [letStmt('forget', type, complement(r('input'), type))] : w.activate('forget', 0, w.peep(r('sum_f'), 2, r('before')))),
    ...w.activate('cell', 1, r('sum_c')),
    letStmt('now', type, plus(times(r('forget'), r('before')), times(r('input'), r('cell')))),
    ...w.activate('output', 0, w.peep(r('sum_o'), 1, r('now'))),
    { kind: 'store', buffer: 'c', index: w.at, value: r('now') },
    ...w.result(times(r('output'), w.functions[2]?.expr(r('now'), type) ?? r('now'))),
  ])
}

const PROJECTED: CellShape = { ...CELL, name: 'lstm_recurrence', projected: true }

const recordOf = (cell: CellShape, doc: string, source: string): Op => defineOp({
  name: cell.name, doc, source,
  attrs: { ...RECURRENT_ATTRS, input_forget: 'bool' },
  pattern: 'opaque',
  infer: (call, ctx) => inferRecurrence(call, cell, ctx),
  reference: (call) => runRecurrence(call, cell, (s) => { stepNumbers(s, call.attrs) }),
  kernel: (ctx) => recurrentKernel(ctx, cell, ['c'], (w) => stepKernel(w, ctx.attrs)),
  samples: [
    ...recurrentSamples(cell, ['Sigmoid', 'Tanh', 'Tanh']).map((s) => ({ ...s, attrs: { ...s.attrs, input_forget: false } })),
    ...recurrentSamples(cell, ['HardSigmoid', 'ScaledTanh', 'Affine']).slice(0, 2).map((s) => ({ ...s, attrs: { ...s.attrs, input_forget: true } })),
  ],
})

/** ONNX LSTM. Results: Y, Y_h, Y_c. */
export const lstm = recordOf(CELL, 'Long short-term memory over X with weights W, R, B, sequence lengths, initial states and peepholes P; steps past the end of a sequence give zeros and keep the state. Clipping applies to sums of gates.', 'ONNX LSTM-14; torch.nn.LSTM')
/** The steps of an LSTM whose input is projected. */
export const lstmRecurrence = recordOf(PROJECTED, 'The steps of an lstm over inputs that are multiplied by W already, biases added; R is [directions, weights], in panels of columns.', 'the recurrent part of ONNX LSTM-14')

/** Elman recurrence. */
import { local } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { defineOp, type Op } from '../op.js'
import { clipNumber } from './recurrence-activation.js'
import type { CellWriter } from './recurrence-kernel.js'
import { runRecurrence, type Step } from './recurrence-reference.js'
import { recurrentSamples } from './recurrence-samples.js'
import { recurrentKernel } from './recurrence-whole.js'
import { inferRecurrence, PRODUCTS, RECURRENT_ATTRS, type CellShape, type RecurrentAttrs } from './recurrence.js'

const CELL: CellShape = { name: 'rnn', gates: 1, functions: 1, states: 1, peepholes: 0, products: PRODUCTS.rnn }

function stepNumbers(s: Step, attrs: RecurrentAttrs): void {
  const old = Float64Array.from(s.h)
  for (let j = 0; j < s.hidden; j++) {
    const sum = (s.projected[j] as number) + s.recur(j, old) + s.recurrentBias(j)
    s.h[j] = s.functions[0]?.value(clipNumber(sum, attrs.clip)) ?? 0
  }
}

function stepKernel(w: CellWriter): Stmt[] {
  return w.eachElement([
    ...w.sums([{ name: 'sum', gate: 0, input: true, state: 'h', biases: ['w', 'r'] }]),
    ...w.activate('value', 0, local('sum', w.type)),
    ...w.result(local('value', w.type)),
  ])
}

const PROJECTED: CellShape = { ...CELL, name: 'rnn_recurrence', projected: true }

const recordOf = (cell: CellShape, doc: string, source: string): Op => defineOp({
  name: cell.name, doc, source,
  attrs: RECURRENT_ATTRS,
  pattern: 'opaque',
  infer: (call, ctx) => inferRecurrence(call, cell, ctx),
  reference: (call) => runRecurrence(call, cell, (s) => { stepNumbers(s, call.attrs) }),
  kernel: (ctx) => recurrentKernel(ctx, cell, [], stepKernel),
  samples: [
    ...recurrentSamples(cell, ['Tanh']),
    ...['Relu', 'Sigmoid', 'Affine', 'LeakyRelu', 'ThresholdedRelu', 'ScaledTanh', 'HardSigmoid', 'Elu', 'Softsign', 'Softplus'].flatMap((f) => recurrentSamples(cell, [f]).slice(0, 1)),
  ],
})

/** ONNX RNN. Results: Y, Y_h. */
export const rnn = recordOf(CELL, 'Elman recurrence h = f(W x + R h + B) over X with sequence lengths and an initial state; steps past the end of a sequence give zeros and keep the state.', 'ONNX RNN-14; torch.nn.RNN')
/** The steps of an RNN whose input is projected. */
export const rnnRecurrence = recordOf(PROJECTED, 'The steps of an rnn over inputs that are multiplied by W already, biases added; R is [directions, weights], in panels of columns.', 'the recurrent part of ONNX RNN-14')

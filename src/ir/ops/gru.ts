/** Gated recurrent unit. */
import type { ComputeContext } from '../kernel/compute.js'
import { load, local } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { defineOp, type Op } from '../op.js'
import { plus, times } from './expressions.js'
import { clipNumber, complement } from './recurrence-activation.js'
import { letStmt, type CellWriter, type Sum } from './recurrence-kernel.js'
import { runRecurrence, type Step } from './recurrence-reference.js'
import { recurrentSamples } from './recurrence-samples.js'
import { recurrentKernel } from './recurrence-whole.js'
import { inferRecurrence, PRODUCTS, RECURRENT_ATTRS, type CellShape, type RecurrentAttrs } from './recurrence.js'

const CELL: CellShape = { name: 'gru', gates: 3, functions: 2, states: 1, peepholes: 0, products: PRODUCTS.gru }
interface GruAttrs extends RecurrentAttrs { readonly linear_before_reset: boolean }

/** Gates stand in W, R and B as update, reset, hidden. */
function stepNumbers(s: Step, attrs: GruAttrs): void {
  const { hidden, h } = s, old = Float64Array.from(h)
  const apply = (f: number, x: number): number => s.functions[f]?.value(clipNumber(x, attrs.clip)) ?? 0
  const gate = (g: number, j: number): number => { const row = g * hidden + j; return apply(0, (s.projected[row] as number) + s.recur(row, old) + s.recurrentBias(row)) }
  const reset = old.map((_, j) => gate(1, j)), kept = old.map((v, j) => v * (reset[j] as number))
  for (let j = 0; j < hidden; j++) {
    const row = 2 * hidden + j, update = gate(0, j)
    const recurrent = attrs.linear_before_reset ? (reset[j] as number) * (s.recur(row, old) + s.recurrentBias(row)) : s.recur(row, kept) + s.recurrentBias(row)
    h[j] = (1 - update) * apply(1, (s.projected[row] as number) + recurrent) + update * (old[j] as number)
  }
}

const UPDATE: Sum = { name: 'sum_z', gate: 0, input: true, state: 'h', biases: ['w', 'r'] }
const RESET: Sum = { name: 'sum_r', gate: 1, input: true, state: 'h', biases: ['w', 'r'] }

/** The next state, `(1 - update)*candidate + update*h`. */
function blend(w: CellWriter): Stmt[] {
  const { type } = w, update = local('update', type)
  return w.result(plus(times(complement(update, type), local('candidate', type)), times(update, load('h', [w.at]))))
}

/** The reset gate scales the recurrent sum: one pass. */
function stepLinear(w: CellWriter): Stmt[] {
  const { type } = w, r = (name: string) => local(name, type)
  return w.eachElement([
    ...w.sums([UPDATE, RESET, { name: 'sum_x', gate: 2, input: true, state: null, biases: ['w'] }, { name: 'sum_h', gate: 2, input: false, state: 'h', biases: ['r'] }]),
    ...w.activate('update', 0, r('sum_z')),
    ...w.activate('reset', 0, r('sum_r')),
    ...w.activate('candidate', 1, plus(r('sum_x'), times(r('reset'), r('sum_h')))),
    ...blend(w),
  ])
}

/** The reset gate scales the state, all of which each candidate sums over: two passes. */
function stepReset(w: CellWriter): Stmt[] {
  const { type } = w, r = (name: string) => local(name, type)
  return [
    ...w.eachElement([
      ...w.sums([UPDATE, RESET]),
      ...w.activate('reset', 0, r('sum_r')),
      ...w.activate('gate', 0, r('sum_z')),
      { kind: 'store', buffer: 'rh', index: w.at, value: times(r('reset'), load('h', [w.at])) },
      { kind: 'store', buffer: 'z', index: w.at, value: r('gate') },
    ]),
    ...w.eachElement([
      ...w.sums([{ name: 'sum_h', gate: 2, input: true, state: 'rh', biases: ['w', 'r'] }]),
      ...w.activate('candidate', 1, r('sum_h')),
      letStmt('update', type, load('z', [w.at])),
      ...blend(w),
    ]),
  ]
}

const PROJECTED: CellShape = { ...CELL, name: 'gru_recurrence', projected: true }

const kernelOf = (cell: CellShape, ctx: ComputeContext<GruAttrs>): Kernel => (
  ctx.attrs.linear_before_reset ? recurrentKernel(ctx, cell, [], stepLinear) : recurrentKernel(ctx, cell, ['rh', 'z'], stepReset))

const recordOf = (cell: CellShape, doc: string, source: string): Op => defineOp({
  name: cell.name, doc, source,
  attrs: { ...RECURRENT_ATTRS, linear_before_reset: 'bool' },
  pattern: 'opaque',
  infer: (call, ctx) => inferRecurrence(call, cell, ctx),
  reference: (call) => runRecurrence(call, cell, (s) => { stepNumbers(s, call.attrs) }),
  kernel: (ctx) => kernelOf(cell, ctx),
  samples: [false, true].flatMap((linear_before_reset) => [
    ...recurrentSamples(cell, ['Sigmoid', 'Tanh']).map((s) => ({ ...s, attrs: { ...s.attrs, linear_before_reset } })),
    ...recurrentSamples(cell, ['Softsign', 'LeakyRelu']).slice(0, 2).map((s) => ({ ...s, attrs: { ...s.attrs, linear_before_reset } })),
  ]),
})

/** ONNX GRU. Results: Y, Y_h. */
export const gru = recordOf(CELL, 'Gated recurrent unit over X with weights W, R, B, sequence lengths and an initial state; with linear_before_reset the reset gate scales the recurrent sum, else the state. Steps past the end of a sequence give zeros and keep the state.', 'ONNX GRU-14; torch.nn.GRU (linear_before_reset true)')
/** The steps of a GRU whose input is projected. */
export const gruRecurrence = recordOf(PROJECTED, 'The steps of a gru over inputs that are multiplied by W already, biases added that stand outside the reset gate; R is [directions, weights], in panels of columns: update and reset together, then hidden.', 'the recurrent part of ONNX GRU-14')

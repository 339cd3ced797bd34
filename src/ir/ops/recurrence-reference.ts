/** Reference of LSTM, GRU and RNN: one sequence, one direction and one step at a time, in doubles. */
import { elementCount, type HostTensor } from '../../base/dtype.js'
import { fromNumbers } from '../host-tensor.js'
import type { ReferenceCall } from '../op.js'
import { floatElements } from './float-elements.js'
import { bindActivations, type BoundActivation } from './recurrence-activation.js'
import { inputAt, layoutOf, operandAt, outputAt, packedAt, stateAt, type CellShape, type RecurrentAttrs } from './recurrence.js'

/** What a cell has at one step: the hidden state `h` (and cell state `c`) to be replaced, and its direction's parameters. */
export interface Step {
  readonly hidden: number
  /** Input projection plus W's bias, one row of `hidden` numbers per gate. */
  readonly projected: Float64Array
  readonly h: Float64Array
  readonly c: Float64Array
  readonly functions: readonly BoundActivation[]
  /** Element `row` of R times `state`, without bias. */
  recur(row: number, state: Float64Array): number
  /** Element `row` of R's bias. */
  recurrentBias(row: number): number
  /** Element `i` of the direction's peepholes; 0 without P. */
  peephole(i: number): number
}

/** Runs `step` over all sequences and directions; results are Y and the final states. */
export function runRecurrence(call: ReferenceCall<RecurrentAttrs>, cell: CellShape, step: (s: Step) => void): HostTensor[] {
  const operand = (i: number): HostTensor | null | undefined => call.inputs[operandAt(cell, i)]
  const x = call.inputs[0] as HostTensor, lens = operand(4), apart = cell.projected === true
  const l = layoutOf(x.shape, call.attrs), { hidden, features, time } = l, rows = cell.gates * hidden
  const [xs, rs] = [x, operand(2) as HostTensor].map(floatElements) as [Float64Array, Float64Array]
  const [ws, bs, ps, hs, cs] = [apart ? undefined : operand(1), operand(3), operand(7), operand(5), operand(6)].map((t) => (t == null ? undefined : floatElements(t)))
  const recurrentBias = (d: number, row: number): number => bs?.[(apart ? d : 2 * d + 1) * rows + row] ?? 0
  const project = (d: number, row: number, at: number): number => (ws === undefined ? xs[at + d * rows + row] as number : dot(ws, (d * rows + row) * features, xs, at, features) + (bs?.[2 * d * rows + row] ?? 0))
  const functions = bindActivations(call.attrs), results = call.outputs.map((o) => new Float64Array(elementCount(o.shape)))
  const projected = new Float64Array(rows)
  l.directions.forEach((reverse, d) => {
    for (let n = 0; n < l.batch; n++) {
      const at = stateAt(l, d, n) as number, length = lens == null ? time : Number(lens.data[n])
      const h = new Float64Array(hidden), c = new Float64Array(hidden)
      if (hs !== undefined) h.set(hs.subarray(at, at + hidden))
      if (cs !== undefined) c.set(cs.subarray(at, at + hidden))
      for (let s = 0; s < length; s++) {
        const t = reverse ? length - 1 - s : s
        for (let row = 0; row < rows; row++) projected[row] = project(d, row, inputAt(l, t, n) as number)
        step({
          hidden, projected, h, c, functions: functions.slice(d * cell.functions, (d + 1) * cell.functions),
          recur: (row, state) => (apart ? packedDot(cell, rs.subarray(d * (rs.length / l.directions.length)), row, state) : dot(rs, (d * rows + row) * hidden, state, 0, hidden)),
          recurrentBias: (row) => recurrentBias(d, row),
          peephole: (i) => ps?.[d * cell.peepholes * hidden + i] ?? 0,
        })
        results[0]?.set(h, outputAt(l, d, t, n) as number)
      }
      results[1]?.set(h, at)
      results[2]?.set(c, at)
    }
  })
  return results.map((values, i) => fromNumbers(x.dtype, call.outputs[i]?.shape ?? [], values))
}

/** The weights of `row` (gate by gate, unit by unit) in one direction's packed R, times `state`. */
function packedDot(cell: CellShape, r: Float64Array, row: number, state: Float64Array): number {
  const hidden = state.length, at = (k: number): number => packedAt(cell.products, hidden, Math.floor(row / hidden), row % hidden, k), first = at(0), step = at(1) - first
  return state.reduce((sum, x, k) => sum + x * (r[first + k * step] as number), 0)
}

function dot(a: Float64Array, aAt: number, b: Float64Array, bAt: number, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += (a[aAt + i] as number) * (b[bAt + i] as number)
  return sum
}

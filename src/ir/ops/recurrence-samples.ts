/** Conformance cases that LSTM, GRU and RNN share. */
import type { DType } from '../../base/dtype.js'
import type { Sample } from '../op.js'
import { packedShape, type CellShape, type RecurrentAttrs } from './recurrence.js'

interface Case {
  readonly time: number
  readonly batch: number
  readonly features: number
  readonly hidden: number
  readonly attrs?: Partial<RecurrentAttrs>
  /** Which of B, initial states and P are given. */
  readonly bias?: boolean
  readonly initial?: boolean
  readonly peepholes?: boolean
  readonly lengths?: readonly number[]
  readonly dtype?: DType
}

const CASES: readonly Case[] = [
  { time: 3, batch: 2, features: 4, hidden: 3, bias: true },
  { time: 4, batch: 3, features: 2, hidden: 5, attrs: { direction: 'bidirectional' }, bias: true, initial: true, peepholes: true, lengths: [4, 2, 3] },
  { time: 5, batch: 1, features: 3, hidden: 2, attrs: { direction: 'reverse' } },
  { time: 4, batch: 3, features: 2, hidden: 3, attrs: { direction: 'reverse', layout: 1 }, bias: true, initial: true, lengths: [1, 4, 2] },
  { time: 3, batch: 2, features: 2, hidden: 3, attrs: { direction: 'bidirectional', layout: 1, clip: 0.3 }, bias: true, peepholes: true },
  { time: 1, batch: 1, features: 1, hidden: 1 },
  { time: 2, batch: 2, features: 3, hidden: 15, attrs: { direction: 'bidirectional' }, bias: true },
  { time: 2, batch: 5, features: 3, hidden: 21, attrs: { direction: 'bidirectional' }, bias: true, initial: true },
  { time: 0, batch: 2, features: 3, hidden: 2, initial: true },
  { time: 3, batch: 2, features: 4, hidden: 3, bias: true, dtype: 'float16' },
  { time: 3, batch: 2, features: 4, hidden: 3, bias: true, dtype: 'float64' },
]

/** Samples of `cell` with the given activation functions for every direction. */
export function recurrentSamples(cell: CellShape, functions: readonly string[]): (Omit<Sample<RecurrentAttrs>, 'attrs'> & { readonly attrs: RecurrentAttrs })[] {
  return CASES.map((c) => {
    const dtype = c.dtype ?? 'float32', count = c.attrs?.direction === 'bidirectional' ? 2 : 1, rows = cell.gates * c.hidden
    const first = c.attrs?.layout === 1
    const of = (shape: readonly number[], given = true) => (given ? { dtype, shape } : null)
    const state = first ? [c.batch, count, c.hidden] : [count, c.batch, c.hidden], initial = c.initial === true
    const apart = cell.projected === true, features = apart ? count * rows : c.features
    const inputs = [
      of(first ? [c.batch, c.time, features] : [c.time, c.batch, features]),
      ...(apart ? [of(packedShape(count, c.hidden, cell.products)), of([count, rows], c.bias === true)] : [of([count, rows, features]), of([count, rows, c.hidden]), of([count, 2 * rows], c.bias === true)]),
      c.lengths === undefined ? null : { dtype: 'int32' as const, shape: [c.batch], data: c.lengths }, of(state, initial),
      ...(cell.states === 2 ? [of(state, initial), of([count, cell.peepholes * c.hidden], c.peepholes === true)] : []),
    ]
    const attrs = { direction: 'forward', hidden: c.hidden, activations: Array.from({ length: count }, () => functions).flat(), alphas: [], betas: [], clip: Infinity, layout: 0, ...c.attrs }
    return { inputs, attrs }
  })
}

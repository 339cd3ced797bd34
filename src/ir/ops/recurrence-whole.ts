/**
 * Kernels of LSTM, GRU and RNN that multiply their inputs by W themselves. Directions are written out; sequences are independent
 * (a parallel loop); steps run in order, each with its state in scratch memory: `h` is the state that a step reads, `hn` the one
 * that it writes.
 */
import { add, mul, sub, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { constant, load, local, type Expr } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { plus, times } from './expressions.js'
import { bindActivations } from './recurrence-activation.js'
import { fitsGroup, groupKernel } from './recurrence-group.js'
import { activationsOf, bufferOf, elements, finalState, initialState, kernelAround, letStmt, loop, move, operandOf, siteOf, stateStart, type CellWriter, type Site, type Sum } from './recurrence-kernel.js'
import { inputAt, outputAt, type CellShape, type RecurrentAttrs } from './recurrence.js'

/** The kernel whose step is `step(writer)`; `temps` are further states of the cell. */
export function wholeKernel(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, temps: readonly string[], step: (w: CellWriter) => Stmt[]): Kernel {
  const states = ['h', 'hn', ...temps], plain = siteOf(ctx, cell), site: Site = { ...plain, grouped: ctx.gpu !== undefined && fitsGroup(plain, states.length) }, { layout: l } = site
  if (site.grouped === true) return groupKernel(site, states, (d) => sequence(site, d, step))
  const body = l.directions.map((_, d): Stmt => ({ kind: 'for', variable: 'n', lo: 0, hi: l.batch, step: 1, parallel: true, body: sequence(site, d, step) }))
  return kernelAround(site, states.map((name) => [name, l.hidden] as const), body)
}

/** One direction of sequence n: initial state, steps, zeros past the sequence's end, final state. */
function sequence(site: Site, d: number, step: (w: CellWriter) => Stmt[]): Stmt[] {
  const { layout: l, type } = site, at = add(stateStart(site), 'j'), hasLengths = operandOf(site, 4) != null
  const length: Dim = hasLengths ? 'length' : l.time, to = add(outputAt(l, d, 't', 'n'), 'j')
  return [
    ...(hasLengths ? [{ kind: 'data-index', name: 'length', value: load(bufferOf(site, 4), ['n']), extent: add(l.time, 1) } as const] : []),
    initialState(site, d, 'n', at),
    loop('s', length, [
      { kind: 'index', name: 't', value: l.directions[d] === true ? sub(sub(length, 1), 's') : 's' },
      ...step(writerOf(site, d)),
      elements(l.hidden, [letStmt('next', type, load('hn', [at])), move('h', at, local('next', type)), move('y0', to, local('next', type))]),
    ]),
    ...(hasLengths ? [loop('t', l.time, [elements(l.hidden, [move('y0', to, constant(type, 0))])], 'length')] : []),
    finalState(site, d, 'n', at),
  ]
}

function writerOf(site: Site, d: number): CellWriter {
  const { cell, layout: l, type, ctx } = site, { hidden } = l, rows = cell.gates * hidden, hasBias = operandOf(site, 3) != null, at = add(stateStart(site), 'j')
  const row = (gate: number): Dim => add(d * rows + gate * hidden, 'j')
  const bias = (kind: 'w' | 'r', gate: number): Expr => load(bufferOf(site, 3), [add((2 * d + (kind === 'r' ? 1 : 0)) * rows + gate * hidden, 'j')])
  const start = (s: Sum): Expr => (hasBias && s.biases.length > 0 ? s.biases.map((b) => bias(b, s.gate)).reduce(plus) : constant(type, 0))
  const accumulate = (extent: Dim, operand: Expr, sums: readonly Sum[], weight: (gate: number) => Expr): Stmt[] => (sums.length === 0 ? [] : [loop('k', extent, [
    letStmt('v', type, operand),
    ...sums.map((s): Stmt => ({ kind: 'set', name: s.name, value: plus(local(s.name, type), times(local('v', type), weight(s.gate))) })),
  ])])
  return {
    ...activationsOf(site, d, bindActivations(ctx.attrs).slice(d * cell.functions, (d + 1) * cell.functions)), at,
    eachElement: (body) => [elements(hidden, body)],
    result: (value) => [move('hn', at, value)],
    sums: (sums) => {
      const states = [...new Set(sums.flatMap((s) => s.state ?? []))]
      return [
        ...sums.map((s): Stmt => ({ kind: 'var', name: s.name, type, value: start(s) })),
        ...accumulate(l.features, load('x0', [add(inputAt(l, 't', 'n'), 'k')]), sums.filter((s) => s.input), (gate) => load('x1', [add(mul(row(gate), l.features), 'k')])),
        ...states.flatMap((state) => accumulate(hidden, load(state, [add(stateStart(site), 'k')]), sums.filter((s) => s.state === state), (gate) => load(bufferOf(site, 2), [add(mul(row(gate), hidden), 'k')]))),
      ]
    },
  }
}

/**
 * Kernels of LSTM, GRU and RNN whose units each add up their own sums: those that multiply their inputs by W themselves, and all on GPUs. Directions are written out; sequences are independent
 * (a parallel loop); steps run in order, each with its state in scratch memory: `h` is the state that a step reads, `hn` the one
 * that it writes.
 */
import { add, floorDiv, min, mod, mul, sub, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { constant, LANES, load, local, type Expr } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { plus, times } from './expressions.js'
import { stepsKernel } from './recurrence-steps.js'
import { bindActivations } from './recurrence-activation.js'
import { fitsGroup, groupKernel } from './recurrence-group.js'
import { activationsOf, bufferOf, elements, finalState, initialState, kernelAround, letStmt, loop, move, operandOf, siteOf, stateStart, type CellWriter, type Site, type Sum } from './recurrence-kernel.js'
import { inputAt, outputAt, PANEL, productsOf, type CellShape, type Product, type RecurrentAttrs } from './recurrence.js'

/** The kernel whose step is `step(writer)`; `temps` are further states of the cell. */
export function recurrentKernel(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, temps: readonly string[], step: (w: CellWriter) => Stmt[]): Kernel {
  const states = ['h', 'hn', ...temps], plain = siteOf(ctx, cell), site: Site = { ...plain, grouped: true }
  if (ctx.gpu !== undefined && fitsGroup(plain, states.length)) return groupKernel(site, states, (d) => sequence(site, d, step))
  return (cell.projected === true ? stepsKernel : wholeKernel)(ctx, cell, temps, step)
}

function wholeKernel(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, temps: readonly string[], step: (w: CellWriter) => Stmt[]): Kernel {
  const states = ['h', 'hn', ...temps], site = siteOf(ctx, cell), { layout: l } = site
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
  const { cell, layout: l, type, ctx } = site, { hidden } = l, rows = cell.gates * hidden, hasBias = operandOf(site, 3) != null, at = add(stateStart(site), 'j'), projected = cell.projected === true
  const row = (gate: number): Dim => add(d * rows + gate * hidden, 'j')
  const bias = (kind: 'w' | 'r', gate: number): Expr => load(bufferOf(site, 3), [projected ? row(gate) : add((2 * d + (kind === 'r' ? 1 : 0)) * rows + gate * hidden, 'j')])
  const begins = (s: Sum): readonly Expr[] => [
    ...(projected && s.input ? [load('x0', [add(inputAt(l, 't', 'n'), row(s.gate))])] : []),
    ...(hasBias ? s.biases.filter((b) => !projected || b === 'r').map((b) => bias(b, s.gate)) : []),
  ]
  const accumulate = (extent: Dim, operand: Expr, sums: readonly Sum[], weight: (gate: number) => Expr): Stmt[] => (sums.length === 0 ? [] : [loop('k', extent, [
    letStmt('v', type, operand),
    ...sums.map((s): Stmt => ({ kind: 'set', name: s.name, value: plus(local(s.name, type), times(local('v', type), weight(s.gate))) })),
  ])])
  const stateWeight = (gate: number): Expr => load(bufferOf(site, 2), [projected ? add(`from_${gate}`, mul(`width_${gate}`, 'k')) : add(mul(row(gate), hidden), 'k')])
  return {
    ...activationsOf(site, d, bindActivations(ctx.attrs).slice(d * cell.functions, (d + 1) * cell.functions)), at,
    eachElement: (body) => [elements(hidden, body)],
    result: (value) => [move('hn', at, value)],
    sums: (sums) => {
      const states = [...new Set(sums.flatMap((s) => s.state ?? []))]
      return [
        ...sums.map((s): Stmt => ({ kind: 'var', name: s.name, type, value: begins(s).length === 0 ? constant(type, 0) : begins(s).reduce(plus) })),
        ...(projected ? sums.flatMap((s) => (s.state === null ? [] : panelPlace(site, d, s.gate))) : accumulate(l.features, load('x0', [add(inputAt(l, 't', 'n'), 'k')]), sums.filter((s) => s.input), (gate) => load('x1', [add(mul(row(gate), l.features), 'k')]))),
        ...states.flatMap((state) => accumulate(hidden, load(state, [add(stateStart(site), 'k')]), sums.filter((s) => s.state === state), stateWeight)),
      ]
    },
  }
}

/** Where the weights of unit `j` of a gate begin in the panels of direction `d`, and how many columns lie side by side there. */
function panelPlace({ cell, layout: { hidden } }: Site, d: number, gate: number): Stmt[] {
  const { products, columns } = productsOf(cell.products, hidden), product = products.find((p) => p.gates.includes(gate)) as Product
  const column = add(product.gates.indexOf(gate) * hidden, 'j'), panel = floorDiv(column, PANEL), whole = product.columns % PANEL === 0
  return [
    { kind: 'index', name: `width_${gate}`, value: whole ? PANEL : min(PANEL, sub(Math.ceil(product.columns / LANES) * LANES, mul(PANEL, panel))) },
    { kind: 'index', name: `from_${gate}`, value: add((d * columns + product.at) * hidden, mul(PANEL * hidden, panel), mod(column, PANEL)) },
  ]
}

/**
 * Kernels of the steps of LSTM, GRU and RNN over inputs that are projected already. A step is two parts: products of states and
 * weights, which stand in panels that are read from end to end, for two sequences at once where there are two; and what each
 * element makes of its sums. Sums wait in scratch memory in between, so that nothing but sums takes up registers in products.
 */
import { add, floorDiv, mul, sub, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { constant, load, local, type Expr } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { plus, times } from './expressions.js'
import { bindActivations, type BoundActivation } from './recurrence-activation.js'
import { activationsOf, bufferOf, elements, finalState, initialState, kernelAround, letStmt, loop, move, operandOf, siteOf, type CellWriter, type Site } from './recurrence-kernel.js'
import { inputAt, outputAt, panelsOf, PANEL, productsOf, type CellShape, type Product, type RecurrentAttrs } from './recurrence.js'

/** Sequences that share a pass over the weights. */
const TOGETHER = 2

/** Some sequences, from `n` on, of a direction (a number, or a loop's variable): what a step is written for. */
interface Group extends Site {
  readonly d: Dim
  /** 1 for a direction that runs from the end. */
  readonly reverse: Dim
  readonly functions: readonly BoundActivation[]
  readonly count: number
}

/** The kernel whose step is `step(writer)`; `temps` are further states of the cell. */
export function stepsKernel(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, temps: readonly string[], step: (w: CellWriter) => Stmt[]): Kernel {
  const site = siteOf(ctx, cell), { layout: l } = site, directions = l.directions.length, all = bindActivations(ctx.attrs)
  const functionsOf = (d: number): readonly BoundActivation[] => all.slice(d * cell.functions, (d + 1) * cell.functions)
  const sequencesOf = (d: Dim, reverse: Dim, functions: readonly BoundActivation[]): Stmt[] => {
    const pairs = operandOf(site, 4) == null ? mul(TOGETHER, floorDiv(l.batch, TOGETHER)) : 0
    const some = (lo: Dim, hi: Dim, count: number): Stmt[] => (lo === hi ? [] : [{ kind: 'for', variable: 'n', lo, hi, step: count, parallel: true, body: sequences({ ...site, d, reverse, functions, count }, step) }])
    return [...some(0, pairs, TOGETHER), ...some(pairs, l.batch, 1)]
  }
  const alike = directions > 1 && functionsOf(0).every((_, f) => ctx.attrs.activations[f] === ctx.attrs.activations[f + cell.functions] && all[f]?.alpha === all[f + cell.functions]?.alpha && all[f]?.beta === all[f + cell.functions]?.beta)
  const body: Stmt[] = alike
    ? [{ kind: 'for', variable: 'd', lo: 0, hi: directions, step: 1, parallel: true, body: sequencesOf('d', 'd', functionsOf(0)) }]
    : l.directions.flatMap((reverse, d) => sequencesOf(d, reverse ? 1 : 0, functionsOf(d)))
  const columns = productsOf(cell.products, l.hidden).columns
  return kernelAround(site, [...['h', ...temps].map((name) => [name, directions * l.hidden] as const), ['sums', directions * columns]], body)
}

/** Sequences of one direction: initial states, steps, zeros past the end of a sequence, final states. */
function sequences(group: Group, step: (w: CellWriter) => Stmt[]): Stmt[] {
  const { layout: l, d, reverse, type } = group, hasLengths = operandOf(group, 4) != null, length: Dim = hasLengths ? 'length' : l.time
  const each = (write: (n: Dim, at: Dim) => Stmt): Stmt[] => eachSequence(group, (n) => [write(n, add(mul(add(mul(d, l.batch), n), l.hidden), 'j'))])
  return [
    ...(hasLengths ? [{ kind: 'data-index', name: 'length', value: load(bufferOf(group, 4), ['n']), extent: add(l.time, 1) } as const] : []),
    ...each((n, at) => initialState(group, d, n, at)),
    loop('s', length, [
      { kind: 'index', name: 't', value: add('s', mul(reverse, sub(sub(length, 1), mul(2, 's')))) },
      ...step(writerOf(group)),
    ]),
    ...(hasLengths ? [loop('t', l.time, [elements(l.hidden, [move('y0', add(outputAt(l, d, 't', 'n'), 'j'), constant(type, 0))])], 'length')] : []),
    ...each((n, at) => finalState(group, d, n, at)),
  ]
}

/** Statements for each sequence of a group in turn. */
function eachSequence({ count }: Group, write: (n: Dim) => readonly Stmt[]): Stmt[] {
  return count === 1 ? [...write('n')] : [loop('q', add('n', count), write('q'), 'n')]
}

function writerOf(group: Group): CellWriter {
  const { cell, layout: l, type, d } = group, { hidden } = l, rows = cell.gates * hidden, hasBias = operandOf(group, 3) != null
  const n: Dim = group.count === 1 ? 'n' : 'q', sequence = add(mul(d, l.batch), n), at = add(mul(sequence, hidden), 'j')
  const { products, columns } = productsOf(cell.products, hidden)
  const due = new Map<Product, string>()
  const sumOf = (gate: number, state: string): Expr => {
    const product = products.find((p) => p.gates.includes(gate)) as Product
    due.set(product, state)
    return load('sums', [add(mul(sequence, columns), product.at + product.gates.indexOf(gate) * hidden, 'j')])
  }
  return {
    ...activationsOf(group, d, group.functions), at,
    sums: (sums) => sums.map((s) => letStmt(s.name, type, [
      ...(s.input ? [load('x0', [add(inputAt(l, 't', n), mul(d, rows), s.gate * hidden, 'j')])] : []),
      ...(hasBias && s.biases.includes('r') ? [load(bufferOf(group, 3), [add(mul(d, rows), s.gate * hidden, 'j')])] : []),
      ...(s.state === null ? [] : [sumOf(s.gate, s.state)]),
    ].reduce(plus))),
    eachElement: (body) => {
      const written = [...due].flatMap(([product, state]) => writeProduct(group, product, state))
      due.clear()
      return [...written, ...eachSequence(group, () => [elements(hidden, body)])]
    },
    result: (value) => [letStmt('next', type, value), move('h', at, local('next', type)), move('y0', add(outputAt(l, d, 't', n), 'j'), local('next', type))],
  }
}

/** The sums of a product for all sequences of a group: whole panels in a loop, then what is left. */
function writeProduct(group: Group, product: Product, state: string): Stmt[] {
  const { layout: { hidden } } = group, panels = panelsOf(product), whole = panels.filter((p) => p.width === PANEL).length * PANEL, rest = panels.at(-1)
  // Sums enough to fill the pipeline: of both halves of a panel for one sequence, of one half for two.
  const parts = group.count === 1 ? [[0, PANEL / 2]] : [[0], [PANEL / 2]]
  return [
    ...(whole === 0 ? [] : [{ kind: 'for', variable: 'panel', lo: 0, hi: whole, step: PANEL, body: parts.map((p) => writeSums(group, product, state, { from: 'panel', width: PANEL, places: p, units: PANEL / 2 })) } as const]),
    ...(rest === undefined || rest.width === PANEL || hidden === 0 ? [] : [writeSums(group, product, state, { from: rest.from, width: rest.width, places: [0], units: rest.width })]),
  ]
}

/** Columns of a panel: `units` of them from each of `places` on. */
interface Columns { readonly from: Dim; readonly width: number; readonly places: readonly number[]; readonly units: number }

function writeSums(group: Group, product: Product, state: string, { from, width, places, units }: Columns): Stmt {
  const { cell, layout: l, type, d, count } = group, { hidden } = l, { columns } = productsOf(cell.products, hidden)
  const sequence = (i: number): Dim => add(mul(d, l.batch), 'n', i)
  const sums = Array.from({ length: count }, (_, i) => places.map((place) => ({ i, place, name: `sum_${i}_${place}` }))).flat()
  const weight = (place: number): Expr => load(bufferOf(group, 2), [add(mul(d, columns * hidden), mul(add(product.at, from), hidden), mul('k', width), place, 'unit')])
  return { kind: 'for', variable: 'unit', lo: 0, hi: units, step: 1, parallel: true, body: [
    ...sums.map(({ name }): Stmt => ({ kind: 'var', name, type, value: constant(type, 0) })),
    loop('k', hidden, [
      ...Array.from({ length: count }, (_, i) => letStmt(`v_${i}`, type, load(state, [add(mul(sequence(i), hidden), 'k')]))),
      ...places.map((place) => letStmt(`w_${place}`, type, weight(place))),
      ...sums.map(({ name, i, place }): Stmt => ({ kind: 'set', name, value: plus(local(name, type), times(local(`v_${i}`, type), local(`w_${place}`, type))) })),
    ]),
    ...sums.map(({ name, i, place }) => move('sums', add(mul(sequence(i), columns), product.at, from, place, 'unit'), local(name, type))),
  ] }
}

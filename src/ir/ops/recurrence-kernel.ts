/**
 * Kernels of LSTM, GRU and RNN. Directions are written out; sequences are independent (a parallel loop); steps run in order,
 * each with its state in scratch memory: `h` is the state that a step reads, `hn` the one that it writes.
 */
import { visitSymbols } from '../../base/dim.js'
import type { DType } from '../../base/dtype.js'
import { add, mul, product, sub, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { constant, load, local, REGISTER, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Kernel, KernelBuffer, Stmt } from '../kernel/kernel.js'
import type { TensorType } from '../types.js'
import { plus, times } from './expressions.js'
import { bindActivations, clipExpr, type BoundActivation } from './recurrence-activation.js'
import { BLOCK, inputAt, layoutOf, operandAt, outputAt, packedAt, stateAt, type CellShape, type RecurrentAttrs, type RecurrentLayout } from './recurrence.js'

/** A sum over the input and/or the state: `name = init + Σ x·W[gate] + Σ state·R[gate]`. */
export interface Sum { readonly name: string; readonly gate: number; readonly input: boolean; readonly state: string | null; readonly biases: readonly ('w' | 'r')[] }

/** What a cell writes one step with, for element `j` of sequence `n`. */
export interface CellWriter {
  readonly type: RegisterType
  readonly functions: readonly BoundActivation[]
  /** Index of the element at hand of the sequence's scratch state. */
  readonly at: Dim
  /** Declares the sums as registers. Sums with a state share the loop over it. */
  sums(sums: readonly Sum[]): Stmt[]
  /** Function `f` of the clipped `x`, in a register; `argument` is declared first, so that it is computed once. */
  activate(name: string, f: number, x: Expr): Stmt[]
  /** Runs `body` for each element of the state; they are independent. */
  eachElement(body: readonly Stmt[]): Stmt[]
  /** Element `j` of peephole `i`, times `state`, added to `x`; `x` alone without P. */
  peep(x: Expr, i: number, state: Expr): Expr
}

/** A register. */
export const letStmt = (name: string, type: RegisterType, value: Expr): Stmt => ({ kind: 'let', name, type, value })
const loop = (variable: string, hi: Dim, body: readonly Stmt[], lo: Dim = 0): Stmt => ({ kind: 'for', variable, lo, hi, step: 1, body })

/** A loop over the elements of a state, which are independent. */
const elements = (hidden: number, body: readonly Stmt[]): Stmt => ({ kind: 'for', variable: 'j', lo: 0, hi: hidden, step: 1, parallel: true, body })

/** The same for element `block + unit`, block by block. */
function inBlocks(hidden: number, body: readonly Stmt[]): Stmt[] {
  const whole = Math.floor(hidden / BLOCK) * BLOCK
  const over = (lo: number, hi: number, units: number): Stmt[] => (lo === hi ? [] : [
    { kind: 'for', variable: 'block', lo, hi, step: BLOCK, body: [{ kind: 'for', variable: 'unit', lo: 0, hi: units, step: 1, parallel: true, body }] },
  ])
  return [...over(0, whole, BLOCK), ...over(whole, Math.ceil(hidden / BLOCK) * BLOCK, hidden - whole)]
}

/** Operand `i` of ONNX's list among the inputs, and the name of its buffer. */
const operandOf = (ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, i: number): TensorType | null | undefined => ctx.inputs[operandAt(cell, i)]
const bufferOf = (cell: CellShape, i: number): string => `x${operandAt(cell, i)}`

/** The kernel whose step is `step(writer)`, which must store the new hidden state to `hn` at `writer.at`; `temps` are further states of the cell. */
export function recurrenceKernel(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, temps: readonly string[], step: (w: CellWriter) => Stmt[]): Kernel {
  const [x] = ctx.inputs as [TensorType], l = layoutOf(x.shape, ctx.attrs), type = REGISTER[x.dtype]
  const scratch: DType = x.dtype === 'float64' ? 'float64' : 'float32'
  const buffers: KernelBuffer[] = [
    ...ctx.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role })),
    ...['h', 'hn', ...temps].map((name): KernelBuffer => ({ name, dtype: scratch, length: mul(l.batch, l.hidden), role: 'temp' })),
  ]
  const params = new Set<string>()
  for (const d of [l.time, l.batch, l.features, ...buffers.map((b) => b.length)]) visitSymbols(d, (s) => params.add(s))
  const body = l.directions.map((_, d): Stmt => ({ kind: 'for', variable: 'n', lo: 0, hi: l.batch, step: 1, parallel: true, body: sequence(ctx, cell, l, d, type, step) }))
  return { name: cell.name, params: [...params].sort(), buffers, body }
}

/** One direction of sequence n: initial state, steps, zeros past the sequence's end, final state. */
function sequence(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, l: RecurrentLayout<Dim>, d: number, type: RegisterType, step: (w: CellWriter) => Stmt[]): Stmt[] {
  const scratchAt = add(mul('n', l.hidden), 'j'), hasLengths = operandOf(ctx, cell, 4) != null
  const given = (i: number): Expr => (operandOf(ctx, cell, i) == null ? constant(type, 0) : load(bufferOf(cell, i), [add(stateAt(l, d, 'n'), 'j')]))
  const length: Dim = hasLengths ? 'length' : l.time
  const t: Dim = l.directions[d] === true ? sub(sub(length, 1), 's') : 's'
  const move = (to: string, index: Dim, from: Expr): Stmt => ({ kind: 'store', buffer: to, index, value: from })
  const writer = cellWriter(ctx, cell, l, d, type)
  return [
    ...(hasLengths ? [{ kind: 'data-index', name: 'length', value: load(bufferOf(cell, 4), ['n']), extent: add(l.time, 1) } as const] : []),
    elements(l.hidden, [move('h', scratchAt, given(5)), ...(cell.states === 2 ? [move('c', scratchAt, given(6))] : [])]),
    loop('s', length, [
      { kind: 'index', name: 't', value: t },
      ...step(writer),
      elements(l.hidden, [
        letStmt('next', type, load('hn', [scratchAt])),
        move('h', scratchAt, local('next', type)),
        move('y0', add(outputAt(l, d, 't', 'n'), 'j'), local('next', type)),
      ]),
    ]),
    ...(hasLengths ? [loop('t', l.time, [elements(l.hidden, [move('y0', add(outputAt(l, d, 't', 'n'), 'j'), constant(type, 0))])], 'length')] : []),
    elements(l.hidden, [
      move('y1', add(stateAt(l, d, 'n'), 'j'), load('h', [scratchAt])),
      ...(cell.states === 2 ? [move('y2', add(stateAt(l, d, 'n'), 'j'), load('c', [scratchAt]))] : []),
    ]),
  ]
}

function cellWriter(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape, l: RecurrentLayout<Dim>, d: number, type: RegisterType): CellWriter {
  const { hidden } = l, rows = cell.gates * hidden, apart = cell.projected === true, hasBias = operandOf(ctx, cell, 3) != null
  const j: Dim = apart ? add('block', 'unit') : 'j'
  const functions = bindActivations(ctx.attrs).slice(d * cell.functions, (d + 1) * cell.functions)
  const row = (gate: number): Dim => add(d * rows + gate * hidden, j)
  const bias = (kind: 'w' | 'r', gate: number): Expr => load(bufferOf(cell, 3), [add((apart ? d : 2 * d + (kind === 'r' ? 1 : 0)) * rows + gate * hidden, j)])
  /** What a sum starts with: its biases, and its part of an input that is projected already. */
  const start = (s: Sum): Expr => {
    const parts = [
      ...(apart && s.input ? [load('x0', [add(inputAt(l, 't', 'n'), row(s.gate))])] : []),
      ...(hasBias ? s.biases.filter((b) => !apart || b === 'r').map((b) => bias(b, s.gate)) : []),
    ]
    return parts.length === 0 ? constant(type, 0) : parts.reduce(plus)
  }
  const recurrent = (gate: number): Dim => (apart ? packedAt(cell, hidden, d, gate, 'block', 'unit', 'k') : add(mul(row(gate), hidden), 'k'))
  const accumulate = (extent: Dim, operand: Expr, sums: readonly Sum[], weight: (gate: number) => Expr): Stmt[] => sums.length === 0 ? [] : [loop('k', extent, [
    letStmt('v', type, operand),
    ...sums.map((s): Stmt => ({ kind: 'set', name: s.name, value: plus(local(s.name, type), times(local('v', type), weight(s.gate))) })),
  ])]
  return {
    type, functions, at: add(mul('n', hidden), j),
    eachElement: (body) => (apart ? inBlocks(hidden, body) : [elements(hidden, body)]),
    sums: (sums) => {
      const states = [...new Set(sums.flatMap((s) => s.state ?? []))]
      return [
        ...sums.map((s): Stmt => ({ kind: 'var', name: s.name, type, value: start(s) })),
        ...(apart ? [] : accumulate(l.features, load('x0', [add(inputAt(l, 't', 'n'), 'k')]), sums.filter((s) => s.input), (gate) => load('x1', [add(mul(row(gate), l.features), 'k')]))),
        ...states.flatMap((state) => accumulate(hidden, load(state, [add(mul('n', hidden), 'k')]), sums.filter((s) => s.state === state), (gate) => load(bufferOf(cell, 2), [recurrent(gate)]))),
      ]
    },
    activate: (name, f, x) => [
      letStmt(`${name}_in`, type, clipExpr(x, ctx.attrs.clip, type)),
      letStmt(name, type, (functions[f] as BoundActivation).expr(local(`${name}_in`, type), type)),
    ],
    peep: (x, i, state) => (operandOf(ctx, cell, 7) == null ? x : plus(x, times(load(bufferOf(cell, 7), [add(d * cell.peepholes * hidden + i * hidden, j)]), state))),
  }
}

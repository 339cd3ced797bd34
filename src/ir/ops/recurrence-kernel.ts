/** What kernels of LSTM, GRU and RNN are made of: what a cell writes its steps with, and what all its sequences share. */
import { visitSymbols } from '../../base/dim.js'
import type { DType } from '../../base/dtype.js'
import { add, mul, product, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { constant, load, local, REGISTER, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Kernel, KernelBuffer, Stmt } from '../kernel/kernel.js'
import type { TensorType } from '../types.js'
import { plus, times } from './expressions.js'
import { clipExpr, type BoundActivation } from './recurrence-activation.js'
import { layoutOf, operandAt, stateAt, type CellShape, type RecurrentAttrs, type RecurrentLayout } from './recurrence.js'

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
  /** Runs `body`, which may use sums and activations declared before, for each element of the state; they are independent. */
  eachElement(body: readonly Stmt[]): Stmt[]
  /** Stores the next hidden state of the element at hand. */
  result(value: Expr): Stmt[]
  /** Element `j` of peephole `i`, times `state`, added to `x`; `x` alone without P. */
  peep(x: Expr, i: number, state: Expr): Expr
}


/** The recurrence that a kernel is written for. */
export interface Site {
  readonly ctx: ComputeContext<RecurrentAttrs>
  readonly cell: CellShape
  readonly layout: RecurrentLayout<Dim>
  readonly type: RegisterType
  /** A workgroup has each sequence, and its states in shared memory. */
  readonly grouped?: boolean
}

/** Where the states of sequence `n` begin in scratch memory, or in that of its workgroup. */
export const stateStart = ({ layout, grouped }: Site): Dim => (grouped === true ? 0 : mul('n', layout.hidden))

/** A register. */
export const letStmt = (name: string, type: RegisterType, value: Expr): Stmt => ({ kind: 'let', name, type, value })
export const loop = (variable: string, hi: Dim, body: readonly Stmt[], lo: Dim = 0): Stmt => ({ kind: 'for', variable, lo, hi, step: 1, body })
export const move = (buffer: string, index: Dim, value: Expr): Stmt => ({ kind: 'store', buffer, index, value })

/** A loop over the elements of a state, which are independent. */
export const elements = (hidden: number, body: readonly Stmt[]): Stmt => ({ kind: 'for', variable: 'j', lo: 0, hi: hidden, step: 1, parallel: true, body })

/** Operand `i` of ONNX's list among the inputs, and the name of its buffer. */
export const operandOf = ({ ctx, cell }: Site, i: number): TensorType | null | undefined => ctx.inputs[operandAt(cell, i)]
export const bufferOf = ({ cell }: Site, i: number): string => `x${operandAt(cell, i)}`

/** The site of a call. */
export function siteOf(ctx: ComputeContext<RecurrentAttrs>, cell: CellShape): Site {
  const [x] = ctx.inputs as [TensorType]
  return { ctx, cell, layout: layoutOf(x.shape, ctx.attrs), type: REGISTER[x.dtype] }
}

/** The kernel of `body` with scratch memory: so many numbers for each sequence under each name. */
export function kernelAround({ ctx, cell, layout: l, type }: Site, temps: readonly (readonly [string, Dim])[], body: readonly Stmt[]): Kernel {
  const scratch: DType = type === 'f64' ? 'float64' : 'float32'
  const buffers: KernelBuffer[] = [
    ...ctx.buffers.map((b) => ({ name: b.name, dtype: b.dtype, length: product(b.shape), role: b.role })),
    ...temps.map(([name, each]): KernelBuffer => ({ name, dtype: scratch, length: mul(l.batch, each), role: 'temp' })),
  ]
  const params = new Set<string>()
  for (const d of [l.time, l.batch, l.features, ...buffers.map((b) => b.length)]) visitSymbols(d, (s) => params.add(s))
  return { name: cell.name, params: [...params].sort(), buffers, body }
}

/** States of sequence `n` of direction `d` before its first step, in scratch memory at `at`. */
export function initialState(site: Site, d: Dim, n: Dim, at: Dim): Stmt {
  const given = (i: number): Expr => (operandOf(site, i) == null ? constant(site.type, 0) : load(bufferOf(site, i), [add(stateAt(site.layout, d, n), 'j')]))
  return elements(site.layout.hidden, [move('h', at, given(5)), ...(site.cell.states === 2 ? [move('c', at, given(6))] : [])])
}

/** The final states of sequence `n`. */
export function finalState(site: Site, d: Dim, n: Dim, at: Dim): Stmt {
  const to = add(stateAt(site.layout, d, n), 'j')
  return elements(site.layout.hidden, [move('y1', to, load('h', [at])), ...(site.cell.states === 2 ? [move('y2', to, load('c', [at]))] : [])])
}

/** What all writers of a direction share; `d` is its number among directions, which may be a loop's. */
export function activationsOf(site: Site, d: Dim, functions: readonly BoundActivation[]): Pick<CellWriter, 'type' | 'functions' | 'activate' | 'peep'> {
  const { ctx, cell, type, layout: { hidden } } = site
  return {
    type, functions,
    activate: (name, f, x) => [
      letStmt(`${name}_in`, type, clipExpr(x, ctx.attrs.clip, type)),
      letStmt(name, type, (functions[f] as BoundActivation).expr(local(`${name}_in`, type), type)),
    ],
    peep: (x, i, state) => (operandOf(site, 7) == null ? x : plus(x, times(load(bufferOf(site, 7), [add(mul(d, cell.peepholes * hidden), i * hidden, 'j')]), state))),
  }
}

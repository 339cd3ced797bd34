/** What LSTM, GRU and RNN share: attributes, types of operands and results, and how their tensors are laid out. */
import type { DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { add, mul, type Dim } from '../dims.js'
import type { Call, InferContext } from '../op.js'
import { printType, tensorType, type TensorType } from '../types.js'
import { bindActivations } from './recurrence-activation.js'
import { checkDType, checkSameDType, findTensorInput, FLOATS, tensorInput } from './operands.js'
import { requireEntries, requireRank } from './requirements.js'

/** Attribute schema of every recurrence. `activations` has one set per direction; `clip` is Infinity for none; `layout` 1 has the batch first. */
export const RECURRENT_ATTRS = { direction: 'string', hidden: 'int', activations: 'strings', alphas: 'floats', betas: 'floats', clip: 'float', layout: 'int' } as const

export interface RecurrentAttrs {
  readonly direction: string
  readonly hidden: number
  readonly activations: readonly string[]
  readonly alphas: readonly number[]
  readonly betas: readonly number[]
  readonly clip: number
  readonly layout: number
}

/** What tells one recurrence from another. */
export interface CellShape {
  readonly name: string
  /** Matrices stacked in W and R. */
  readonly gates: number
  /** Activation functions per direction. */
  readonly functions: number
  /** 2 with a cell state beside the hidden one. */
  readonly states: 1 | 2
  /** Vectors stacked in P. */
  readonly peepholes: number
  /**
   * The input comes projected: there is no W, X has the gates of all directions in the place of features, R is stored in panels
   * of columns (see `packedShape`), and B, if given, holds recurrent biases only.
   */
  readonly projected?: boolean
  /** Gates of each product of a step. */
  readonly products: readonly (readonly number[])[]
}

/** Columns of R that stand side by side for projected cells. */
export const PANEL = 32
const LANES = 4

/** Gates whose weights one state is multiplied by at once: the gates of each product of a step. */
export const PRODUCTS = { lstm: [[0, 1, 2, 3]], gru: [[0, 1], [2]], rnn: [[0]] } as const satisfies Record<string, readonly (readonly number[])[]>

/** A product of a step for projected cells: `columns` of it are its gates' units, `at` is where they stand among those of all products, each filled up to whole vectors. */
export interface Product { readonly gates: readonly number[]; readonly columns: number; readonly at: number }

/** The products of a cell with so many units, and the columns that all take. */
export function productsOf(products: readonly (readonly number[])[], hidden: number): { readonly products: readonly Product[]; readonly columns: number } {
  let columns = 0
  const placed = products.map((gates) => {
    const product = { gates, columns: gates.length * hidden, at: columns }
    columns += Math.ceil(product.columns / LANES) * LANES
    return product
  })
  return { products: placed, columns }
}

/** The shape of R for a projected cell: [directions, hidden × columns of all products]; columns that fill the last vector of a product count for nothing. */
export const packedShape = (directions: number, hidden: number, products: readonly (readonly number[])[]): readonly [number, number] => [directions, hidden * productsOf(products, hidden).columns]

/** Panels of a product, in order: from column `from`, `width` columns side by side. */
export function panelsOf({ columns }: Product): readonly { readonly from: number; readonly width: number }[] {
  return Array.from({ length: Math.ceil(columns / PANEL) }, (_, i) => ({ from: i * PANEL, width: Math.min(PANEL, Math.ceil(columns / LANES) * LANES - i * PANEL) }))
}

/** Where one direction's R has the weight of element `k` of the state for unit `j` of a gate, for a projected cell: panel by panel, row by row. */
export function packedAt(products: readonly (readonly number[])[], hidden: number, gate: number, j: number, k: number): number {
  const product = productsOf(products, hidden).products.find((p) => p.gates.includes(gate)) as Product
  const column = product.gates.indexOf(gate) * hidden + j, panel = panelsOf(product)[Math.floor(column / PANEL)] as { from: number; width: number }
  return (product.at + panel.from) * hidden + k * panel.width + (column - panel.from)
}

/** Where operand `i` of ONNX's list (X W R B sequence_lens initial_h initial_c P) stands among a cell's inputs. */
export const operandAt = (cell: CellShape, i: number): number => (cell.projected === true && i > 1 ? i - 1 : i)

/** For each direction, whether it runs from the end. */
export function directionsOf(attrs: RecurrentAttrs): readonly boolean[] {
  switch (attrs.direction) {
    case 'forward': return [false]
    case 'reverse': return [true]
    case 'bidirectional': return [false, true]
    default: throw new IngotError('bad-attribute', `direction '${attrs.direction}' is not known`, { hint: 'it must be forward, reverse or bidirectional' })
  }
}

/** Extents and index functions of a recurrence's tensors; all indices are flat. */
export interface RecurrentLayout<D extends Dim> { readonly time: D; readonly batch: D; readonly features: D; readonly hidden: number; readonly directions: readonly boolean[]; readonly batchFirst: boolean }

/** The layout of a recurrence on an input of shape `x`. */
export function layoutOf<D extends Dim>(x: readonly D[], attrs: RecurrentAttrs): RecurrentLayout<D> {
  const [a, b, features] = x as readonly [D, D, D], batchFirst = attrs.layout === 1
  return { time: batchFirst ? b : a, batch: batchFirst ? a : b, features, hidden: attrs.hidden, directions: directionsOf(attrs), batchFirst }
}

/** Where the features of step `t` of sequence `n` start in X. */
export function inputAt(l: RecurrentLayout<Dim>, t: Dim, n: Dim): Dim {
  return mul(l.batchFirst ? add(mul(n, l.time), t) : add(mul(t, l.batch), n), l.features)
}

/** Where the result of direction `d` at step `t` of sequence `n` starts in Y. */
export function outputAt(l: RecurrentLayout<Dim>, d: Dim, t: Dim, n: Dim): Dim {
  const count = l.directions.length
  return mul(l.batchFirst ? add(mul(add(mul(n, l.time), t), count), d) : add(mul(add(mul(t, count), d), l.batch), n), l.hidden)
}

/** Where the state of direction `d` of sequence `n` starts in initial and final states. */
export function stateAt(l: RecurrentLayout<Dim>, d: Dim, n: Dim): Dim {
  return mul(l.batchFirst ? add(mul(n, l.directions.length), d) : add(mul(d, l.batch), n), l.hidden)
}

/** Types of the results: Y, then one final state per state of the cell. Throws `shape-mismatch`, `dtype-mismatch` or `bad-attribute`. */
export function inferRecurrence(call: Call<RecurrentAttrs>, cell: CellShape, ctx: InferContext): TensorType[] {
  const { attrs } = call
  requireEntries('hidden', [attrs.hidden], 1, 1)
  if (attrs.layout !== 0 && attrs.layout !== 1) throw new IngotError('bad-attribute', `layout must be 0 (time first) or 1 (batch first), but is ${attrs.layout}`)
  if (!(attrs.clip > 0)) throw new IngotError('bad-attribute', `clip must be positive, but is ${attrs.clip}`, { hint: 'Infinity clips nothing' })
  const x = tensorInput(call, 0, FLOATS)
  requireRank(x, 'X', 3, attrs.layout === 1 ? '[batch, time, features]' : '[time, batch, features]')
  const l = layoutOf(x.shape, attrs), count = l.directions.length, h = attrs.hidden
  if (attrs.activations.length !== count * cell.functions) {
    throw new IngotError('bad-attribute', `${cell.name} needs ${cell.functions} activation${cell.functions === 1 ? '' : 's'} for each of ${count} direction${count === 1 ? '' : 's'}, but has [${attrs.activations.join(', ')}]`)
  }
  bindActivations(attrs)
  const state = l.batchFirst ? [l.batch, count, h] : [count, l.batch, h], rows = cell.gates * h, projected = cell.projected === true
  if (projected) ctx.assume(l.features, count * rows, 'X has the projected gates of all directions')
  const expected: readonly (readonly [string, readonly Dim[]] | null)[] = [
    null, projected ? null : ['W', [count, rows, l.features]], ['R', projected ? packedShape(count, h, cell.products) : [count, rows, h]], ['B', [count, projected ? rows : 2 * rows]], null,
    ['initial_h', state], ['initial_c', state], ['P', [count, cell.peepholes * h]],
  ]
  expected.forEach((entry, i) => {
    const at = operandAt(cell, i)
    if (entry !== null && (i <= 2 || findTensorInput(call, at) !== undefined)) checkOperand(call, at, entry[0], entry[1], x, ctx)
  })
  const lens = findTensorInput(call, operandAt(cell, 4))
  if (lens !== undefined) {
    checkDType(lens.dtype, ['int32'] as readonly DType[], 'sequence_lens')
    requireRank(lens, 'sequence_lens', 1, '[batch]')
    ctx.assume(lens.shape[0] as Dim, l.batch, 'sequence_lens has one length for each sequence')
  }
  const y = l.batchFirst ? [l.batch, l.time, count, h] : [l.time, count, l.batch, h]
  return [tensorType(x.dtype, y), ...Array.from({ length: cell.states }, () => tensorType(x.dtype, state))]
}

function checkOperand(call: Call<RecurrentAttrs>, i: number, name: string, shape: readonly Dim[], x: TensorType, ctx: InferContext): void {
  const type = tensorInput(call, i)
  checkSameDType(x, type, `X and ${name}`)
  requireRank(type, name, shape.length, printType(tensorType(x.dtype, shape)))
  shape.forEach((d, axis) => {
    const given = type.shape[axis] as Dim
    if (typeof d === 'number' && typeof given === 'number' && d !== given) throw new IngotError('shape-mismatch', `${name} must be ${printType(tensorType(x.dtype, shape))} but is ${printType(type)}`, { hint: 'its extents follow from X, hidden and direction' })
    ctx.assume(given, d, `${name} is ${printType(tensorType(x.dtype, shape))}`)
  })
}

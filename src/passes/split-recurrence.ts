/**
 * Goal: recurrences whose steps compute only what must be computed in steps: the input is multiplied by the weights of all
 * gates and directions at once, as one matrix product over all steps.
 *
 *   %y, %h, %c = lstm(%x, %w, %r, %b, …)   ⇒   %rows = reshape(%x)   %product = matmul(%rows, Wᵀ)   %sum = add(%product, biases)
 *                                               %gates = reshape(%sum)
 *                                               %y, %h, %c = lstm_recurrence(%gates, R in panels, _, …)
 *
 * Biases of W and R are added together, but for the hidden gate of a gru with linear_before_reset, whose reset gate scales R's.
 * Does not: touch recurrences of other dtypes than float32, or whose W, R or B is no constant (their transposes would be
 * taken at run time). A policy of targets, so not in the default pipeline.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent.
 */
import type { HostTensor } from '../base/dtype.js'
import { mul, type Dim } from '../ir/dims.js'
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { fromNumbers, toNumbers } from '../ir/host-tensor.js'
import { packedAt, packedShape, PRODUCTS } from '../ir/ops/recurrence.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const splitRecurrence: Pass = {
  name: 'split-recurrence',
  doc: 'Takes the products of inputs and weights out of the steps of recurrences.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => rewriteNodes(graph, split),
}

const split: Rule = (node, rewriting) => {
  const products: readonly (readonly number[])[] = Object.hasOwn(PRODUCTS, node.op) ? PRODUCTS[node.op as keyof typeof PRODUCTS] : [], gates = products.flat().length
  const [x, w, r, b] = node.inputs
  if (gates === 0 || x == null || dtypeOf(x) !== 'float32' || w?.data === undefined || r?.data === undefined || (b != null && b.data === undefined)) return undefined
  const hidden = node.attrs['hidden'] as number, rows = gates * hidden
  const [count, , features] = w.data.shape as readonly [number, number, number], [outer, inner, last] = shapeOf(x) as readonly [Dim, Dim, Dim], columns = count * rows
  const weights = rewriting.constant(transposed(w.data, columns, features), 'w')
  const recurrent = rewriting.constant(inPanels(r.data, count, hidden, products), 'r')
  const biases = b?.data === undefined ? undefined : splitBias(b.data, count, rows, node.attrs['linear_before_reset'] === true ? 2 * hidden : rows)
  const projected = project(rewriting, node, x, [mul(outer, inner), last], weights, biases)
  const gateRows = rewriting.add('reshape', [projected], { shape: [outer, inner, columns] }, node.origin)
  for (const v of node.outputs) rewriting.builder.releaseName(v.name)
  const bias = biases?.recurrent === undefined ? null : rewriting.constant(biases.recurrent, 'b')
  return rewriting.builder.add(`${node.op}_recurrence`, [gateRows, recurrent, bias, ...node.inputs.slice(4)], node.attrs, { origin: node.origin, names: node.outputs.map((v) => v.name) })
}

/** x·Wᵀ plus biases, one row for each step of each sequence. */
function project(rewriting: Rewriting, node: Node, x: Value, shape: readonly Dim[], weights: Value, biases: Biases | undefined): Value {
  const flat = rewriting.add('reshape', [x], { shape }, node.origin)
  const product = rewriting.add('matmul', [flat, weights], { trans_a: false, trans_b: false }, node.origin)
  return biases === undefined ? product : rewriting.add('add', [product, rewriting.constant(biases.input, 'b')], {}, node.origin)
}

/** A matrix of `rows` × `columns`, or what can be seen as one, transposed. */
function transposed(tensor: HostTensor, rows: number, columns: number): HostTensor {
  const from = tensor.data as Float32Array, to = new Float32Array(from.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) to[j * rows + i] = from[i * columns + j] as number
  return { dtype: tensor.dtype, shape: [columns, rows], data: to }
}

/** R of each direction, gates*hidden rows of `hidden` weights, as projected cells have it. */
function inPanels(tensor: HostTensor, count: number, hidden: number, products: readonly (readonly number[])[]): HostTensor {
  const from = tensor.data as Float32Array, shape = packedShape(count, hidden, products), rows = products.flat().length * hidden
  const to = new Float32Array(shape[0] * shape[1])
  for (let row = 0; row < rows; row++) {
    const gate = Math.floor(row / hidden), first = packedAt(products, hidden, gate, row % hidden, 0), step = packedAt(products, hidden, gate, row % hidden, 1) - first
    for (let d = 0; d < count; d++) for (let k = 0; k < hidden; k++) to[d * shape[1] + first + k * step] = from[(d * rows + row) * hidden + k] as number
  }
  return { dtype: tensor.dtype, shape, data: to }
}

interface Biases {
  /** [directions * rows]. */
  readonly input: HostTensor
  /** [directions, rows], where some of R's biases cannot be added to the input. */
  readonly recurrent: HostTensor | undefined
}

/** The biases of W and of R (B is [directions, 2*rows]): R's are added to the input up to row `together` and kept apart from there on. */
function splitBias(b: HostTensor, count: number, rows: number, together: number): Biases {
  const all = toNumbers(b), at = (d: number, row: number): number => Number(all[2 * d * rows + row])
  const input: number[] = [], recurrent: number[] = []
  for (let d = 0; d < count; d++) {
    for (let row = 0; row < rows; row++) {
      input.push(at(d, row) + (row < together ? at(d, rows + row) : 0))
      recurrent.push(row < together ? 0 : at(d, rows + row))
    }
  }
  return { input: fromNumbers(b.dtype, [count * rows], input), recurrent: together === rows ? undefined : fromNumbers(b.dtype, [count, rows], recurrent) }
}

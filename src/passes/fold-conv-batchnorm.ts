/**
 * Goal: scaling and shifting the result of a convolution by constants per channel moves into its weights.
 *
 *   %c = conv(%x, w, b)
 *   %y = batch_norm(%c, scale, bias, mean, var)       ⇒   %y = conv(%x, w', b')
 *
 *   w'[m, …] = w[m, …] · s[m]     b'[m] = (b[m] − mean[m]) · s[m] + bias[m]     s = scale / √(var + ε)
 *
 * A multiplication or addition by constants per channel (or by one number) moves in too; convolutions and transposed ones.
 * Does not: touch weights that are not constant, results that something else uses too, or integer convolutions.
 * Stage: inference or later, not fused; stage unchanged. Preserves rounding. Idempotent.
 */
import { elementCount, type HostTensor } from '../base/dtype.js'
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { fromNumbers, toNumbers } from '../ir/host-tensor.js'
import { recipeOf } from '../ir/recipe.js'
import { withoutDeadNodes } from '../ir/rewrite.js'
import { typesEqual } from '../ir/types.js'
import { evaluateNow, isFloat, splatOf } from './constants.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

export const foldConvBatchnorm: Pass = {
  name: 'fold-conv-batchnorm',
  doc: 'Moves batch normalisation and per-channel scales and shifts into the weights of convolutions.',
  needs: 'inference',
  preserves: 'rounding',
  run: (graph) => withoutDeadNodes(rewriteNodes(graph, foldIntoConv)),
}

/** y[m] = scale[m]·conv[m] + shift[m] */
interface Affine { readonly scale: ArrayLike<number>; readonly shift: ArrayLike<number> }

const foldIntoConv: Rule = (node, rewriting) => {
  if (node.op !== 'batch_norm' && node.op !== 'mul' && node.op !== 'add' && node.op !== 'sub') return undefined
  const [a, b] = node.inputs
  const sides = node.op === 'mul' || node.op === 'add' ? [[a, b], [b, a]] : [[a, b]]
  for (const [value, other] of sides) {
    const conv = convOf(value, node, rewriting)
    const channels = conv === undefined ? undefined : shapeOf(conv.outputs[0] as Value)[1]
    if (conv === undefined || typeof channels !== 'number') continue
    const affine = node.op === 'batch_norm' ? batchNorm(node) : perChannel(node, other, channels)
    if (affine !== undefined) return fold(node, conv, channels, affine, rewriting)
  }
  return undefined
}

/** The convolution with constant float weights that gives `value`, where only `node` uses it and does not enlarge it. */
function convOf(value: Value | null | undefined, node: Node, rewriting: Rewriting): Node | undefined {
  const conv = value === null || value === undefined ? undefined : rewriting.producer(value)
  if (value === null || value === undefined || conv === undefined || (conv.op !== 'conv' && conv.op !== 'conv_transpose')) return undefined
  const [, w, bias] = conv.inputs
  const constant = w?.data !== undefined && isFloat(w.data.dtype) && ((bias ?? null) === null || bias?.data !== undefined)
  return constant && rewriting.uses(value) === 1 && node.outputs[0] !== undefined && typesEqual(node.outputs[0].type, value.type) ? conv : undefined
}

function batchNorm(node: Node): Affine | undefined {
  const [scale, bias, mean, variance] = node.inputs.slice(1).map((v) => (v?.data === undefined ? undefined : toNumbers(v.data)))
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) return undefined
  const factor = scale.map((s, m) => s / Math.sqrt((variance[m] ?? 0) + (node.attrs['epsilon'] as number)))
  return { scale: factor, shift: factor.map((s, m) => (bias[m] ?? 0) - (mean[m] ?? 0) * s) }
}

/** The other operand of a mul, add or sub as one number per channel. */
function perChannel(node: Node, other: Value | null | undefined, channels: number): Affine | undefined {
  if (other?.data === undefined || node.outputs[0] === undefined) return undefined
  const shape = other.data.shape
  const axis = shape.length - shapeOf(node.outputs[0]).length + 1
  const splat = splatOf(other)
  const each = shape.every((d, i) => d === 1 || (i === axis && d === channels))
  if (!each && !(splat !== undefined && shape.every((d) => d === 1))) return undefined
  const numbers = splat !== undefined ? new Float64Array(channels).fill(splat) : toNumbers(other.data)
  if (numbers.length !== channels) return undefined
  const ones = new Float64Array(channels).fill(1), zeros = new Float64Array(channels)
  if (node.op === 'mul') return { scale: numbers, shift: zeros }
  return { scale: ones, shift: node.op === 'add' ? numbers : numbers.map((n) => -n) }
}

function fold(node: Node, conv: Node, channels: number, { scale, shift }: Affine, rewriting: Rewriting): readonly Value[] | undefined {
  const [x, w, bias] = conv.inputs
  if (x === null || x === undefined || w?.data === undefined) return undefined
  const before = bias?.data === undefined ? new Float64Array(channels) : toNumbers(bias.data)
  const after = before.map((b, m) => b * (scale[m] ?? 1) + (shift[m] ?? 0))
  const weights = Array.from(scale).every((s) => s === 1) ? w : rewriting.constant(scaledWeights(w.data, conv, scale), w.name)
  const shifted = bias?.data !== undefined || after.some((b) => b !== 0)
  const shifts = shifted ? rewriting.constant(fromNumbers(dtypeOf(w), [channels], after), bias?.name ?? 'bias') : null
  return rewriting.replace(node, conv.op, [x, weights, shifts], conv.attrs)
}

/** conv weights are [M, C/g, …]; conv_transpose weights [C, M/g, …], where input channel c belongs to group ⌊c·g/C⌋. */
function scaledWeights(w: HostTensor, conv: Node, scale: ArrayLike<number>): HostTensor {
  const [rows = 1, columns = 1, ...kernel] = w.shape
  // Weights that were computed stay so, as programs may store what they were computed from.
  const scaled = conv.op === 'conv' && recipeOf(w) !== undefined ? evaluateNow('mul', [w, fromNumbers(w.dtype, [rows, 1, ...kernel.map(() => 1)], scale)], {}) : undefined
  if (scaled !== undefined) return scaled
  const taps = elementCount(kernel)
  const group = conv.attrs['group'] as number
  const channel = conv.op === 'conv' ? (row: number): number => row : (row: number, column: number): number => Math.floor((row * group) / rows) * columns + column
  const numbers = toNumbers(w)
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const factor = scale[channel(i, j)] ?? 1
      for (let k = 0; k < taps; k++, at++) numbers[at] = (numbers[at] ?? 0) * factor
    }
  }
  return fromNumbers(w.dtype, w.shape, numbers)
}

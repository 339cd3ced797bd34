/** The rules of canonicalize for ops that move elements, and for matmul's operands. */
import { dimsEqual, shapesEqual, type Dim } from '../ir/dims.js'
import { dtypeOf, shapeOf, type Node, type Value } from '../ir/graph.js'
import { isFloat } from './constants.js'
import type { Rewriting, Rule } from './rewriter.js'

function first(node: Node): Value | undefined {
  return node.inputs[0] ?? undefined
}

function producerOf(value: Value | null | undefined, op: string, rewriting: Rewriting): Node | undefined {
  const node = value === null || value === undefined ? undefined : rewriting.producer(value)
  return node?.op === op ? node : undefined
}

/** The input, where the node's result has the input's shape and nothing else could differ. */
const nothingMoves: Rule = (node) => {
  const x = first(node)
  return x !== undefined && shapesEqual(shapeOf(x), shapeOf(node.outputs[0] as Value)) ? [x] : undefined
}

const reshape: Rule = (node, rewriting) => {
  const inner = producerOf(first(node), 'reshape', rewriting)
  return nothingMoves(node, rewriting) ?? (inner === undefined ? undefined : rewriting.replace(node, 'reshape', [first(inner) ?? null], node.attrs))
}

const transpose: Rule = (node, rewriting) => {
  const x = first(node)
  if (x === undefined) return undefined
  const perm = node.attrs['perm'] as readonly number[]
  if (perm.every((p, i) => p === i)) return [x]
  const inner = producerOf(x, 'transpose', rewriting)
  if (inner !== undefined) {
    const before = inner.attrs['perm'] as readonly number[]
    return rewriting.replace(node, 'transpose', [first(inner) ?? null], { perm: perm.map((p) => before[p] ?? 0) })
  }
  // Moving only axes of extent 1 leaves every element where it is in memory.
  const long = perm.filter((p) => shapeOf(x)[p] !== 1)
  return long.every((p, i) => i === 0 || p > (long[i - 1] ?? 0)) ? rewriting.replace(node, 'reshape', [x], { shape: shapeOf(node.outputs[0] as Value) }) : undefined
}

const expand: Rule = (node, rewriting) => {
  const inner = producerOf(first(node), 'expand', rewriting)
  return nothingMoves(node, rewriting) ?? (inner === undefined ? undefined : rewriting.replace(node, 'expand', [first(inner) ?? null], node.attrs))
}

const slice: Rule = (node) => {
  const x = first(node)
  const { axes, starts, steps, sizes } = node.attrs as { readonly axes: readonly number[]; readonly starts: readonly Dim[]; readonly steps: readonly number[]; readonly sizes: readonly Dim[] }
  if (x === undefined) return undefined
  return axes.every((axis, i) => starts[i] === 0 && steps[i] === 1 && dimsEqual(sizes[i] ?? -1, shapeOf(x)[axis] ?? -1)) ? [x] : undefined
}

/** One part is the whole; empty parts go; a concat that only another concat of the same axis uses joins it. */
const concat: Rule = (node, rewriting) => {
  const axis = node.attrs['axis'] as number
  const parts = node.inputs.flatMap((v): readonly (Value | null)[] => {
    const inner = producerOf(v, 'concat', rewriting)
    return v !== null && inner !== undefined && inner.attrs['axis'] === axis && rewriting.uses(v) === 1 ? inner.inputs : [v]
  })
  const full = parts.filter((v) => v !== null && shapeOf(v)[axis] !== 0)
  const kept = full.length === 0 ? parts.slice(0, 1) : full
  if (kept.length === 1 && kept[0] !== null && kept[0] !== undefined) return [kept[0]]
  return kept.length === node.inputs.length && kept.every((v, i) => v === node.inputs[i]) ? undefined : rewriting.replace(node, 'concat', kept, node.attrs)
}

const pad: Rule = (node) => {
  const x = first(node)
  const none = (name: string): boolean => (node.attrs[name] as readonly Dim[]).every((p) => p === 0)
  return x !== undefined && none('before') && none('after') ? [x] : undefined
}

const tile: Rule = (node) => {
  const x = first(node)
  return x !== undefined && (node.attrs['repeats'] as readonly Dim[]).every((r) => r === 1) ? [x] : undefined
}

/** A transpose of an operand's last two axes is a flag of the matmul. */
const matmul: Rule = (node, rewriting) => {
  const flags = { a: node.attrs['trans_a'] === true, b: node.attrs['trans_b'] === true }
  const [a, b] = (['a', 'b'] as const).map((side, i) => {
    const operand = node.inputs[i] ?? null
    const inner = producerOf(operand, 'transpose', rewriting)
    if (inner === undefined || !swapsLastTwo(inner.attrs['perm'] as readonly number[])) return operand
    flags[side] = !flags[side]
    return first(inner) ?? null
  })
  if (a === undefined || b === undefined || (a === node.inputs[0] && b === node.inputs[1])) return undefined
  return rewriting.replace(node, 'matmul', [a, b], { ...node.attrs, trans_a: flags.a, trans_b: flags.b })
}

function swapsLastTwo(perm: readonly number[]): boolean {
  const r = perm.length
  return r >= 2 && perm[r - 1] === r - 2 && perm[r - 2] === r - 1 && perm.slice(0, r - 2).every((p, i) => p === i)
}

/** Reducing over no axes changes nothing for these; sums of floats begin with 0, which turns -0 into 0. */
const reduceNothing: Rule = (node) => {
  const x = first(node)
  const sums = node.op === 'reduce_sum' || node.op === 'reduce_mean'
  return x !== undefined && (node.attrs['axes'] as readonly number[]).length === 0 && !(sums && isFloat(dtypeOf(x))) ? [x] : undefined
}

/** Rules by op. */
export const MOVEMENT_RULES: Readonly<Record<string, Rule>> = {
  reshape, transpose, expand, slice, concat, pad, tile, matmul,
  reduce_sum: reduceNothing, reduce_mean: reduceNothing, reduce_max: reduceNothing, reduce_min: reduceNothing, reduce_prod: reduceNothing,
}

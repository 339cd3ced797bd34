/** The rules of canonicalize for elementwise ops; each gives the value that takes the node's place, or undefined. */
import { DTYPES, type DType } from '../base/dtype.js'
import { dtypeOf, tensorOf, type Node, type Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { typesEqual } from '../ir/types.js'
import { isFloat, isSplat, splatOf, splatTensor } from './constants.js'
import { GraphBuilder } from '../ir/build.js'
import type { Rewriting, Rule } from './rewriter.js'

/** `value` alone, if it has the type of `node`'s result (it has not where the other operand is larger). */
function ifSameType(node: Node, value: Value | null | undefined): readonly Value[] | undefined {
  const result = node.outputs[0]
  return value !== null && value !== undefined && result !== undefined && typesEqual(value.type, result.type) ? [value] : undefined
}

const floatInputs = (node: Node): boolean => node.inputs.every((v) => v !== null && v.type.kind === 'tensor' && isFloat(v.type.dtype))
const zeroThatAddsNothing = (node: Node): number => (floatInputs(node) ? -0 : 0)

const add: Rule = (node) => {
  const [a, b] = node.inputs
  const zero = zeroThatAddsNothing(node)
  return (isSplat(b, zero) ? ifSameType(node, a) : undefined) ?? (isSplat(a, zero) ? ifSameType(node, b) : undefined)
}

const sub: Rule = (node) => (isSplat(node.inputs[1], 0) ? ifSameType(node, node.inputs[0]) : undefined)

const mul: Rule = (node) => {
  const [a, b] = node.inputs
  return (isSplat(b, 1) ? ifSameType(node, a) : undefined) ?? (isSplat(a, 1) ? ifSameType(node, b) : undefined)
}

/** Division by a power of two is multiplication by its reciprocal, to the bit, as long as that is a normal number. */
const div: Rule = (node, rewriting) => {
  const [a, b] = node.inputs
  if (isSplat(b, 1)) return ifSameType(node, a)
  const divisor = splatOf(b)
  if (divisor === undefined || !floatInputs(node) || a === null || a === undefined || b?.data === undefined) return undefined
  const exponent = Math.log2(Math.abs(divisor))
  if (!Number.isInteger(exponent) || Math.abs(exponent) > (dtypeOf(b) === 'float16' ? 14 : 126)) return undefined
  return rewriting.replace(node, 'mul', [a, rewriting.constant(splatTensor(b.data.dtype, b.data.shape, 1 / divisor), b.name)], {})
}

const pow: Rule = (node) => (isSplat(node.inputs[1], 1) ? ifSameType(node, node.inputs[0]) : undefined)

const where: Rule = (node) => {
  const [condition, a, b] = node.inputs
  if (a === b) return ifSameType(node, a)
  const known = splatOf(condition)
  return known === undefined ? undefined : ifSameType(node, known !== 0 ? a : b)
}

/** Pairs of types of which the second holds every value of the first. */
function holds(from: DType, to: DType): boolean {
  const a = DTYPES[from], b = DTYPES[to]
  if (from === 'bool') return b.kind !== 'string'
  if (a.kind === 'float') return b.kind === 'float' && (to === 'float64' || (to === 'float32' && a.bits < 64))
  if (a.kind === 'int') return (b.kind === 'int' && b.bits >= a.bits) || (to === 'float64' && a.bits <= 32) || (to === 'float32' && a.bits <= 16)
  if (a.kind === 'uint') return (b.kind === 'uint' && b.bits >= a.bits) || (b.kind === 'int' && b.bits > a.bits) || (to === 'float64' && a.bits <= 32) || (to === 'float32' && a.bits <= 16)
  return false
}

const cast: Rule = (node, rewriting) => {
  const same = ifSameType(node, node.inputs[0])
  if (same !== undefined) return same
  const inner = producerOf(node.inputs[0], 'cast', rewriting)
  const source = inner?.inputs[0]
  const via = inner?.outputs[0]
  return source !== null && source !== undefined && via !== undefined && holds(dtypeOf(source), dtypeOf(via)) ? ifSameType(node, source) : undefined
}

/** The node that defines `value`, if its op is `op`. */
function producerOf(value: Value | null | undefined, op: string, rewriting: Rewriting): Node | undefined {
  const node = value === null || value === undefined ? undefined : rewriting.producer(value)
  return node?.op === op ? node : undefined
}

/** The bounds of a clip, and of relu, which is one. */
function boundsOf(node: Node): { readonly min: number; readonly max: number } {
  return node.op === 'relu' ? { min: 0, max: Infinity } : node.attrs as { readonly min: number; readonly max: number }
}

const clip: Rule = (node, rewriting) => {
  const [x] = node.inputs
  if (x === null || x === undefined) return undefined
  const { min, max } = node.attrs as { readonly min: number; readonly max: number }
  if (min === -Infinity && max === Infinity) return [x]
  const inner = producerOf(x, 'clip', rewriting) ?? producerOf(x, 'relu', rewriting)
  if (inner !== undefined) {
    const { min: lo, max: hi } = boundsOf(inner)
    if (lo <= hi && min <= max) return rewriting.replace(node, 'clip', [inner.inputs[0] ?? null], { min: Math.min(Math.max(lo, min), max), max: Math.min(Math.max(hi, min), max) })
  }
  return Object.is(min, 0) && max === Infinity && isFloat(dtypeOf(x)) ? rewriting.replace(node, 'relu', [x], {}) : undefined
}

/** `minimum(x, 6)` is `clip{max: 6}(x)`, which merges with its neighbours. */
const extremum = (bound: 'min' | 'max'): Rule => (node, rewriting) => {
  const [a, b] = node.inputs
  for (const [x, c] of [[a, b], [b, a]]) {
    const limit = splatOf(c)
    if (limit === undefined || Number.isNaN(limit) || x === null || x === undefined || !isFloat(dtypeOf(x)) || ifSameType(node, x) === undefined) continue
    return rewriting.replace(node, 'clip', [x], { min: bound === 'min' ? limit : -Infinity, max: bound === 'max' ? limit : Infinity })
  }
  return undefined
}

const undoes = (op: string): Rule => (node, rewriting) => {
  const inner = producerOf(node.inputs[0], op, rewriting)
  return inner === undefined ? undefined : ifSameType(node, inner.inputs[0])
}

const repeats: Rule = (node, rewriting) => (producerOf(node.inputs[0], node.op, rewriting) === undefined ? undefined : ifSameType(node, node.inputs[0]))

/** An elementwise op broadcasts by itself: `add(x, expand(y))` is `add(x, y)` where `x` has the full shape. */
export const withoutExpand: Rule = (node, rewriting) => {
  const op = getOp(node.op)
  if (op.pattern !== 'elementwise' || op.scalar === undefined || node.inputs.length < 2) return undefined
  for (const [i, v] of node.inputs.entries()) {
    const small = producerOf(v, 'expand', rewriting)?.inputs[0]
    if (small === null || small === undefined) continue
    const inputs = node.inputs.map((w, j) => (j === i ? small : w))
    const scratch = new GraphBuilder({ name: 'scratch', stage: 'inference' })
    const [type] = op.infer({ inputs, attrs: node.attrs }, scratch)
    if (type !== undefined && scratch.finish().constraints.length === 0 && typesEqual(type, tensorOf(node.outputs[0] as Value))) return rewriting.replace(node, node.op, inputs, node.attrs)
  }
  return undefined
}

/** Rules by op. */
export const ELEMENTWISE_RULES: Readonly<Record<string, Rule>> = {
  add, sub, mul, div, pow, where, cast, clip,
  maximum: extremum('min'), minimum: extremum('max'),
  neg: undoes('neg'), logical_not: undoes('logical_not'), bitwise_not: undoes('bitwise_not'),
  relu: repeats, abs: repeats, floor: repeats, ceil: repeats, round: repeats,
}

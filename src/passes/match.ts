/**
 * Patterns over the nodes that lead to a value: `op('mul', any('x'), scalar(0.5))`. Binary ops that commute match in either
 * order, and a name that occurs twice must be the same value both times.
 */
import { dtypeOf, type Node, type Value } from '../ir/graph.js'
import { splatOf } from './constants.js'
import type { Rewriting } from './rewriter.js'

/** What a pattern has found so far. */
export interface Found {
  readonly values: Map<string, Value>
  readonly nodes: Map<string, Node>
  readonly rewriting: Rewriting
}

/** Says whether `value` fits, and writes down what its names stand for. */
export type Pattern = (value: Value, found: Found) => boolean

const COMMUTATIVE: ReadonlySet<string> = new Set(['add', 'mul', 'minimum', 'maximum'])

/** Any value; every `any` of the same name stands for the same one. */
export const any = (name: string): Pattern => (value, found) => {
  const known = found.values.get(name)
  if (known !== undefined) return known === value
  found.values.set(name, value)
  return true
}

/** A constant whose every element is `wanted`, as near as its dtype holds it. */
export const scalar = (wanted: number): Pattern => (value) => isNear(splatOf(value), wanted, value)

/** Any constant whose elements are all the same, under a name. */
export const anyScalar = (name: string): Pattern => (value, found) => splatOf(value) !== undefined && any(name)(value, found)

/** The result of `name` applied to what fits `inputs`; the node is found under `as`, and every node of the same name must have the same attributes. Further inputs must be absent. */
export const op = (name: string, inputs: readonly Pattern[], as?: string): Pattern => (value, found) => {
  const node = found.rewriting.producer(value)
  if (node === undefined || node.op !== name || node.inputs.slice(inputs.length).some((v) => v !== null)) return false
  if (as !== undefined) {
    const known = found.nodes.get(as)
    if (known !== undefined && JSON.stringify(known.attrs) !== JSON.stringify(node.attrs)) return false
    found.nodes.set(as, node)
  }
  const fits = (order: readonly Pattern[]): Pattern => () => order.every((p, i) => {
    const input = node.inputs[i]
    return input !== null && input !== undefined && p(input, found)
  })
  return COMMUTATIVE.has(name) && inputs.length === 2 ? either(fits(inputs), fits([...inputs].reverse()))(value, found) : fits(inputs)(value, found)
}

/** Fits what one of the patterns fits; the first wins. */
export const either = (...patterns: readonly Pattern[]): Pattern => (value, found) => {
  const values = new Map(found.values), nodes = new Map(found.nodes)
  for (const pattern of patterns) {
    if (pattern(value, found)) return true
    restore(found.values, values)
    restore(found.nodes, nodes)
  }
  return false
}

/** The square of what `pattern` fits, written `pow(x, 2)` or `x·x`. */
export const square = (pattern: Pattern): Pattern => either(
  op('pow', [pattern, scalar(2)]),
  (value, found) => { const n = found.rewriting.producer(value); return n?.op === 'mul' && n.inputs[0] === n.inputs[1] && op('mul', [pattern, pattern])(value, found) },
)

/** 1/√ of what `pattern` fits, in the ways exporters write it. */
export const inverseRoot = (pattern: Pattern): Pattern => either(
  op('rsqrt', [pattern]),
  op('reciprocal', [root(pattern)]),
  op('div', [scalar(1), root(pattern)]),
  op('pow', [pattern, scalar(-0.5)]),
)

/** √ of what `pattern` fits. */
export const root = (pattern: Pattern): Pattern => either(op('sqrt', [pattern]), op('pow', [pattern, scalar(0.5)]))

/** What `pattern` finds from the result of `node`, or undefined. `node` need not be in the new graph yet. */
export function findMatch(pattern: Pattern, node: Node, rewriting: Rewriting): Found | undefined {
  const result = node.outputs[0]
  if (result === undefined) return undefined
  const seeing: Rewriting = { ...rewriting, producer: (v) => (v === result ? node : rewriting.producer(v)) }
  const found: Found = { values: new Map(), nodes: new Map(), rewriting: seeing }
  return pattern(result, found) ? found : undefined
}

/** The value found under a name. */
export function valueOf(found: Found, name: string): Value {
  const value = found.values.get(name)
  if (value === undefined) throw new RangeError(`the pattern has no value named ${name}`)
  return value
}

/** True where a known number is `wanted` to the precision of the dtype of the constant it came from. */
export function isNear(known: number | undefined, wanted: number, constant: Value): boolean {
  if (known === undefined) return false
  const relative = { float16: 1e-3, bfloat16: 8e-3 }[dtypeOf(constant) as string] ?? 1e-5
  return Math.abs(known - wanted) <= relative * Math.abs(wanted)
}

function restore<K, V>(map: Map<K, V>, to: ReadonlyMap<K, V>): void {
  map.clear()
  for (const [k, v] of to) map.set(k, v)
}

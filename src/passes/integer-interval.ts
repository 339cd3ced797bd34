/** What the elements of integer tensors can be, as far as the nodes that made them say. */
import { DTYPES } from '../base/dtype.js'
import { dtypeOf, type Node, type Value } from '../ir/graph.js'
import { toNumbers } from '../ir/host-tensor.js'
import type { BinaryOp } from '../ir/kernel/expr.js'
import { binaryInterval, intervalOfDType, isWithin, union, type Interval } from '../ir/kernel/interval.js'

/** Ops whose results are elements of their first input, or of all of them. */
const MOVES: ReadonlySet<string> = new Set(['reshape', 'transpose', 'expand', 'slice', 'concat', 'gather', 'relayout'])
const FIRST_ONLY: ReadonlySet<string> = new Set(['gather', 'reshape', 'expand'])
/** Ops that are one of kernels' own, element by element. */
const ARITHMETIC: Readonly<Record<string, BinaryOp>> = { add: 'add', sub: 'sub', minimum: 'min', maximum: 'max' }
/** How many nodes back a question goes. */
const DEPTH = 12

/** The interval of `value`'s elements; undefined where it is not known, holds no integers of up to 32 bits, or may have wrapped. */
export function integerInterval(value: Value, producer: (v: Value) => Node | undefined, depth = DEPTH): Interval | undefined {
  const dtype = value.type.kind === 'tensor' ? value.type.dtype : undefined
  if (dtype === undefined) return undefined
  const whole = intervalOfDType(dtype)
  if (!Number.isFinite(whole.hi)) return undefined
  if (value.data !== undefined) return spanOf(toNumbers(value.data))
  const node = depth === 0 ? undefined : producer(value)
  const found = node === undefined ? undefined : resultInterval(node, (v) => integerInterval(v, producer, depth - 1))
  if (found !== undefined && isWithin(found, whole)) return found
  // The interval of a dtype says something only where it is narrower than what sums are made in.
  return DTYPES[dtype].bits <= 16 ? whole : undefined
}

function resultInterval(node: Node, of: (v: Value) => Interval | undefined): Interval | undefined {
  const given = node.inputs.filter((v) => v !== null)
  if (MOVES.has(node.op)) return unionOf((FIRST_ONLY.has(node.op) ? given.slice(0, 1) : given).map(of))
  if (node.op === 'cast') return given[0] !== undefined && DTYPES[dtypeOf(given[0])].kind !== 'float' ? of(given[0]) : undefined
  const [a, b] = given.map(of)
  const arithmetic = ARITHMETIC[node.op]
  return a === undefined || b === undefined || given.length !== 2 || arithmetic === undefined ? undefined : binaryInterval(arithmetic, a, b)
}

function unionOf(parts: readonly (Interval | undefined)[]): Interval | undefined {
  return parts.reduce((all, part) => (all === undefined || part === undefined ? undefined : union(all, part)))
}

function spanOf(numbers: Float64Array): Interval {
  let lo = 0, hi = 0
  for (const n of numbers) { if (n < lo) lo = n; if (n > hi) hi = n }
  return { lo, hi }
}

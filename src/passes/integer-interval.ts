/** What the elements of integer tensors can be, as far as the nodes that made them say. */
import { DTYPES, type DType } from '../base/dtype.js'
import { toNumbers } from '../ir/host-tensor.js'
import { dtypeOf, type Node, type Value } from '../ir/graph.js'

/** All integers from `lo` to `hi`, both inclusive. */
export interface Interval { readonly lo: number; readonly hi: number }

/** Ops whose results are elements of their first input, or of all of them. */
const MOVES: ReadonlySet<string> = new Set(['reshape', 'transpose', 'expand', 'slice', 'concat', 'gather', 'relayout'])
const FIRST_ONLY: ReadonlySet<string> = new Set(['gather', 'reshape', 'expand'])
/** How many nodes back a question goes. */
const DEPTH = 12

/** The interval of `value`'s elements; undefined where it is not known, holds no integers of up to 32 bits, or may have wrapped. */
export function integerInterval(value: Value, producer: (v: Value) => Node | undefined, depth = DEPTH): Interval | undefined {
  const dtype = value.type.kind === 'tensor' ? value.type.dtype : undefined
  const whole = dtype === undefined ? undefined : intervalOfDType(dtype)
  if (whole === undefined) return undefined
  if (value.data !== undefined) return spanOf(toNumbers(value.data))
  const node = depth === 0 ? undefined : producer(value)
  const found = node === undefined ? undefined : resultInterval(node, (v) => integerInterval(v, producer, depth - 1))
  return found !== undefined && found.lo >= whole.lo && found.hi <= whole.hi ? found : smallOnly(dtype as DType, whole)
}

/** The interval of a dtype says something only where it is narrower than what sums are made in. */
const smallOnly = (dtype: DType, whole: Interval): Interval | undefined => (DTYPES[dtype].bits <= 16 ? whole : undefined)

function intervalOfDType(dtype: DType): Interval | undefined {
  const { kind, bits } = DTYPES[dtype]
  if (dtype === 'bool') return { lo: 0, hi: 1 }
  if (bits > 32) return undefined
  return kind === 'uint' ? { lo: 0, hi: 2 ** bits - 1 } : kind === 'int' ? { lo: -(2 ** (bits - 1)), hi: 2 ** (bits - 1) - 1 } : undefined
}

function resultInterval(node: Node, of: (v: Value) => Interval | undefined): Interval | undefined {
  const given = node.inputs.filter((v) => v !== null)
  if (MOVES.has(node.op)) return unionOf((FIRST_ONLY.has(node.op) ? given.slice(0, 1) : given).map(of))
  if (node.op === 'cast') return given[0] !== undefined && DTYPES[dtypeOf(given[0])].kind !== 'float' ? of(given[0]) : undefined
  const [a, b] = given.map(of)
  if (a === undefined || b === undefined || given.length !== 2) return undefined
  switch (node.op) {
    case 'add': return { lo: a.lo + b.lo, hi: a.hi + b.hi }
    case 'sub': return { lo: a.lo - b.hi, hi: a.hi - b.lo }
    case 'minimum': return { lo: Math.min(a.lo, b.lo), hi: Math.min(a.hi, b.hi) }
    case 'maximum': return { lo: Math.max(a.lo, b.lo), hi: Math.max(a.hi, b.hi) }
    default: return undefined
  }
}

function unionOf(parts: readonly (Interval | undefined)[]): Interval | undefined {
  return parts.reduce((all, part) => (all === undefined || part === undefined ? undefined : { lo: Math.min(all.lo, part.lo), hi: Math.max(all.hi, part.hi) }))
}

function spanOf(numbers: Float64Array): Interval {
  let lo = 0, hi = 0
  for (const n of numbers) { if (n < lo) lo = n; if (n > hi) hi = n }
  return { lo, hi }
}

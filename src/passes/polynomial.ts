/**
 * Small polynomials in one value, read off a graph: `0.7978845608·(x + 0.044715·x³)` in any of the forms that exporters give it.
 * What recognisers of activation functions compare instead of listing orders of operations.
 */
import type { Value } from '../ir/graph.js'
import { splatOf } from './constants.js'
import type { Rewriting } from './rewriter.js'

/** Coefficients by degree, constant first. */
export type Polynomial = readonly number[]

const MAX_DEGREE = 3

/** `value` as a polynomial of at most degree 3 in `x`; undefined where it is none. */
export function polynomialIn(value: Value, x: Value, rewriting: Rewriting, depth = 8): Polynomial | undefined {
  if (value === x) return [0, 1]
  const known = splatOf(value)
  if (known !== undefined) return [known]
  const node = depth === 0 ? undefined : rewriting.producer(value)
  if (node === undefined) return undefined
  const at = (i: number): Polynomial | undefined => {
    const input = node.inputs[i]
    return input === null || input === undefined ? undefined : polynomialIn(input, x, rewriting, depth - 1)
  }
  const number = (p: Polynomial | undefined): number | undefined => (p?.length === 1 ? p[0] : undefined)
  switch (node.op) {
    case 'add': return sum(at(0), at(1))
    case 'sub': return sum(at(0), times([-1], at(1)))
    case 'neg': return times([-1], at(0))
    case 'mul': return times(at(0), at(1))
    case 'div': { const d = number(at(1)); return d === undefined ? undefined : times([1 / d], at(0)) }
    case 'pow': { const base = at(0), e = number(at(1)); return base === undefined || e === undefined ? undefined : power(base, e) }
    default: return undefined
  }
}

/** True where both have the same coefficients, to one part in `1 / relative` of the largest. */
export function polynomialsNear(p: Polynomial | undefined, wanted: Polynomial, relative: number): boolean {
  if (p === undefined) return false
  const length = Math.max(p.length, wanted.length)
  for (let i = 0; i < length; i++) {
    const a = p[i] ?? 0, b = wanted[i] ?? 0
    if (Math.abs(a - b) > relative * Math.abs(b)) return false
  }
  return true
}

function sum(a: Polynomial | undefined, b: Polynomial | undefined): Polynomial | undefined {
  if (a === undefined || b === undefined) return undefined
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0))
}

function times(a: Polynomial | undefined, b: Polynomial | undefined): Polynomial | undefined {
  if (a === undefined || b === undefined || a.length + b.length - 2 > MAX_DEGREE) return undefined
  const out = new Array<number>(a.length + b.length - 1).fill(0)
  a.forEach((p, i) => b.forEach((q, j) => { out[i + j] = (out[i + j] ?? 0) + p * q }))
  return out
}

function power(base: Polynomial, exponent: number): Polynomial | undefined {
  if (!Number.isInteger(exponent) || exponent < 0 || exponent > MAX_DEGREE) return undefined
  let out: Polynomial | undefined = [1]
  for (let i = 0; i < exponent; i++) out = times(out, base)
  return out
}

/**
 * Products `c·x·gate(x)` in any order of factors, which is how exporters write GELU, SiLU and hard swish. Reads multiplications
 * and divisions by constants as one list of factors.
 */
import type { Node, Value } from '../ir/graph.js'
import { dtypeOf } from '../ir/graph.js'
import { splatOf } from './constants.js'
import type { Rewriting } from './rewriter.js'

/** `coefficient · x · gate`, where `gate` is not constant and `x` may be any product of the other factors that is a value of the graph. */
export interface GatedProduct { readonly coefficient: number; readonly x: Value; readonly gate: Value }

interface Factors { readonly coefficient: number; readonly values: readonly Value[] }

/** All readings of `node` as a product of a constant, an `x` and a gate; each non-constant factor may be either. */
export function gatedProducts(node: Node, rewriting: Rewriting): GatedProduct[] {
  if (node.op !== 'mul' && node.op !== 'div') return []
  return readings(node, rewriting, 3).flatMap(({ coefficient, values: [a, b, ...rest] }) =>
    a === undefined || b === undefined || rest.length > 0 ? [] : [{ coefficient, x: a, gate: b }, { coefficient, x: b, gate: a }])
}

/** The ways to write a mul or div as factors: each factor whole, or, where it is itself a product with a constant, taken apart. */
function readings(node: Node, rewriting: Rewriting, depth: number): Factors[] {
  const [a, b] = node.inputs
  if (a === null || a === undefined || b === null || b === undefined) return []
  const divisor = node.op === 'div' ? splatOf(b) : undefined
  if (node.op === 'div') return divisor === undefined ? [] : ofValue(a, rewriting, depth).map((f) => ({ ...f, coefficient: f.coefficient / divisor }))
  return ofValue(a, rewriting, depth).flatMap((f) => ofValue(b, rewriting, depth).map((g) => ({ coefficient: f.coefficient * g.coefficient, values: [...f.values, ...g.values] })))
}

function ofValue(value: Value, rewriting: Rewriting, depth: number): Factors[] {
  const known = splatOf(value)
  if (known !== undefined) return [{ coefficient: known, values: [] }]
  const whole: Factors = { coefficient: 1, values: [value] }
  const node = rewriting.producer(value)
  if (depth === 0 || (node?.op !== 'mul' && node?.op !== 'div')) return [whole]
  return [whole, ...readings(node, rewriting, depth - 1).filter((f) => f.values.length <= 2)]
}

/** Relative error allowed for constants of an expression over `value`. */
export function toleranceFor(value: Value): number {
  return { float16: 2e-3, bfloat16: 1.6e-2 }[dtypeOf(value) as string] ?? 1e-5
}

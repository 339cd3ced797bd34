/** Random dims as written, and plain evaluation of them. */
import * as fc from 'fast-check'
import { evaluateDim, type Dim, type DimOp } from '../../src/base/dim.js'
import { applyDimOp } from '../../src/ir/dims.js'

/** Symbols that may be 0, and `n` and `m`, which are at least 1 and may divide. */
export const SYMBOLS = ['a', 'b', 'n', 'm'] as const

/** Unsimplified expressions; divisors are never 0. */
export const rawDim: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => {
  const dim = tie('dim')
  const divisor = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: -4, max: -1 }), fc.constantFrom<Dim>('n', 'm', ['*', 'n', 'm'], ['*', 2, 'n']))
  const node = (op: DimOp, ...args: fc.Arbitrary<Dim>[]): fc.Arbitrary<Dim> => fc.tuple(...args).map((xs) => [op, ...xs])
  return {
    dim: fc.oneof({ maxDepth: 4, withCrossShrink: true },
      fc.constantFrom<Dim>(...SYMBOLS), fc.integer({ min: -5, max: 9 }),
      node('+', dim, dim), node('+', dim, dim, dim), node('*', dim, dim), node('floordiv', dim, divisor), node('mod', dim, divisor),
      node('min', dim, dim), node('max', dim, dim, dim), node('eq', dim, dim), node('lt', dim, dim), node('select', dim, dim, dim)),
  }
}).dim

/** Values for `SYMBOLS`. */
export const bindings: fc.Arbitrary<Record<string, number>> = fc.record({ a: fc.nat(7), b: fc.nat(7), n: fc.integer({ min: 1, max: 7 }), m: fc.integer({ min: 1, max: 7 }) })

/** The canonical form, built bottom up by the simplifying functions. */
export function canonical(dim: Dim): Dim {
  return typeof dim === 'object' ? applyDimOp(dim[0], (dim.slice(1) as Dim[]).map(canonical)) : dim
}

export const at = (dim: Dim, values: Record<string, number>): number => evaluateDim(dim, (s) => values[s] ?? NaN)

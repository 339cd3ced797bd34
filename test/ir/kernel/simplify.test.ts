import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluateDim } from '../../../src/base/dim.js'
import type { Dim } from '../../../src/ir/dims.js'
import { parseDim, printDim } from '../../../src/ir/dims-text.js'
import { boundsOf, isInside, isNonNegative, type Range } from '../../../src/ir/kernel/ranges.js'
import { simplifyDim } from '../../../src/ir/kernel/simplify.js'

const ranges = (table: Readonly<Record<string, readonly [string, string]>>) => (name: string): Range | undefined => {
  const r = table[name]
  return r === undefined ? undefined : { lo: parseDim(r[0]), hi: parseDim(r[1]) }
}
const simple = (text: string, table: Readonly<Record<string, readonly [string, string]>>): string => printDim(simplifyDim(parseDim(text), ranges(table)))

describe('ranges of loop variables simplify indices', () => {
  const tile = { i: ['0', '9'], ii: ['0', '3'] } as const
  const cases: readonly [string, string, Readonly<Record<string, readonly [string, string]>>][] = [
    ['floordiv(4*i + ii, 4)', 'i', tile],
    ['mod(4*i + ii, 4)', 'ii', tile],
    ['mod(4*i + ii + 4, 4)', 'ii', tile],
    ['mod(floordiv(20*i + 4*j + k, 4), 5)', 'j', { i: ['0', '9'], j: ['0', '4'], k: ['0', '3'] }],
    ['floordiv(n*i + j, n)', 'i', { i: ['0', 'm - 1'], j: ['0', 'n - 1'] }],
    ['mod(n*i + j, n)', 'j', { i: ['0', 'm - 1'], j: ['0', 'n - 1'] }],
    ['floordiv(4*i + ii, 8)', 'floordiv(i, 2)', tile],
    ['floordiv(ii + 6, 4)', 'floordiv(ii + 2, 4) + 1', tile],
    ['min(3, 7 - ii)', '3', tile],
    ['max(0, 1 - i)', '0', { i: ['1', '9'] }],
    ['select(lt(ii, 4), i, 0)', 'i', tile],
    ['eq(ii, 4)', '0', tile],
    ['min(n, i + 1)', 'i + 1', { i: ['0', 'n - 1'] }],
  ]
  for (const [from, to, table] of cases) it(`${from} is ${to}`, () => expect(simple(from, table)).toBe(to))

  it('never changes a value within the ranges', () => {
    const leaf: fc.Arbitrary<Dim> = fc.oneof(fc.integer({ min: -6, max: 9 }), fc.constantFrom('i', 'j', 'n'))
    const dim = fc.letrec<{ dim: Dim }>((tie) => ({
      dim: fc.oneof({ maxDepth: 4 }, leaf,
        fc.tuple(tie('dim'), tie('dim'), fc.constantFrom('+', '*', 'min', 'max', 'lt', 'eq')).map(([a, b, op]): Dim => [op, a, b] as Dim),
        fc.tuple(tie('dim'), fc.integer({ min: 1, max: 6 }), fc.constantFrom('floordiv', 'mod')).map(([a, b, op]): Dim => [op, a, b] as Dim)),
    })).dim
    const table = ranges({ i: ['0', '5'], j: ['1', 'n + 2'] })
    fc.assert(fc.property(dim, (d) => {
      const s = simplifyDim(d, table), b = boundsOf(simplifyDim(d, () => undefined), table)
      for (let n = 0; n < 4; n++) for (let i = 0; i <= 5; i += 2) for (let j = 1; j <= n + 2; j++) {
        const at = (name: string): number => (name === 'i' ? i : name === 'j' ? j : n)
        const value = evaluateDim(d, at)
        expect(evaluateDim(s, at) === value, `${printDim(s)} at i=${i} j=${j} n=${n}`).toBe(true)
        if (b.lo !== undefined) expect(evaluateDim(b.lo, at)).toBeLessThanOrEqual(value)
        if (b.hi !== undefined) expect(evaluateDim(b.hi, at)).toBeGreaterThanOrEqual(value)
        if (value < 0) expect(isNonNegative(simplifyDim(d, () => undefined))).toBe(false)
      }
    }), { numRuns: 400, seed: 3 })
  })
})

describe('bounds are proven for all values of the parameters', () => {
  const inside = (index: string, extent: string, table: Readonly<Record<string, readonly [string, string]>>): boolean => isInside(parseDim(index), parseDim(extent), ranges(table))
  it('of a tile of a symbolic matrix', () => expect(inside('(i + 3)*K + k', 'N*K', { i: ['0', '4*floordiv(N, 4) - 4'], k: ['0', 'K - 1'] })).toBe(true))
  it('of a window clamped to its input', () => expect(inside('o + k - 1', 'H', { o: ['1', 'H - 2'], k: ['0', '2'] })).toBe(true))
  it('and not where an element is outside', () => expect(inside('(i + 4)*K + k', 'N*K', { i: ['0', '4*floordiv(N, 4) - 4'], k: ['0', 'K - 1'] })).toBe(false))
  it('and not where an extent may be 0', () => expect(inside('0', 'N', {})).toBe(false))
})

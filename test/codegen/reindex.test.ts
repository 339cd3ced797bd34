import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { evaluateDim, type Dim } from '../../src/base/dim.js'
import { reindex } from '../../src/codegen/reindex.js'
import { floorDiv, mod, mul, product } from '../../src/ir/dims.js'

/** The element that `index` addresses in row-major order. */
const flat = (index: readonly number[], shape: readonly number[]): number => index.reduce((at, i, k) => at * (shape[k] as number) + i, 0)

/** Checks every element of `from` at the values of `symbols`: its new index lies inside `to` and addresses the same element. */
function expectSameElements(from: readonly Dim[], to: readonly Dim[], symbols: Readonly<Record<string, number>> = {}): void {
  const at = (d: Dim): number => evaluateDim(d, (s) => symbols[s] ?? 0)
  const shape = from.map(at), target = to.map(at)
  const moved = reindex(from.map((_, k) => `i${k}`), from, to)
  expect(moved).toHaveLength(to.length)
  const count = shape.reduce((n, d) => n * d, 1)
  for (let e = 0; e < count; e++) {
    const index: number[] = []
    for (let k = shape.length - 1, rest = e; k >= 0; rest = Math.floor(rest / (shape[k] as number)), k--) index[k] = rest % (shape[k] as number)
    const out = moved.map((d) => evaluateDim(d, (s) => (s.startsWith('i') ? index[Number(s.slice(1))] as number : symbols[s] ?? 0)))
    out.forEach((i, k) => { expect(i).toBeGreaterThanOrEqual(0); expect(i).toBeLessThan(target[k] as number) })
    expect(flat(out, target)).toBe(e)
  }
}

/** Two shapes with the same elements: factors grouped in two ways, with ones strewn in. */
const shapes = fc.tuple(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), fc.nat(4)).map(([factors, a, b, one]) => {
  const group = (cut: readonly boolean[]): number[] => factors.reduce<number[]>((out, f, k) => (k === 0 || cut[k] === true ? [...out, f] : [...out.slice(0, -1), (out.at(-1) as number) * f]), [])
  const to = group(b)
  return { from: group(a), to: [...to.slice(0, one), 1, ...to.slice(one)] }
})

describe('an index under another shape', () => {
  test('addresses the same element, whatever the shapes', () => {
    fc.assert(fc.property(shapes, ({ from, to }) => { expectSameElements(from, to); expectSameElements(to, from) }), { numRuns: 150, seed: 3 })
  })

  test('addresses the same element where extents are symbols', () => {
    const n: Dim = 'n', m: Dim = 'm'
    for (const [from, to] of [[[n, 6], [n, 3, 2]], [[n, m], [mul(n, m)]], [[mul(n, m), 4], [n, mul(m, 4)]], [[n, m], [m, n]], [[2, n, 3], [mul(6, n)]], [[1, n], [n, 1, 1]], [[n, 2, m], [mul(2, n), m]]] as const) {
      for (const symbols of [{ n: 2, m: 3 }, { n: 1, m: 1 }, { n: 3, m: 2 }]) { expectSameElements(from, to, symbols); expectSameElements(to, from, symbols) }
    }
  })

  test('leaves axes alone that both shapes share', () => {
    expect(reindex(['a', 'b', 'c'], ['n', 4, 'm'], ['n', 4, 'm'])).toEqual(['a', 'b', 'c'])
    expect(reindex(['a', 'b', 'c'], ['n', 4, 'm'], ['n', 2, 2, 'm'])).toEqual(['a', floorDiv('b', 2), mod('b', 2), 'c'])
    expect(reindex(['a', 'b'], ['n', 'm'], ['n', 1, 'm'])).toEqual(['a', 0, 'b'])
    expect(product(['n', 4])).toEqual(mul(4, 'n'))
  })

  test('of a scalar is empty or zeros', () => {
    expect(reindex([], [], [1, 1])).toEqual([0, 0])
    expect(reindex(['a'], [1], [])).toEqual([])
  })
})

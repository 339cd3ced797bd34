import { array, assert, integer, nat, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { liveLowerBound, planOffsets, type PlanItem } from '../../src/runtime/plan.js'

const item = record({ bytes: nat(5000), first: integer({ min: -1, max: 60 }), span: nat(30) }).map(({ bytes, first, span }): PlanItem => ({ bytes, first, last: first + span }))

/** Most live bytes by trying every step. */
const bruteBound = (items: readonly PlanItem[]): number =>
  Math.max(0, ...Array.from({ length: 100 }, (_, t) => items.filter((i) => i.first <= t - 1 && t - 1 <= i.last).reduce((sum, i) => sum + Math.ceil(i.bytes / 64) * 64, 0)))

const checkPlan = (items: readonly PlanItem[]): void => {
  const { offsets, total } = planOffsets(items)
  expect(offsets.length).toBe(items.length)
  items.forEach((a, i) => {
    const start = offsets[i] as number
    expect(start % 64).toBe(0)
    expect(start + a.bytes).toBeLessThanOrEqual(total)
    items.forEach((b, j) => {
      if (j <= i || a.bytes === 0 || b.bytes === 0 || a.first > b.last || b.first > a.last) return
      const other = offsets[j] as number
      expect(start + a.bytes <= other || other + b.bytes <= start).toBe(true)
    })
  })
  expect(total).toBeGreaterThanOrEqual(liveLowerBound(items))
}

test('buffers that are live in the same step never overlap, and the total is no less than what is live', () => {
  assert(property(array(item, { maxLength: 60 }), checkPlan), { seed: 7, numRuns: 300 })
})

test('many short lives are placed without overlap too', () => {
  assert(property(array(record({ bytes: nat(3000), first: nat(2000), span: nat(3) }).map(({ bytes, first, span }) => ({ bytes, first, last: first + span })), { minLength: 150, maxLength: 250 }), checkPlan), { seed: 8, numRuns: 20 })
})

test('the lower bound is the most that is live in one step', () => {
  assert(property(array(item, { maxLength: 40 }), (items) => { expect(liveLowerBound(items)).toBe(bruteBound(items)) }), { seed: 9, numRuns: 300 })
})

test('the same items give the same plan', () => {
  assert(property(array(item, { maxLength: 60 }), (items) => { expect(planOffsets(items)).toEqual(planOffsets(items.map((i) => ({ ...i })))) }), { seed: 10 })
})

test('no items need no memory', () => {
  expect(planOffsets([])).toEqual({ offsets: [], total: 0 })
  expect(liveLowerBound([])).toBe(0)
})

test('a chain of equal layers needs two of them', () => {
  const chain = Array.from({ length: 50 }, (_, i) => ({ bytes: 4096, first: i, last: i + 1 }))
  expect(planOffsets(chain).total).toBe(8192)
})

const chains = {
  // conv nets: maps halve in area and double in channels, with a residual over every block of two
  residual: Array.from({ length: 48 }, (_, i) => ({ bytes: 3_211_264 >> Math.floor(i / 12), first: i, last: i + (i % 3 === 0 ? 3 : 1) })),
  // inverted bottleneck: expand 6×, depthwise, project
  bottleneck: Array.from({ length: 51 }, (_, i) => ({ bytes: (i % 3 === 2 ? 1 : 6) * (401_408 >> Math.floor(i / 9)), first: i, last: i + (i % 3 === 2 ? 3 : 1) })),
  // transformer block: q k v, scores, context, residual, 4× wide feed-forward
  transformer: Array.from({ length: 12 }, (_, l) => {
    const t = l * 8, w = 197 * 192 * 4
    return [{ bytes: w, first: t, last: t + 5 }, ...[0, 1, 2].map((k) => ({ bytes: w, first: t + 1, last: t + (k === 2 ? 4 : 2) })), { bytes: 3 * 197 * 197 * 4, first: t + 2, last: t + 3 }, { bytes: 3 * 197 * 197 * 4, first: t + 3, last: t + 4 }, { bytes: w, first: t + 4, last: t + 5 }, { bytes: 4 * w, first: t + 6, last: t + 7 }, { bytes: w, first: t + 5, last: t + 8 }]
  }).flat(),
}

test.each(Object.entries(chains))('the plan of a $0 graph is within 15 %% of the lower bound', (_, items) => {
  expect(planOffsets(items).total).toBeLessThanOrEqual(1.15 * liveLowerBound(items))
})

/** Attention at a sequence of 64, in units of one hidden state: three projections, two score matrices, a feed-forward four times as wide. */
const attention = Array.from({ length: 6 }, (_, l) => {
  const t = l * 11, w = 64 * 384 * 4, scores = 12 * 64 * 64 * 4
  const at = (bytes: number, first: number, last: number): PlanItem => ({ bytes, first: t + first, last: t + last })
  return [at(w, 0, 8), at(w, 1, 4), at(w, 2, 4), at(w, 3, 6), at(scores, 4, 5), at(scores, 5, 6), at(w, 6, 7), at(w, 7, 8), at(w, 8, 11), at(4 * w, 9, 10), at(w, 10, 11)]
}).flat()

test('the plan of attention layers needs no more than is live in one step', () => {
  expect(planOffsets(attention).total).toBe(liveLowerBound(attention))
})

test('random lifetimes of a hundred buffers are planned within 1 % of the lower bound on average, and 10 % at worst', () => {
  let seed = 1
  const random = (end: number): number => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor((seed / 2 ** 32) * end) }
  const ratios = Array.from({ length: 50 }, () => {
    const items = Array.from({ length: 100 }, () => { const first = random(100); return { bytes: 1 + random(1 << 20), first, last: first + random(12) } })
    return planOffsets(items).total / liveLowerBound(items)
  })
  expect(Math.max(...ratios)).toBeLessThanOrEqual(1.1)
  expect(ratios.reduce((sum, ratio) => sum + ratio) / 50).toBeLessThanOrEqual(1.01)
})

test('twenty thousand buffers are placed in well under a second', () => {
  const items = Array.from({ length: 20_000 }, (_, i) => ({ bytes: 64 * (1 + (Math.imul(i, 2654435761) >>> 20)), first: i, last: i + 1 + (Math.imul(i, 40503) >>> 0) % 4 }))
  const start = performance.now()
  const { total } = planOffsets(items)
  expect(performance.now() - start).toBeLessThan(1000)
  expect(total).toBeLessThanOrEqual(1.15 * liveLowerBound(items))
})

test('buffers that are all live at once are put one after the other, however many', () => {
  const items = Array.from({ length: 20_000 }, (_, i) => ({ bytes: 64 * (1 + (i % 97)), first: 0, last: 5 }))
  const start = performance.now()
  expect(planOffsets(items).total).toBe(liveLowerBound(items))
  expect(performance.now() - start).toBeLessThan(1000)
})

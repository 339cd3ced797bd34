import { describe, expect, test } from 'vitest'
import { lowerGraph } from '../../src/codegen/lower.js'
import { pipelineFor } from '../../src/compile.js'
import { parseGraph } from '../../src/ir/parse.js'
import { runPasses } from '../../src/passes/index.js'
import type { Target } from '../../src/runtime/format.js'
import { randomGraph } from '../ir/random-graph.js'
import { randomModel } from './random-model.js'
import { expectSameOnTarget, type Symbols } from './same-on-target.js'

const TARGETS = ['js', 'wasm'] as const
const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, k) => from + k)
const lower = (text: string, target: Target = 'js'): ReturnType<typeof lowerGraph> => lowerGraph(runPasses(parseGraph(text), pipelineFor(target)), target)

describe('a compiled graph computes what the interpreter computes, at every size and without recompiling', () => {
  const sizes: readonly Symbols[] = [{ n: 2, m: 5 }, { n: 1, m: 1 }, { n: 3, m: 8 }]

  test.each(TARGETS)('on %s, for models that fuse', { timeout: 60_000 }, async (target) => {
    for (const seed of seeds(1, 100)) await expectSameOnTarget(randomModel(seed, 1 + (seed % 14)), target, sizes, { seed })
  })

  test.each(TARGETS)('on %s, for graphs with odd names and shape arithmetic', { timeout: 60_000 }, async (target) => {
    for (const seed of seeds(1, 60)) await expectSameOnTarget(randomGraph(seed, 1 + (seed % 14)), target, [{ n: 3, 'seq len': 4 }, { n: 1, 'seq len': 1 }, { n: 2, 'seq len': 9 }], { seed })
  })

  test.each(TARGETS)('on %s, where an extent is 0', async (target) => {
    for (const seed of seeds(1, 40)) await expectSameOnTarget(randomGraph(seed, 1 + (seed % 8)), target, [{ n: 0, 'seq len': 4 }, { n: 2, 'seq len': 0 }], { seed })
  })
})

describe('kernels', () => {
  test('one kernel serves nodes that are alike, whatever their symbols and weights', () => {
    const { kernels, steps } = lower(`graph @g stage=inference (x: float32[a, 4], y: float32[b, 4]) -> (p: float32[a, 3], q: float32[b, 3]) {
  symbol a = extent(x, 0)
  symbol b = extent(y, 0)
  const %w: float32[4, 3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
  const %v: float32[4, 3] = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
  %p: float32[a, 3] = matmul(%x, %w) {trans_a = false, trans_b = false}
  %q: float32[b, 3] = matmul(%y, %v) {trans_a = false, trans_b = false}
  return p = %p, q = %q
}`)
    expect(kernels).toHaveLength(1)
    expect(steps.map((s) => (s.kind === 'call' ? s.params : []))).toEqual([['a'], ['b']])
  })

  test('nodes that differ in a small constant, or in which inputs are the same value, have kernels of their own', () => {
    const { kernels } = lower(`graph @g stage=inference (x: float32[6], y: float32[6]) -> (p: float32[6], q: float32[6], r: float32[6], s: float32[6], t: float32[6]) {
  const %one: float32[] = [1]
  const %two: float32[] = [2]
  const %minus: float32[] = [-0]
  %p: float32[6] = mul(%x, %y)
  %q: float32[6] = mul(%x, %x)
  %r: float32[6] = sub(%x, %one)
  %s: float32[6] = sub(%x, %two)
  %t: float32[6] = maximum(%x, %minus)
  return p = %p, q = %q, r = %r, s = %s, t = %t
}`)
    expect(kernels).toHaveLength(5)
  })

  test('strings and packed integers are refused by node, value and dtype', () => {
    const tile = (dtype: string): string => `graph @g stage=inference (x: ${dtype}[6]) -> (y: ${dtype}[12]) {
  %y: ${dtype}[12] = tile(%x) {repeats = [2]} @ "/model/Tile"
  return y = %y
}`
    expect(() => lower(tile('int4'))).toThrow(expect.objectContaining({ code: 'unsupported-dtype', where: { origin: '/model/Tile', op: 'tile', dtype: 'int4' } }) as Error)
    expect(() => lower(tile('string'))).toThrow(expect.objectContaining({ code: 'unsupported-dtype', where: { origin: 'input x', dtype: 'string' } }) as Error)
  })

  test('each is reported once, with its compute and the node that it was first made for', () => {
    const seen: string[] = []
    const graph = runPasses(randomModel(5, 12), pipelineFor('js'))
    const { kernels } = lowerGraph(graph, 'js', ({ kernel, origin }) => { seen.push(kernel.name); expect(origin).not.toBe('') })
    expect(seen).toEqual(kernels.map((k) => k.kernel.name))
    expect(new Set(seen).size).toBe(seen.length)
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lowerGraph } from '../../src/codegen/lower.js'
import { pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Dim } from '../../src/ir/dims.js'
import type { Graph } from '../../src/ir/graph.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import type { Kernel, Stmt } from '../../src/ir/kernel/kernel.js'
import { exprsOf, visitExprs, visitStmts } from '../../src/ir/kernel/walk.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget } from './same-on-target.js'

interface Product {
  readonly m: number; readonly k: number; readonly n: number
  /** Extents of the left operand that are symbols, bound to the numbers above. */
  readonly open?: boolean
  readonly constant?: boolean
  readonly trans_a?: boolean
  readonly trans_b?: boolean
  readonly batch?: number
}

/** relu(a·b): the activation keeps the product from being the whole graph. */
function productOf({ m, k, n, open = false, constant = false, trans_a = false, trans_b = false, batch }: Product): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' }), rows: Dim = open ? b.symbol('m', { kind: 'extent', input: 0, axis: trans_a ? 1 : 0 }) : m
  const lead = batch === undefined ? [] : [batch]
  const x = b.input('x', tensorType('float32', [...lead, ...(trans_a ? [k, rows] : [rows, k])]))
  const shape = [...lead, ...(trans_b ? [n, k] : [k, n])]
  const w = constant ? b.constant(seededTensor('float32', shape, 3)) : b.input('w', tensorType('float32', shape))
  b.output('y', b.add1('relu', [b.add1('matmul', [x, w], { trans_a, trans_b }, { origin: 'product' })], {}, { origin: 'relu' }))
  return b.finish()
}

const extent = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(41, 47, 53, 61, 67))
const products: fc.Arbitrary<Product> = fc.record({ m: extent, k: extent, n: extent, open: fc.boolean(), constant: fc.boolean(), trans_a: fc.boolean(), trans_b: fc.boolean() })

function kernelsOf(graph: Graph, features: 'baseline' | 'relaxed'): readonly Kernel[] {
  return lowerGraph(runPasses(graph, pipelineFor('wasm')), 'wasm', undefined, features).kernels.map((k) => k.kernel)
}

/** What one innermost loop that sums does in one step of its sum. */
interface Step { readonly sums: number; readonly vectors: number; readonly scalars: number; readonly live: number }

/** The innermost loops of a kernel's vector sums, each as one step of its sum; the most values at once are counted over all steps. */
function sumsOf(kernel: Kernel): Step[] {
  const out: Step[] = []
  visitStmts(kernel.body, (s) => {
    if (s.kind !== 'for' || s.body.some((t) => t.kind === 'for')) return
    const names = new Set(s.body.flatMap((t) => (t.kind === 'set' ? [t.name] : []))), sets = s.body.filter((t) => t.kind === 'set')
    if (!sets.some((t) => t.kind === 'set' && t.value.kind === 'madd')) return
    const steps = sets.length / names.size
    let vectors = 0, scalars = 0
    for (const t of s.body) visitExprs(exprsOf(t), (e) => { if (e.kind === 'load') { if (e.lanes === undefined) scalars++; else vectors++ } })
    out.push({ sums: names.size, vectors: vectors / steps, scalars: scalars / steps, live: names.size + mostAlive(s.body) })
  })
  return out
}

/** Registers declared in `body` that are needed at once, at most. */
function mostAlive(body: readonly Stmt[]): number {
  const last = new Map<string, number>()
  body.forEach((s, i) => visitExprs(exprsOf(s), (e) => { if (e.kind === 'local') last.set(e.name, i) }))
  let most = 0
  body.forEach((_, i) => {
    most = Math.max(most, body.filter((t, at) => t.kind === 'let' && at <= i && (last.get(t.name) ?? at) >= i).length)
  })
  return most
}

describe('products of matrices on wasm', () => {
  it('give what the interpreter does, for operands of any size and kind', async () => {
    await fc.assert(fc.asyncProperty(products, async (p) => { await expectSameOnTarget(productOf(p), 'wasm', p.open === true ? [{ m: p.m }, { m: 1 }, { m: 5 }] : [{}]) }), { seed: 11, numRuns: 40 })
  })
  it('give what the interpreter does for every count of rows that full tiles leave over', async () => {
    await expectSameOnTarget(productOf({ m: 1, k: 9, n: 61, open: true, constant: true }), 'wasm', Array.from({ length: 14 }, (_, m) => ({ m })))
  })
  it('give what the interpreter does where a computed operand is packed first', async () => {
    for (const n of [512, 517]) await expectSameOnTarget(productOf({ m: 49, k: 521, n }), 'wasm', [{}])
    await expectSameOnTarget(productOf({ m: 48, k: 520, n: 512, batch: 2 }), 'wasm', [{}])
  })
  it('give what the interpreter does where long sums are taken in blocks, for every count of rows and of columns', async () => {
    for (const [k, n] of [[520, 260], [1024, 64], [514, 300], [768, 257], [521, 256]] as const) {
      await expectSameOnTarget(productOf({ m: 1, k, n, open: true, constant: true }), 'wasm', [1, 2, 3, 4, 5, 6, 7, 13, 26].map((m) => ({ m })))
      await expectSameOnTarget(productOf({ m: 7, k, n, constant: true }), 'wasm', [{}])
    }
  })
  it('take long sums in blocks where rows are few or open, and weights are constant and large', () => {
    const blocks = (p: Product): boolean => kernelsOf(productOf(p), 'relaxed').some((kernel) => kernel.buffers.some((b) => b.apart === true))
    expect(blocks({ m: 4, k: 1024, n: 256, constant: true })).toBe(true)
    expect(blocks({ m: 4, k: 1024, n: 257, constant: true })).toBe(true)
    expect(blocks({ m: 1, k: 1024, n: 256, constant: true, open: true })).toBe(true)
    expect(blocks({ m: 64, k: 1024, n: 256, constant: true })).toBe(false)
    expect(blocks({ m: 1, k: 1024, n: 256, constant: true })).toBe(false)
    expect(blocks({ m: 4, k: 256, n: 1024, constant: true })).toBe(false)
    expect(blocks({ m: 4, k: 1024, n: 256 })).toBe(false)
    expect(blocks({ m: 4, k: 1021, n: 256, constant: true })).toBe(false)
  })
  it('pack a computed operand only where many rows pass a large one', () => {
    const packs = (p: Product): boolean => kernelsOf(productOf(p), 'baseline').some((k) => k.name.startsWith('pack'))
    expect(packs({ m: 64, k: 1024, n: 512 })).toBe(true)
    expect(packs({ m: 4, k: 1024, n: 512 })).toBe(false)
    expect(packs({ m: 64, k: 64, n: 512 })).toBe(false)
    expect(packs({ m: 64, k: 1024, n: 512, constant: true })).toBe(false)
  })
})

describe('the inner loops of products', () => {
  const TILES = { baseline: { rows: 4, sums: 8 }, relaxed: { rows: 6, sums: 12 } } as const
  for (const features of ['baseline', 'relaxed'] as const) {
    const { rows, sums } = TILES[features]
    for (const constant of [true, false]) {
      it(`load two vectors of columns and ${rows} elements of rows for ${sums} sums with ${features} instructions, columns ${constant ? 'constant' : 'computed'}`, () => {
        const [kernel] = kernelsOf(productOf({ m: 24, k: 64, n: 64, constant }), features)
        expect(sumsOf(kernel as Kernel).map(({ sums: count, vectors, scalars }) => ({ count, vectors, scalars }))).toContainEqual({ count: sums, vectors: 2, scalars: rows })
      })
    }
    it(`keep all values in V8's fifteen registers whatever rows are left over, with ${features} instructions`, () => {
      const [kernel] = kernelsOf(productOf({ m: 1, k: 64, n: 480, open: true, constant: true }), features)
      const steps = sumsOf(kernel as Kernel)
      expect(steps.length).toBeGreaterThanOrEqual(4)
      for (const s of steps) expect(s.live).toBeLessThanOrEqual(15)
    })
    it(`have sums enough to hide their latency with one row, with ${features} instructions`, () => {
      for (const open of [true, false]) {
        const [kernel] = kernelsOf(productOf({ m: 1, k: 64, n: 480, open, constant: true }), features)
        expect(sumsOf(kernel as Kernel).some((s) => s.scalars === 1 && s.sums >= 8 && s.vectors === s.sums)).toBe(true)
      }
    })
  }
})

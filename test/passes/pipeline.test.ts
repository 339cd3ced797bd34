import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import { GraphBuilder } from '../../src/ir/build.js'
import { type Graph, type Value } from '../../src/ir/graph.js'
import { printGraph } from '../../src/ir/print.js'
import { tensorType } from '../../src/ir/types.js'
import { DEFAULT_PIPELINE, PASSES, runPasses } from '../../src/passes/index.js'
import type { Pass } from '../../src/passes/pass.js'
import { randomGraph } from './random-graph.js'
import { expectSameResults } from './same-results.js'

const BEFORE_FUSE = [...PASSES.values()].filter((p) => p.name !== 'fuse')
/** A graph as far as `pass` needs it to be. */
function readyFor(graph: Graph, { needs }: Pass): Graph {
  const canonical: Graph = { ...graph, stage: 'canonical' }
  return needs === 'fused' ? runPasses(canonical, ['fuse']) : needs === 'canonical' ? canonical : graph
}

describe('every pass', () => {
  for (const pass of PASSES.values()) {
    it(`${pass.name} keeps what random graphs compute, to the ${pass.preserves}`, () => {
      fc.assert(fc.property(randomGraph(14), fc.nat(4), (graph, batch) => {
        const start = readyFor(graph, pass)
        expectSameResults(start, runPasses(start, [pass.name], { verify: true }), pass.preserves, { symbols: { batch } })
      }), { seed: 7, numRuns: 60 })
    })
  }

  for (const pass of BEFORE_FUSE) {
    it(`${pass.name} does nothing the second time`, () => {
      fc.assert(fc.property(randomGraph(14), (graph) => {
        const once = runPasses(readyFor(graph, pass), [pass.name])
        expect(printGraph(runPasses(once, [pass.name]))).toBe(printGraph(once))
      }), { seed: 8, numRuns: 40 })
    })
  }
})

describe('the default pipeline', () => {
  it('keeps what random graphs compute, and every graph on the way is sound', () => {
    fc.assert(fc.property(randomGraph(30), fc.nat(4), (graph, batch) => {
      const after = runPasses(graph, DEFAULT_PIPELINE, { verify: true })
      expect(after.stage).toBe('fused')
      expectSameResults(graph, after, 'rounding', { symbols: { batch } })
    }), { seed: 9, numRuns: 150 })
  })

  it('gives the same text every time', () => {
    fc.assert(fc.property(randomGraph(20), (graph) => {
      expect(printGraph(runPasses(graph, DEFAULT_PIPELINE))).toBe(printGraph(runPasses(graph, DEFAULT_PIPELINE)))
    }), { seed: 10, numRuns: 20 })
  })
})

describe('the runner', () => {
  const graph = chain(3)

  it('refuses an unknown pass before it runs any, and lists those there are', () => {
    const seen: string[] = []
    const run = (): Graph => runPasses(graph, ['drop-dead', 'fold'], { onPass: (name) => seen.push(name) })
    expect(run).toThrowError(expect.objectContaining({ code: 'unknown-pass', hint: expect.stringContaining('fold-constants') }))
    expect(seen).toEqual([])
  })

  it('refuses a graph that is not far enough, or too far', () => {
    expect(() => runPasses(graph, ['fuse'])).toThrowError(expect.objectContaining({ code: 'wrong-stage' }))
    expect(() => runPasses(runPasses(graph, DEFAULT_PIPELINE), ['canonicalize'])).toThrowError(expect.objectContaining({ code: 'wrong-stage' }))
    expect(() => runPasses(graph, ['fuse'])).toThrowError(IngotError)
  })

  it('tells of every pass, in order, with the graph it gave', () => {
    const seen: string[] = []
    const last = runPasses(graph, DEFAULT_PIPELINE, { onPass: (name, g, ms) => { seen.push(name); expect(ms).toBeGreaterThanOrEqual(0); expect(g.nodes.length).toBeGreaterThan(0) } })
    expect(seen).toEqual(DEFAULT_PIPELINE)
    expect(last.stage).toBe('fused')
  })
})

describe('time', () => {
  it('grows linearly with a chain of nodes', { retry: 2 }, () => expectLinear(chain, 10_000))
  it('grows linearly with the width of a graph', { retry: 2 }, () => expectLinear(wide, 4_000))
})

/** x → relu → neg → relu → … */
function chain(n: number): Graph {
  const b = new GraphBuilder({ name: 'chain', stage: 'inference' })
  let x: Value = b.input('x', tensorType('float32', [4]))
  for (let i = 0; i < n; i++) x = b.add1(['tanh', 'sigmoid'][i % 2] as string, [x], {}, { origin: '' })
  b.output('y', x)
  return b.finish()
}

/** n branches of one input, concatenated. */
function wide(n: number): Graph {
  const b = new GraphBuilder({ name: 'wide', stage: 'inference' })
  const x = b.input('x', tensorType('float32', [2, 4]))
  const parts = Array.from({ length: n }, (_, i) => b.add1('tanh', [b.add1('transpose', [i % 2 === 0 ? b.add1('sigmoid', [x], {}, { origin: '' }) : x], { perm: [1, 0] }, { origin: '' })], {}, { origin: '' }))
  b.output('y', b.add1('concat', parts, { axis: 0 }, { origin: '' }))
  return b.finish()
}

/** Four times the nodes may take at most ten times as long: quadratic work would take sixteen times. The least of five runs each, taken in turn, as other work on the machine only adds. */
function expectLinear(make: (n: number) => Graph, most: number): void {
  const graphs = [make(most / 4), make(most)]
  const best = [Infinity, Infinity]
  for (let run = 0; run < 5; run++) {
    graphs.forEach((graph, i) => {
      const start = performance.now()
      runPasses(graph, DEFAULT_PIPELINE)
      best[i] = Math.min(best[i] ?? Infinity, performance.now() - start)
    })
  }
  const [small = 0, large = Infinity] = best
  expect(large, `${small.toFixed(1)} ms for ${most / 4}, ${large.toFixed(1)} ms for ${most}`).toBeLessThan(10 * Math.max(small, 5))
}

import { describe, expect, it } from 'vitest'
import { pipelineFor } from '../../src/compile.js'
import type { Graph } from '../../src/ir/graph.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget } from '../codegen/same-on-target.js'
import { randomImageGraph } from './random-image-graph.js'
import { expectSameResults } from './same-results.js'

const seeds = Array.from({ length: 60 }, (_, i) => i + 1)
const laidOut = (graph: Graph): Graph => runPasses(graph, pipelineFor('wasm'), { verify: true })
const ordered = (graph: Graph): number => graph.nodes.filter((n) => n.outputs.some((v) => v.order !== undefined)).length

describe('choose-layout', () => {
  it('keeps what random image networks compute, compiled with all their orders', { timeout: 60_000 }, async () => {
    for (const seed of seeds) await expectSameOnTarget(randomImageGraph(seed, 2 + (seed % 12)), 'wasm', [{ n: 1, h: 7 }, { n: 2, h: 5 }], { seed })
  })
  it('keeps them to an interpreter, which knows no orders', () => {
    for (const seed of seeds.slice(0, 20)) {
      const graph = randomImageGraph(seed, 2 + (seed % 12))
      expectSameResults(graph, laidOut(graph), 'rounding', { symbols: { n: 1, h: 6 } })
    }
  })
  it('lays out many of them', () => {
    const counts = seeds.map((seed) => ordered(laidOut(randomImageGraph(seed, 2 + (seed % 12)))))
    expect(counts.filter((n) => n > 0).length).toBeGreaterThan(seeds.length / 3)
  })
})

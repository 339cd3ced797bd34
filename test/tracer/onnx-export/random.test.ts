import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import type { Graph } from '../../../src/ir/graph.js'
import { DEFAULT_PIPELINE, runPasses } from '../../../src/passes/index.js'
import { importOnnxSync, toOnnx } from '../../../src/tracer/onnx/index.js'
import { randomGraph } from '../../passes/random-graph.js'
import { expectSameResults } from '../../passes/same-results.js'
import { expectSane } from './round-trip.js'

function expectRoundTrip(graph: Graph): void {
  const bytes = toOnnx(graph), again = importOnnxSync(bytes)
  expectSane(bytes, graph)
  for (const batch of [1, 3]) expectSameResults(graph, again, 'rounding', { symbols: { batch } })
}

describe('any graph, exported and imported again, gives the same results at every batch', () => {
  it('as it was built', () => {
    fc.assert(fc.property(randomGraph(14), (graph) => { expectRoundTrip(graph) }), { numRuns: 150, seed: 11 })
  })

  it('in canonical form', () => {
    const passes = DEFAULT_PIPELINE.slice(0, DEFAULT_PIPELINE.indexOf('fuse'))
    fc.assert(fc.property(randomGraph(14), (graph) => { expectRoundTrip(runPasses(graph, passes)) }), { numRuns: 100, seed: 12 })
  })
})

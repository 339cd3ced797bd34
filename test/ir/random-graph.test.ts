import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { shapeOf, dtypeOf } from '../../src/ir/graph.js'
import { interpret } from '../../src/ir/interpret.js'
import { parseGraph } from '../../src/ir/parse.js'
import { printGraph } from '../../src/ir/print.js'
import { SymbolSubstitution } from '../../src/ir/substitute-symbols.js'
import { withoutDeadNodes } from '../../src/ir/rewrite.js'
import { verifyGraph } from '../../src/ir/verify.js'
import { seededFeeds } from '../golden/golden-file.js'
import { randomGraph } from './random-graph.js'

const graphs = fc.tuple(fc.nat(1e6), fc.integer({ min: 0, max: 12 })).map(([seed, size]) => randomGraph(seed, size))
const RUNS = { seed: 21, numRuns: 150 }

describe('random graphs', () => {
  it('are sound', () => {
    fc.assert(fc.property(graphs, (graph) => { verifyGraph(graph) }), RUNS)
  })

  it('read back from their text as they were', () => {
    fc.assert(fc.property(graphs, (graph) => {
      const text = printGraph(graph, { weights: 'full' })
      const back = parseGraph(text)
      expect(back).toEqual(graph)
      expect(printGraph(back, { weights: 'full' })).toBe(text)
    }), RUNS)
  })

  it('give the same results without their dead nodes, and with their symbols bound beforehand', () => {
    fc.assert(fc.property(graphs, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 3 }), (graph, n, seq) => {
      const symbols: Record<string, number> = { n, 'seq len': seq }
      const feeds = seededFeeds(graph, symbols, {}, 5)
      const results = interpret(graph, feeds)
      expect(interpret(withoutDeadNodes(graph), feeds)).toEqual(results)
      const bound = { ...new SymbolSubstitution((s) => symbols[s]).graph(graph), symbols: [], constraints: [] }
      verifyGraph(bound)
      expect(interpret(bound, feeds)).toEqual(results)
    }), RUNS)
  })

  it('declare the types that running them gives', () => {
    const graph = randomGraph(4, 40)
    const feeds = { ports: seededTensor(dtypeOf(graph.inputs[0] as never), [3, 2], 1), 'input/1': seededTensor(dtypeOf(graph.inputs[1] as never), shapeOf(graph.inputs[1] as never).map((d) => (typeof d === 'number' ? d : d === 'n' ? 3 : 2)), 2) }
    let count = 0
    interpret(graph, feeds, { onValue: (value, tensor) => { count++; expect(tensor.dtype).toBe(dtypeOf(value)) } })
    expect(count).toBe(graph.nodes.length)
  })
})

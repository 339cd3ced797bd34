import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Graph } from '../../src/ir/graph.js'
import { runPasses } from '../../src/passes/index.js'
import { attentionGraph, attentionShapes, type AttentionShape } from './attention-graphs.js'
import { expectSameResults } from './same-results.js'

const PLAIN: AttentionShape = { heads: 2, group: 1, depth: 4, width: 4, scaled: 'scores', mask: 'none', keys: 'flag', zeros: false, flat: false }
const recognised = (graph: Graph): Graph => runPasses(graph, ['canonicalize', 'recognise-attention'], { verify: true })
const opsOf = (graph: Graph): string[] => graph.nodes.map((n) => n.op)

describe('attention written out', () => {
  it('becomes one op that gives the same, whatever its scales, masks and heads', () => {
    fc.assert(fc.property(attentionShapes, (s) => {
      // With one element a head, a transpose is a reshape like others.
      const before = attentionGraph({ ...s, depth: s.depth + 1, width: s.width + 1 }), after = recognised(before)
      expect(opsOf(after).filter((op) => op === 'attention' || op === 'softmax' || op === 'matmul')).toEqual(['attention'])
      for (const symbols of [{ batch: 2, m: 3, n: 5 }, { batch: 1, m: 1, n: 1 }]) expectSameResults(before, after, 'rounding', { symbols })
    }), { seed: 71, numRuns: 150 })
  })

  it('reads and writes heads where they lie: no transpose stays', () => {
    for (const keys of ['flag', 'transpose', 'cache'] as const) {
      for (const group of [1, 2]) expect(opsOf(recognised(attentionGraph({ ...PLAIN, keys, group }))), keys).not.toContain('transpose')
    }
  })

  it('is found once', () => {
    const after = recognised(attentionGraph(PLAIN))
    expect(runPasses(after, ['recognise-attention'])).toBe(after)
  })
})

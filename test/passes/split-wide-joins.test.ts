import { expect, test } from 'vitest'
import { GraphBuilder } from '../../src/ir/build.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import type { Graph } from '../../src/ir/graph.js'

function join(count: number): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' })
  const x = b.input('x', tensorType('float32', [2, 3]))
  const parts = Array.from({ length: count }, (_, i) => (i % 2 === 0 ? x : b.add1('neg', [x], {}, { origin: `Neg_${i}` })))
  b.output('y', b.add1('concat', parts, { axis: 1 }, { origin: 'Concat' }))
  return b.finish()
}

const widest = (g: Graph): number => Math.max(...g.nodes.map((n) => n.inputs.length))

test('joins of more than 256 inputs become joins of joins with the same elements', () => {
  const before = join(777)
  const after = runPasses(before, ['split-wide-joins'], { verify: true })
  expect(widest(after)).toBe(256)
  const feeds = { x: seededTensor('float32', [2, 3], 1) }
  expect(interpret(after, feeds)).toEqual(interpret(before, feeds))
  expect(runPasses(after, ['split-wide-joins'])).toBe(after)
})

test('joins of 256 inputs stay as they are', () => {
  const before = join(256)
  expect(runPasses(before, ['split-wide-joins'])).toBe(before)
})

import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { fromNumbers, seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'

const wide = (b: GraphBuilder, name: string, shape: readonly number[]): Value => b.add1('cast', [b.input(name, tensorType('uint8', shape))], { to: 'int32' }, { origin: name })

/** [4, depth] bytes times [depth, 3] weights that all are ±`weight`. */
function product(depth: number, weight: number): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' })
  const w = b.constant(fromNumbers('int32', [depth, 3], Float64Array.from({ length: depth * 3 }, (_, i) => (i % 3 === 0 ? -weight : weight))))
  b.output('y', b.add1('matmul', [wide(b, 'q', [4, depth]), w], { trans_a: false, trans_b: false }, { origin: 'MatMulInteger' }))
  return b.finish()
}

function convolution(channels: number, group: number, weight: number): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' })
  const own = channels / group, w = b.constant(fromNumbers('int32', [group * 2, own, 3, 3], new Float64Array(group * 2 * own * 9).fill(weight)))
  b.output('y', b.add1('conv', [wide(b, 'q', [1, channels, 4, 5]), w], { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group }, { origin: 'ConvInteger' }))
  return b.finish()
}

const products = (g: Graph): string[] => g.nodes.filter((n) => n.op === 'matmul' || n.op === 'conv').map((n) => (n.outputs[0]?.type.kind === 'tensor' ? n.outputs[0].type.dtype : ''))
const run = (g: Graph): Graph => runPasses(g, ['choose-float-products'], { verify: true })

function expectSame(before: Graph, shape: readonly number[]): void {
  // All bytes are 255, so that sums get as far as they can.
  for (const q of [fromNumbers('uint8', shape, new Float64Array(shape.reduce((p, d) => p * d, 1)).fill(255)), seededTensor('uint8', shape, 1)]) expect(interpret(run(before), { q })).toEqual(interpret(before, { q }))
}

describe('products of small integers', () => {
  it.each([[518, 127, 1], [519, 127, 2], [1024, 127, 2], [4000, 127, 8]])('sums of %i bytes times ±%i take %i sums of floats', (depth, weight, pieces) => {
    const before = product(depth, weight)
    expect(products(run(before))).toEqual(new Array(pieces).fill('float32'))
    expectSame(before, [4, depth])
  })
  it('stay integers where one product alone is too large', () => expect(products(run(product(1, 65794)))).toEqual(['int32']))
  it('count the taps of a convolution, and the channels of a group', () => {
    expect(products(run(convolution(57, 1, 127)))).toEqual(['float32'])
    expect(products(run(convolution(58, 1, 127)))).toEqual(['float32', 'float32'])
    expect(products(run(convolution(116, 2, 127)))).toEqual(['int32'])
    expectSame(convolution(58, 1, 127), [1, 58, 4, 5])
    expectSame(convolution(6, 3, 127), [1, 6, 4, 5])
  })
  it('go by the bytes alone where both operands are computed', () => {
    const b = new GraphBuilder({ name: 'g', stage: 'inference' })
    b.output('y', b.add1('matmul', [wide(b, 'q', [2, 259]), wide(b, 'r', [259, 2])], { trans_a: false, trans_b: false }, { origin: 'MatMulInteger' }))
    expect(products(run(b.finish()))).toEqual(['float32', 'float32'])
  })
})

/** Synthetic graphs of any size: a long chain, a wide fan, and a small network with weights. */
import { GraphBuilder } from '../../src/ir/build.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'

const UNARY = ['relu', 'tanh', 'neg', 'abs'] as const

/** `nodes` nodes one after another over `x[n, 8]`: three elementwise ones, then a product with weights of its own. */
export function chain(nodes: number): Graph {
  const b = new GraphBuilder({ name: 'chain', stage: 'inference' })
  let x: Value = b.input('x', tensorType('float32', [b.symbol('n', { kind: 'extent', input: 0, axis: 0 }), 8]))
  for (let i = 0; i < nodes; i++) {
    x = i % 4 === 3 ? b.add1('matmul', [x, b.constant(seededTensor('float32', [8, 8], i), 'w')], { trans_a: false, trans_b: false }, { origin: `product ${i}` }) : b.add1(UNARY[i % 3] as string, [x], {}, { origin: `node ${i}` })
  }
  b.output('y', x)
  return b.finish()
}

/** `width` branches from one input `x[n, 8]`; every fifth is an output, and all are joined in one more. */
export function fan(width: number): Graph {
  const b = new GraphBuilder({ name: 'fan', stage: 'inference' })
  const x = b.input('x', tensorType('float32', [b.symbol('n', { kind: 'extent', input: 0, axis: 0 }), 8]))
  const parts = Array.from({ length: width }, (_, i) => b.add1('tanh', [b.add1('add', [x, b.constant(seededTensor('float32', [8], i), 'w')], {}, { origin: `add ${i}` })], {}, { origin: `tanh ${i}` }))
  for (let i = 0; i < width; i += 5) b.output(`y${i}`, parts[i] as Value)
  b.output('all', b.add1('concat', parts, { axis: 0 }, { origin: 'join' }))
  return b.finish()
}

/** Two products with bias and relu over `x[n, 4]`, and a softmax. */
export function network(): Graph {
  const b = new GraphBuilder({ name: 'network', stage: 'inference' })
  let x: Value = b.input('x', tensorType('float32', [b.symbol('n', { kind: 'extent', input: 0, axis: 0 }), 4]))
  for (const layer of [0, 1]) {
    x = b.add1('matmul', [x, b.constant(seededTensor('float32', [4, 4], layer), 'w')], { trans_a: false, trans_b: false }, { origin: `/fc${layer}/MatMul` })
    x = b.add1('add', [x, b.constant(seededTensor('float32', [4], 9 + layer), 'b')], {}, { origin: `/fc${layer}/Add` })
    x = b.add1(layer === 0 ? 'tanh' : 'sigmoid', [x], {}, { origin: `/fc${layer}/Act` })
  }
  b.output('y', b.add1('softmax', [x], { axis: 1 }, { origin: '/Softmax' }))
  return b.finish()
}

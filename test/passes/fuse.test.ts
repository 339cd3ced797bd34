import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Attrs, Graph, Value } from '../../src/ir/graph.js'
import { isGraph } from '../../src/ir/graph.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameResults } from './same-results.js'

/** The graph that `make` builds from inputs x and z, both float32[rows, 8]. */
function graphOf(make: (add: (op: string, inputs: readonly (Value | null)[], attrs?: Attrs) => Value, x: Value, z: Value, b: GraphBuilder) => Value | readonly Value[]): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'canonical' })
  const rows = b.symbol('rows', { kind: 'extent', input: 0, axis: 0 })
  const x = b.input('x', tensorType('float32', [rows, 8])), z = b.input('z', tensorType('float32', [rows, 8]))
  const made = make((op, inputs, attrs = {}) => b.add1(op, inputs, attrs, { origin: op }), x, z, b)
  const outputs: readonly Value[] = Array.isArray(made) ? made as readonly Value[] : [made as Value]
  outputs.forEach((v, i) => b.output(`y${i}`, v))
  return b.finish()
}

/** What `fuse` makes of it: one string per node, bodies as their ops in order. Checks the stage, the verifier and the results too. */
function fusedShape(graph: Graph): string[] {
  const after = runPasses(graph, ['fuse'], { verify: true })
  expect(after.stage).toBe('fused')
  expectSameResults(graph, after, 'bits')
  return after.nodes.map((n) => { const body = n.attrs['body']; return body !== undefined && isGraph(body) ? body.nodes.map((m) => m.op).join(' ') : n.op })
}

const weights = (b: GraphBuilder): Value => b.constant(seededTensor('float32', [8, 8], 5))
const NO_TRANS = { trans_a: false, trans_b: false }
const ROW = { axes: [1], keepdims: true }

describe('fuse', () => {
  it('puts bias and activation into the matmul before them', () => {
    expect(fusedShape(graphOf((add, x, _z, b) => add('relu', [add('add', [add('matmul', [x, weights(b)], NO_TRANS), b.constant(seededTensor('float32', [8], 2))])])))).toEqual(['matmul add relu'])
  })

  it('takes a side of the same shape into an epilogue, and leaves a smaller one outside', () => {
    expect(fusedShape(graphOf((add, x, z, b) => add('add', [add('matmul', [x, weights(b)], NO_TRANS), add('tanh', [z])])))).toEqual(['matmul tanh add'])
    expect(fusedShape(graphOf((add, x, z, b) => add('add', [add('matmul', [x, weights(b)], NO_TRANS), add('tanh', [add('reduce_max', [z], ROW)])])))).toEqual(['reduce_max tanh', 'matmul add'])
  })

  it('gives one matmul the addition that joins two', () => {
    expect(fusedShape(graphOf((add, x, z, b) => add('add', [add('matmul', [x, weights(b)], NO_TRANS), add('matmul', [z, weights(b)], NO_TRANS)])))).toEqual(['matmul', 'matmul add'])
  })

  it('prefers a contraction to a reduction as the anchor of their sum', () => {
    expect(fusedShape(graphOf((add, x, z, b) => add('add', [add('matmul', [x, weights(b)], NO_TRANS), add('softmax', [z], { axis: 1 })])))).toEqual(['softmax', 'matmul add'])
  })

  it('never fuses into a contraction', () => {
    expect(fusedShape(graphOf((add, x, _z, b) => add('matmul', [add('relu', [x]), weights(b)], NO_TRANS)))).toEqual(['relu', 'matmul'])
  })

  it('makes the input of a reduction inside it', () => {
    expect(fusedShape(graphOf((add, x, z) => add('reduce_sum', [add('mul', [x, z])], ROW)))).toEqual(['mul reduce_sum'])
    expect(fusedShape(graphOf((add, x, z) => add('sqrt', [add('reduce_sum', [add('mul', [x, z])], ROW)])))).toEqual(['mul reduce_sum sqrt'])
  })

  it('keeps dear work out of a kernel that reads its input more than once', () => {
    expect(fusedShape(graphOf((add, x) => add('softmax', [add('tanh', [x])], { axis: 1 })))).toEqual(['tanh', 'softmax'])
    expect(fusedShape(graphOf((add, x, z) => add('softmax', [add('add', [x, z])], { axis: 1 })))).toEqual(['add softmax'])
    expect(fusedShape(graphOf((add, x) => add('reduce_sum', [add('tanh', [x])], ROW)))).toEqual(['tanh reduce_sum'])
  })

  it('keeps values that two nodes use, or that are outputs', () => {
    expect(fusedShape(graphOf((add, x, z) => { const r = add('relu', [x]); return [add('add', [r, z]), add('mul', [r, z])] }))).toEqual(['relu', 'add', 'mul'])
    expect(fusedShape(graphOf((add, x) => { const r = add('relu', [x]); return [r, add('neg', [r])] }))).toEqual(['relu', 'neg'])
  })

  it('does not compute a row value again for every column, unless it is next to nothing', () => {
    expect(fusedShape(graphOf((add, x, z) => add('mul', [z, add('sigmoid', [add('slice', [x], { axes: [1], starts: [0], steps: [1], sizes: [1] })])])))).toEqual(['slice sigmoid', 'mul'])
    expect(fusedShape(graphOf((add, x, z) => add('mul', [z, add('neg', [add('slice', [x], { axes: [1], starts: [0], steps: [1], sizes: [1] })])])))).toEqual(['slice neg mul'])
  })

  it('joins movement and arithmetic', () => {
    expect(fusedShape(graphOf((add, x, z) => add('relu', [add('transpose', [add('add', [x, z])], { perm: [1, 0] })])))).toEqual(['add transpose relu'])
  })

  it('makes the parts of a concatenation inside it, and what follows too', () => {
    expect(fusedShape(graphOf((add, x, z) => add('relu', [add('concat', [add('tanh', [x]), z], { axis: 1 })])))).toEqual(['tanh concat relu'])
    expect(fusedShape(graphOf((add, x, z, b) => add('concat', [add('matmul', [x, weights(b)], NO_TRANS), z], { axis: 1 })))).toEqual(['matmul', 'concat'])
  })

  it('ends a group at a reshape, which costs nothing by itself', () => {
    expect(fusedShape(graphOf((add, x, z) => add('relu', [add('reshape', [add('neg', [add('add', [x, z])])], { shape: ['rows', 2, 4] })])))).toEqual(['add neg', 'reshape', 'relu'])
  })

  it('makes no body of more than 32 nodes', () => {
    const shapes = fusedShape(graphOf((add, x) => { let v = x; for (let i = 0; i < 70; i++) v = add('tanh', [v]); return v }))
    expect(shapes.map((s) => s.split(' ').length)).toEqual([32, 32, 6])
  })

  it('keeps single-element constants inside and larger ones as inputs', () => {
    const after = runPasses(graphOf((add, x, _z, b) => add('mul', [add('add', [x, b.constant(seededTensor('float32', [8], 1))]), b.constant(seededTensor('float32', [], 1))])), ['fuse'])
    expect(after.nodes.map((n) => n.inputs.length)).toEqual([2])
  })
})

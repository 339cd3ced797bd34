import { describe, expect, it } from 'vitest'
import { shapeOf, type Graph, type Value } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { DATA_TYPE, errorOf, model, node, port } from './onnx-models.js'

const feeds = { x: hostTensor('float32', [4], [3, 1, 9, 2]) }
const results = (graph: Graph, more = {}): number[][] => Object.values(interpret(graph, { ...feeds, ...more })).map((t) => Array.from(toNumbers(t)))
const k = (...list: number[]) => ({ name: 'k', dims: [list.length], dataType: DATA_TYPE.INT64, int64Data: list })

describe('TopK', () => {
  it('takes k from an attribute at opset 1, from an input at 10, and the least from 11 on', () => {
    const outputs = ['v', 'i'], inputs = [port('x', [4])]
    expect(results(importOnnxSync(model({ inputs, outputs, opset: 9, nodes: [node('TopK', ['x'], outputs, { k: 2 })] })))).toEqual([[9, 3], [2, 0]])
    expect(results(importOnnxSync(model({ inputs, outputs, opset: 10, initializers: [k(3)], nodes: [node('TopK', ['x', 'k'], outputs)] })))).toEqual([[9, 3, 2], [2, 0, 3]])
    expect(results(importOnnxSync(model({ inputs, outputs, opset: 11, initializers: [k(2)], nodes: [node('TopK', ['x', 'k'], outputs, { largest: 0, sorted: 0, axis: 0 })] })))).toEqual([[1, 2], [1, 3]])
  })

  it('takes k from an extent, which may be open', () => {
    const nodes = [node('Shape', ['y'], ['k']), node('TopK', ['x', 'k'], ['v', 'i'])]
    const graph = importOnnxSync(model({ inputs: [port('x', [4]), port('y', ['n'])], outputs: ['v', 'i'], nodes }))
    expect(shapeOf(graph.outputs[0]?.value as Value)).toEqual(['n'])
    expect(results(graph, { y: hostTensor('float32', [2], [0, 0]) })).toEqual([[9, 3], [2, 0]])
  })

  it('refuses more than there are', async () => {
    expect(await errorOf(() => importOnnxSync(model({ inputs: [port('x', [4])], outputs: ['v'], initializers: [k(5)], nodes: [node('TopK', ['x', 'k'], ['v', 'i'])] })))).toMatchObject({ code: 'shape-mismatch' })
  })
})

/** What is written, and what cannot be: names, constants, ports, options and refusals. */
import { describe, expect, it } from 'vitest'
import { allocate, DTYPES, type DType } from '../../../src/base/dtype.js'
import type { Graph, Value } from '../../../src/ir/graph.js'
import { fromNumbers, tensorsEqual } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { tensorType } from '../../../src/ir/types.js'
import { DEFAULT_PIPELINE, runPasses } from '../../../src/passes/index.js'
import { importOnnxSync, toOnnx } from '../../../src/tracer/onnx/index.js'
import { errorOf } from '../onnx/onnx-models.js'
import { decoded, expectSane, oneNode } from './round-trip.js'

const RELU = parseGraph(`graph @small stage=traced (x: float32[n]) -> (y: float32[n]) {
  symbol n = extent(x, 0)
  %y: float32[n] = relu(%x) @ "block/relu"
  return y = %y
}`)

describe('the file', () => {
  it('says who made it, by which opset, and in which IR version', () => {
    const plain = decoded(toOnnx(RELU)), chosen = decoded(toOnnx(RELU, { opset: 24, producer: 'tests' }))
    expect(plain.toJSON()).toMatchObject({ producerName: 'ingot', irVersion: '10', opsetImport: [{ domain: '', version: '21' }], graph: { name: 'small' } })
    expect(chosen.toJSON()).toMatchObject({ producerName: 'tests', irVersion: '12', opsetImport: [{ version: '24' }] })
  })

  it('keeps names of ports, values and nodes', () => {
    expect(decoded(toOnnx(RELU)).toJSON()).toMatchObject({ graph: { node: [{ name: 'block/relu', opType: 'Relu', input: ['x'], output: ['y'] }] } })
    expect(importOnnxSync(toOnnx(RELU)).nodes[0]?.origin).toBe('block/relu')
  })

  it('is the same bytes for the same graph', () => {
    expect(toOnnx(RELU)).toEqual(toOnnx(RELU))
  })

  it('holds constants of every dtype bit by bit', () => {
    const dtypes = (Object.keys(DTYPES) as DType[]).filter((t) => t !== 'string' && DTYPES[t].bits >= 8 && !t.startsWith('float8'))
    const values = dtypes.map((dtype): Value => {
      const data = allocate(dtype, 3) as Uint8Array
      new Uint8Array(data.buffer).forEach((_, i, bytes) => { bytes[i] = dtype === 'bool' ? i & 1 : 37 * i + 3 })
      return { name: dtype, type: tensorType(dtype, [3]), data: { dtype, shape: [3], data } }
    })
    const graph: Graph = { ...RELU, outputs: [...RELU.outputs, ...values.map((value) => ({ name: `out ${value.name}`, value }))] }
    const bytes = toOnnx(graph), outputs = interpret(importOnnxSync(bytes), { x: fromNumbers('float32', [1], [1]) })
    expectSane(bytes, graph)
    for (const v of values) expect(v.data !== undefined && tensorsEqual(outputs[`out ${v.name}`] ?? v.data, v.data), v.name).toBe(true)
    expect(Object.keys(outputs)).toHaveLength(dtypes.length + 1)
  })

  it('has one name for each value where outputs repeat, pass inputs through or take the names of others', () => {
    const graph = parseGraph(`graph @g stage=canonical (x: float32[2], z: float32[2]) -> (y: float32[2], again: float32[2], a: float32[2], z: float32[2], copy: float32[2]) {
      %a: float32[2] = relu(%x)
      %b: float32[2] = add(%a, %z)
      return y = %b, again = %b, a = %b, z = %z, copy = %x
    }`)
    const bytes = toOnnx(graph), feeds = { x: fromNumbers('float32', [2], [-1, 2]), z: fromNumbers('float32', [2], [5, 6]) }
    expectSane(bytes, graph)
    expect(interpret(importOnnxSync(bytes), feeds)).toEqual(interpret(graph, feeds))
  })

  it('has no room for two values of one name', async () => {
    const graph = parseGraph(`graph @g stage=canonical (x: float32[2]) -> (x: float32[2]) {
      %a: float32[2] = relu(%x)
      return x = %a
    }`)
    expect(await errorOf(() => toOnnx(graph))).toMatchObject({ code: 'onnx-duplicate-value', where: { origin: 'x' } })
  })

  it('ends at 2 GB, and says so before anything is written', async () => {
    // Pages that nobody touches take no memory.
    const shape = [2 ** 31], big: Value = { name: 'big', type: tensorType('uint8', shape), data: { dtype: 'uint8', shape, data: new Uint8Array(2 ** 31) } }
    const graph: Graph = { ...RELU, outputs: [{ name: 'y', value: big }] }
    await expect(errorOf(() => toOnnx(graph))).resolves.toMatchObject({ code: 'memory-limit', where: { origin: 'big' } })
  })
})

describe('what opsets and runtimes understand in other ways is written so that all agree', () => {
  const attributesOf = (graph: Graph, opset: number): Record<string, unknown> => Object.fromEntries((decoded(toOnnx(graph, { opset })).graph?.node?.[0]?.attribute ?? []).map((a) => [
    a.name, a.type === 6 ? a.floats?.map((f) => Math.round(f * 1e6) / 1e6) : a.type === 7 ? a.ints?.map(Number) : Number(a.i),
  ]))

  it('pools whose last window would start behind the input: without ceil_mode before opset 22', () => {
    // 5 elements by windows of 1 and steps of 3 with a pad of 1 after: windows at 0, 3, and (counted before opset 22 alone) at 6.
    const x: Value = { name: 'x', type: tensorType('float32', [1, 1, 5]) }
    const graph = oneNode('max_pool', [x], { kernel: [1], strides: [3], dilations: [1], pads: [0, 1], ceil_mode: true })
    expect(attributesOf(graph, 21)).toMatchObject({ ceil_mode: 0, pads: [0, 1] })
    expect(attributesOf(graph, 22)).toMatchObject({ ceil_mode: 1, pads: [0, 1] })
    const partial = oneNode('max_pool', [x], { kernel: [2], strides: [2], dilations: [1], pads: [0, 0], ceil_mode: true })
    expect(attributesOf(partial, 21)).toMatchObject({ ceil_mode: 1, pads: [0, 0] })
  })

  it('activations of recurrences: with every parameter, given or not', () => {
    const port = (name: string, shape: readonly number[]): Value => ({ name, type: tensorType('float32', shape) })
    const graph = oneNode('rnn', [port('x', [2, 1, 1]), port('w', [2, 1, 1]), port('r', [2, 1, 1])], {
      direction: 'bidirectional', hidden: 1, activations: ['ScaledTanh', 'LeakyRelu'], alphas: [0.5], betas: [], clip: Infinity, layout: 0,
    })
    expect(attributesOf(graph, 21)).toMatchObject({ activation_alpha: [0.5, 0.01], activation_beta: [1] })
  })

  it('reductions over no axes: as what they do to each element', () => {
    const x: Value = { name: 'x', type: tensorType('float32', [2]) }
    const typeOf = (op: string): unknown => decoded(toOnnx(oneNode(op, [x], { axes: [], keepdims: true }))).graph?.node?.[0]?.opType
    expect(['reduce_sum', 'reduce_l2', 'reduce_log_sum', 'reduce_sum_square'].map(typeOf)).toEqual(['Identity', 'Abs', 'Log', 'Mul'])
  })

  it('pads of a convolution that only an input tells: by a Pad before it', () => {
    const graph = parseGraph(`graph @g stage=canonical (x: float32[1, 1, n], w: float32[1, 1, 2]) -> (y: float32[1, 1, 2*n - 2]) {
      symbol n = extent(x, 2)
      %y: float32[1, 1, 2*n - 2] = conv(%x, %w, _) {strides = [1], dilations = [1], pads = [n, -1], group = 1}
      return y = %y
    }`)
    expect(decoded(toOnnx(graph)).graph?.node?.map((n) => n.opType).slice(-2)).toEqual(['Pad', 'Conv'])
    const feeds = { x: fromNumbers('float32', [1, 1, 3], [1, 2, 3]), w: fromNumbers('float32', [1, 1, 2], [1, 10]) }
    expect(interpret(importOnnxSync(toOnnx(graph)), feeds)).toEqual({ y: fromNumbers('float32', [1, 1, 4], [0, 0, 10, 21]) })
  })
})

describe('what cannot be written is refused', () => {
  it('a fused graph, with the way out', async () => {
    const error = await errorOf(() => toOnnx(runPasses(RELU, DEFAULT_PIPELINE)))
    expect(error.code).toBe('wrong-stage')
    expect(error.hint).toContain('before the pass fuse')
  })

  it('bookkeeping, naming the node', async () => {
    const x: Value = { name: 'x', type: tensorType('float32', [2]) }
    const error = await errorOf(() => toOnnx({ ...oneNode('autograd.record', [x], {}), stage: 'traced' }))
    expect(error).toMatchObject({ code: 'unsupported-op', where: { op: 'autograd.record', origin: 'the autograd.record' } })
    expect(error.hint).toContain('strip-autograd')
  })

  it('opsets before 21 and those that nobody knows', async () => {
    for (const opset of [20, 21.5, 99]) expect(await errorOf(() => toOnnx(RELU, { opset }))).toMatchObject({ code: 'bad-option' })
  })

  it('types that ONNX has no op for, naming the node', async () => {
    const x: Value = { name: 'x', type: tensorType('uint64', [1, 1, 4]) }
    const graph = oneNode('max_pool', [x], { kernel: [2], strides: [1], dilations: [1], pads: [0, 0], ceil_mode: false })
    expect(await errorOf(() => toOnnx(graph))).toMatchObject({ code: 'unsupported-dtype', where: { op: 'max_pool', origin: 'the max_pool' } })
  })

  it('sequences, and extents that no input gives', async () => {
    const list: Value = { name: 'x', type: { kind: 'sequence', element: tensorType('float32', [2]) } }
    expect(await errorOf(() => toOnnx({ ...RELU, nodes: [], inputs: [list], outputs: [{ name: 'y', value: list }] }))).toMatchObject({ code: 'unsupported-type' })
    const hidden = { ...oneNode('expand', [{ name: 'x', type: tensorType('float32', [1]) }], { shape: ['found'] }) }
    expect(await errorOf(() => toOnnx(hidden))).toMatchObject({ code: 'shape-not-static' })
  })
})

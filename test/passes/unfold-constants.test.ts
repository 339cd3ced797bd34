import { describe, expect, it } from 'vitest'
import { compile, pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { fromNumbers, seededTensor, tensorsEqual, toNumbers } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { load } from '../../src/runtime/session.js'

const at = { origin: 'n' }
const builder = (): GraphBuilder => new GraphBuilder({ name: 'g', stage: 'inference' })
const bytes = (b: GraphBuilder, shape: readonly number[], seed: number): Value => b.constant(seededTensor('int8', shape, seed), 'q')

/** What DequantizeLinear makes of `q`: (q - zero) * scale, a scale for each row. */
function dequantized(b: GraphBuilder, q: Value, rows: number, rank: number): Value {
  const shape = [rows, ...new Array<number>(rank - 1).fill(1)]
  const centred = b.add1('sub', [b.add1('cast', [q], { to: 'int32' }, at), b.constant(fromNumbers('int32', [], [3]))], {}, at)
  const scale = b.constant(fromNumbers('float32', shape, Float64Array.from({ length: rows }, (_, i) => 0.01 + i / 1000)))
  return b.add1('mul', [b.add1('cast', [centred], { to: 'float32' }, at), scale], {}, at)
}

function product(): Graph {
  const b = builder(), x = b.input('x', tensorType('float32', ['n', 133])), w = dequantized(b, bytes(b, [133, 70], 1), 133, 2)
  b.symbol('n', { kind: 'extent', input: 0, axis: 0 })
  b.output('y', b.add1('matmul', [x, w], { trans_a: false, trans_b: false }, at))
  return b.finish()
}

function convolution(): Graph {
  const b = builder(), x = b.input('x', tensorType('float32', [1, 30, 9, 11])), w = dequantized(b, bytes(b, [40, 30, 3, 3], 2), 40, 4)
  const conv = b.add1('conv', [x, w], { strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 }, at)
  b.output('y', b.add1('mul', [conv, b.constant(fromNumbers('float32', [], [0.5]))], {}, at))
  return b.finish()
}

const constants = (g: Graph): Value[] => [...new Set(g.nodes.flatMap((n) => n.inputs.filter((v): v is Value => v?.data !== undefined && v.data.data.length > 1000)))]
const stored = (g: Graph): string[] => constants(runPasses(g, pipelineFor('wasm'), { verify: true })).map((v) => v.data?.dtype ?? '')

async function expectRight(graph: Graph, n: number): Promise<number> {
  const program = await compile(graph, { target: 'wasm' }), session = await load(program)
  const [input] = graph.inputs, shape = (input?.type.kind === 'tensor' ? input.type.shape : []).map((d) => (typeof d === 'number' ? d : n))
  const x = seededTensor('float32', shape, 7), y = (await session.run({ x }))['y'], expected = toNumbers(interpret(graph, { x })['y'] as NonNullable<typeof y>)
  const peak = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  toNumbers(y as NonNullable<typeof y>).forEach((v, i) => { expect(Math.abs(v - (expected[i] as number))).toBeLessThanOrEqual(1e-5 * peak) })
  session.dispose()
  return (await load(program)).inputs.length
}

describe('weights that were computed from fewer bytes', () => {
  it('are stored as those', async () => {
    expect(stored(product())).toEqual(['int8'])
    expect(await expectRight(product(), 5)).toBe(1)
  })
  it('are so where a convolution has taken up a scale and is transformed, too', async () => {
    expect(stored(convolution())).toEqual(['int8'])
    expect(await expectRight(convolution(), 1)).toBe(1)
  })
  it('are so where the last that made them was a change of shape, and a product reads them by columns', async () => {
    const b = builder(), x = b.input('x', tensorType('float32', ['n', 96]))
    b.symbol('n', { kind: 'extent', input: 0, axis: 0 })
    const blocks = dequantized(b, bytes(b, [70, 3, 32], 1), 70, 3), w = b.add1('reshape', [blocks], { shape: [70, 96] }, at)
    b.output('y', b.add1('matmul', [x, w], { trans_a: false, trans_b: true }, at))
    expect(stored(b.finish())).toEqual(['int8'])
    expect(await expectRight(b.finish(), 5)).toBe(1)
  })
  it('are stored once where a sum is cut in two', () => {
    const b = builder(), x = b.add1('cast', [b.input('x', tensorType('uint8', [2, 1200]))], { to: 'int32' }, at)
    const w = b.add1('cast', [bytes(b, [1200, 5], 4)], { to: 'int32' }, at)
    b.output('y', b.add1('matmul', [x, w], { trans_a: false, trans_b: false }, at))
    expect(stored(b.finish())).toEqual(['int8'])
  })
  it('stay as they are where what they are made of is as large, or others than sums of products read them', () => {
    const b = builder(), large = b.constant(seededTensor('float32', [40, 50], 1)), x = b.input('x', tensorType('float32', [3, 50]))
    b.output('y', b.add1('matmul', [x, b.add1('transpose', [large], { perm: [1, 0] }, at)], { trans_a: false, trans_b: false }, at))
    b.output('z', b.add1('gather', [b.add1('cast', [bytes(b, [70, 50], 3)], { to: 'float32' }, at), b.input('i', tensorType('int64', [2]))], { axis: 0 }, at))
    expect(stored(b.finish())).toEqual(['float32', 'float32'])
  })
  it('stay as they are where they are made of nothing, and would be made in every run', () => {
    const b = builder(), w = b.add1('fill', [], { shape: [50, 40], value: fromNumbers('float32', [], [0.5]) }, at)
    b.output('y', b.add1('matmul', [b.input('x', tensorType('float32', [3, 50])), w], { trans_a: false, trans_b: false }, at))
    expect(runPasses(b.finish(), pipelineFor('wasm')).nodes.map((n) => n.op)).toEqual(['matmul'])
  })
  it('have the same elements when they are made again', () => {
    const fused = runPasses(product(), pipelineFor('wasm').filter((p) => p !== 'unfold-constants')), after = runPasses(fused, ['unfold-constants'], { verify: true })
    const x = seededTensor('float32', [2, 133], 5)
    expect(tensorsEqual(interpret(after, { x })['y'] as typeof x, interpret(fused, { x })['y'] as typeof x)).toBe(true)
  })
})

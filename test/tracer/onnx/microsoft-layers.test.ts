import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, randomIntegers } from './microsoft-models.js'
import { ATTRIBUTE_TYPE, DATA_TYPE, errorOf, floatAttribute, port, type onnx } from './onnx-models.js'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const floats = (...list: readonly number[]): onnx.IAttributeProto => ({ type: ATTRIBUTE_TYPE.FLOATS, floats: [...list] })
const tanhGelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
const normalised = (row: readonly number[], epsilon: number, centre: boolean): number[] => {
  const mean = centre ? row.reduce((a, b) => a + b, 0) / row.length : 0, variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length
  return row.map((v) => (v - mean) / Math.sqrt(variance + epsilon))
}
const rowsOf = (values: readonly number[], width: number): number[][] => range(values.length / width).map((i) => values.slice(i * width, (i + 1) * width))

describe('SkipSimplifiedLayerNormalization', () => {
  it('normalises a sum by its root mean square, and gives the sum', async () => {
    const gamma = random(6), bias = random(6)
    const bytes = modelOf({ inputs: [port('x', ['b', 's', 6]), port('skip', ['b', 's', 6])], initializers: [initializer('g', gamma), initializer('bias', bias)], outputs: ['y', 'sum'], nodes: [microsoft('SkipSimplifiedLayerNormalization', ['x', 'skip', 'g', 'bias'], ['y', '', '', 'sum'], { epsilon: floatAttribute(0.25) })] })
    await expectEverywhere(bytes, [{ x: random(2, 3, 6), skip: random(2, 3, 6) }, { x: random(1, 1, 6), skip: random(1, 1, 6) }], (f) => {
      const skip = numbersOf(f, 'skip'), sum = numbersOf(f, 'x').map((v, i) => v + (skip[i] as number) + (toNumbers(bias)[i % 6] as number))
      return { sum, y: rowsOf(sum, 6).flatMap((row) => normalised(row, 0.25, false).map((v, i) => v * (toNumbers(gamma)[i] as number))) }
    })
  })
})

describe('EmbedLayerNormalization', () => {
  it('sums up to three embeddings, normalises them and counts words', async () => {
    const tables = { word: random(7, 4), place: random(9, 4), segment: random(2, 4), gamma: random(4), beta: random(4) }
    const bytes = (full: boolean): Uint8Array => modelOf({
      inputs: [port('ids', ['b', 's'], DATA_TYPE.INT32), ...(full ? ['segments', 'mask'].map((n) => port(n, ['b', 's'], DATA_TYPE.INT32)) : [])], initializers: Object.entries(tables).map(([n, t]) => initializer(n, t)), outputs: ['y', 'count', 'sum'],
      nodes: [microsoft('EmbedLayerNormalization', ['ids', full ? 'segments' : '', 'word', 'place', full ? 'segment' : '', 'gamma', 'beta', full ? 'mask' : ''], ['y', 'count', 'sum'], { epsilon: floatAttribute(0.5) })],
    })
    const row = (t: HostTensor, i: number): readonly number[] => Array.from(toNumbers(t)).slice(i * 4, i * 4 + 4)
    for (const full of [true, false]) {
      const feeds = (b: number, s: number) => ({ ids: randomIntegers('int32', [b, s], 0, 7), ...(full && { segments: randomIntegers('int32', [b, s], 0, 2), mask: randomIntegers('int32', [b, s], 0, 2) }) })
      await expectEverywhere(bytes(full), [feeds(2, 3), feeds(1, 9)], (f) => {
        const [b, s] = (f['ids'] as HostTensor).shape as [number, number], ids = numbersOf(f, 'ids'), segments = full ? numbersOf(f, 'segments') : undefined
        const sums = ids.map((id, at) => row(tables.word, id).map((v, i) => v + (row(tables.place, at % s)[i] as number) + (segments === undefined ? 0 : row(tables.segment, segments[at] as number)[i] as number)))
        return {
          sum: sums.flat(), y: sums.flatMap((r) => normalised(r, 0.5, true).map((v, i) => v * (toNumbers(tables.gamma)[i] as number) + (toNumbers(tables.beta)[i] as number))),
          count: range(b).map((n) => (full ? numbersOf(f, 'mask').slice(n * s, (n + 1) * s).reduce((a, v) => a + v, 0) : 0)),
        }
      })
    }
  })
})

describe('Products and convolutions with an activation', () => {
  it.each([['Relu', [], (x: number) => Math.max(0, x)], ['LeakyRelu', [0.3], (x: number) => (x < 0 ? 0.3 * x : x)], ['Clip', [-0.2, 0.4], (x: number) => Math.min(0.4, Math.max(-0.2, x))], ['Tanh', [], Math.tanh], ['HardSigmoid', [0.3, 0.1], (x: number) => Math.min(1, Math.max(0, 0.3 * x + 0.1))]] as const)('FusedConv adds its fourth input before %s', async (activation, parameters, f) => {
    const w = random(2, 3, 1, 1), bias = random(2)
    const bytes = modelOf({ inputs: [port('x', ['b', 3, 'h', 2]), port('z', ['b', 2, 'h', 2])], initializers: [initializer('w', w), initializer('bias', bias)], nodes: [microsoft('FusedConv', ['x', 'w', 'bias', 'z'], ['y'], { activation, activation_params: floats(...parameters) })] })
    await expectEverywhere(bytes, [{ x: random(2, 3, 3, 2), z: random(2, 2, 3, 2) }], (feeds) => {
      const x = numbersOf(feeds, 'x'), z = numbersOf(feeds, 'z')
      return { y: z.map((v, at) => { const n = Math.floor(at / 12), m = Math.floor(at / 6) % 2, p = at % 6; return f(v + range(3).reduce((sum, c) => sum + (x[(n * 3 + c) * 6 + p] as number) * (toNumbers(w)[m * 3 + c] as number), toNumbers(bias)[m] as number)) }) }
    })
  })

  it('FusedGemm and GemmFastGelu', async () => {
    const w = random(3, 4), bias = random(4)
    const plain = (x: readonly number[], alpha: number, beta: number): number[] => rowsOf(x, 3).flatMap((row) => range(4).map((n) => alpha * row.reduce((sum, v, k) => sum + v * (toNumbers(w)[k * 4 + n] as number), 0) + beta * (toNumbers(bias)[n] as number)))
    const of = (op: string, attributes: Parameters<typeof microsoft>[3] = {}): Uint8Array => modelOf({ inputs: [port('x', ['m', 3])], initializers: [initializer('w', w), initializer('bias', bias)], nodes: [microsoft(op, ['x', 'w', 'bias'], ['y'], attributes)] })
    await expectEverywhere(of('FusedGemm', { activation: 'LeakyRelu', activation_alpha: floatAttribute(0.2), alpha: floatAttribute(2), beta: floatAttribute(0.5) }), [{ x: random(5, 3) }], (f) => ({ y: plain(numbersOf(f, 'x'), 2, 0.5).map((v) => (v < 0 ? 0.2 * v : v)) }))
    await expectEverywhere(of('GemmFastGelu'), [{ x: random(5, 3) }], (f) => ({ y: plain(numbersOf(f, 'x'), 1, 1).map(tanhGelu) }))
  })

  it('refuses an activation it does not know', async () => {
    const nodes = [microsoft('FusedGemm', ['x', 'w'], ['y'], { activation: 'Mystery' })]
    expect(await errorOf(() => importOnnxSync(modelOf({ inputs: [port('x', [2, 2]), port('w', [2, 2])], nodes })))).toMatchObject({ code: 'unsupported-op', what: 'FusedGemm with the activation Mystery is not supported' })
  })
})

describe('BiasAdd and BiasSplitGelu', () => {
  it('add a bias and a skipped value, and gate one half by the other', async () => {
    const add = modelOf({ inputs: [port('x', ['b', 's', 2]), port('c', [2]), port('skip', ['b', 's', 2])], nodes: [microsoft('BiasAdd', ['x', 'c', 'skip'])] })
    await expectEverywhere(add, [{ x: hostTensor('float32', [1, 2, 2], [1, 2, 3, 4]), c: hostTensor('float32', [2], [10, 20]), skip: hostTensor('float32', [1, 2, 2], [0.5, 0, 0, 0.25]) }], () => ({ y: [11.5, 22, 13, 24.25] }))
    // Φ(1) = 0.8413447, Φ(-1) = 0.1586553.
    const gate = modelOf({ inputs: [port('x', ['b', 1, 4]), port('c', [4])], nodes: [microsoft('BiasSplitGelu', ['x', 'c'])] })
    await expectEverywhere(gate, [{ x: hostTensor('float32', [1, 1, 4], [1, 2, 0, -1]), c: hostTensor('float32', [4], [1, 1, 1, 0]) }], () => ({ y: [2 * 0.8413447460685429, 3 * -0.15865525393145707] }))
  })
})

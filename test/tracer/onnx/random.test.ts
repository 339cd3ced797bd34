import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { shapeOf, tensorOf, type Value } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { load } from '../../../src/runtime/session.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, model, node, port, type onnx } from './onnx-models.js'

type Attributes = Parameters<typeof node>[3]

const zeros = (...shape: readonly number[]): HostTensor => hostTensor('float32', shape, new Array(shape.reduce((a, b) => a * b, 1)).fill(0))
const modelOf = (...nodes: readonly onnx.INodeProto[]): Uint8Array => model({ inputs: [port('x', ['n', 'm'])], outputs: nodes.map((n) => n.output?.[0] ?? ''), nodes, opset: 22 })
const random = (opType: string, attributes: Attributes = {}, output = 'y'): onnx.INodeProto => node(opType, opType.endsWith('Like') || opType === 'Bernoulli' || opType === 'Multinomial' ? ['x'] : [], [output], attributes)
const run = (bytes: Uint8Array, x: HostTensor = zeros(100, 100)): Readonly<Record<string, number[]>> => Object.fromEntries(Object.entries(interpret(importOnnxSync(bytes), { x })).map(([name, t]) => [name, Array.from(toNumbers(t))]))

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length
const moment = (list: readonly number[], power: number): number => { const m = mean(list); return mean(list.map((v) => (v - m) ** power)) }
const correlation = (a: readonly number[], b: readonly number[]): number => { const [p, q] = [mean(a), mean(b)]; return mean(a.map((v, i) => (v - p) * ((b[i] as number) - q))) / Math.sqrt(moment(a, 2) * moment(b, 2)) }

/** Ten thousand draws leave this much to chance, in standard errors. */
const CHANCE = 4 / 100

describe('random tensors', () => {
  it('of a normal distribution have its mean, variance, skewness and kurtosis', () => {
    const { y = [] } = run(modelOf(random('RandomNormalLike', { mean: floatAttribute(3), scale: floatAttribute(2) })))
    expect(y.length).toBe(10_000)
    expect(Math.abs(mean(y) - 3) / 2).toBeLessThan(CHANCE)
    expect(Math.abs(moment(y, 2) / 4 - 1)).toBeLessThan(CHANCE * Math.SQRT2)
    expect(Math.abs(moment(y, 3) / 8)).toBeLessThan(CHANCE * Math.sqrt(15))
    expect(Math.abs(moment(y, 4) / 16 - 3)).toBeLessThan(CHANCE * Math.sqrt(96))
    expect(Math.abs(correlation(y.slice(1), y.slice(0, -1)))).toBeLessThan(CHANCE)
  })

  it('of a uniform distribution lie in its range, as many in each part', () => {
    const { y = [] } = run(modelOf(random('RandomUniformLike', { low: floatAttribute(-1), high: floatAttribute(4) })))
    expect(y.every((v) => v >= -1 && v < 4)).toBe(true)
    const parts = new Array<number>(20).fill(0)
    for (const v of y) parts[Math.floor((v + 1) * 4)] = (parts[Math.floor((v + 1) * 4)] ?? NaN) + 1
    // Chi squared of 19 degrees of freedom: above 43.8 once in a thousand.
    expect(parts.reduce((sum, n) => sum + (n - 500) ** 2 / 500, 0)).toBeLessThan(43.8)
    expect(Math.abs(correlation(y.slice(1), y.slice(0, -1)))).toBeLessThan(CHANCE)
  })

  it('repeat in every run, and are the same wherever they are computed', async () => {
    const bytes = modelOf(random('RandomNormalLike'), random('RandomUniformLike', {}, 'u')), again = run(bytes, zeros(7, 9))
    await expectEverywhere(bytes, [{ x: zeros(7, 9) }, { x: zeros(1, 1) }, { x: zeros(0, 5) }, { x: zeros(3, 300) }], ({ x }) => run(bytes, x))
    expect(run(bytes, zeros(7, 9))).toEqual(again)
    const session = await load((await compile(importOnnxSync(bytes), { target: 'wasm' })).data)
    const [first, second] = [session.runSync({ x: zeros(5, 5) }), session.runSync({ x: zeros(5, 5) })].map(({ y }) => Array.from(toNumbers(y as HostTensor)))
    expect(first).toEqual(second)
    session.dispose()
  })

  it('of nodes without a seed have nothing to do with one another, and those of one seed are alike', () => {
    const { y = [], z = [], s = [], t = [], other = [] } = run(modelOf(random('RandomNormalLike'), random('RandomNormalLike', {}, 'z'), ...['s', 't'].map((name) => random('RandomNormalLike', { seed: floatAttribute(7) }, name)), random('RandomNormalLike', { seed: floatAttribute(8) }, 'other')))
    for (const [a, b] of [[y, z], [y, s], [s, other], [z, other]] as const) expect(Math.abs(correlation(a, b))).toBeLessThan(CHANCE)
    expect(s).toEqual(t)
  })

  it('have the shape and type that are asked for', () => {
    const graph = importOnnxSync(modelOf(random('RandomNormal', { shape: [2, 3], dtype: DATA_TYPE.DOUBLE }), random('RandomUniformLike', { dtype: DATA_TYPE.FLOAT16 }, 'h'), random('RandomUniform', { shape: [] }, 'scalar')))
    expect(graph.outputs.map((o) => [tensorOf(o.value).dtype, shapeOf(o.value as Value)])).toEqual([['float64', [2, 3]], ['float16', ['n', 'm']], ['float32', []]])
  })

  it('refuse to be integers', async () => {
    expect(await errorOf(() => importOnnxSync(modelOf(random('RandomNormal', { shape: [2], dtype: DATA_TYPE.INT32 }))))).toMatchObject({ code: 'unsupported-dtype' })
  })
})

describe('Bernoulli', () => {
  it('draws as many ones as the probability says: never for 0, always for 1', () => {
    const p = [0, 0.25, 0.9, 1], x = hostTensor('float32', [2500, 4], Array.from({ length: 10_000 }, (_, i) => p[i % 4] as number))
    const { y = [] } = run(modelOf(random('Bernoulli')), x)
    p.forEach((chance, k) => { expect(Math.abs(mean(y.filter((_, i) => i % 4 === k)) - chance)).toBeLessThanOrEqual(4 * Math.sqrt(chance * (1 - chance) / 2500)) })
  })
})

describe('Multinomial', () => {
  it('draws classes as often as their probability says, whatever the scale, and never one of probability 0', () => {
    const p = [0.1, 0, 0.6, 0.3, 0], x = hostTensor('float32', [2, 5], [...p, ...p].map((v, i) => Math.log(v) + (i < 5 ? 0 : 3)))
    const bytes = modelOf(random('Multinomial', { sample_size: 5000, dtype: DATA_TYPE.INT64 })), { y = [] } = run(bytes, x)
    expect(y.length).toBe(10_000)
    for (const row of [y.slice(0, 5000), y.slice(5000)]) p.forEach((chance, k) => { expect(Math.abs(row.filter((c) => c === k).length / 5000 - chance)).toBeLessThanOrEqual(4 * Math.sqrt(chance * (1 - chance) / 5000)) })
    expect(Math.abs(correlation(y.slice(0, 5000), y.slice(5000)))).toBeLessThan(CHANCE * Math.SQRT2)
  })

  it('draws the only class there is', async () => {
    await expectEverywhere(modelOf(random('Multinomial', { sample_size: 3 })), [{ x: zeros(2, 1) }], () => ({ y: [0, 0, 0, 0, 0, 0] }))
  })
})

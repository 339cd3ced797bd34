import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { dtypeOf, shapeOf } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, numbersOf, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, model, node, port } from './onnx-models.js'

const KEY = 3, VALUE = 5

interface Case { readonly heads: number; readonly queries: number; readonly rule: string; readonly decay?: number; readonly beta?: number; readonly scale?: number }

function modelOf({ heads, queries, rule, decay, beta, scale }: Case, type: number = DATA_TYPE.FLOAT): Uint8Array {
  const of = (name: string, width: number) => port(name, ['n', 't', width], type)
  return model({
    inputs: [of('q', queries * KEY), of('k', heads * KEY), of('v', heads * VALUE), port('past', ['n', heads, KEY, VALUE]), ...(decay === undefined ? [] : [of('decay', decay)]), ...(beta === undefined ? [] : [of('beta', beta)])],
    outputs: ['y', 'state'], opset: 27,
    nodes: [node('LinearAttention', ['q', 'k', 'v', 'past', decay === undefined ? '' : 'decay', ...(beta === undefined ? [] : ['beta'])], ['y', 'state'], { q_num_heads: queries, kv_num_heads: heads, update_rule: rule, ...(scale !== undefined && { scale: floatAttribute(scale) }) })],
  })
}

const feedsOf = ({ heads, queries, decay, beta }: Case, n: number, t: number): Feeds => ({
  q: random(n, t, queries * KEY), k: random(n, t, heads * KEY), v: random(n, t, heads * VALUE), past: random(n, heads, KEY, VALUE), ...(decay !== undefined && { decay: random(n, t, decay) }), ...(beta !== undefined && { beta: random(n, t, beta) }),
})

/** The recurrence of the definition, with states as matrices. */
function attended({ heads, queries, decay, beta, scale = 1 / Math.sqrt(KEY) }: Case, f: Feeds): { y: number[]; state: number[] } {
  const [n, t] = (f.q as HostTensor).shape as [number, number], y: number[] = [], states: number[][][][] = []
  const row = (name: string, b: number, i: number): readonly number[] => { const width = (f[name] as HostTensor).shape[2] as number; return numbersOf(f, name).slice((b * t + i) * width, (b * t + i + 1) * width) }
  const past = numbersOf(f, 'past')
  for (let b = 0; b < n; b++) {
    const s = Array.from({ length: heads }, (_, h) => Array.from({ length: KEY }, (__, d) => past.slice(((b * heads + h) * KEY + d) * VALUE, ((b * heads + h) * KEY + d + 1) * VALUE).slice()))
    for (let i = 0; i < t; i++) {
      s.forEach((m, h) => {
        const k = row('k', b, i).slice(h * KEY, (h + 1) * KEY), v = row('v', b, i).slice(h * VALUE, (h + 1) * VALUE)
        if (decay !== undefined) m.forEach((r, d) => r.forEach((_, c) => { r[c] = (r[c] as number) * Math.exp(row('decay', b, i)[decay === heads ? h : h * KEY + d] as number) }))
        const write = v.map((x, c) => (beta === undefined ? x : (row('beta', b, i)[beta === 1 ? 0 : h] as number) * (x - k.reduce((sum, kd, d) => sum + kd * ((m[d] as number[])[c] as number), 0))))
        m.forEach((r, d) => r.forEach((_, c) => { r[c] = (r[c] as number) + (k[d] as number) * (write[c] as number) }))
      })
      for (let g = 0; g < queries; g++) for (let c = 0; c < VALUE; c++) y.push(scale * row('q', b, i).slice(g * KEY, (g + 1) * KEY).reduce((sum, qd, d) => sum + qd * (((s[Math.floor(g / (queries / heads))] as number[][])[d] as number[])[c] as number), 0))
    }
    states.push(s)
  }
  return { y, state: states.flat(3) }
}

describe('LinearAttention', () => {
  it.each<Case>([
    { heads: 2, queries: 2, rule: 'linear' }, { heads: 2, queries: 4, rule: 'gated', decay: 2, scale: 0.3 }, { heads: 2, queries: 2, rule: 'delta', beta: 2 },
    { heads: 2, queries: 6, rule: 'gated_delta', decay: 2 * KEY, beta: 1 }, { heads: 1, queries: 1, rule: 'gated_delta', decay: 1, beta: 1 },
  ])('is its recurrence, in open batches and over any number of steps: %j', async (c) => {
    await expectEverywhere(modelOf(c), [feedsOf(c, 2, 4), feedsOf(c, 1, 1), feedsOf(c, 3, 0), feedsOf(c, 1, 9)], (f) => attended(c, f))
  })

  it('goes on from its last states as if it had not stopped', () => {
    const c: Case = { heads: 2, queries: 2, rule: 'linear' }, graph = importOnnxSync(modelOf(c)), f = feedsOf(c, 1, 5), whole = interpret(graph, f)
    const part = (from: number, to: number, past: HostTensor): Record<string, HostTensor> => interpret(graph, {
      ...Object.fromEntries(['q', 'k', 'v'].map((name) => { const width = (f[name] as HostTensor).shape[2] as number; return [name, hostTensor('float32', [1, to - from, width], numbersOf(f, name).slice(from * width, to * width))] })), past,
    })
    const first = part(0, 2, f.past as HostTensor), second = part(2, 5, first.state as HostTensor)
    const close = (found: readonly number[], wanted: readonly number[]): void => { expect(found.length).toBe(wanted.length); found.forEach((v, i) => { expect(v).toBeCloseTo(wanted[i] as number, 6) }) }
    close([...toNumbers(first.y as HostTensor), ...toNumbers(second.y as HostTensor)], [...toNumbers(whole.y as HostTensor)])
    close([...toNumbers(second.state as HostTensor)], [...toNumbers(whole.state as HostTensor)])
  })

  it('gives results in the type of the queries, and states in that of the past ones', () => {
    const outputs = importOnnxSync(modelOf({ heads: 2, queries: 2, rule: 'linear' }, DATA_TYPE.FLOAT16)).outputs
    expect(outputs.map((o) => [dtypeOf(o.value), shapeOf(o.value)])).toEqual([['float16', ['n', 't', 2 * VALUE]], ['float32', ['n', 2, KEY, VALUE]]])
  })

  it('refuses a rule without what it reads', async () => {
    expect(await errorOf(() => importOnnxSync(modelOf({ heads: 2, queries: 2, rule: 'gated' })))).toMatchObject({ code: 'onnx-invalid' })
    expect(await errorOf(() => importOnnxSync(modelOf({ heads: 2, queries: 3, rule: 'linear' })))).toMatchObject({ code: 'bad-attribute' })
  })
})

describe('Det', () => {
  it('is the volume that rows span, whatever the batch and the size of the matrices', async () => {
    const bytes = model({ inputs: [port('x', ['n', 'm', 'm'])], opset: 11, nodes: [node('Det', ['x'], ['y'])] })
    // Diagonals turned by a permutation: the product, with the sign of the permutation.
    const cyclic = (n: number): HostTensor => hostTensor('float32', [1, n, n], Array.from({ length: n * n }, (_, i) => ((i % n) === (Math.floor(i / n) + 1) % n ? 1 + Math.floor(i / n) : 0)))
    const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))
    await expectEverywhere(bytes, [1, 2, 3, 6].map((n) => ({ x: cyclic(n) })), ({ x }) => { const n = (x as HostTensor).shape[1] as number; return { y: [(n % 2 === 0 ? -1 : 1) * factorial(n)] } })
    await expectEverywhere(bytes, [{ x: random(3, 2, 2) }], (f) => { const v = numbersOf(f, 'x'); return { y: [0, 4, 8].map((i) => (v[i] as number) * (v[i + 3] as number) - (v[i + 1] as number) * (v[i + 2] as number)) } })
  })

  it('of one matrix is a scalar', async () => {
    await expectEverywhere(model({ inputs: [port('x', [2, 2])], opset: 22, nodes: [node('Det', ['x'], ['y'])] }), [{ x: hostTensor('float32', [2, 2], [0, 2, 3, 0]) }], () => ({ y: [-6] }))
  })
})

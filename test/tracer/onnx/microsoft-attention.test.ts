import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, randomIntegers, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, port } from './onnx-models.js'
import { cachedHead, headOf, merged, plainAttention, type Rows } from './plain-attention.js'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('RotaryEmbedding', () => {
  it.each([[0, 0, 3], [1, 0, 3], [0, 4, 3], [1, 4, 4]])('turns pairs (interleaved %i) of %i features in an input of rank %i', async (interleaved, partial, rank) => {
    const heads = 2, size = 8, turned = partial || size, cos = random(9, turned / 2), sin = random(9, turned / 2)
    const shape = (b: number | string, s: number | string) => (rank === 3 ? [b, s, heads * size] : [b, heads, s, size])
    const bytes = modelOf({
      inputs: [port('x', shape('b', 's')), port('p', ['b', 's'], DATA_TYPE.INT64)], initializers: [initializer('cos', cos), initializer('sin', sin)],
      nodes: [microsoft('RotaryEmbedding', ['x', 'p', 'cos', 'sin'], ['y'], { interleaved, ...(partial > 0 && { rotary_embedding_dim: partial, num_heads: heads }) })],
    })
    const c = Array.from(toNumbers(cos)), z = Array.from(toNumbers(sin))
    const feeds = (b: number, s: number): Feeds => ({ x: random(...shape(b, s) as number[]), p: randomIntegers('int64', [b, s], 0, 9) })
    await expectEverywhere(bytes, [feeds(2, 3), feeds(1, 1)], (f) => {
      const x = numbersOf(f, 'x'), [b, s] = (f['p'] as HostTensor).shape as [number, number], positions = numbersOf(f, 'p'), y = [...x]
      for (const n of range(b)) for (const i of range(s)) for (const h of range(heads)) for (const pair of range(turned / 2)) {
        const at = rank === 3 ? ((n * s + i) * heads + h) * size : ((n * heads + h) * s + i) * size, angle = (positions[n * s + i] as number) * turned / 2 + pair
        const first = at + (interleaved ? 2 * pair : pair), second = first + (interleaved ? 1 : turned / 2)
        y[first] = (x[first] as number) * (c[angle] as number) - (x[second] as number) * (z[angle] as number)
        y[second] = (x[second] as number) * (c[angle] as number) + (x[first] as number) * (z[angle] as number)
      }
      return { y }
    })
  })

  it('counts positions from the one of the first row', async () => {
    const bytes = modelOf({
      inputs: [port('x', [1, 's', 2]), port('p', [1], DATA_TYPE.INT64)], initializers: [initializer('cos', hostTensor('float32', [4, 1], [1, 2, 3, 4])), initializer('sin', hostTensor('float32', [4, 1], [0, 0, 0, 0]))],
      nodes: [microsoft('RotaryEmbedding', ['x', 'p', 'cos', 'sin'])],
    })
    await expectEverywhere(bytes, [{ x: hostTensor('float32', [1, 2, 2], [1, 1, 1, 1]), p: hostTensor('int64', [1], [2]) }], () => ({ y: [3, 3, 4, 4] }))
  })

  it('refuses packed batches', async () => {
    const nodes = [microsoft('RotaryEmbedding', ['x', 'p', 'c', 'c'], ['y'], { is_packed_batching: 1 })]
    expect(await errorOf(() => importOnnxSync(modelOf({ inputs: [port('x', [1, 2, 4]), port('p', [1, 2], DATA_TYPE.INT64), port('c', [4, 2])], nodes })))).toMatchObject({ code: 'unsupported-op' })
  })
})

const HEADS = 3, SIZE = 4, HIDDEN = HEADS * SIZE

interface HeadCase { readonly mask?: '2-D' | '3-D' | 'lengths'; readonly bias?: boolean; readonly scores?: boolean; readonly past?: boolean; readonly causal?: boolean }

describe('MultiHeadAttention', () => {
  const of = ({ mask, bias, scores, past, causal }: HeadCase): readonly [Uint8Array, HostTensor] => {
    const offsets = random(3 * HIDDEN), maskShape = { '2-D': ['b', 't'], '3-D': ['b', 's', 't'], lengths: ['b'] }
    const given = (name: string, on: unknown): string => (on === undefined || on === false ? '' : name)
    return [modelOf({
      inputs: [
        ...['q', 'k', 'v'].map((n) => port(n, ['b', 's', HIDDEN])), ...(mask === undefined ? [] : [port('m', maskShape[mask], DATA_TYPE.INT32)]),
        ...(scores ? [port('a', [1, HEADS, 's', 't'])] : []), ...(past ? ['pk', 'pv'].map((n) => port(n, ['b', HEADS, 'p', SIZE])) : []),
      ],
      initializers: [initializer('offsets', offsets)], outputs: ['y', 'key', 'value'],
      nodes: [microsoft('MultiHeadAttention', ['q', 'k', 'v', given('offsets', bias), given('m', mask), given('a', scores), given('pk', past), given('pv', past)], ['y', 'key', 'value'], { num_heads: HEADS, unidirectional: causal ? 1 : 0, scale: floatAttribute(0.7), mask_filter_value: floatAttribute(-6) })],
    }), offsets]
  }
  const feedsOf = ({ mask, scores, past }: HeadCase, b: number, s: number, before: number): Feeds => {
    const p = past ? before : 0, t = s + p
    return {
      q: random(b, s, HIDDEN), k: random(b, s, HIDDEN), v: random(b, s, HIDDEN), ...(past && { pk: random(b, HEADS, p, SIZE), pv: random(b, HEADS, p, SIZE) }), ...(scores && { a: random(1, HEADS, s, t) }),
      ...(mask !== undefined && { m: mask === 'lengths' ? randomIntegers('int32', [b], 1, t + 1) : randomIntegers('int32', mask === '2-D' ? [b, t] : [b, s, t], 0, 2) }),
    }
  }

  it.each<HeadCase>([
    {}, { bias: true, past: true }, { mask: '2-D', past: true }, { mask: 'lengths' }, { mask: '3-D', causal: true }, { scores: true, causal: true, past: true }, { mask: '2-D', scores: true, bias: true, past: true }, { causal: true },
  ])('attends with %o', async (options) => {
    const [bytes, offsets] = of(options), plus = options.bias ? Array.from(toNumbers(offsets)) : Array(3 * HIDDEN).fill(0) as number[]
    await expectEverywhere(bytes, [feedsOf(options, 2, 3, 2), feedsOf(options, 1, 1, 4), feedsOf(options, 3, 2, 0)], (f) => {
      const [b, s] = (f['q'] as HostTensor).shape as [number, number, number], p = f['pk']?.shape[2] ?? 0, t = s + p
      const side = (name: string, part: number, n: number, h: number): Rows => headOf(numbersOf(f, name), s, HIDDEN, n, h * SIZE, SIZE).map((row) => row.map((x, d) => x + (plus[part * HIDDEN + h * SIZE + d] as number)))
      const whole = (name: string, past: string, part: number, n: number, h: number): Rows => [...(p > 0 ? cachedHead(numbersOf(f, past), HEADS, p, SIZE, n, h) : []), ...side(name, part, n, h)]
      const m = f['m'] === undefined ? undefined : numbersOf(f, 'm'), added = f['a'] === undefined ? undefined : numbersOf(f, 'a')
      const seen = (n: number, i: number, j: number): boolean => m === undefined || (options.mask === 'lengths' ? j < (m[n] as number) : options.mask === '2-D' ? m[n * t + j] === 1 : m[(n * s + i) * t + j] === 1)
      const score = (n: number, h: number) => (x: number, i: number, j: number): number => (options.causal && j > i + p ? -Infinity : x + (added?.[(h * s + i) * t + j] ?? 0) + (seen(n, i, j) ? 0 : -6))
      const all = (name: string, past: string, part: number): number[] => range(b).flatMap((n) => range(HEADS).flatMap((h) => whole(name, past, part, n, h).flat()))
      return {
        y: merged(range(b).map((n) => range(HEADS).map((h) => plainAttention({ q: side('q', 0, n, h), k: whole('k', 'pk', 1, n, h), v: whole('v', 'pv', 2, n, h), scale: 0.7, score: score(n, h) })))),
        key: all('k', 'pk', 1), value: all('v', 'pv', 2),
      }
    })
  })

  it('takes keys and values of another length, by heads, or packed', async () => {
    const heads = { q: port('q', ['b', 's', HIDDEN]), k: port('k', ['b', HEADS, 'l', SIZE]), v: port('v', ['b', HEADS, 'l', 2]) }
    const byHeads = modelOf({ inputs: [heads.q, heads.k, heads.v], nodes: [microsoft('MultiHeadAttention', ['q', 'k', 'v'], ['y'], { num_heads: HEADS })] })
    const feeds = (b: number, s: number, l: number): Feeds => ({ q: random(b, s, HIDDEN), k: random(b, HEADS, l, SIZE), v: random(b, HEADS, l, 2) })
    await expectEverywhere(byHeads, [feeds(2, 3, 5), feeds(1, 4, 1)], (f) => {
      const [b, s] = (f['q'] as HostTensor).shape as [number, number], l = (f['k'] as HostTensor).shape[2] as number
      return { y: merged(range(b).map((n) => range(HEADS).map((h) => plainAttention({ q: headOf(numbersOf(f, 'q'), s, HIDDEN, n, h * SIZE, SIZE), k: cachedHead(numbersOf(f, 'k'), HEADS, l, SIZE, n, h), v: cachedHead(numbersOf(f, 'v'), HEADS, l, 2, n, h), scale: 0.5 })))) }
    })
    const packed = modelOf({ inputs: [port('q', ['b', 's', HEADS, 3, SIZE])], nodes: [microsoft('MultiHeadAttention', ['q'], ['y'], { num_heads: HEADS })] })
    await expectEverywhere(packed, [{ q: random(2, 3, HEADS, 3, SIZE) }], (f) => {
      const part = (n: number, h: number, i: number): Rows => headOf(numbersOf(f, 'q'), 3, 3 * HIDDEN, n, (h * 3 + i) * SIZE, SIZE)
      return { y: merged([0, 1].map((n) => range(HEADS).map((h) => plainAttention({ q: part(n, h, 0), k: part(n, h, 1), v: part(n, h, 2), scale: 0.5 })))) }
    })
  })
})

describe('Attention', () => {
  it('projects, attends and hands on keys and values in one tensor', async () => {
    const inner = 5, width = 3 * HIDDEN, w = random(inner, width), offsets = random(width)
    const bytes = modelOf({
      inputs: [port('x', ['b', 's', inner]), port('m', ['b', 't'], DATA_TYPE.INT32), port('past', [2, 'b', HEADS, 'p', SIZE])], initializers: [initializer('w', w), initializer('offsets', offsets)], outputs: ['y', 'present'],
      nodes: [microsoft('Attention', ['x', 'w', 'offsets', 'm', 'past'], ['y', 'present'], { num_heads: HEADS, unidirectional: 1 })],
    })
    const feeds = (b: number, s: number, p: number): Feeds => ({ x: random(b, s, inner), m: randomIntegers('int32', [b, s + p], 0, 2), past: random(2, b, HEADS, p, SIZE) })
    await expectEverywhere(bytes, [feeds(2, 3, 0), feeds(2, 1, 3), feeds(1, 2, 4)], (f) => {
      const [b, s] = (f['x'] as HostTensor).shape as [number, number], p = (f['past'] as HostTensor).shape[3] as number, x = numbersOf(f, 'x'), m = numbersOf(f, 'm'), past = numbersOf(f, 'past')
      const projected = range(b * s).flatMap((r) => range(width).map((c) => range(inner).reduce((sum, i) => sum + (x[r * inner + i] as number) * (toNumbers(w)[i * width + c] as number), toNumbers(offsets)[c] as number)))
      const own = (part: number, n: number, h: number): Rows => headOf(projected, s, width, n, part * HIDDEN + h * SIZE, SIZE)
      const whole = (part: number, n: number, h: number): Rows => [...cachedHead(past, b * HEADS, p, SIZE, part - 1, n * HEADS + h), ...own(part, n, h)]
      const score = (n: number) => (v: number, i: number, j: number): number => (j > i + p ? -Infinity : v + (m[n * (s + p) + j] === 1 ? 0 : -10000))
      return {
        y: merged(range(b).map((n) => range(HEADS).map((h) => plainAttention({ q: own(0, n, h), k: whole(1, n, h), v: whole(2, n, h), scale: 0.5, score: score(n) })))).map((v, at) => (lonely(m, s, p, at) ? NaN : v)),
        present: [1, 2].flatMap((part) => range(b).flatMap((n) => range(HEADS).flatMap((h) => whole(part, n, h).flat()))),
      }
    })
  })

  /** True for results of queries that see no key at all: what is left of their scores after -10000 in float32 says little. */
  const lonely = (m: readonly number[], s: number, p: number, at: number): boolean => {
    const row = Math.floor(at / HIDDEN), n = Math.floor(row / s), i = row % s
    return m.slice(n * (s + p), n * (s + p) + i + p + 1).every((v) => v === 0)
  }
})

import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, errorOf, floatAttribute, port } from './onnx-models.js'
import { headOf, merged, plainAttention, type Rows } from './plain-attention.js'

const HEADS = 4, SHARED = 2, SIZE = 4, TURNED = 4, POSITIONS = 12
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

interface Options {
  readonly batch?: number | string
  readonly rotary?: 'halves' | 'interleaved'
  readonly packed?: boolean
  readonly window?: number
  readonly softcap?: number
  readonly sink?: boolean
  readonly bias?: boolean
  readonly smooth?: boolean
  readonly bidirectional?: boolean
}

const cos = random(POSITIONS, TURNED / 2), sin = random(POSITIONS, TURNED / 2), sinks = random(HEADS)

function modelFor({ batch = 'b', rotary, packed = false, window, softcap, sink, bias, smooth, bidirectional }: Options): Uint8Array {
  const given = (name: string, on: unknown): string => (on === undefined || on === false ? '' : name)
  return modelOf({
    inputs: [
      port('q', [batch, 's', (packed ? HEADS + 2 * SHARED : HEADS) * SIZE]), ...(packed ? [] : ['k', 'v'].map((n) => port(n, [batch, 's', SHARED * SIZE]))), ...['pk', 'pv'].map((n) => port(n, [batch, SHARED, 'p', SIZE])),
      port('last', [batch], DATA_TYPE.INT32), port('total', [], DATA_TYPE.INT32), ...(bias ? [port('a', [1, HEADS, 's', 't'])] : []),
    ],
    initializers: [initializer('cos', cos), initializer('sin', sin), initializer('sinks', sinks)], outputs: ['y', 'key', 'value'],
    nodes: [microsoft('GroupQueryAttention', ['q', given('k', !packed), given('v', !packed), 'pk', 'pv', 'last', 'total', given('cos', rotary), given('sin', rotary), '', given('a', bias), given('sinks', sink)], ['y', 'key', 'value'], {
      num_heads: HEADS, kv_num_heads: SHARED, do_rotary: rotary === undefined ? 0 : 1, rotary_interleaved: rotary === 'interleaved' ? 1 : 0, local_window_size: window ?? -1, smooth_softmax: smooth ? 1 : 0, ...(softcap !== undefined && { softcap: floatAttribute(softcap) }), ...(bidirectional && { causal: 0 }),
    })],
  })
}

/** Feeds for sequences with `ends` keys when the `rows` new ones are there, in a past of `room`. */
function feedsFor({ packed, bias }: Options, rows: number, room: number, ends: readonly number[]): Feeds {
  const b = ends.length, total = Math.max(...ends)
  return {
    q: random(b, rows, (packed ? HEADS + 2 * SHARED : HEADS) * SIZE), ...(!packed && { k: random(b, rows, SHARED * SIZE), v: random(b, rows, SHARED * SIZE) }), pk: random(b, SHARED, room, SIZE), pv: random(b, SHARED, room, SIZE),
    last: hostTensor('int32', [b], ends.map((e) => e - 1)), total: hostTensor('int32', [], [total]), ...(bias && { a: random(1, HEADS, rows, total) }),
  }
}

function turned(rows: Rows, start: number, rotary: Options['rotary']): Rows {
  if (rotary === undefined) return rows
  return rows.map((row, i) => {
    const y = [...row]
    for (const pair of range(TURNED / 2)) {
      const angle = (start + i) * TURNED / 2 + pair, c = toNumbers(cos)[angle] as number, z = toNumbers(sin)[angle] as number
      const [first, second] = rotary === 'interleaved' ? [2 * pair, 2 * pair + 1] : [pair, pair + TURNED / 2], [a, b] = [row[first] as number, row[second] as number]
      y[first] = a * c - b * z
      y[second] = b * c + a * z
    }
    return y
  })
}

/** What the op says: rows beyond a sequence's end may hold anything (NaN here). */
function expected(options: Options): (f: Feeds) => Readonly<Record<'y' | 'key' | 'value', readonly number[]>> {
  const { packed, rotary, window, softcap, sink, smooth, bidirectional } = options
  return (f) => {
    const [b, rows, width] = (f['q'] as HostTensor).shape as [number, number, number], room = (f['pk'] as HostTensor).shape[2] as number
    const ends = numbersOf(f, 'last').map((e) => e + 1), total = numbersOf(f, 'total')[0] as number, length = Math.max(total, room), added = f['a'] === undefined ? undefined : numbersOf(f, 'a')
    const start = (n: number): number => Math.max(0, (ends[n] as number) - rows)
    const fresh = (part: 0 | 1 | 2, n: number, h: number): Rows => {
      const offset = packed ? [0, HEADS, HEADS + SHARED][part] as number : 0, name = packed ? 'q' : ['q', 'k', 'v'][part] as string
      const own = headOf(numbersOf(f, name), rows, packed ? width : (part === 0 ? HEADS : SHARED) * SIZE, n, (offset + h) * SIZE, SIZE)
      return part === 2 ? own : turned(own, start(n), rotary)
    }
    const present = (part: 1 | 2, n: number, h: number): Rows => range(length).map((t) => {
      const at = ((n * SHARED + h) * room + t) * SIZE
      return t < start(n) ? numbersOf(f, part === 1 ? 'pk' : 'pv').slice(at, at + SIZE) : fresh(part, n, h)[t - start(n)] ?? Array(SIZE).fill(0) as number[]
    })
    const score = (n: number, h: number) => (x: number, i: number, j: number): number => {
      const at = start(n) + i, capped = softcap === undefined ? x : softcap * Math.tanh(x / softcap)
      if (bidirectional ? j >= (ends[n] as number) : j > at || (window !== undefined && j <= at - window)) return -Infinity
      return capped + (added?.[(h * rows + i) * total + j] ?? 0)
    }
    const result = (n: number, h: number): Rows => {
      const shared = Math.floor(h / (HEADS / SHARED)), extra = sink ? { sink: toNumbers(sinks)[h] as number } : smooth ? { sink: 0 } : {}
      const y = plainAttention({ q: fresh(0, n, h), k: present(1, n, shared), v: present(2, n, shared), scale: 0.5, score: score(n, h), ...extra })
      return y.map((row, i) => (i < (ends[n] as number) ? row : row.map(() => NaN)))
    }
    const all = (part: 1 | 2): number[] => range(b).flatMap((n) => range(SHARED).flatMap((h) => present(part, n, h).flat()))
    return { y: merged(range(b).map((n) => range(HEADS).map((h) => result(n, h)))), key: all(1), value: all(2) }
  }
}

describe('GroupQueryAttention', () => {
  it.each<Options>([{}, { rotary: 'halves' }, { rotary: 'interleaved', packed: true }, { window: 2, rotary: 'halves' }, { softcap: 0.5 }, { sink: true }, { smooth: true }, { bias: true }, { bidirectional: true }])('keeps a cache that grows, with %o', async (options) => {
    const sets = [feedsFor(options, 4, 0, [4]), feedsFor(options, 1, 4, [5]), feedsFor(options, 2, 5, [7]), feedsFor(options, 3, 0, [3, 3]), feedsFor(options, 1, 3, [4, 4])]
    await expectEverywhere(modelFor(options), sets, expected(options))
  })

  it('puts new keys right behind those of each sequence, where sequences have different lengths', async () => {
    const options = { rotary: 'halves' } as const
    await expectEverywhere(modelFor(options), [feedsFor(options, 4, 0, [4, 2]), feedsFor(options, 1, 4, [5, 3]), feedsFor(options, 1, 6, [2, 7, 4])], expected(options))
  })

  it.each([1, 'b'])('leaves room in a past that is longer than the sequences (batch %s)', async (batch) => {
    const options = { rotary: 'halves', batch } as const
    await expectEverywhere(modelFor(options), [feedsFor(options, 1, 9, [5]), feedsFor(options, 3, 9, [5]), feedsFor(options, 1, 4, [5]), feedsFor(options, 2, 0, [2])], expected(options))
  })

  it('refuses what it cannot do, in one line', async () => {
    const refused = (attributes: Parameters<typeof microsoft>[3]): Promise<unknown> => errorOf(() => importOnnxSync(modelOf({
      inputs: [...['q', 'k', 'v'].map((n) => port(n, [1, 2, 8])), port('last', [1], DATA_TYPE.INT32), port('total', [], DATA_TYPE.INT32)],
      nodes: [microsoft('GroupQueryAttention', ['q', 'k', 'v', '', '', 'last', 'total'], ['y'], { num_heads: 2, kv_num_heads: 2, ...attributes })],
    })))
    expect(await refused({ sliding_window_cache: 1 })).toMatchObject({ code: 'unsupported-op', what: 'GroupQueryAttention with a cache that slides (sliding_window_cache) is not supported' })
    expect(await refused({ k_quant_type: 'PER_TENSOR' })).toMatchObject({ code: 'unsupported-op' })
    expect(await refused({ kv_num_heads: 3 })).toMatchObject({ code: 'bad-attribute' })
  })
})

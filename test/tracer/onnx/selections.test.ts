import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { hostTensor, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { load } from '../../../src/runtime/session.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, numbersOf, randomIntegers, type Feeds } from './microsoft-models.js'
import { DATA_TYPE, model, node, port } from './onnx-models.js'

const scalarOf = (value: number): HostTensor => hostTensor('float32', [], [value])
const initial = (name: string, value: number, type: number = DATA_TYPE.INT64) => type === DATA_TYPE.INT64 ? { name, dataType: type, dims: [], int64Data: [value] } : { name, dataType: type, dims: [], floatData: [value] }

describe('NonZero', () => {
  const bytes = model({ inputs: [port('x', ['h', 'w', 3])], nodes: [node('NonZero', ['x'], ['y'])] })
  const feeds = (h: number, w: number, seed: number): Feeds => ({ x: hostTensor('float32', [h, w, 3], Array.from(toNumbers(seededTensor('int32', [h, w, 3], seed, [-1, 2])), (v) => v * 0.5)) })

  it('lists the coordinates of what is not zero in row-major order, for any extents, also where there is nothing', async () => {
    await expectEverywhere(bytes, [feeds(4, 5, 1), feeds(1, 1, 2), feeds(3, 7, 3), feeds(0, 4, 4), { x: hostTensor('float32', [2, 2, 3], new Array<number>(12).fill(0)) }, feeds(4, 5, 5)], (given) => {
      const { shape: [, w] } = given.x as HostTensor, hits = numbersOf(given, 'x').flatMap((v, i) => (v === 0 ? [] : [i])), columns = w as number
      return { y: [hits.map((i) => Math.floor(i / 3 / columns)), hits.map((i) => Math.floor(i / 3) % columns), hits.map((i) => i % 3)].flat() }
    })
  })

  it('of a scalar has no rows', () => {
    const graph = importOnnxSync(model({ inputs: [port('x', [])], nodes: [node('NonZero', ['x'], ['y'])] }))
    expect(interpret(graph, { x: scalarOf(2) })['y']?.shape).toEqual([0, 1])
  })
})

it('Compress takes slices where the condition holds, along an axis or of all elements, and the condition may be short', async () => {
  const bytes = model({
    inputs: [port('x', ['n', 4]), port('rows', ['n'], DATA_TYPE.BOOL), port('some', [6], DATA_TYPE.BOOL)], outputs: ['a', 'b'],
    nodes: [node('Compress', ['x', 'rows'], ['a'], { axis: -2 }), node('Compress', ['x', 'some'], ['b'])],
  })
  const feeds = (n: number, seed: number): Feeds => ({ x: seededTensor('float32', [n, 4], seed), rows: seededTensor('bool', [n], seed + 9), some: seededTensor('bool', [6], seed + 3) })
  await expectEverywhere(bytes, [feeds(3, 1), feeds(8, 2), feeds(2, 3)], (given) => {
    const x = numbersOf(given, 'x'), rows = numbersOf(given, 'rows'), some = numbersOf(given, 'some')
    return { a: x.filter((_, i) => rows[Math.floor(i / 4)] !== 0), b: x.slice(0, 6).filter((_, i) => some[i] !== 0) }
  })
})

describe('Unique', () => {
  const unique = (attributes: Parameters<typeof node>[3], type = DATA_TYPE.INT64) => model({
    inputs: [port('x', ['n', 2], type)], outputs: ['y', 'first', 'inverse', 'counts'], nodes: [node('Unique', ['x'], ['y', 'first', 'inverse', 'counts'], attributes)],
  })
  const feeds = (n: number, dtype: 'int64' = 'int64'): Feeds => ({ x: randomIntegers(dtype, [n, 2], -3, 4) })
  const expected = (rows: readonly (readonly number[])[], isSorted: boolean) => {
    const keys = rows.map((row) => row.join()), firsts = keys.flatMap((key, i) => (keys.indexOf(key) === i ? [i] : []))
    const compare = (a: number, b: number): number => { const [p, q] = [rows[a], rows[b]] as [number[], number[]], at = p.findIndex((v, i) => v !== q[i]); return at < 0 ? 0 : (p[at] as number) - (q[at] as number) }
    if (isSorted) firsts.sort(compare)
    return { y: firsts.flatMap((i) => [...rows[i] as number[]]), first: firsts, inverse: keys.map((key) => firsts.findIndex((i) => keys[i] === key)), counts: firsts.map((i) => keys.filter((key) => key === keys[i]).length) }
  }

  it.each([true, false])('gives elements once, where they were first, what became of each and how often, sorted: %s', async (isSorted) => {
    await expectEverywhere(unique({ sorted: isSorted ? 1 : 0 }), [feeds(6), feeds(1), feeds(11)], (given) => expected(numbersOf(given, 'x').map((v) => [v]), isSorted))
  })

  it.each([true, false])('gives rows once, sorted: %s', async (isSorted) => {
    const pairs = (given: Feeds): number[][] => { const x = numbersOf(given, 'x'); return Array.from({ length: x.length / 2 }, (_, i) => [x[2 * i] as number, x[2 * i + 1] as number]) }
    await expectEverywhere(unique({ sorted: isSorted ? 1 : 0, axis: 0 }), [feeds(15), feeds(2)], (given) => expected(pairs(given), isSorted))
  })
})

describe('NonMaxSuppression', () => {
  const inputs = [port('boxes', ['b', 'n', 4]), port('scores', ['b', 'c', 'n'])]
  const initializers = [initial('most', 3), initial('share', 0.3, DATA_TYPE.FLOAT), initial('least', 0.1, DATA_TYPE.FLOAT)]
  const bytes = model({ inputs, initializers, nodes: [node('NonMaxSuppression', ['boxes', 'scores', 'most', 'share', 'least'], ['y'])] })

  /** The definition, one pair of boxes at a time. */
  const wanted = ({ boxes, scores }: Feeds, most = 3): number[] => {
    const [b, c, n] = (scores as HostTensor).shape as [number, number, number], x = toNumbers(boxes as HostTensor), s = toNumbers(scores as HostTensor), out: number[] = []
    const corner = (batch: number, i: number, k: number): number => { const at = (batch * n + i) * 4, [p, q] = [x[at + (k % 2)] as number, x[at + 2 + (k % 2)] as number]; return k < 2 ? Math.min(p, q) : Math.max(p, q) }
    const share = (batch: number, i: number, j: number): number => {
      const side = (k: number): number => Math.max(0, Math.min(corner(batch, i, k + 2), corner(batch, j, k + 2)) - Math.max(corner(batch, i, k), corner(batch, j, k)))
      const area = (m: number): number => (corner(batch, m, 2) - corner(batch, m, 0)) * (corner(batch, m, 3) - corner(batch, m, 1)), both = side(0) * side(1)
      return both / (area(i) + area(j) - both)
    }
    for (let i = 0; i < b; i++) for (let k = 0; k < c; k++) {
      const score = (m: number): number => s[(i * c + k) * n + m] as number, kept: number[] = []
      for (const m of Array.from({ length: n }, (_, m) => m).filter((m) => score(m) > 0.1).sort((p, q) => score(q) - score(p))) if (kept.length < most && kept.every((o) => !(share(i, o, m) > 0.3))) kept.push(m)
      out.push(...kept.flatMap((m) => [i, k, m]))
    }
    return out
  }
  const feeds = (b: number, c: number, n: number, seed: number): Feeds => ({ boxes: seededTensor('float32', [b, n, 4], seed, [0, 3]), scores: seededTensor('float32', [b, c, n], seed + 1, [0, 1]) })

  it('keeps the best boxes of each class that do not overlap, for any number of boxes, classes and images', async () => {
    await expectEverywhere(bytes, [feeds(1, 1, 12, 1), feeds(2, 3, 25, 2), feeds(1, 2, 2, 3), feeds(3, 1, 0, 4), feeds(2, 3, 25, 5)], (given) => ({ y: wanted(given) }))
  })

  it('takes as many as an input says, none where it says less than that', async () => {
    const open = model({ inputs: [...inputs, port('most', [], DATA_TYPE.INT64)], initializers: initializers.slice(1), nodes: [node('NonMaxSuppression', ['boxes', 'scores', 'most', 'share', 'least'], ['y'])] })
    const sets = [3, 0, -2].map((most) => ({ ...feeds(2, 2, 9, 8), most: hostTensor('int64', [], [BigInt(most)]) }))
    await expectEverywhere(open, sets, (given) => ({ y: numbersOf(given, 'most')[0] === 3 ? wanted(given) : [] }))
  })

  it('goes through as many as it takes, where most of the best boxes overlap and many score the same', async () => {
    const open = model({ inputs: [...inputs, port('most', [], DATA_TYPE.INT64)], initializers: initializers.slice(1), nodes: [node('NonMaxSuppression', ['boxes', 'scores', 'most', 'share', 'least'], ['y'])] })
    const crowded = (n: number, alike: number, levels: number, most: number): Feeds => {
      const corner = (i: number): number => 10 * (i < alike ? 0 : i), score = (i: number): number => (i < alike ? 2 : 1) + Math.floor(((i * 7) % 13) * levels / 13) / levels
      return {
        boxes: hostTensor('float32', [1, n, 4], Array.from({ length: n }, (_, i) => [corner(i), corner(i), corner(i) + 8, corner(i) + 8]).flat()),
        scores: hostTensor('float32', [1, 2, n], Array.from({ length: 2 * n }, (_, i) => (i < n ? score(i) : score(2 * n - 1 - i)))), most: hostTensor('int64', [], [BigInt(most)]),
      }
    }
    await expectEverywhere(open, [crowded(700, 600, 5, 3), crowded(333, 300, 1, 20), crowded(100, 2, 4, 70), crowded(90, 90, 2, 4)], (given) => ({ y: wanted(given, numbersOf(given, 'most')[0]) }))
  })

  it('keeps all that may be kept where the number is the greatest int64', async () => {
    const all = { name: 'most', dataType: DATA_TYPE.INT64, dims: [], rawData: new Uint8Array(BigInt64Array.of(2n ** 63n - 1n).buffer) }
    const apart = { boxes: hostTensor('float32', [1, 5, 4], Array.from({ length: 20 }, (_, i) => 10 * Math.floor(i / 4) + (i % 4 < 2 ? 0 : 1))), scores: hostTensor('float32', [1, 1, 5], [0.2, 0.9, 0.05, 0.5, 0.7]) }
    await expectEverywhere(model({ inputs, initializers: [all, ...initializers.slice(1)], nodes: [node('NonMaxSuppression', ['boxes', 'scores', 'most', 'share', 'least'], ['y'])] }), [apart], () => ({ y: [1, 4, 3, 0].flatMap((i) => [0, 0, i]) }))
  })

  it('keeps none where no number is given, as ONNX has it', () => {
    const graph = importOnnxSync(model({ inputs, nodes: [node('NonMaxSuppression', ['boxes', 'scores'], ['y'])] }))
    expect(interpret(graph, feeds(1, 1, 4, 1))['y']?.shape).toEqual([0, 3])
  })
})

it('shapes may be computed from elements: a reshape to what a sum of floats says, and a range of floats between inputs', async () => {
  const bytes = model({
    inputs: [port('x', ['n']), port('columns', [2]), port('limit', [])], outputs: ['y', 'steps'],
    initializers: [initial('minus', -1), initial('zero', 0, DATA_TYPE.FLOAT), initial('half', 0.5, DATA_TYPE.FLOAT), { name: 'axis', dataType: DATA_TYPE.INT64, dims: [1], int64Data: [0] }],
    nodes: [
      node('ReduceSum', ['columns', 'axis'], ['sum'], { keepdims: 1 }), node('Cast', ['sum'], ['count'], { to: DATA_TYPE.INT64 }), node('Unsqueeze', ['minus', 'axis'], ['rest']),
      node('Concat', ['rest', 'count'], ['shape'], { axis: 0 }), node('Reshape', ['x', 'shape'], ['y']), node('Range', ['zero', 'limit', 'half'], ['steps']),
    ], opset: 17,
  })
  const graph = importOnnxSync(bytes), program = await compile(graph, { target: 'wasm' }), session = await load(program.encode())
  expect(program.report.parts).toBe(2)
  for (const [n, columns, limit] of [[12, [1.5, 2.5], 1.2], [6, [1, 1], 0], [0, [2, 3], 7]] as const) {
    const feeds = { x: seededTensor('float32', [n], 4), columns: hostTensor('float32', [2], [...columns]), limit: scalarOf(limit) }
    for (const found of [interpret(graph, feeds), session.runSync(feeds)]) {
      const count = columns[0] + columns[1]
      expect(found['y']?.shape).toEqual([n / count, count])
      expect(found['y']?.data).toEqual(feeds.x.data)
      expect(Array.from(toNumbers(found['steps'] as HostTensor))).toEqual(Array.from({ length: Math.ceil(limit * 2) }, (_, i) => i / 2))
    }
  }
  await expect(session.run({ x: seededTensor('float32', [7], 1), columns: hostTensor('float32', [2], [1, 1]), limit: scalarOf(1) })).rejects.toMatchObject({ code: 'constraint-violated' })
  session.dispose()
})

/** Several threads give what one gives: the same bytes, the same errors. Steps are shared however small they are, by a host made for that. */
import { syncBuiltinESMExports } from 'node:module'
import workerThreads, { type Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { compile } from '../../src/compile.js'
import type { DType, HostTensor } from '../../src/base/dtype.js'
import { GraphBuilder } from '../../src/ir/build.js'
import { parseGraph } from '../../src/ir/parse.js'
import { tensorType } from '../../src/ir/types.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { decodeProgram } from '../../src/runtime/decode.js'
import type { ProgramData } from '../../src/runtime/format.js'
import { load, Session } from '../../src/runtime/session.js'
import { HOST_TOOLS } from '../../src/runtime/wasm/host.js'
import { threadedHost } from '../../src/runtime/wasm/threads.js'
import { randomModel } from '../codegen/random-model.js'
import { errorOf } from './expect-code.js'

const sharing = async (program: ProgramData, threads: number): Promise<Session> => new Session(program, await threadedHost(program, threads, HOST_TOOLS, 0), {})

const bytesOf = (results: Readonly<Record<string, HostTensor>>): unknown => Object.entries(results).map(([name, { dtype, shape, data }]) => {
  const { buffer, byteOffset, byteLength } = data as Uint8Array
  return [name, dtype, shape, Buffer.from(buffer, byteOffset, byteLength).toString('base64')]
})

const feedsOf = (program: ProgramData, symbols: Readonly<Record<string, number>>): Record<string, HostTensor> => Object.fromEntries(program.header.inputs.map(({ name, dtype, shape }, i) => {
  const extents = shape.map((d) => (typeof d === 'number' ? d : (symbols[d as string] as number)))
  return [name, dtype === 'int64' ? seededTensor(dtype, extents, i + 1, [0, 4]) : seededTensor(dtype as DType, extents, i + 1)]
}))

const GATHER = 'graph @g stage=inference (x: float32[n, 4], i: int64[m]) -> (y: float32[m, 4]) {\n  symbol n = extent(x, 0)\n  symbol m = extent(i, 0)\n  %y: float32[m, 4] = gather(%x, %i) {axis=0}\n  return y = %y\n}'
const MATMUL = 'graph @g stage=inference (x: float32[n, 40], w: float32[40, 64]) -> (y: float32[n, 64]) {\n  symbol n = extent(x, 0)\n  %p: float32[n, 64] = matmul(%x, %w) {trans_a=false, trans_b=false}\n  %y: float32[n, 64] = softmax(%p) {axis=1}\n  return y = %y\n}'

afterEach(() => { vi.restoreAllMocks() })

test.each([1, 2, 3, 4, 5, 6])('random model %i gives the same bytes with 1, 2, 3 and 4 threads, at several shapes', async (seed) => {
  const { data } = await compile(randomModel(seed * 17, 10))
  using one = await load(data)
  for (const threads of [2, 3, 4]) {
    using several = await sharing(data, threads)
    for (const symbols of [{ n: 5, m: 33 }, { n: 1, m: 4 }, { n: 9, m: 70 }]) {
      const feeds = feedsOf(data, symbols), wanted = bytesOf(one.runSync(feeds))
      for (let run = 0; run < 3; run++) expect(bytesOf(await several.run(feeds)), `${threads} threads`).toEqual(wanted)
      expect(bytesOf(several.runSync(feeds))).toEqual(wanted)
    }
  }
})

test('sums that wait for the next block in the result give the same bytes with 1, 2, 3 and 4 threads', async () => {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' }), rows = b.symbol('n', { kind: 'extent', input: 0, axis: 0 })
  const x = b.input('x', tensorType('float32', [rows, 768])), w = b.constant(seededTensor('float32', [768, 296], 3))
  b.output('y', b.add1('tanh', [b.add1('matmul', [x, w], { trans_a: false, trans_b: false }, { origin: 'product' })], {}, { origin: 'tanh' }))
  const { data } = await compile(b.finish())
  using one = await load(data)
  for (const threads of [2, 3, 4]) {
    using several = await sharing(data, threads)
    for (const n of [1, 3, 8, 23]) {
      const feeds = feedsOf(data, { n }), wanted = bytesOf(one.runSync(feeds))
      for (let run = 0; run < 5; run++) expect(bytesOf(await several.run(feeds)), `${threads} threads, ${n} rows`).toEqual(wanted)
    }
  }
})

describe('a session with threads', () => {
  test('reports an index out of range as one thread does, wherever it is met, and works on', async () => {
    const { data } = await compile(parseGraph(GATHER))
    using one = await load(data)
    using two = await sharing(data, 2)
    const x = { dtype: 'float32' as const, shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, k) => k) }
    const indices = (bad: number): HostTensor => ({ dtype: 'int64', shape: [64], data: BigInt64Array.from({ length: 64 }, (_, k) => BigInt(k === bad ? 7 : k % 3)) })
    const good = { x, i: indices(-1) }
    await two.run(good)
    for (const bad of [0, 31, 63]) {
      const wanted = await errorOf('index-out-of-range', () => one.runSync({ x, i: indices(bad) }))
      const got = await errorOf('index-out-of-range', () => two.run({ x, i: indices(bad) }))
      expect([got.message, got.where]).toEqual([wanted.message, wanted.where])
      expect(bytesOf(two.runSync(good))).toEqual(bytesOf(one.runSync(good)))
    }
  })

  test('takes larger shapes in another memory, and runs that are not awaited one after another', async () => {
    const { data } = await compile(parseGraph(MATMUL))
    using one = await load(data)
    using two = await sharing(data, 2)
    const feeds = [3, 500, 1, 2000, 7].map((n) => feedsOf(data, { n }))
    const results = await Promise.all(feeds.map((f) => two.run(f)))
    results.forEach((r, k) => expect(bytesOf(r)).toEqual(bytesOf(one.runSync(feeds[k] as Record<string, HostTensor>))))
    two.trim()
    expect(two.memory.arenaBytes).toBe(0)
    expect(bytesOf(await two.run(feeds[1] as Record<string, HostTensor>))).toEqual(bytesOf(results[1] as Record<string, HostTensor>))
  })

  test('runs at once without waiting for its workers, and is of no use once disposed of', async () => {
    const { data } = await compile(parseGraph(MATMUL))
    using one = await load(data)
    const two = await sharing(data, 2), feeds = feedsOf(data, { n: 100 })
    expect(bytesOf(two.runSync(feeds))).toEqual(bytesOf(one.runSync(feeds)))
    const waiting = two.run(feedsOf(data, { n: 300 }))
    two.dispose()
    await errorOf('session-disposed', () => waiting)
    await errorOf('session-disposed', () => two.run(feeds))
  })

  test('throws where a worker is gone in the middle, and has one thread from then on', async () => {
    const { data } = await compile(parseGraph(MATMUL)), feeds = feedsOf(data, { n: 8 })
    using one = await load(data)
    const made: Worker[] = [], { Worker: Real } = workerThreads
    workerThreads.Worker = class extends Real { constructor(...args: ConstructorParameters<typeof Real>) { super(...args); made.push(this) } }
    syncBuiltinESMExports()
    try {
      using two = new Session(data, await threadedHost(data, 2, HOST_TOOLS, 0, 200), {})
      const wanted = bytesOf(one.runSync(feeds))
      expect(bytesOf(await two.run(feeds))).toEqual(wanted)
      expect(made).toHaveLength(1)
      const ended = made[0]?.terminate()
      await errorOf('worker-lost', () => two.runSync(feeds))
      await ended
      expect(bytesOf(two.runSync(feeds))).toEqual(wanted)
      expect(bytesOf(await two.run(feeds))).toEqual(wanted)
    } finally {
      workerThreads.Worker = Real
      syncBuiltinESMExports()
    }
  })

  test('is profiled step by step', async () => {
    const { data } = await compile(parseGraph(MATMUL))
    using two = await sharing(data, 2)
    const feeds = feedsOf(data, { n: 400 })
    await two.run(feeds)
    two.startProfile()
    two.runSync(feeds)
    await two.run(feeds)
    const { runs, steps } = two.profile()
    expect(runs).toBe(2)
    expect(steps.map((s) => s.ms > 0)).toEqual(data.header.steps.map(() => true))
  })

  test('uses as many threads as the program was compiled for, unless it is told', async () => {
    const program = await compile(parseGraph(MATMUL), { threads: 2 })
    const data = decodeProgram(program.encode())
    expect(data.header.threads).toBe(2)
    using session = await load(data)
    using one = await load(data, { threads: 1 })
    const feeds = feedsOf(data, { n: 200 })
    expect(bytesOf(await session.run(feeds))).toEqual(bytesOf(one.runSync(feeds)))
    expect(session.notices).toEqual([])
  })

  test('has one thread where memory cannot be shared, and says so', async () => {
    const { data } = await compile(parseGraph(MATMUL))
    const warned = vi.spyOn(console, 'warn').mockReturnValue()
    vi.stubGlobal('crossOriginIsolated', false)
    using session = await load(data, { threads: 2 })
    vi.unstubAllGlobals()
    expect(session.notices).toEqual([expect.stringContaining('not cross-origin isolated')])
    expect(warned).toHaveBeenCalledOnce()
    using one = await load(data)
    const feeds = feedsOf(data, { n: 50 })
    expect(bytesOf(session.runSync(feeds))).toEqual(bytesOf(one.runSync(feeds)))
  })
})

test('threads that cannot be are refused', async () => {
  const graph = parseGraph(MATMUL), js = await compile(graph, { target: 'js' }), wasm = await compile(graph)
  await errorOf('bad-option', () => load(js, { threads: 2 }))
  await errorOf('bad-option', () => compile(graph, { target: 'js', threads: 2 }))
  for (const threads of [0, 1.5, 65, NaN]) {
    await errorOf('bad-option', () => load(wasm, { threads }))
    await errorOf('bad-option', () => compile(graph, { threads }))
  }
})

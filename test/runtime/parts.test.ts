import { afterAll, expect, it } from 'vitest'
import { compile } from '../../src/compile.js'
import { parseGraph } from '../../src/ir/parse.js'
import { decodeProgram } from '../../src/runtime/decode.js'
import { encodeProgram } from '../../src/runtime/encode.js'
import type { ProgramData, ProgramHeader } from '../../src/runtime/format.js'
import { load, type Session } from '../../src/runtime/session.js'
import { errorOf } from './expect-code.js'

/** The first rows of `x`, as many as the greatest element says, doubled; and `x`, and `k`, as they are. */
const GRAPH = parseGraph(`graph @rows stage=inference (x: float32[batch, 2], k: int64[3]) -> (y: float32[n, 2], same: float32[batch, 2]) {
  symbol batch = extent(x, 0)
  symbol n = measured
  assume n <= batch "no more rows than there are"
  const %two: float32[] = [2]
  %most: int64[1] = reduce_max(%k) {axes = [0], keepdims = true} @ "most"
  %m: int64[1] {n} = measure(%most) {symbols = ["n"]} @ "most"
  %rows: float32[n, 2] = slice(%x) {axes = [0], starts = [0], steps = [1], sizes = [n]} @ "rows"
  %y: float32[n, 2] = mul(%rows, %two) @ "y"
  return y = %y, same = %x
}
`)
const data = async (target: 'js' | 'wasm', threads = 1): Promise<ProgramData> => (await compile(GRAPH, { target, ...(threads > 1 && { threads }) })).data
const x = Float32Array.of(1, 2, 3, 4, 5, 6)
const feeds = (...k: number[]) => ({ x, k })
const open: Session[] = []
const opened = async (...args: Parameters<typeof load>): Promise<Session> => { const session = await load(...args); open.push(session); return session }
afterAll(() => { for (const session of open) session.dispose() })

it.each(['js', 'wasm'] as const)('runs part after part, at whatever extent comes out (%s)', async (target) => {
  const session = await opened(encodeProgram(await data(target)))
  for (const [k, y] of [[[0, 2, 1], [2, 4, 6, 8]], [[3, 0, 0], [2, 4, 6, 8, 10, 12]], [[0, -1, 0], []]] as const) {
    for (const results of [session.runSync(feeds(...k)), await session.run(feeds(...k))]) {
      expect(results['y']?.shape).toEqual([y.length / 2, 2])
      expect(results['y']?.data).toEqual(Float32Array.from(y))
      expect(results['y']?.isInference()).toBe(true)
      expect(results['same']?.data).toEqual(x)
    }
  }
  expect(session.outputs[0]?.shape).toEqual(['n', 2])
})

it('many runs at once do not meet', async () => {
  const session = await opened(await data('wasm'))
  const lengths = await Promise.all([1, 3, 0, 2].map(async (n) => (await session.run(feeds(n, 0, 0)))['y']?.shape[0]))
  expect(lengths).toEqual([1, 3, 0, 2])
})

it('what does not fit is refused by name, in the feeds and in what comes out', async () => {
  const session = await opened(await data('wasm'))
  expect((await errorOf('feed-missing', () => session.run({ x }))).message).toContain('"k"')
  await errorOf('feed-unknown', () => session.run({ ...feeds(1, 1, 1), z: x }))
  expect((await errorOf('constraint-violated', () => session.run(feeds(4, 0, 0)))).message).toContain('no more rows than there are')
  await errorOf('constraint-violated', () => session.run(feeds(-2, -1, -3)))
  await errorOf('bad-option', () => session.run(feeds(1, 0, 0), { gpu: { y: 'own' } }))
  expect(session.runSync(feeds(1, 0, 0))['y']?.shape).toEqual([1, 2])
})

it('with two threads gives the same', async () => {
  const session = await opened(await data('wasm', 2))
  expect((await session.run(feeds(2, 0, 0)))['y']?.data).toEqual(Float32Array.of(2, 4, 6, 8))
})

it('memory, profile and disposal are those of all parts together', async () => {
  const session = await load(await data('wasm'), { profile: true })
  session.runSync(feeds(2, 0, 0))
  expect(session.memory.arenaBytes).toBeGreaterThan(0)
  const profile = session.profile()
  expect([profile.runs, profile.steps.length > 1]).toEqual([1, true])
  expect(profile.steps.map((s) => s.origin).join()).toMatch(/most.*y/)
  session.trim()
  expect(session.memory.arenaBytes).toBe(0)
  session.dispose()
  await errorOf('session-disposed', () => session.run(feeds(1, 0, 0)))
  expect(session.memory.constantBytes).toBe(0)
})

it('keeps to a limit of memory', async () => {
  await errorOf('out-of-memory', async () => (await opened(await data('wasm'), { maxMemory: 100 })).run(feeds(2, 0, 0)))
  const session = await opened(await data('wasm'), { maxMemory: 2000 })
  expect(session.runSync(feeds(2, 0, 0))['y']?.shape).toEqual([2, 2])
})

it('an artefact in parts that is damaged is refused', async () => {
  const program = await data('js')
  const changed = (header: Partial<ProgramHeader>): Uint8Array => encodeProgram({ ...program, header: { ...program.header, ...header } })
  const measured = (more: object): Uint8Array => changed({ measured: [{ name: 'n', buffer: 0, index: 0, ...more }] })
  for (const bytes of [measured({ buffer: 99 }), measured({ index: -0.5 }), measured({ buffer: 0 }), measured({ name: 7 }), changed({ measured: 3 as never }), changed({ measured: [null] as never }), changed({ steps: program.header.steps.slice(1) }), changed({ steps: program.header.steps.map((s) => ({ ...s, buffers: s.buffers.slice(1) })) }), encodeProgram({ ...program, sections: {} })]) {
    await errorOf('artefact-damaged', async () => { await (await load(bytes)).run(feeds(1, 0, 0)) })
  }
  expect(decodeProgram(encodeProgram(program))).toEqual(program)
})

it('is no module', async () => {
  const program = await compile(GRAPH, { target: 'js' })
  await errorOf('bad-option', () => program.toModule())
})

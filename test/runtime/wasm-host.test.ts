import { expect, test } from 'vitest'
import { decodeProgram } from '../../src/runtime/decode.js'
import { encodeProgram } from '../../src/runtime/encode.js'
import { load } from '../../src/runtime/session.js'
import { hasFusedMadd } from '../../src/runtime/wasm/relaxed.js'
import { asWasm } from './as-wasm.js'
import { errorOf } from './expect-code.js'
import { countUp, gatherTwo, scaleAdd, withScratch } from './sample-programs.js'

test('a wasm program gives what the js program gives, at any batch', async () => {
  using js = await load(scaleAdd())
  using wasm = await load(decodeProgram(encodeProgram(asWasm(scaleAdd()))))
  for (const batch of [1, 7, 100, 2]) {
    const feeds = { x: Float32Array.from({ length: batch * 3 }, (_, i) => i / 7), z: Float32Array.from({ length: batch * 3 }, (_, i) => -i) }
    expect(await wasm.run(feeds)).toEqual(js.runSync(feeds))
    expect(Object.values(wasm.runSync(feeds)).map((t) => t.data)).toEqual(Object.values(js.runSync(feeds)).map((t) => t.data))
  }
})

test('the memory grows with the shapes and is counted as planned, not in pages', async () => {
  using session = await load(asWasm(countUp()))
  session.runSync({ count: [10] })
  // an int64 and ten floats, each from a multiple of 64
  expect(session.memory.arenaBytes).toBe(128)
  const y = session.runSync({ count: [100_000] })['y']?.data
  expect(y?.[99_999]).toBe(99_999)
  expect(session.memory.arenaBytes).toBe(64 + 400_000)
  expect(session.runSync({ count: [3] })['y']?.data).toEqual(Float32Array.of(0, 1, 2))
  expect(session.memory.arenaBytes).toBe(64 + 400_000)
  session.trim()
  expect(session.memory.arenaBytes).toBe(0)
  expect(session.runSync({ count: [3] })['y']?.data).toEqual(Float32Array.of(0, 1, 2))
})

test('an index outside its axis is an error with the values, and the next run works', async () => {
  using session = await load(asWasm(gatherTwo()))
  const error = await errorOf('index-out-of-range', () => session.runSync({ ids: [0, 3] }))
  expect(error.message).toContain('index 3 is outside an axis of extent 3 in kernel gather')
  expect(error.where.origin).toBe('node "lookup"')
  expect(session.runSync({ ids: [0, -1] })['y']?.data).toEqual(Float32Array.of(10, 30))
})

test('memory that the platform does not have is an error', async () => {
  using session = await load(asWasm(withScratch(countUp())))
  await errorOf('out-of-memory', () => session.runSync({ count: [2 ** 20] }))
  expect(session.runSync({ count: [0] })['y']?.data).toEqual(new Float32Array(0))
})

test('a wasm section that is no module, or not this program’s, is refused', async () => {
  const program = asWasm(gatherTwo())
  await errorOf('artefact-damaged', () => load({ ...program, sections: { ...program.sections, wasm: Uint8Array.of(0, 97, 115, 109, 9) } }))
  using other = await load({ ...program, sections: { ...program.sections, wasm: asWasm(countUp()).sections.wasm as Uint8Array } })
  expect((await errorOf('artefact-damaged', () => other.runSync({ ids: [0, 1] }))).message).toContain('"gather"')
})

test('steps as one function give what single calls give, also when profiled, and a fault names its step', async () => {
  using js = await load(scaleAdd())
  using wasm = await load(asWasm(scaleAdd(), true))
  for (const batch of [3, 50, 3, 50]) {
    const feeds = { x: Float32Array.from({ length: batch * 3 }, (_, i) => i / 7), z: Float32Array.from({ length: batch * 3 }, (_, i) => -i) }
    expect(wasm.runSync(feeds)).toEqual(js.runSync(feeds))
  }
  wasm.startProfile()
  wasm.runSync({ x: new Float32Array(3), z: new Float32Array(3) })
  expect(wasm.profile().steps.every((s) => s.calls === 1)).toBe(true)
  using gather = await load(asWasm(gatherTwo(), true))
  const error = await errorOf('index-out-of-range', () => gather.runSync({ ids: [0, 3] }))
  expect(error.where.origin).toBe('node "lookup"')
  expect(error.message).toContain('index 3')
  expect(gather.runSync({ ids: [0, -1] })['y']?.data).toEqual(Float32Array.of(10, 30))
})

test('the relaxed module is used where multiply-adds round once, and nothing else takes its place', async () => {
  const program = asWasm(scaleAdd()), { wasm, ...others } = program.sections
  const only = decodeProgram(encodeProgram({ ...program, sections: { ...others, 'wasm-relaxed': wasm as Uint8Array } }))
  const feeds = { x: new Float32Array(3).fill(2), z: new Float32Array(3) }
  if (hasFusedMadd()) {
    using session = await load(only)
    expect(session.runSync(feeds)).toBeDefined()
  } else await errorOf('target-unavailable', () => load(only))
  using both = await load({ ...program, sections: { ...program.sections, 'wasm-relaxed': wasm as Uint8Array } })
  expect(both.runSync(feeds)).toBeDefined()
})

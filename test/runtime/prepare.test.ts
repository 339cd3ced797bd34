/** What is made of constants at load is there for every run, wherever the program comes from, and holds no more memory than it is said to. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { decodeProgram } from '../../src/runtime/decode.js'
import { encodeProgram } from '../../src/runtime/encode.js'
import type { ProgramData } from '../../src/runtime/format.js'
import { load } from '../../src/runtime/session.js'
import { asWasm } from './as-wasm.js'
import { errorOf } from './expect-code.js'
import { preparedFactor } from './sample-programs.js'

const FOLDER = mkdtempSync(join(tmpdir(), 'ingot-'))
afterAll(() => { rmSync(FOLDER, { recursive: true }) })

function fileOf(bytes: Uint8Array): string {
  const path = join(FOLDER, 'model.ingot')
  writeFileSync(path, bytes)
  return path
}

const ONE = Float32Array.of(12, 26, 45), TWO = Float32Array.of(12, 26, 45, 24, 52, 90)

test('a program makes its constants once, from memory, bytes and a file', async () => {
  const program = asWasm(preparedFactor(), true), bytes = encodeProgram(program)
  expect(decodeProgram(bytes)).toEqual(program)
  for (const source of [program, bytes, fileOf(bytes)]) {
    using session = await load(source)
    expect(session.memory.constantBytes).toBe(204)
    for (let i = 0; i < 2; i++) {
      expect(session.runSync({ x: [[1, 1, 1]] })['y']?.data).toEqual(ONE)
      expect(session.runSync({ x: [[1, 1, 1], [2, 2, 2]] })['y']?.data).toEqual(TWO)
      session.trim()
    }
  }
})

test('several threads have the same constants, also after larger shapes and a trim', async () => {
  const program = asWasm(preparedFactor(), true), bytes = encodeProgram(program)
  for (const source of [program, bytes, fileOf(bytes)]) {
    using session = await load(source, { threads: 2 })
    for (let i = 0; i < 2; i++) {
      expect((await session.run({ x: [[1, 1, 1]] }))['y']?.data).toEqual(ONE)
      expect((await session.run({ x: [[1, 1, 1], [2, 2, 2]] }))['y']?.data).toEqual(TWO)
      session.trim()
    }
  }
})

test('steps that read stored constants alone run without raw ones', async () => {
  const { header, sections } = preparedFactor(), { prepare } = header
  const steps = (prepare?.steps ?? []).map((s, i) => (i === 0 ? { ...s, buffers: [2, 2, 3] } : { ...s, buffers: [3, 3, 6] }))
  const program: ProgramData = asWasm({ header: { ...header, prepare: { bytes: 204, steps, raw: [] } }, sections: { constants: sections.constants as Uint8Array } })
  for (const source of [program, fileOf(encodeProgram(program))]) {
    using session = await load(source)
    expect(session.runSync({ x: [[1, 1, 1]] })['y']?.data).toEqual(Float32Array.of(8, 18, 50))
  }
})

test('a file that ends anywhere, and one with a flipped bit in a raw constant, is refused before its steps have run on it', async () => {
  const bytes = encodeProgram(asWasm(preparedFactor()))
  for (const length of [bytes.length - 1, bytes.length - 13, bytes.length - 70, bytes.length - 80, bytes.length - 150]) await errorOf('artefact-damaged', () => load(fileOf(bytes.slice(0, length))))
  for (const at of [bytes.length - 1, bytes.length - 70]) {
    const changed = bytes.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    for (const source of [changed, fileOf(changed)]) await errorOf('artefact-damaged', () => load(source))
  }
})

test('a file whose raw constants come in another order, or before the others, is refused', async () => {
  const { digest } = await import('../../src/runtime/digest.js')
  const bytes = encodeProgram(asWasm(preparedFactor())), length = new DataView(bytes.buffer).getUint32(8, true)
  const text = new TextDecoder().decode(bytes.subarray(12, 12 + length))
  for (const names of [['constants', 'raw1', 'raw0'], ['raw0', 'raw1', 'constants'], ['raw0', 'constants', 'raw1'], ['constants', 'raw0', 'raw0'], ['constants', 'constants', 'raw0']]) {
    let next = 0
    const rest = new TextEncoder().encode(text.slice(text.indexOf(',') + 1).replaceAll(/"name":"(constants|raw\d)","offset"/g, () => `"name":"${names[next++]}","offset"`))
    const start = new TextEncoder().encode(`{"digest":"${digest(rest)}",`), body = 64 * Math.ceil((12 + start.length + rest.length) / 64), sections = bytes.subarray(64 * Math.ceil((12 + length) / 64))
    const changed = new Uint8Array(body + sections.length)
    changed.set(bytes.subarray(0, 8))
    new DataView(changed.buffer).setUint32(8, start.length + rest.length, true)
    changed.set(start, 12)
    changed.set(rest, 12 + start.length)
    changed.set(sections, body)
    expect(next).toBe(3)
    await errorOf('artefact-damaged', () => load(fileOf(changed)))
  }
})

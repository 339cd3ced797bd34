import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { digest, type Lanes } from '../../src/runtime/digest.js'
import { encodeProgram } from '../../src/runtime/encode.js'
import { load } from '../../src/runtime/session.js'
import { digestLanes } from '../../src/runtime/wasm/digest-lanes.js'
import { asWasm } from './as-wasm.js'
import { errorOf } from './expect-code.js'
import { gatherTwo, scaleAdd } from './sample-programs.js'

const FOLDER = mkdtempSync(join(tmpdir(), 'ingot-'))
let served = new Uint8Array(0), url = ''
/** Sends what is served in pieces of seven bytes, so that ranges begin and end within pieces. */
const server = createServer((_, response) => {
  for (let at = 0; at < served.length; at += 7) response.write(served.subarray(at, at + 7))
  response.end()
})

beforeAll(async () => {
  const port = await new Promise<number>((ready) => server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port)))
  url = `http://127.0.0.1:${port}/model.ingot`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(FOLDER, { recursive: true })
})

/** Where `bytes` can be loaded from. */
function places(bytes: Uint8Array): readonly string[] {
  const path = join(FOLDER, 'model.ingot')
  writeFileSync(path, bytes)
  served = new Uint8Array(bytes)
  return [path, url]
}

test.each([['js', gatherTwo()], ['wasm', asWasm(gatherTwo())]] as const)('a %s program read in pieces runs as from memory', async (_, program) => {
  for (const place of places(encodeProgram(program))) {
    using session = await load(place)
    expect(session.runSync({ ids: [2, 0] })['y']?.data).toEqual(Float32Array.of(30, 10))
  }
})

test('a file that ends anywhere is refused as it is from memory', async () => {
  const bytes = encodeProgram(asWasm(scaleAdd()))
  for (let length = 0; length < bytes.length; length += 37) {
    for (const place of places(bytes.slice(0, length))) await errorOf(length < 4 ? 'not-ingot' : 'artefact-damaged', () => load(place))
  }
})

test('a flipped bit of the length, the header, the code or the constants is refused', async () => {
  const bytes = encodeProgram(asWasm(gatherTwo()))
  for (const at of [8, 11, 40, 400, bytes.length - 12 - 64, bytes.length - 1]) {
    const changed = bytes.slice()
    changed[at] = (changed[at] ?? 0) ^ 0x80
    for (const place of places(changed)) await errorOf('artefact-damaged', () => load(place))
  }
})

test('a session for wasm does not need the bytes that it was loaded from', async () => {
  const bytes = encodeProgram(asWasm(gatherTwo()))
  using session = await load(bytes)
  bytes.fill(0)
  for (let i = 0; i < 2; i++) {
    expect(session.runSync({ ids: [2, 0] })['y']?.data).toEqual(Float32Array.of(30, 10))
    session.trim()
  }
})

test('where WebAssembly must not be compiled, files are checked by script', async () => {
  vi.resetModules()
  const { digestLanes: fresh } = await import('../../src/runtime/wasm/digest-lanes.js')
  vi.stubGlobal('WebAssembly', { Module() { throw new Error('forbidden by a policy') } })
  try {
    expect(fresh({} as WebAssembly.Memory)).toBeUndefined()
  } finally {
    vi.unstubAllGlobals()
  }
})

test('the checksum of what lies in WebAssembly memory is that of the same bytes elsewhere', () => {
  const memory = new WebAssembly.Memory({ initial: 2 }), all = new Uint8Array(memory.buffer), lanes = digestLanes(memory)
  expect(lanes).toBeDefined()
  all.forEach((__, i) => { all[i] = Math.imul(i + 1, 0x9e3779b1) >>> 24 })
  for (const length of [0, 1, 4, 7, 8, 12, 16, 21, 4096, 65_535, 100_004, 131_072]) {
    expect(digest(all.subarray(0, length), lanes as Lanes, 4 + length)).toBe(digest(all.slice(0, length)))
  }
})

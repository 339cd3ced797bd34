import { expect, test } from 'vitest'
import { encodeProgram } from '../../src/runtime/encode.js'
import { load } from '../../src/runtime/session.js'
import { Tensor } from '../../src/runtime/tensor.js'
import { writeFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { asWasm } from './as-wasm.js'
import { errorOf } from './expect-code.js'
import { countUp, gatherTwo, identity, scaleAdd, withScratch, preparedFactor } from './sample-programs.js'

const rows = (n: number, from = 0): Float32Array => Float32Array.from({ length: n * 3 }, (_, i) => i + from)

test('a symbolic program runs at any batch without being compiled again', async () => {
  using session = await load(scaleAdd())
  for (const batch of [2, 1, 5, 2, 100]) {
    const out = await session.run({ x: rows(batch), z: rows(batch, 1) })
    const scaled = rows(batch).map((v, i) => v * ([2, 3, 5][i % 3] as number))
    expect(out['sum']?.shape).toEqual([batch, 3])
    expect(out['sum']?.data).toEqual(scaled.map((v, i) => v + i + 1))
    expect(out['flat']?.shape).toEqual([batch * 3])
    expect(out['flat']?.data).toEqual(scaled)
    expect(out['tail']?.data).toEqual(scaled.slice(1))
  }
})

test('a batch of nothing gives empty results', async () => {
  const program = scaleAdd()
  using session = await load({ ...program, header: { ...program.header, outputs: program.header.outputs.slice(0, 2), buffers: program.header.buffers.slice(0, 6) } })
  const out = await session.run({ x: { dtype: 'float32', shape: [0, 3], data: new Float32Array(0) }, z: [] as never }).catch((e: Error) => e)
  expect(String(out)).toContain('rank')
  const empty = { dtype: 'float32', shape: [0, 3], data: new Float32Array(0) } as const
  const good = session.runSync({ x: empty, z: empty })
  expect(good['sum']?.shape).toEqual([0, 3])
  expect(good['sum']?.data).toEqual(new Float32Array(0))
})

test('results are inference tensors that own their data', async () => {
  using session = await load(scaleAdd())
  const first = session.runSync({ x: [[1, 1, 1]], z: [[0, 0, 0]] })
  session.runSync({ x: [[7, 7, 7]], z: [[7, 7, 7]] })
  expect(first['sum']?.data).toEqual(Float32Array.of(2, 3, 5))
  expect(first['sum']?.isInference()).toBe(true)
  const copy = first['sum']?.data as Float32Array
  copy[0] = 99
  expect(first['sum']?.data).toEqual(Float32Array.of(2, 3, 5))
})

test('an extent that an input element gives is bound from the data', async () => {
  using session = await load(countUp())
  expect(session.runSync({ count: [4] })['y']?.data).toEqual(Float32Array.of(0, 1, 2, 3))
  expect(session.runSync({ count: [0n] })['y']?.shape).toEqual([0])
  await errorOf('constraint-violated', () => session.runSync({ count: [-1] }))
})

test('a program loads from bytes, from unaligned bytes, from an ArrayBuffer, a path and a file URL', async () => {
  const bytes = encodeProgram(gatherTwo())
  const odd = new Uint8Array(bytes.length + 3)
  odd.set(bytes, 3)
  const folder = await mkdtemp(join(tmpdir(), 'ingot-'))
  try {
    const path = join(folder, 'gather two.ingot')
    await writeFile(path, bytes)
    for (const source of [gatherTwo(), bytes, odd.subarray(3), bytes.buffer, path, pathToFileURL(path), pathToFileURL(path).href]) {
      using session = await load(source)
      expect(session.runSync({ ids: [2, 0] })['y']?.data).toEqual(Float32Array.of(30, 10))
    }
    await errorOf('file-not-found', () => load(join(folder, 'other.ingot')))
    await errorOf('file-unreadable', () => load(folder))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a program loads over HTTP, and a missing one says so', async () => {
  const bytes = encodeProgram(gatherTwo())
  const server = createServer((request, response) => { response.writeHead(request.url === '/model.ingot' ? 200 : request.url === '/gone' ? 404 : 500).end(bytes) })
  const port = await new Promise<number>((ready) => server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port)))
  try {
    using session = await load(`http://127.0.0.1:${port}/model.ingot`)
    expect(session.runSync({ ids: [1, 2] })['y']?.data).toEqual(Float32Array.of(20, 30))
    await errorOf('file-not-found', () => load(new URL(`http://127.0.0.1:${port}/gone`)))
    await errorOf('file-unreadable', () => load(`http://127.0.0.1:${port}/broken`))
  } finally {
    server.closeAllConnections()
    server.close()
  }
  await errorOf('file-unreadable', () => load(`http://127.0.0.1:${port}/model.ingot`))
})

test('an emitted module runs with its own functions', async () => {
  const gather = (table: Float32Array, ids: BigInt64Array, y: Float32Array): void => { ids.forEach((id, i) => { y[i] = (table[Number(id)] as number) + 0.5 }) }
  using session = await load({ data: gatherTwo(), kernels: [gather] })
  expect((await session.run({ ids: [1, 1] }))['y']?.data).toEqual(Float32Array.of(20.5, 20.5))
  await errorOf('artefact-damaged', () => load({ data: gatherTwo(), kernels: [] }))
})

test('an index outside its axis is an error that names the node', async () => {
  using session = await load(gatherTwo())
  expect(session.runSync({ ids: [-1, 2] })['y']?.data).toEqual(Float32Array.of(30, 30))
  const error = await errorOf('index-out-of-range', () => session.runSync({ ids: [0, 3] }))
  expect(error.where.origin).toBe('node "lookup"')
})

test('what the model takes for granted is checked and the reason given', async () => {
  using session = await load(scaleAdd())
  const error = await errorOf('constraint-violated', () => session.runSync({ x: rows(101), z: rows(101) }))
  expect(error.message).toContain('batch = 101 must not be above 100')
  expect(error.message).toContain('the positions of node "embed"')
})

test('a disposed session refuses to run and holds nothing', async () => {
  const session = await load(gatherTwo())
  session.runSync({ ids: [0, 1] })
  expect(session.memory).toEqual({ arenaBytes: 128, constantBytes: 12, lowerBoundBytes: 128 })
  session[Symbol.dispose]()
  await errorOf('session-disposed', () => session.run({ ids: [0, 1] }))
  await errorOf('session-disposed', () => session.runSync({ ids: [0, 1] }))
  expect(session.memory).toEqual({ arenaBytes: 0, constantBytes: 0, lowerBoundBytes: 0 })
})

test('the arena grows to the largest shapes only, and trim gives it back', async () => {
  using session = await load(scaleAdd())
  session.runSync({ x: rows(100), z: rows(100) })
  const most = session.memory.arenaBytes
  expect(most).toBe(session.memory.lowerBoundBytes)
  session.runSync({ x: rows(1), z: rows(1) })
  expect(session.memory.arenaBytes).toBe(most)
  expect(session.memory.lowerBoundBytes).toBe(3 * 64)
  session.trim()
  expect(session.memory.arenaBytes).toBe(0)
  session.runSync({ x: rows(1), z: rows(1) })
  expect(session.memory.arenaBytes).toBe(3 * 64)
})

test('shapes above maxMemory are refused with both numbers', async () => {
  using session = await load(scaleAdd(), { maxMemory: 1000 })
  session.runSync({ x: rows(2), z: rows(2) })
  const error = await errorOf('out-of-memory', () => session.runSync({ x: rows(90), z: rows(90) }))
  expect(error.message).toContain('1000')
  expect(session.runSync({ x: rows(1), z: rows(1) })['sum']?.shape).toEqual([1, 3])
})

test('memory that the platform does not have is an error, not a crash', async () => {
  using session = await load(withScratch(countUp()))
  await errorOf('out-of-memory', () => session.runSync({ count: [2 ** 20] }))
  expect(session.runSync({ count: [0] })['y']?.data).toEqual(new Float32Array(0))
})

test('a parameter beyond 32 bits is refused, not truncated', async () => {
  using session = await load(countUp())
  const error = await errorOf('constraint-violated', () => session.runSync({ count: [2n ** 31n] }))
  expect(error.message).toContain('node "range" is n = 2147483648')
})

test('the profile has time, bytes, operations and origin of every step', async () => {
  using session = await load(scaleAdd())
  session.runSync({ x: rows(4), z: rows(4) })
  expect(session.profile()).toMatchObject({ runs: 0, ms: 0 })
  session.startProfile()
  for (let i = 0; i < 3; i++) session.runSync({ x: rows(4), z: rows(4) })
  const { runs, ms, steps } = session.profile()
  expect(runs).toBe(3)
  expect(steps).toMatchObject([
    { kernel: 'scale', origin: 'node "scale"', calls: 3, bytes: 48 + 12 + 48, flops: 12 },
    { kernel: 'add', origin: 'node "add"', calls: 3, bytes: 3 * 48, flops: 12 },
  ])
  expect(steps.every((step) => step.ms > 0)).toBe(true)
  expect(ms).toBeCloseTo(steps.reduce((sum, step) => sum + step.ms, 0))
})

test('ports are listed with their declared shapes', async () => {
  using session = await load(scaleAdd())
  expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['batch', 3] }, { name: 'z', dtype: 'float32', shape: ['batch', 3] }])
  expect(session.outputs.map((port) => port.name)).toEqual(['sum', 'flat', 'tail'])
})

test('every dtype passes through unchanged', async () => {
  for (const data of [
    new Tensor('float64', [2], Float64Array.of(0.1, -0)), new Tensor('float16', [2], Uint16Array.of(0x3c00, 0x7e01)), new Tensor('bfloat16', [1], Uint16Array.of(0x3f80)),
    new Tensor('int8', [2], Int8Array.of(-128, 127)), new Tensor('uint64', [1], BigUint64Array.of(2n ** 64n - 1n)), new Tensor('bool', [3], Uint8Array.of(1, 0, 1)),
    new Tensor('int4', [3], Uint8Array.of(0x21, 0x03)), new Tensor('float8e5m2', [1], Uint8Array.of(0x7b)), new Tensor('int16', [], Int16Array.of(-5)),
  ]) {
    using session = await load(identity(data.dtype, data.shape))
    const y = session.runSync({ x: data })['y']
    expect(y?.data).toEqual(data.data)
    expect(y?.shape).toEqual(data.shape)
  }
})

test('what is no program is refused by what load takes', async () => {
  await errorOf('bad-option', () => load(7 as never))
})

test('a thousand sessions leave no memory behind', async () => {
  const bytes = encodeProgram({ ...scaleAdd() }), preparing = encodeProgram(asWasm(preparedFactor()))
  const cycle = async (): Promise<void> => {
    using session = await load(bytes), other = await load(preparing)
    session.runSync({ x: rows(100), z: rows(100) })
    other.runSync({ x: rows(100) })
  }
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) { await new Promise((done) => setTimeout(done, 0)); collect() }
    const m = process.memoryUsage()
    return m.heapUsed + m.arrayBuffers
  }
  for (let i = 0; i < 300; i++) await cycle()
  const before = await used()
  for (let i = 0; i < 1000; i++) await cycle()
  const grown = (await used()) - before
  // 1000 arenas alone would be 3.6 MB, 1000 sessions with their kernels more than 20 MB.
  expect(grown).toBeLessThan(2e6)
}, 30_000)

test('an output may have any name', async () => {
  const { header, sections } = identity('float32', [1])
  using session = await load({ header: { ...header, outputs: header.outputs.map((port) => ({ ...port, name: '__proto__' })) }, sections })
  expect(Object.entries(session.runSync({ x: [3] })).map(([name, y]) => [name, y.data])).toEqual([['__proto__', Float32Array.of(3)]])
})

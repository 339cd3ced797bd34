/** Feeds and results in buffers of the device, and times by its clock. */
import { describe, expect, test } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import type { GpuTensor } from '../../../src/runtime/gpu-tensor.js'
import { load, type Session } from '../../../src/runtime/session.js'
import { findDevice } from '../../codegen/wgsl/device.js'
import { errorOf } from '../expect-code.js'

const found = await findDevice(['timestamp-query'])
if (found === undefined) console.warn('skipped: WebGPU finds no adapter; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives a software one')
const device = found as GPUDevice

const MAP_READ = 1, COPY_SRC = 4, COPY_DST = 8

/** A step of a model with a state, beside a result that the host needs. */
const STATE = `graph @state stage=inference (x: float32[n, 4], state: float32[4]) -> (y: float32[n, 4], next: float32[4]) {
  symbol n = extent(x, 0)
  %y: float32[n, 4] = add(%x, %state)
  %next: float32[4] = reduce_sum(%y) {axes = [0], keepdims = false}
  return y = %y, next = %next
}`
const graph = parseGraph(STATE)

const sessionOf = async (text: string): Promise<Session> => load((await compile(parseGraph(text), { target: 'wgsl' })).data, { device })

function bufferOf(data: Float32Array, offset = 0): GPUBuffer {
  const buffer = device.createBuffer({ size: data.byteLength + offset, usage: COPY_SRC | COPY_DST })
  device.queue.writeBuffer(buffer, offset, data as Float32Array<ArrayBuffer>)
  return buffer
}

async function read({ buffer, shape }: GpuTensor): Promise<Float32Array> {
  const bytes = shape.reduce((a, b) => a * b, 4), staging = device.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST }), encoder = device.createCommandEncoder()
  encoder.copyBufferToBuffer(buffer as GPUBuffer, 0, staging, 0, bytes)
  device.queue.submit([encoder.finish()])
  await staging.mapAsync(MAP_READ)
  return new Float32Array(staging.getMappedRange().slice(0))
}

/** How often memory is mapped for reading while `run` runs. */
async function mapsIn(run: () => Promise<unknown>): Promise<number> {
  const { prototype } = GPUBufferClass, own = prototype.mapAsync
  let maps = 0
  prototype.mapAsync = function (this: GPUBuffer, ...args: [number]) { maps++; return own.apply(this, args) }
  try { await run() } finally { prototype.mapAsync = own }
  return maps
}
const GPUBufferClass = { get prototype(): GPUBuffer { return Object.getPrototypeOf(device.createBuffer({ size: 4, usage: COPY_DST })) as GPUBuffer } }

/** Sums in float32 differ from those in double precision. */
function near(values: Float32Array, wanted: HostTensor | undefined): void {
  expect(values).toHaveLength(wanted?.data.length ?? -1)
  values.forEach((x, i) => expect(x).toBeCloseTo(wanted?.data[i] as number, 4))
}

describe.skipIf(found === undefined)('tensors on the device', () => {
  test('can be fed, and give what tensors of the host do', async () => {
    const session = await sessionOf(STATE), x = seededTensor('float32', [3, 4], 1), state = seededTensor('float32', [4], 2)
    expect(session.device).toBe(device)
    const wanted = interpret(graph, { x, state })
    const fed = { dtype: 'float32', shape: [3, 4], buffer: bufferOf(x.data as Float32Array, 256), offset: 256 } as const
    for (let i = 0; i < 2; i++) expect((await session.run({ x: fed, state }))['y']?.data).toEqual(wanted['y']?.data)
    session.dispose()
  })

  test('are what a run leaves of results that are wanted there, without reading anything back', async () => {
    const session = await sessionOf(STATE), x = seededTensor('float32', [3, 4], 1)
    let state: GpuTensor = { dtype: 'float32', shape: [4], buffer: bufferOf(new Float32Array(4)) }
    let host = { dtype: 'float32', shape: [4], data: new Float32Array(4) } as HostTensor
    const y = device.createBuffer({ size: 64, usage: COPY_SRC | COPY_DST })
    for (let i = 0; i < 3; i++) {
      const wanted = interpret(graph, { x, state: host })
      const maps = await mapsIn(async () => {
        const results = await session.run({ x, state }, { gpu: { next: 'own', y } })
        expect(results['y']).toEqual({ dtype: 'float32', shape: [3, 4], buffer: y })
        state = results['next'] as GpuTensor
      })
      expect(maps).toBe(0)
      near(await read({ dtype: 'float32', shape: [3, 4], buffer: y }), wanted['y'])
      near(await read(state), wanted['next'])
      host = wanted['next'] as typeof host
    }
    const mixed = await session.run({ x, state }, { gpu: { y } })
    near((mixed['next'] as HostTensor).data as Float32Array, interpret(graph, { x, state: host })['next'])
    session.dispose()
  })

  test('are refused where they do not fit, with what would', async () => {
    const session = await sessionOf(STATE), x = { dtype: 'float32', shape: [3, 4], buffer: bufferOf(new Float32Array(12)) } as const, state = seededTensor('float32', [4], 2)
    await errorOf('feed-extent', () => session.run({ x: { ...x, buffer: bufferOf(new Float32Array(11)) }, state }))
    await errorOf('feed-extent', () => session.run({ x: { ...x, offset: 2 }, state }))
    await errorOf('feed-extent', () => session.run({ x: { ...x, buffer: device.createBuffer({ size: 48, usage: COPY_DST }) }, state }))
    await errorOf('feed-rank', () => session.run({ x: { ...x, shape: [12] }, state }))
    await errorOf('bad-option', () => session.run({ x, state }, { gpu: { z: 'own' } }))
    await errorOf('bad-option', () => session.run({ x, state }, { gpu: { y: device.createBuffer({ size: 48, usage: COPY_SRC }) } }))
    const other = await findDevice() as GPUDevice
    await errorOf('internal', () => session.run({ x: { ...x, buffer: other.createBuffer({ size: 48, usage: COPY_SRC }) }, state }))
    expect((await session.run({ x, state }))['y']?.data).toHaveLength(12)
    const onHost = await load((await compile(graph, { target: 'wasm' })).data)
    await errorOf('bad-tensor', () => onHost.run({ x, state }))
    await errorOf('bad-option', () => onHost.run({ x: seededTensor('float32', [3, 4], 1), state }, { gpu: { y: 'own' } }))
    session.dispose()
  })

  test('are refused where a part on the host needs them', async () => {
    const session = await sessionOf(`graph @g stage=inference (x: float32[2]) -> (y: float64[2]) {
  %y: float64[2] = cast(%x) {to = float64}
  return y = %y
}`)
    await errorOf('feed-dtype', () => session.run({ x: { dtype: 'float32', shape: [2], buffer: bufferOf(new Float32Array(2)) } }))
    await errorOf('bad-option', () => session.run({ x: Float32Array.of(1, 2) }, { gpu: { y: 'own' } }))
    session.dispose()
  })
})

describe.skipIf(found === undefined)('a profile by the clock of the device', () => {
  test('says so, has a time for every step, and submits a run once', async () => {
    const session = await sessionOf(STATE), x = seededTensor('float32', [500, 4], 1), state = seededTensor('float32', [4], 2)
    session.startProfile()
    const submit = device.queue.submit.bind(device.queue)
    let submits = 0
    Object.defineProperty(device.queue, 'submit', { configurable: true, value: (buffers: GPUCommandBuffer[]) => { submits++; submit(buffers) } })
    for (let i = 0; i < 5; i++) expect((await session.run({ x, state }))['y']?.data).toEqual(interpret(graph, { x, state })['y']?.data)
    delete (device.queue as unknown as Record<string, unknown>)['submit']
    expect(submits).toBe(5)
    const { clock, runs, steps, ms } = session.profile()
    expect({ clock, runs }).toEqual({ clock: 'gpu', runs: 5 })
    for (const step of steps) expect(step.ms).toBeGreaterThan(0)
    expect(ms).toBeLessThan(5000)
    session.dispose()
  })
})

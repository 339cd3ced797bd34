/** Programs on WebGPU, where an adapter is there: `VK_DRIVER_FILES=$(scripts/software-adapter.sh)` gives a software one. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import type { Graph, Value } from '../../../src/ir/graph.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { tensorType } from '../../../src/ir/types.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import { load, type Session } from '../../../src/runtime/session.js'
import { findDevice } from '../../codegen/wgsl/device.js'
import { errorOf } from '../expect-code.js'

const device = await findDevice()
if (device === undefined) console.warn('skipped: WebGPU finds no adapter; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives a software one')

const sessionOf = async (text: string): Promise<{ readonly graph: Graph; readonly session: Session }> => {
  const graph = parseGraph(text)
  return { graph, session: await load((await compile(graph, { target: 'wgsl' })).encode(), { device: device as GPUDevice }) }
}

const LAYER = `graph @layer stage=inference (x: float32[n, 8]) -> (y: float32[n, 5], total: float32[n]) {
  symbol n = extent(x, 0)
  const %w: float32[8, 5] = [${Array.from({ length: 40 }, (_, i) => ((i * 7) % 11) / 8 - 0.5).join(', ')}]
  %a: float32[n, 5] = matmul(%x, %w) {trans_a = false, trans_b = false}
  %y: float32[n, 5] = softmax(%a) {axis = 1}
  %t: float32[n] = reduce_sum(%a) {axes = [1], keepdims = false}
  return y = %y, total = %t
}`

const GATHER = `graph @rows stage=inference (x: float32[3, 2], at: int64[2]) -> (y: float32[2, 2]) {
  %y: float32[2, 2] = gather(%x, %at) {axis = 0}
  return y = %y
}`

/** Numbers of objects made on the device, by kind. */
let made: Record<string, number> = {}
let restore: () => void = () => undefined

beforeEach(() => {
  made = {}
  if (device === undefined) return
  const kinds = Object.getOwnPropertyNames(Object.getPrototypeOf(device)).filter((name) => name.startsWith('create')) as 'createBuffer'[]
  for (const kind of kinds) {
    const own = device[kind].bind(device) as (...args: unknown[]) => unknown
    Object.defineProperty(device, kind, { configurable: true, value: (...args: unknown[]) => { made[kind] = (made[kind] ?? 0) + 1; return own(...args) } })
  }
  restore = () => { for (const kind of kinds) delete (device as unknown as Record<string, unknown>)[kind] }
})
afterEach(() => { restore() })

describe.skipIf(device === undefined)('a session on WebGPU', () => {
  test('gives what the interpreter gives, at every extent of a symbol, and compiles nothing for a new one', async () => {
    const { graph, session } = await sessionOf(LAYER)
    const pipelines = made['createComputePipelineAsync']
    for (const n of [1, 70, 3, 0]) {
      const x = seededTensor('float32', [n, 8], n)
      const [wanted, found] = [interpret(graph, { x }), await session.run({ x })]
      for (const name of ['y', 'total']) {
        expect(found[name]?.shape).toEqual(wanted[name]?.shape)
        Array.from(wanted[name]?.data as Float32Array).forEach((value, i) => expect(found[name]?.data[i]).toBeCloseTo(value, 5))
      }
    }
    expect(made['createComputePipelineAsync']).toBe(pipelines)
    session.dispose()
  })

  test('makes no object of the device but one encoder in a run after the first, and submits once', async () => {
    const { session } = await sessionOf(LAYER)
    const x = seededTensor('float32', [4, 8], 1)
    await session.run({ x })
    made = {}
    const gpu = device as GPUDevice, submit = gpu.queue.submit.bind(gpu.queue)
    let submits = 0
    Object.defineProperty(gpu.queue, 'submit', { configurable: true, value: (buffers: GPUCommandBuffer[]) => { submits++; submit(buffers) } })
    for (let i = 0; i < 20; i++) await session.run({ x })
    delete (gpu.queue as unknown as Record<string, unknown>)['submit']
    expect(made).toEqual({ createCommandEncoder: 20 })
    expect(submits).toBe(20)
    session.dispose()
  })

  test('submits once where the host prepares what is fed, before the device needs it', async () => {
    const { graph, session } = await sessionOf(`graph @masked stage=inference (x: float32[n, 8], mask: int64[n, 8]) -> (y: float32[n, 8]) {
      symbol n = extent(x, 0)
      %m: float32[n, 8] = cast(%mask) {to = float32}
      %p: float32[n, 8] = mul(%x, %m)
      %y: float32[n, 8] = softmax(%p) {axis = 1}
      return y = %y
    }`)
    const feeds = { x: seededTensor('float32', [3, 8], 1), mask: { dtype: 'int64' as const, shape: [3, 8], data: BigInt64Array.from({ length: 24 }, (_, i) => BigInt(i % 2)) } }
    await session.run(feeds)
    const { queue } = device as GPUDevice, submit = queue.submit.bind(queue)
    let submits = 0
    Object.defineProperty(queue, 'submit', { configurable: true, value: (buffers: GPUCommandBuffer[]) => { submits++; submit(buffers) } })
    const { y } = await session.run(feeds)
    delete (queue as unknown as Record<string, unknown>)['submit']
    expect(submits).toBe(1)
    const wanted = interpret(graph, feeds)['y']?.data as Float32Array
    wanted.forEach((value, i) => expect(y?.data[i]).toBeCloseTo(value, 5))
    session.dispose()
  })

  test('kernels of more tensors than a device binds give what the interpreter gives', async () => {
    const names = Array.from({ length: 70 }, (_, i) => `x${i}`), mixed = Array.from({ length: 11 }, (_, i) => `i${i}`)
    const { graph, session } = await sessionOf(`graph @joined stage=inference (${names.map((x) => `${x}: float32[n, 3]`).join(', ')}, ${mixed.map((x) => `${x}: int32[n, 3]`).join(', ')}) -> (y: float32[n, 210], z: float32[n, 3]) {
  symbol n = extent(x0, 0)
  %y: float32[n, 210] = concat(${names.map((x) => `%${x}`).join(', ')}) {axis = 1}
${mixed.map((x, i) => `  %f${i}: float32[n, 3] = cast(%${x}) {to = float32}\n  %s${i}: float32[n, 3] = add(%f${i}, ${i === 0 ? '%x0' : `%s${i - 1}`})`).join('\n')}
  return y = %y, z = %s${mixed.length - 1}
}`)
    for (const n of [2, 50]) {
      const feeds = Object.fromEntries([...names.map((x, i) => [x, seededTensor('float32', [n, 3], i)]), ...mixed.map((x, i) => [x, seededTensor('int32', [n, 3], 100 + i)])])
      const wanted = interpret(graph, feeds), found = await session.run(feeds)
      for (const name of ['y', 'z']) expect(found[name]?.data).toEqual(wanted[name]?.data)
    }
    session.dispose()
  })

  test('weights larger than what a device binds are read as if they were whole', async () => {
    const rows = 2 ** 19 + 1, width = 64, w = new Float32Array(rows * width)
    for (let i = 0; i < 2 * width; i++) w[w.length - 1 - i] = i + 0.5
    const graph = parseGraph(GATHER), [node] = graph.nodes as readonly [Graph['nodes'][number]], [x, at] = node.inputs as readonly [Value, Value]
    const weights: Value = { ...x, type: tensorType('float32', [rows, width]), data: { dtype: 'float32', shape: [rows, width], data: w } }
    const y: Value = { name: 'y', type: tensorType('float32', [2, width]) }
    const large: Graph = { ...graph, inputs: [at], nodes: [{ ...node, inputs: [weights, at], outputs: [y] }], outputs: [{ name: 'y', value: y }] }
    const session = await load((await compile(large, { target: 'wgsl' })).data, { device: device as GPUDevice })
    const found = (await session.run({ at: BigInt64Array.of(2n ** 19n - 1n, 2n ** 19n) }))['y']?.data
    expect(found).toEqual(w.slice(-2 * width))
    session.dispose()
  })

  test('runs that are not awaited do not disturb each other', async () => {
    const { session } = await sessionOf(LAYER)
    const feeds = [1, 2, 3, 4].map((seed) => ({ x: seededTensor('float32', [seed, 8], seed) }))
    const together = await Promise.all(feeds.map((feed) => session.run(feed)))
    for (const [i, feed] of feeds.entries()) expect((await session.run(feed))['y']?.data).toEqual(together[i]?.['y']?.data)
    session.dispose()
  })

  test('an index outside its axis is an error that names the node, and the next run is not affected', async () => {
    const { session } = await sessionOf(GATHER)
    const x = { dtype: 'float32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const
    const error = await session.run({ x, at: BigInt64Array.of(0n, 2n ** 40n) }).then(() => undefined, (e: unknown) => e)
    expect(error).toMatchObject({ code: 'index-out-of-range' })
    expect((await session.run({ x, at: BigInt64Array.of(-1n, 0n) }))['y']?.data).toEqual(Float32Array.of(5, 6, 1, 2))
    session.dispose()
  })

  test('integers within declared bounds stay on the GPU, and others are refused', async () => {
    const { data, report } = await compile(parseGraph(`graph @next stage=inference (x: float32[4, 2], at: int64[n]) -> (y: float32[n, 2], more: int64[n]) {
  symbol n = extent(at, 0)
  const %one: int64[1] = [1]
  %more: int64[n] = add(%at, %one)
  %y: float32[n, 2] = gather(%x, %more) {axis = 0}
  return y = %y, more = %more
}`), { target: 'wgsl', bounds: { at: [-1, 2] } })
    expect(report.host).toEqual([])
    const session = await load(data, { device: device as GPUDevice }), x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const results = await session.run({ x, at: BigInt64Array.of(2n, -1n) })
    expect(results['y']?.data).toEqual(Float32Array.of(7, 8, 1, 2))
    expect(results['more']?.data).toEqual(BigInt64Array.of(3n, 0n))
    for (const at of [3n, -2n, 2n ** 32n]) expect((await errorOf('feed-bounds', () => session.run({ x, at: BigInt64Array.of(0n, at) }))).message).toContain(`element 1 of input "at" is ${at}`)
    session.dispose()
  })

  test('cannot run synchronously, says so, and after dispose says that', async () => {
    const { session } = await sessionOf(GATHER)
    await errorOf('target-unavailable', () => Promise.resolve().then(() => session.runSync({})))
    session.dispose()
    await errorOf('session-disposed', () => session.run({}))
  })

  test('a profile has a time for every step, on the GPU and on the host', async () => {
    const { session } = await sessionOf(`graph @g stage=inference (x: int64[6], y: float32[2, 6]) -> (z: float32[2], f: float32[6]) {
  %a: int64[6] = mul(%x, %x)
  %f: float32[6] = cast(%a) {to = float32}
  %m: float32[2, 6] = mul(%y, %f)
  %z: float32[2] = reduce_sum(%m) {axes = [1], keepdims = false}
  return z = %z, f = %f
}`)
    session.startProfile()
    const out = await session.run({ x: BigInt64Array.from([0n, 1n, -2n, 3n, 4n, 2n ** 20n]), y: Float32Array.of(1, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0, 1) })
    expect(out['z']?.data).toEqual(Float32Array.of(46, 2 ** 40))
    const { steps, clock } = session.profile()
    expect(clock).toBe('cpu')
    expect(steps.length).toBeGreaterThanOrEqual(2)
    for (const step of steps) expect(step.ms).toBeGreaterThan(0)
    session.dispose()
  })
})

describe.skipIf(device === undefined)('what a device refuses', () => {
  test('a binding is an error with the kernel and where it comes from', async () => {
    const { data } = await compile(parseGraph(GATHER), { target: 'wgsl' })
    // An arena that ends before the program's buffers do.
    const gpu = device as GPUDevice, own = gpu.createBuffer.bind(gpu)
    Object.defineProperty(gpu, 'createBuffer', { configurable: true, value: (d: GPUBufferDescriptor) => own(d.label === 'arena' ? { ...d, size: 256 } : d) })
    const session = await load(data, { device: gpu })
    const error = await errorOf('internal', () => session.run({ x: { dtype: 'float32', shape: [3, 2], data: new Float32Array(6) }, at: BigInt64Array.of(0n, 1n) }))
    delete (gpu as unknown as Record<string, unknown>)['createBuffer']
    expect(error.where?.origin).toBe(data.header.steps[0]?.origin)
  })

  test('memory that it has not is an error, and smaller inputs can be fed after it', async () => {
    const { graph, session } = await sessionOf(LAYER), gpu = device as GPUDevice, own = gpu.popErrorScope.bind(gpu)
    let scopes = 0
    // Of two scopes the inner one, which is for memory, comes first.
    Object.defineProperty(gpu, 'popErrorScope', { configurable: true, value: async () => { const found = await own(); return scopes++ % 2 === 0 ? { message: 'none left' } : found } })
    const large = seededTensor('float32', [100, 8], 1), x = seededTensor('float32', [2, 8], 1)
    const error = await errorOf('out-of-memory', () => session.run({ x: large }))
    delete (gpu as unknown as Record<string, unknown>)['popErrorScope']
    expect(error.message).toContain('none left')
    const wanted = interpret(graph, { x })['total'] as HostTensor
    expect((await session.run({ x }))['total']?.data[0]).toBeCloseTo(wanted.data[0] as number, 5)
    session.dispose()
  })

  test('a shader that does not compile is an error with its line, and where it comes from', async () => {
    const { data } = await compile(parseGraph(GATHER), { target: 'wgsl' })
    const text = new TextDecoder().decode(data.sections.wgsl)
    const wgsl = new TextEncoder().encode(text.replace(/let at\b/, 'let 1t'))
    expect(wgsl.length).toBe(data.sections.wgsl?.length)
    const error = await errorOf('shader-invalid', () => load({ ...data, sections: { ...data.sections, wgsl } }, { device: device as GPUDevice }))
    expect(error.message).toMatch(/:\d+: let 1t/)
  })

  test('a lost device is an error that says so, and the program can be loaded again', async () => {
    const own = await findDevice() as GPUDevice, { data } = await compile(parseGraph(GATHER), { target: 'wgsl' })
    const feeds = { x: { dtype: 'float32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, at: BigInt64Array.of(2n, 0n) } as const
    const session = await load(data, { device: own })
    await session.run(feeds)
    own.destroy()
    await own.lost
    await errorOf('device-lost', () => session.run(feeds))
    expect((await (await load(data, { device: device as GPUDevice })).run(feeds))['y']?.data).toEqual(Float32Array.of(5, 6, 1, 2))
  })
})

test('integers of 64 bits run on the host where they may not fit in 32, and the report says which and why', async () => {
  const { report, header } = await compile(parseGraph(`graph @g stage=inference (x: int64[6], at: int64[2], t: float32[4]) -> (y: int64[6], z: float32[2]) {
  const %one: int64[1] = [1]
  %y: int64[6] = add(%x, %one)
  %z: float32[2] = gather(%t, %at) {axis = 0}
  return y = %y, z = %z
}`), { target: 'wgsl' })
  expect(report.host).toEqual([[expect.objectContaining({ op: expect.stringMatching(/add|fused/) as string, why: '64-bit integers are not known to fit in 32 bits' })]])
  expect(header.kernels.map((k) => (k.code as { readonly kind: string }).kind).sort()).toEqual(['host', 'shader'])
})

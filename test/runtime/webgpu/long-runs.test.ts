/** What a session on WebGPU makes and keeps over many runs. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/compile.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { load } from '../../../src/runtime/session.js'
import { findDevice } from '../../codegen/wgsl/device.js'

const device = await findDevice()
if (device === undefined) console.warn('skipped: WebGPU finds no adapter; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives a software one')

describe.skipIf(device === undefined)('a thousand runs', () => {
  test('make no object of the device but an encoder each, and leave memory as it was', async () => {
    const gpu = device as GPUDevice, made: Record<string, number> = {}
    const session = await load((await compile(parseGraph(`graph @g stage=inference (x: float32[n, 8]) -> (y: float32[n, 8]) {
  symbol n = extent(x, 0)
  %y: float32[n, 8] = softmax(%x) {axis = 1}
  return y = %y
}`), { target: 'wgsl' })).data, { device: gpu })
    const kinds = Object.getOwnPropertyNames(Object.getPrototypeOf(gpu)).filter((name) => name.startsWith('create'))
    expect(kinds.length).toBeGreaterThan(8)
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const used = async (): Promise<NodeJS.MemoryUsage> => { gc(); await new Promise((resolve) => setTimeout(resolve, 20)); gc(); return process.memoryUsage() }
    const x = seededTensor('float32', [4, 8], 1)
    await session.run({ x })
    for (const kind of kinds) {
      const own = (gpu as unknown as Record<string, (...args: unknown[]) => unknown>)[kind]?.bind(gpu)
      Object.defineProperty(gpu, kind, { configurable: true, value: (...args: unknown[]) => { made[kind] = (made[kind] ?? 0) + 1; return own?.(...args) } })
    }
    // At first the pools of driver and engine grow; what is lost in a run shows in every thousand.
    const grown: NodeJS.MemoryUsage[] = []
    const isFlat = (m: NodeJS.MemoryUsage | undefined): boolean => m !== undefined && m.heapUsed < 100_000 && m.external < 100_000 && m.rss < 1_000_000
    for (let before = await used(); grown.length < 8 && !isFlat(grown.at(-1));) {
      for (let i = 0; i < 1000; i++) await session.run({ x })
      const after = await used()
      grown.push({ ...after, heapUsed: after.heapUsed - before.heapUsed, external: after.external - before.external, rss: after.rss - before.rss })
      before = after
    }
    expect(made).toEqual({ createCommandEncoder: 1000 * grown.length })
    expect(grown.map(({ heapUsed, external, rss }) => ({ heapUsed, external, rss }))).toSatisfy(() => isFlat(grown.at(-1)))
    session.dispose()
  }, 120_000)
})

/** Programs on devices with subgroups and without. Adapters in software run plain kernels, so these devices say that they are none. */
import { describe, expect, test } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { load } from '../../../src/runtime/session.js'
import { findDevice } from '../../codegen/wgsl/device.js'

const devices = [await findDevice(), await findDevice(['subgroups'])]
if (devices.includes(undefined)) console.warn('skipped: WebGPU finds no adapter with subgroups; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives one in software')

const SOFTMAX = `graph @rows stage=inference (x: float32[n, 300]) -> (y: float32[n, 300]) {
  symbol n = extent(x, 0)
  %y: float32[n, 300] = softmax(%x) {axis = 1}
  return y = %y
}`

describe.skipIf(devices.includes(undefined))('a program whose workgroups fold rows', () => {
  test('gives the same on devices with and without subgroups, each by the shader that is for it', { timeout: 60_000 }, async () => {
    const graph = parseGraph(SOFTMAX), bytes = (await compile(graph, { target: 'wgsl' })).encode(), x = seededTensor('float32', [3, 300], 1), wanted = interpret(graph, { x })['y'] as HostTensor
    for (const device of devices as readonly GPUDevice[]) {
      const shaders: string[] = []
      const given = new Proxy(device, { get(of, name) {
        if (name === 'adapterInfo') return { isFallbackAdapter: false }
        if (name === 'createShaderModule') return (made: GPUShaderModuleDescriptor) => { shaders.push(made.code); return of.createShaderModule(made) }
        const value: unknown = Reflect.get(of, name, of)
        return typeof value === 'function' ? (value as (...given: unknown[]) => unknown).bind(of) : value
      } })
      const session = await load(bytes, { device: given }), y = (await session.run({ x }))['y'] as HostTensor
      wanted.data.forEach((value, i) => { expect(y.data[i]).toBeCloseTo(Number(value), 6) })
      expect(shaders.map((code) => code.includes('subgroupAdd'))).toEqual([device.features.has('subgroups')])
      session.dispose()
    }
  })
})

/** Precision f16, on devices with `shader-f16`. A float16 has 11 bits: rounding one is an error of at most 2^-11 = 4.9e-4 of it. */
import { describe, expect, test } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { float16ToNumber, numberToFloat16 } from '../../../src/base/float16.js'
import { compile } from '../../../src/compile.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import { load } from '../../../src/runtime/session.js'
import { findDevice } from '../../codegen/wgsl/device.js'
import { errorOf } from '../expect-code.js'

const device = await findDevice(['shader-f16'])
if (device === undefined) console.warn('skipped: WebGPU finds no adapter with shader-f16; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives one in software')

const NUMBERS = Array.from({ length: 63 }, (_, i) => ((i * 37) % 64) / 64 - 0.5).join(', ')
/** Two products with what is between them, extents that are odd, and a mask that stands for minus infinity. */
const LAYERS = `graph @layers stage=inference (x: float32[n, 9]) -> (y: float32[n, 9], p: float32[n, 7]) {
  symbol n = extent(x, 0)
  const %w: float32[9, 7] = [${NUMBERS}]
  const %v: float32[7, 9] = [${NUMBERS}]
  const %mask: float32[7] = [0, 0, -3.4028234663852886e38, 0, 0, 0, -3.4028234663852886e38]
  %a: float32[n, 7] = matmul(%x, %w) {trans_a = false, trans_b = false}
  %m: float32[n, 7] = add(%a, %mask)
  %p: float32[n, 7] = softmax(%m) {axis = 1}
  %t: float32[n, 7] = tanh(%p)
  %y: float32[n, 9] = matmul(%t, %v) {trans_a = false, trans_b = false}
  return y = %y, p = %p
}`

const peakOf = (t: HostTensor): number => Math.max(...Array.from(t.data as Float32Array, Math.abs))

describe.skipIf(device === undefined)('a program of precision f16', () => {
  test('gives float32 results within 2e-3 of the peak at every extent of a symbol, and masks still mask', async () => {
    const graph = parseGraph(LAYERS), session = await load((await compile(graph, { target: 'wgsl', precision: 'f16' })).encode(), { device: device as GPUDevice })
    for (const n of [1, 5, 64]) {
      const x = seededTensor('float32', [n, 9], n), wanted = interpret(graph, { x }), found = await session.run({ x })
      for (const name of ['y', 'p']) {
        const { dtype, data } = found[name] as HostTensor, reference = wanted[name] as HostTensor
        expect(dtype).toBe('float32')
        Array.from(data as Float32Array).forEach((value, i) => expect(Math.abs(value - (reference.data[i] as number)), `${name}[${i}]`).toBeLessThanOrEqual(2e-3 * peakOf(reference)))
      }
      expect(found['p']?.data[2]).toBe(0)
    }
    session.dispose()
  })

  test('takes float16 as its bits and gives them so, an odd number of them too', async () => {
    const session = await load((await compile(parseGraph(`graph @g stage=inference (x: float16[3, 5], f: float32[3, 5]) -> (y: float16[3, 5], z: float16[5]) {
  %c: float16[3, 5] = cast(%f) {to = float16}
  %y: float16[3, 5] = add(%x, %c)
  %z: float16[5] = reduce_max(%y) {axes = [0], keepdims = false}
  return y = %y, z = %z
}`), { target: 'wgsl', precision: 'f16' })).data, { device: device as GPUDevice })
    const x = Uint16Array.from({ length: 15 }, (_, i) => numberToFloat16(i / 8 - 1)), f = Float32Array.from({ length: 15 }, (_, i) => 1 / (i + 1))
    const { y, z } = await session.run({ x, f })
    const wanted = Array.from(x, (bits, i) => float16ToNumber(numberToFloat16(float16ToNumber(bits) + float16ToNumber(numberToFloat16(f[i] as number)))))
    expect(Array.from(y?.data as Uint16Array, float16ToNumber)).toEqual(wanted)
    expect(Array.from(z?.data as Uint16Array, float16ToNumber)).toEqual(Array.from({ length: 5 }, (_, i) => Math.max(...[0, 5, 10].map((row) => wanted[row + i] as number))))
    session.dispose()
  })

  test('is refused where the device has no shader-f16', async () => {
    const { data } = await compile(parseGraph(LAYERS), { target: 'wgsl', precision: 'f16' }), other = await findDevice() as GPUDevice
    expect((await errorOf('target-unavailable', () => load(data, { device: other }))).message).toContain('shader-f16')
  })
})

describe('precision f16', () => {
  test('halves weights, and is the same bytes every time', async () => {
    const bytes = async (precision: 'f16' | 'f32'): Promise<Uint8Array> => (await compile(parseGraph(LAYERS), { target: 'wgsl', precision })).encode()
    const { data } = await compile(parseGraph(LAYERS), { target: 'wgsl', precision: 'f16' })
    expect(data.header.constants.filter((c) => c.shape.length === 2).map((c) => c.bytes)).toEqual([126, 126])
    expect(await bytes('f16')).toEqual(await bytes('f16'))
  })

  test('is of the wgsl target alone', async () => {
    await errorOf('bad-option', () => compile(parseGraph(LAYERS), { target: 'wasm', precision: 'f16' }))
  })
})

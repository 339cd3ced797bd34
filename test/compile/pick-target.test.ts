import { describe, expect, test } from 'vitest'
import { compile } from '../../src/compile.js'
import { parseGraph } from '../../src/ir/parse.js'
import { IngotError } from '../../src/base/error.js'
import { pickTarget, type Platform } from '../../src/pick-target.js'
import { errorOf } from '../runtime/expect-code.js'

const adapter = (isFallbackAdapter: boolean): GPUAdapter => ({ info: { vendor: 'acme', architecture: 'road', description: '', isFallbackAdapter } }) as GPUAdapter
const platform = (found: GPUAdapter | null | Error, wasm: Platform['wasm'] | null = WebAssembly): Platform => ({
  gpu: () => (found instanceof Error ? Promise.reject(found) : Promise.resolve({ requestAdapter: () => Promise.resolve(found) } as unknown as GPU)), wasm: wasm ?? undefined,
})

describe('the target auto', () => {
  test('is wgsl where WebGPU has an adapter that is no software', async () => {
    expect(await pickTarget(platform(adapter(false)))).toEqual({ target: 'wgsl', why: 'WebGPU has an adapter (acme, road)' })
  })

  test('is wasm where it has none or one in software, and says which', async () => {
    expect(await pickTarget(platform(adapter(true)))).toEqual({ target: 'wasm', why: 'the adapter of WebGPU is software (acme, road)' })
    expect(await pickTarget(platform(null))).toEqual({ target: 'wasm', why: 'WebGPU finds no adapter here' })
    expect(await pickTarget(platform(new IngotError('target-unavailable', 'there is no WebGPU here', { hint: 'install it' })))).toEqual({ target: 'wasm', why: 'there is no WebGPU here' })
    expect((await pickTarget(platform(new TypeError('broken')))).why).toContain('broken')
  })

  test('is js where WebAssembly has no SIMD or is not there', async () => {
    for (const wasm of [null, { validate: () => false }]) expect(await pickTarget(platform(null, wasm))).toEqual({ target: 'js', why: 'WebGPU finds no adapter here, and no WebAssembly with SIMD' })
  })

  test('is told in the report of a program, which has no such line else', async () => {
    const graph = parseGraph('graph @g stage=inference (x: float32[2]) -> (y: float32[2]) {\n  %y: float32[2] = relu(%x)\n  return y = %y\n}')
    const { report, header } = await compile(graph, { target: 'auto' })
    expect(report.picked?.target).toBe(header.target)
    expect(report.picked?.why).toMatch(/WebGPU/)
    expect((await compile(graph, { target: 'auto', threads: 2 })).header.target).toBe('wasm')
    expect((await compile(graph, { target: 'js' })).report).not.toHaveProperty('picked')
  })
})

describe('bounds of inputs', () => {
  const graph = parseGraph('graph @g stage=inference (x: int64[2], f: float32[2]) -> (y: int64[2]) {\n  const %one: int64[1] = [1]\n  %y: int64[2] = add(%x, %one)\n  return y = %y\n}')

  test('are refused where they are no bounds of integers of an input', async () => {
    for (const bounds of [{ z: [0, 1] }, { f: [0, 1] }, { x: [1, 0] }, { x: [0, 0.5] }] as Record<string, [number, number]>[]) await errorOf('bad-option', () => compile(graph, { target: 'wgsl', bounds }))
  })

  test('keep integers on the GPU as long as all results fit in 32 bits', async () => {
    expect((await compile(graph, { target: 'wgsl', bounds: { x: [0, 2 ** 31 - 2] } })).report.host).toEqual([])
    expect((await compile(graph, { target: 'wgsl', bounds: { x: [0, 2 ** 31 - 1] } })).report.host).toHaveLength(1)
  })
})

test('work on integers that runs on the host takes nothing with it that could run on the GPU', async () => {
  const { report, header } = await compile(parseGraph(`graph @g stage=inference (t: float32[8, 4], ids: int64[3], b: float32[3, 4]) -> (y: float32[3, 4], z: float32[3, 4]) {
  const %one: int64[1] = [1]
  %next: int64[3] = add(%ids, %one)
  %rows: float32[3, 4] = gather(%t, %next) {axis = 0}
  %y: float32[3, 4] = add(%rows, %b)
  %bits: bool[3, 4] = lt(%b, %b)
  %more: int64[3, 4] = cast(%bits) {to = int64}
  %f: float32[3, 4] = cast(%more) {to = float32}
  %z: float32[3, 4] = mul(%b, %f)
  return y = %y, z = %z
}`), { target: 'wgsl' })
  expect(report.host?.map((part) => part.map((n) => n.op))).toEqual([['add']])
  // The look-up and what follows it are one kernel still, and so is arithmetic on integers that are known to fit.
  expect(header.kernels.map((k) => (k.code as { readonly kind: string }).kind).sort()).toEqual(['host', 'shader', 'shader'])
})

import { describe, expect, it } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import { toNumbers } from '../../src/ir/host-tensor.js'
import { arange, empty, full, fullLike, manualSeed, ones, onesLike, rand, randn, tensor, zeros } from '../../src/tracer/creation.js'
import { Tensor } from '../../src/tracer/tensor.js'

function codeOf(run: () => unknown): string {
  try { run() } catch (error) { return (error as IngotError).code }
  return 'nothing thrown'
}

describe('tensor', () => {
  it('takes nested values, whose kind decides the dtype', () => {
    expect([tensor([[1, 2], [3, 4]]).shape, tensor(5).shape, tensor([]).shape]).toEqual([[2, 2], [], [0]])
    expect([tensor([1]).dtype, tensor([true]).dtype, tensor([[1n]]).dtype, tensor('a').dtype, tensor([1], { dtype: 'int8' }).dtype]).toEqual(['float32', 'bool', 'int64', 'string', 'int8'])
    expect(codeOf(() => tensor([[1, 2], [3]]))).toBe('bad-tensor')
    expect(codeOf(() => tensor([1.5], { dtype: 'int8' }))).toBe('bad-tensor')
  })

  it('copies typed arrays, and refuses those that do not store the dtype', () => {
    const source = Float32Array.of(1, 2, 3, 4)
    const t = tensor(source, { shape: [2, 2] })
    source[0] = 9
    expect(Array.from(toNumbers(t))).toEqual([1, 2, 3, 4])
    expect([tensor(Uint8Array.of(1)).dtype, tensor(BigInt64Array.of(1n)).dtype, tensor(Uint16Array.of(0x3c00), { dtype: 'float16' }).item()]).toEqual(['uint8', 'int64', 1])
    expect(codeOf(() => tensor(source, { dtype: 'float64' }))).toBe('bad-tensor')
    expect(codeOf(() => tensor(source, { shape: [3] }))).toBe('bad-tensor')
    const bytes = Buffer.from([1, 2])
    const own = tensor(bytes)
    bytes[0] = 9
    expect(Array.from(toNumbers(own))).toEqual([1, 2])
  })

  it('is what Tensor.from gives', () => {
    expect(Tensor.from([[1, 2]]).mul(2).shape).toEqual([1, 2])
  })
})

describe('filled tensors', () => {
  it('have the value, the dtype and the shape', () => {
    expect(Array.from(toNumbers(full([2], 7, { dtype: 'int16' })))).toEqual([7, 7])
    expect([zeros([0, 2]).size, ones([]).item(), full([1], true).dtype, full([1], 2n).item(), empty([2, 3]).shape]).toEqual([0, 1, 'bool', 2n, [2, 3]])
    expect([onesLike(tensor([1n])).dtype, fullLike(ones([2, 1]), 3, { dtype: 'float64' }).shape]).toEqual(['int64', [2, 1]])
    expect(full([2], 2n ** 60n + 1n, { dtype: 'int64' }).select(0, 1).item()).toBe(2n ** 60n + 1n)
  })

  it('arange counts whole numbers in int64 and others in float32, both ways', () => {
    expect([arange(4).dtype, arange(0, 1, 0.25).dtype]).toEqual(['int64', 'float32'])
    expect(Array.from(toNumbers(arange(7, 0, -3)))).toEqual([7, 4, 1])
    expect(Array.from(toNumbers(arange(0, 1, 0.25)))).toEqual([0, 0.25, 0.5, 0.75])
    expect(codeOf(() => arange(0, 1, -1))).toBe('bad-attribute')
    expect(codeOf(() => arange(0, 1, 0))).toBe('bad-attribute')
  })
})

describe('random tensors', () => {
  it('are the same for the same seed', () => {
    expect(randn([5], { seed: 3 }).data).toEqual(randn([5], { seed: 3 }).data)
    expect(randn([5], { seed: 3 }).data).not.toEqual(randn([5], { seed: 4 }).data)
    manualSeed(1)
    const first = rand([3]), second = rand([3])
    manualSeed(1)
    expect([rand([3]).data, rand([3]).data]).toEqual([first.data, second.data])
    expect(first.data).not.toEqual(second.data)
  })

  it('have the moments of their distributions', () => {
    const moments = (t: Tensor): readonly number[] => { const x = toNumbers(t); const mean = x.reduce((a, b) => a + b) / x.length; return [mean, x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length] }
    const [mean, variance] = moments(randn([20_000], { seed: 1 })) as [number, number]
    // four standard errors of the mean and of the variance
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(20_000))
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / 20_000))
    const [middle, spread] = moments(rand([20_000], { seed: 2 })) as [number, number]
    expect(Math.abs(middle - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / 20_000))
    expect(Math.abs(spread - 1 / 12)).toBeLessThan(0.003)
  })
})

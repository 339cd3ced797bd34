import { describe, expect, it } from 'vitest'
import { counting, f32, f32Type, inferred, numbers, run } from './nn-run.js'

const pool = { kernel: [2, 2], strides: [2, 2], dilations: [1, 1], pads: [0, 0, 0, 0], ceil_mode: false }
const line = { kernel: [3], strides: [2], dilations: [1], pads: [1, 1], ceil_mode: false }

describe('max_pool', () => {
  it('takes the greatest element of each window', () => {
    expect(run('max_pool', [counting([1, 1, 4, 4])], pool)).toMatchObject({ shape: [1, 1, 2, 2], data: new Float32Array([6, 8, 14, 16]) })
  })

  it('never takes padding, and always NaN', () => {
    expect(numbers(run('max_pool', [f32([1, 1, 4], [-5, -7, -3, NaN])], line))).toEqual([-5, NaN])
  })

  it('counts a last window that partly fits in ceil mode, but none that starts in the padding', () => {
    expect(numbers(run('max_pool', [counting([1, 1, 4])], { ...line, pads: [0, 0], ceil_mode: true }))).toEqual([3, 4])
    expect(run('max_pool', [counting([1, 1, 2])], { ...line, kernel: [1], pads: [0, 1], ceil_mode: true }).shape).toEqual([1, 1, 1])
    expect(inferred('max_pool', [f32Type(1, 1, 'w')], { ...line, pads: [0, 0], ceil_mode: true }).types).toEqual(['float32[1, 1, min(floordiv(w + 1, 2), floordiv(w, 2))]'])
  })

  it('skips elements between taps of a dilated window', () => {
    expect(numbers(run('max_pool', [f32([1, 1, 5], [1, 9, 2, 8, 3])], { ...line, kernel: [2], strides: [1], dilations: [2], pads: [0, 0] }))).toEqual([2, 9, 3])
  })
})

describe('max_pool_indices', () => {
  const x = f32([1, 2, 2, 3], [1, 5, 2, 7, 0, 7, 3, 3, 3, 3, 3, 4])
  const attrs = { ...pool, strides: [1, 1] }

  it('counts through the whole input and takes the first of equals', () => {
    expect(run('max_pool_indices', [x], { ...attrs, storage_order: 0 }).data).toEqual(new BigInt64Array([3n, 5n, 6n, 11n]))
  })

  it('counts down columns with storage order 1', () => {
    expect(run('max_pool_indices', [x], { ...attrs, storage_order: 1 }).data).toEqual(new BigInt64Array([1n, 5n, 6n, 11n]))
  })
})

describe('average_pool', () => {
  it('divides by the elements inside, or with count_include_pad by those in the padding too', () => {
    const x = f32([1, 1, 4], [2, 4, 6, 8])
    expect(numbers(run('average_pool', [x], { ...line, count_include_pad: false }))).toEqual([3, 6])
    expect(numbers(run('average_pool', [x], { ...line, count_include_pad: true }))).toEqual([2, 6])
  })

  it('does not count what a partly fitting window has beyond the padding', () => {
    const x = f32([1, 1, 4], [2, 4, 6, 8]), attrs = { kernel: [3], strides: [3], dilations: [1], pads: [0, 1], ceil_mode: true }
    expect(numbers(run('average_pool', [x], { ...attrs, count_include_pad: true }))).toEqual([4, 4])
    expect(numbers(run('average_pool', [x], { ...attrs, count_include_pad: false }))).toEqual([4, 8])
  })
})

describe('lp_pool', () => {
  it('is the p-norm of each window', () => {
    const x = f32([1, 1, 2], [3, -4])
    const norm = (p: number): number[] => numbers(run('lp_pool', [x], { ...line, kernel: [2], strides: [1], pads: [0, 0], p }))
    expect(norm(1)).toEqual([7])
    expect(norm(2)).toEqual([5])
    expect(norm(3)[0]).toBeCloseTo(Math.cbrt(27 + 64), 6)
  })
})

describe('pools', () => {
  it('refuse a window that does not fit and attributes of another rank', () => {
    expect(() => inferred('max_pool', [f32Type(1, 1, 4)], { ...pool })).toThrow(/kernel needs 1 entries but has 2/)
    expect(inferred('max_pool', [f32Type(1, 1, 'w')], { ...line, pads: [0, 0] }).assumed).toEqual(['3 <= w'])
  })
})

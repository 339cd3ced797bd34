import { describe, expect, it } from 'vitest'
import { DTYPES, type DType } from '../../src/base/dtype.js'
import { IngotError } from '../../src/base/error.js'
import { fromNumbers, hostTensor, seededTensor, tensorsEqual, toNumbers } from '../../src/ir/host-tensor.js'

const DTYPE_NAMES = (Object.keys(DTYPES) as DType[]).filter((d) => d !== 'string')

describe('host tensors', () => {
  it.each(DTYPE_NAMES)('%s holds small values exactly, in every place of odd lengths', (dtype) => {
    const values = dtype === 'bool' ? [1, 0, 1, 1, 0] : dtype === 'int2' ? [1, 0, -2, -1, 1] : dtype === 'float8e8m0' ? [1, 2, 0.5, 1, 4] : DTYPES[dtype].kind === 'uint' ? [1, 0, 3, 2, 1] : [1, 0, -2, -1, 2]
    const tensor = fromNumbers(dtype, [5], values)
    expect(Array.from(toNumbers(tensor))).toEqual(values)
    expect(tensor.data).toBeInstanceOf(DTYPES[dtype].array as typeof Uint8Array)
  })

  it('pack the first element into the low bits', () => {
    expect(Array.from(fromNumbers('int4', [3], [1, -1, 7]).data as Uint8Array)).toEqual([0xf1, 0x07])
    expect(Array.from(fromNumbers('uint2', [5], [1, 2, 3, 0, 2]).data as Uint8Array)).toEqual([0b00111001, 0b10])
    expect(Array.from(fromNumbers('float4e2m1', [2], [0.5, -6]).data as Uint8Array)).toEqual([0xf1])
  })

  it('wrap integers and truncate toward zero', () => {
    expect(Array.from(toNumbers(fromNumbers('int8', [4], [127.9, 128, -129, 300])))).toEqual([127, -128, 127, 44])
    expect(Array.from(toNumbers(fromNumbers('uint8', [3], [-1, 256, 255.5])))).toEqual([255, 0, 255])
    expect(fromNumbers('int64', [2], [-1.5, 2 ** 63]).data).toEqual(BigInt64Array.of(-1n, -(2n ** 63n)))
    expect(Array.from(toNumbers(fromNumbers('int4', [2], [8, -9])))).toEqual([-8, 7])
  })

  it('take NaN for true', () => {
    expect(Array.from(toNumbers(fromNumbers('bool', [4], [NaN, 0, -0, 0.1])))).toEqual([1, 0, 0, 1])
  })

  it('keep 64-bit integers that no double holds', () => {
    expect(hostTensor('int64', [1], [9007199254740993n]).data).toEqual(BigInt64Array.of(9007199254740993n))
  })

  it('take storage as it is and numbers as values', () => {
    expect(Array.from(toNumbers(hostTensor('float16', [1], Uint16Array.of(0x3c00))))).toEqual([1])
    expect(Array.from(hostTensor('float16', [1], [1]).data as Uint16Array)).toEqual([0x3c00])
  })

  it('refuse a wrong count and a wrong storage', () => {
    expect(() => hostTensor('float32', [2, 2], [1, 2, 3])).toThrow(/takes 4 elements, 3 were given/)
    expect(() => hostTensor('float32', [1], new Float64Array(1))).toThrow(/stored in a Float32Array, not in a Float64Array/)
    expect(() => hostTensor('int4', [3], new Uint8Array(3))).toThrow(IngotError)
    expect(() => fromNumbers('string', [1], [1])).toThrow(/strings cannot be made/)
  })

  it('are the same for the same seed, differ for another, and keep to their range', () => {
    const a = seededTensor('float32', [100], 7), b = seededTensor('float32', [100], 7), c = seededTensor('float32', [100], 8)
    expect(tensorsEqual(a, b)).toBe(true)
    expect(tensorsEqual(a, c)).toBe(false)
    for (const n of toNumbers(seededTensor('int32', [500], 3, [-2, 3]))) expect([-2, -1, 0, 1, 2]).toContain(n)
    expect(new Set(toNumbers(seededTensor('bool', [50], 1)))).toEqual(new Set([0, 1]))
  })

  it('differ when only a sign of zero does', () => {
    expect(tensorsEqual(hostTensor('float32', [1], [0]), hostTensor('float32', [1], [-0]))).toBe(false)
    expect(tensorsEqual(hostTensor('float32', [1, 2], [0, 1]), hostTensor('float32', [2, 1], [0, 1]))).toBe(false)
  })
})

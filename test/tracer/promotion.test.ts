import { describe, expect, it } from 'vitest'
import type { DType } from '../../src/base/dtype.js'
import { ones, tensor } from '../../src/tracer/creation.js'
import { canCast, promoteTypes, resultType } from '../../src/tracer/promotion.js'

describe('promotion of dtypes', () => {
  // torch.promote_types, row by row; the columns are the same list
  const ORDER = ['uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'float32', 'float64', 'bool', 'bfloat16'] as const
  const ABBREVIATIONS: Readonly<Record<string, DType>> = { u1: 'uint8', i1: 'int8', i2: 'int16', i4: 'int32', i8: 'int64', f2: 'float16', f4: 'float32', f8: 'float64', b1: 'bool', bf: 'bfloat16' }
  const TORCH = `
    u1 i2 i2 i4 i8 f2 f4 f8 u1 bf
    i2 i1 i2 i4 i8 f2 f4 f8 i1 bf
    i2 i2 i2 i4 i8 f2 f4 f8 i2 bf
    i4 i4 i4 i4 i8 f2 f4 f8 i4 bf
    i8 i8 i8 i8 i8 f2 f4 f8 i8 bf
    f2 f2 f2 f2 f2 f2 f4 f8 f2 f4
    f4 f4 f4 f4 f4 f4 f4 f8 f4 f4
    f8 f8 f8 f8 f8 f8 f8 f8 f8 f8
    u1 i1 i2 i4 i8 f2 f4 f8 b1 bf
    bf bf bf bf bf f4 f4 f8 bf bf`.trim().split('\n').map((row) => row.trim().split(' ').map((name) => ABBREVIATIONS[name]))

  it('is torch’s table', () => {
    expect(ORDER.map((a) => ORDER.map((b) => promoteTypes(a, b)))).toEqual(TORCH)
  })

  it('holds both values for the unsigned integers that torch leaves out, as numpy does', () => {
    expect(promoteTypes('uint16', 'uint8')).toBe('uint16')
    expect(promoteTypes('uint16', 'int16')).toBe('int32')
    expect(promoteTypes('int8', 'uint32')).toBe('int64')
    expect(promoteTypes('int64', 'uint32')).toBe('int64')
    expect(() => promoteTypes('uint64', 'int8')).toThrow('no integer dtype')
    expect(() => promoteTypes('string', 'int8')).toThrow('takes no part')
  })
})

describe('the dtype of an operation', () => {
  it('is decided by tensors; rank-0 tensors and numbers count only from a higher category', () => {
    const i8 = ones([2], { dtype: 'int8' }), f2 = ones([2], { dtype: 'float16' })
    expect(resultType(i8, 3)).toBe('int8')
    expect(resultType(i8, 1.5)).toBe('float32')
    expect(resultType(f2, 1.5)).toBe('float16')
    expect(resultType(i8, tensor(5, { dtype: 'int64' }))).toBe('int8')
    expect(resultType(i8, tensor(5, { dtype: 'float64' }))).toBe('float64')
    expect(resultType(f2, tensor(5, { dtype: 'float64' }))).toBe('float16')
    expect(resultType(tensor(true), 2)).toBe('int64')
    expect(resultType(tensor(5, { dtype: 'int32' }), 2.5)).toBe('float32')
    expect(resultType(ones([2], { dtype: 'bool' }), true)).toBe('bool')
  })

  it('shows in arithmetic, where division is of floats', () => {
    const i = tensor([1, 2], { dtype: 'int32' })
    expect([i.add(1).dtype, i.add(0.5).dtype, i.div(2).dtype, i.mul(tensor([2n])).dtype, i.exp().dtype, ones([2], { dtype: 'bool' }).sum().dtype]).toEqual(['int32', 'float32', 'float32', 'int64', 'float32', 'int64'])
    expect(Array.from(i.div(2).data as Float32Array)).toEqual([0.5, 1])
    expect(i.to('int64').add(2n ** 40n).data).toEqual(BigInt64Array.of(2n ** 40n + 1n, 2n ** 40n + 2n))
  })

  it('may be stored in place only in the same category or a higher one', () => {
    expect([canCast('float64', 'float16'), canCast('int64', 'int8'), canCast('float16', 'int64'), canCast('int8', 'bool'), canCast('bool', 'float32')]).toEqual([true, true, false, false, true])
  })
})

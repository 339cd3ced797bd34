import { expect, test } from 'vitest'
import { Tensor } from '../../src/runtime/tensor.js'
import { errorOf } from './expect-code.js'

test('a tensor keeps dtype, shape and elements', () => {
  const t = new Tensor('float32', [2, 2], Float32Array.of(1, 2, 3, 4))
  expect([t.dtype, t.shape, t.size, t.data, t.isInference(), t.version]).toEqual(['float32', [2, 2], 4, Float32Array.of(1, 2, 3, 4), false, 0])
})

test('an inference tensor hands out copies and has no version', async () => {
  const t = new Tensor('int32', [2], Int32Array.of(1, 2), { inference: true })
  ;(t.data as Int32Array)[0] = 9
  expect(t.data).toEqual(Int32Array.of(1, 2))
  expect(t.isInference()).toBe(true)
  await errorOf('inference-version', () => t.version)
})

test('storage of another kind or length is refused', async () => {
  await errorOf('bad-tensor', () => new Tensor('float32', [2], Float64Array.of(1, 2)))
  await errorOf('bad-tensor', () => new Tensor('float32', [3], Float32Array.of(1, 2)))
  await errorOf('bad-tensor', () => new Tensor('float32', [1.5], Float32Array.of(1, 2)))
  await errorOf('bad-tensor', () => new Tensor('string', [2], Float32Array.of(1, 2)))
})

test('strings are tensors too, and a copy of them is a copy', () => {
  const t = new Tensor('string', [2], ['a', 'b'], { inference: true })
  expect(t.data).toEqual(['a', 'b'])
  expect(t.data).not.toBe(t.data)
})

test('packed types count elements, not bytes', async () => {
  expect(new Tensor('int4', [3], new Uint8Array(2)).size).toBe(3)
  await errorOf('bad-tensor', () => new Tensor('int4', [3], new Uint8Array(3)))
})

test('nested values make tensors', async () => {
  expect(Tensor.from([[1, 2], [3, 4]]).data).toEqual(Float32Array.of(1, 2, 3, 4))
  expect(Tensor.from([1n, 2], { dtype: 'int64' }).data).toEqual(BigInt64Array.of(1n, 2n))
  expect(Tensor.from([['a'], ['b']], { dtype: 'string' }).shape).toEqual([2, 1])
  await errorOf('bad-tensor', () => Tensor.from([[1], 2]))
})

test('the text of a tensor shows its elements, and of long axes both ends', () => {
  expect(String(Tensor.from([[1, 2.5], [3, -4]]))).toBe('Tensor float32[2, 2] [[1, 2.5], [3, -4]]')
  expect(String(Tensor.from([1, 2, 3, 4, 5, 6, 7], { dtype: 'int8' }))).toBe('Tensor int8[7] [1, 2, 3, …, 5, 6, 7]')
  expect(String(Tensor.from(true, { dtype: 'bool' }))).toBe('Tensor bool[] true')
  expect(String(new Tensor('float16', [1], Uint16Array.of(0x3e00)))).toBe('Tensor float16[1] [1.5]')
})

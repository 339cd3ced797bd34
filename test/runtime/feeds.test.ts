import { expect, test } from 'vitest'
import type { Dim } from '../../src/base/dim.js'
import type { DType } from '../../src/base/dtype.js'
import type { ErrorCode } from '../../src/base/error.js'
import type { Feed } from '../../src/runtime/feeds.js'
import type { Port } from '../../src/runtime/format.js'
import { load } from '../../src/runtime/session.js'
import { Tensor } from '../../src/runtime/tensor.js'
import { errorOf } from './expect-code.js'
import { identity, scaleAdd } from './sample-programs.js'

const pass = async (dtype: DType, shape: readonly Dim[], feed: Feed): Promise<Tensor> => {
  using session = await load(identity(dtype, shape))
  return session.runSync({ x: feed })['y'] as Tensor
}

test('an unknown name is refused with the names there are', async () => {
  using session = await load(scaleAdd())
  const error = await errorOf('feed-unknown', () => session.runSync({ x: [[1, 2, 3]], y: [[1, 2, 3]] }))
  expect(error.message).toContain('"y" is no input of scale-add')
  expect(error.hint).toContain('"x", "z"')
  await errorOf('feed-unknown', () => session.runSync(JSON.parse('{"__proto__": 1}')))
})

test('a missing feed is named with its dtype and shape', async () => {
  using session = await load(scaleAdd())
  const error = await errorOf('feed-missing', () => session.runSync({ x: [[1, 2, 3]] }))
  expect(error.message).toContain('input "z" was not fed')
  expect(error.hint).toContain('float32 [batch, 3]')
  await errorOf('feed-missing', () => session.runSync({ x: [[1, 2, 3]], z: undefined as never }))
})

test('a feed of another dtype is refused with both dtypes', async () => {
  for (const feed of [Float64Array.of(1, 2), new Tensor('float64', [2], Float64Array.of(1, 2)), { dtype: 'float64', shape: [2], data: Float64Array.of(1, 2) } as const, new DataView(new ArrayBuffer(8)) as never]) {
    const error = await errorOf('feed-dtype', () => pass('float32', [2], feed))
    expect(error.message).toContain('takes float32')
  }
  await errorOf('feed-dtype', () => pass('float32', [2], ['a', 'b']))
})

test('a feed of another rank is refused with both shapes', async () => {
  const error = await errorOf('feed-rank', () => pass('float32', ['n', 2], [1, 2]))
  expect(error.message).toContain('declared [n, 2] (rank 2), was fed [2] (rank 1)')
  await errorOf('feed-rank', () => pass('float32', [2], { dtype: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) }))
  await errorOf('feed-rank', () => pass('float32', [2], { dtype: 'float32' } as never))
})

test('a fixed extent that differs is refused with axis, given and wanted', async () => {
  const error = await errorOf('feed-extent', () => pass('float32', ['n', 2], [[1, 2, 3]]))
  expect(error.message).toContain('has extent 3 on axis 1, the program takes 2')
})

test('two feeds that disagree on a symbol are refused with where it came from, on later runs too', async () => {
  using session = await load(scaleAdd())
  for (let i = 0; i < 2; i++) {
    const error = await errorOf('feed-extent', () => session.runSync({ x: [[1, 2, 3]], z: [[1, 2, 3], [4, 5, 6]] }))
    expect(error.message).toContain('input "z" has extent 2 on axis 0, which is declared batch = 1')
    expect(error.hint).toContain('batch is 1 by axis 0 of input "x"')
    session.runSync({ x: [[1, 2, 3]], z: [[1, 2, 3]] })
  }
})

test('an extent declared as an expression has to be what the expression gives', async () => {
  const inputs: Port[] = [{ name: 'x', dtype: 'float32', shape: ['past', 'seq'], buffer: 0 }, { name: 'mask', dtype: 'float32', shape: [['+', 'past', 'seq']], buffer: 2 }]
  const base = identity('float32', ['past', 'seq'])
  using session = await load({ ...base, header: { ...base.header, inputs, buffers: [...base.header.buffers, { dtype: 'float32', length: ['+', 'past', 'seq'], place: 'arena', first: 0, last: 0 }] } })
  expect(session.runSync({ x: [[1, 2, 3]], mask: [0, 0, 0, 0] })['y']?.shape).toEqual([1, 3])
  expect(session.runSync({ x: [[1, 2, 3]], mask: new Float32Array(4) })['y']?.shape).toEqual([1, 3])
  const error = await errorOf('feed-extent', () => session.runSync({ x: [[1, 2, 3]], mask: [0, 0, 0] }))
  expect(error.message).toContain('declared (past + seq) = 4')
  await errorOf('feed-extent', () => session.runSync({ x: [[1, 2, 3]], mask: new Float32Array(5) }))
})

test('a typed array is taken where the declared shape leaves one extent open, and only there', async () => {
  expect((await pass('float32', ['n', 3], new Float32Array(12))).shape).toEqual([4, 3])
  expect((await pass('float32', ['n', 3], new Float32Array(0))).shape).toEqual([0, 3])
  expect((await pass('float32', [2, 3], new Float32Array(6))).shape).toEqual([2, 3])
  expect((await pass('float32', [], Float32Array.of(4))).shape).toEqual([])
  expect((await errorOf('feed-extent', () => pass('float32', ['n', 3], new Float32Array(13)))).message).toContain('13 elements')
  await errorOf('feed-extent', () => pass('float32', ['n', 0], new Float32Array(0)))
  await errorOf('feed-extent', () => pass('float32', ['n', 'm'], new Float32Array(4)))
  await errorOf('feed-extent', () => pass('float32', ['n', 'n'], new Float32Array(4)))
  await errorOf('feed-extent', () => pass('float32', [2, 3], new Float32Array(7)))
})

test('a typed array is solved with the extents that other inputs give, whatever their order', async () => {
  using session = await load(scaleAdd())
  const x = Float32Array.of(1, 1, 1, 1, 1, 1)
  expect(session.runSync({ x, z: [[0, 0, 0], [0, 0, 0]] })['sum']?.shape).toEqual([2, 3])
  expect(session.runSync({ x: [[0, 0, 0], [0, 0, 0]], z: x })['sum']?.shape).toEqual([2, 3])
  await errorOf('feed-extent', () => session.runSync({ x, z: [[0, 0, 0]] }))
})

test('nested values take the shape of their nesting', async () => {
  expect((await pass('float32', ['a', 'b', 'c'], [[[1], [2]], [[3], [4]], [[5], [6]]])).shape).toEqual([3, 2, 1])
  expect((await pass('float32', ['a', 'b'], [[], []])).shape).toEqual([2, 0])
  expect((await pass('float32', [], 2.5)).data).toEqual(Float32Array.of(2.5))
  expect((await pass('bool', [2], [true, 0])).data).toEqual(Uint8Array.of(1, 0))
  expect((await pass('int64', [3], [1, -2n, 2 ** 40])).data).toEqual(BigInt64Array.of(1n, -2n, 2n ** 40n))
  // 1.5 is 0x3e00 in binary16, 1 + 2^-11 is half way and goes to the even 0x3c00
  expect((await pass('float16', [2], [1.5, 1 + 2 ** -11])).data).toEqual(Uint16Array.of(0x3e00, 0x3c00))
})

test('values that the dtype cannot hold and ragged nesting are refused', async () => {
  for (const [dtype, value] of [['int64', 1.5], ['int64', 2 ** 63], ['uint8', 256], ['uint8', -1], ['int32', NaN], ['bool', 2], ['float32', 1n], ['float8e5m2', 1], ['uint64', -1n]] as const) {
    const error = await errorOf('feed-dtype', () => pass(dtype, [1], [value]))
    expect(error.message).toContain(dtype)
  }
  expect((await errorOf('feed-dtype', () => pass('float32', ['a', 'b'], [[1, 2], [3]]))).message).toContain('ragged')
  await errorOf('feed-dtype', () => pass('float32', ['a', 'b'], [[1, 2], 3]))
  await errorOf('feed-dtype', () => pass('float32', ['a'], [1, [2]]))
})

test('data that does not fit its own shape is refused', async () => {
  const error = await errorOf('bad-tensor', () => pass('float32', ['n'], { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2) }))
  expect(error.message).toContain('3 elements')
  await errorOf('bad-tensor', () => pass('float32', ['n'], { dtype: 'float32', shape: [-1], data: new Float32Array(0) }))
})

test('clamped bytes are taken as uint8', async () => {
  expect((await pass('uint8', [2], Uint8ClampedArray.of(300, 7))).data).toEqual(Uint8Array.of(255, 7))
})

test('an element that an extent depends on has to be there and be whole', async () => {
  const base = identity('int64', ['k'])
  const symbols = [...base.header.symbols, { name: 'n', kind: 'element' as const, input: 0, index: 1 }]
  using session = await load({ ...base, header: { ...base.header, symbols } })
  expect(session.runSync({ x: [7, 8] })['y']?.shape).toEqual([2])
  await errorOf('feed-extent', () => session.runSync({ x: [7] }))
  await errorOf('feed-extent', () => session.runSync({ x: [7n, 2n ** 60n] }))
})

test('a feed that no longer fits is refused after one that did, and other kinds of the same shape are read anew', async () => {
  using session = await load(scaleAdd())
  const fed = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } as const
  const sumOf = (x: Feed, z: Feed = fed): unknown => session.runSync({ x, z })['sum']?.data
  const expected = Float32Array.of(3, 8, 18, 12, 20, 36)
  for (const x of [fed, fed, new Tensor('float32', [2, 3], fed.data), fed.data, fed, [[1, 2, 3], [4, 5, 6]], fed]) expect(sumOf(x)).toEqual(expected)
  const refused: readonly (readonly [ErrorCode, Feed])[] = [
    ['feed-dtype', { ...fed, dtype: 'int32', data: new Int32Array(6) }], ['feed-rank', { ...fed, shape: [6] }], ['feed-rank', { dtype: fed.dtype, data: fed.data } as never], ['feed-extent', { ...fed, shape: [3, 2] }],
    ['bad-tensor', { ...fed, data: new Float32Array(5) }], ['bad-tensor', { ...fed, data: new Float64Array(6) }], ['feed-extent', new Float32Array(3)], ['feed-dtype', new Int32Array(6)],
  ]
  for (const [code, x] of refused) {
    await errorOf(code, () => sumOf(x))
    expect(sumOf(fed)).toEqual(expected)
  }
  await errorOf('feed-unknown', () => session.runSync({ x: fed, y: fed }))
  await errorOf('feed-missing', () => session.runSync(Object.create({ x: fed, z: fed }) as never))
  // The session keeps its own copy of a shape.
  const shape = [2, 3], x = { dtype: 'float32', shape, data: fed.data } as const
  expect(sumOf(x)).toEqual(expected)
  shape[0] = 1
  await errorOf('bad-tensor', () => sumOf(x))
})

test('two shapes that a typed array could have are not told apart by what was fed before', async () => {
  using session = await load(identity('float32', ['n', 'm']))
  session.runSync({ x: [[1, 2], [3, 4]] })
  await errorOf('feed-extent', () => session.runSync({ x: new Float32Array(4) }))
})

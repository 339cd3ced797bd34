import { describe, expect, test } from 'vitest'
import type { DType, HostTensor } from '../../../src/base/dtype.js'
import { fromNumbers, seededTensor } from '../../../src/ir/host-tensor.js'
import { findDevice } from '../../codegen/wgsl/device.js'
import { interpretCall, kernelsOf, runCall, type OneInput } from './gpu-chain.js'
import { runOp } from './host-gradients.js'

const device = await findDevice()
const BY = ['groups', 'points'] as const

/** The first `k` of `x` along `axis`; extents are symbols where `symbolic`. */
function top(x: HostTensor, k: number, { axis = x.shape.length - 1, largest = true, symbolic = false } = {}): OneInput {
  const shape = x.shape.map((n, i) => (i === axis ? k : n))
  return { op: 'top_k', attrs: { axis, largest, k }, x, outputs: [{ dtype: x.dtype, shape }, { dtype: 'int64', shape }], ...(symbolic && { symbols: shape.map((_, i) => i) }) }
}

const seeded = (shape: readonly number[], dtype: DType = 'float32', range: readonly [number, number] = [-1, 1]): HostTensor => seededTensor(dtype, shape, shape.reduce((p, n) => p + n, 7), range)
/** Numbers of which many are equal, with all that is special among them. */
const special = (shape: readonly number[], dtype: DType = 'float32'): HostTensor => {
  const known = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-40, -1e-40, 2], picks = seeded(shape, 'int32', [0, known.length]).data as Int32Array
  return fromNumbers(dtype, shape, [...picks].map((i) => known[i] as number))
}
const nameOf = (c: OneInput): string => `${c.x.dtype}[${c.x.shape.join()}] ${JSON.stringify(c.attrs)} ${c.symbols === undefined ? '' : 'symbolic'}`

function expectRight(c: OneInput): void {
  const wanted = runOp(c.op, [c.x], c.attrs)
  for (const by of BY) expect(interpretCall(c, by), `${by} ${nameOf(c)}`).toEqual(wanted)
}

describe('sorting on a GPU', () => {
  test('gives whole rows of any length in order', () => {
    for (const n of [1, 2, 3, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 600, 1000, 1024]) for (const largest of [true, false]) expectRight(top(seeded([2, n]), n, { largest }))
  })

  test('keeps the order of equal elements, and counts NaN as greatest', () => {
    for (const n of [40, 200, 1500]) for (const largest of [true, false]) for (const dtype of ['float32', 'float16'] as const) expectRight(top(special([2, n], dtype), n, { largest }))
  })

  test('gives any number of first elements along any axis', () => {
    for (const k of [1, 2, 5, 33, 64]) for (const axis of [0, 1, 2]) expectRight(top(seeded([70, 66, 65].map((n, i) => (i === axis ? n : 2)), 'int32', [-9, 9]), k, { axis, largest: k % 2 === 0 }))
  })

  test('merges blocks of longer rows, few elements or all of them', () => {
    for (const [n, k] of [[1025, 1025], [1100, 3], [5000, 5000], [5000, 1], [5000, 1500], [9000, 1024]] as const) expectRight(top(seeded([2, n], 'int32', [-300, 300]), k, { largest: k % 2 === 0 }))
  })

  test('is right for extents that are symbols, and gives work to as many merges as there is for', () => {
    for (const [n, k] of [[1, 1], [3, 2], [1024, 1024], [1025, 7], [4097, 4097]] as const) expectRight(top(special([2, n]), k, { symbolic: true }))
    expectRight(top(seeded([3, 5, 2]), 4, { axis: 1, symbolic: true }))
    expectRight(top(seeded([0, 40]), 4, { symbolic: true }))
    expectRight(top(seeded([3, 0]), 0, { symbolic: true }))
  })

  test('orders unsigned and 64-bit integers as such', () => {
    expectRight(top(fromNumbers('uint32', [1, 64], Array.from({ length: 64 }, (_, i) => (i * 2654435761) % 2 ** 32)), 64))
    expectRight(top(seeded([2, 1200], 'int64', [-50, 50]), 1200, { largest: false }))
    expectRight(top(seeded([2, 80], 'uint8', [0, 255]), 80))
  })

  test('takes one kernel where a row fits a workgroup, else one more than it takes to merge blocks four by four', () => {
    const count = (n: number): number => kernelsOf(top({ dtype: 'float32', shape: [1, n], data: new Float32Array(0) }, 1), 'groups').kernels.length
    expect([1000, 1024, 1025, 4096, 4097, 16385, 50000].map(count)).toEqual([1, 1, 2, 2, 3, 4, 4])
  })

  test.skipIf(device === undefined)('is right on a device', async () => {
    for (const c of [top(special([3, 1000]), 1000), top(seeded([1, 70000], 'int32', [-999, 999]), 70000, { largest: false }), top(seeded([2, 70000]), 50), top(special([2, 5000]), 600, { symbolic: true }), top(seeded([2, 40, 3]), 7, { axis: 1, symbolic: true })]) {
      const [values, positions] = runOp(c.op, [c.x], c.attrs)
      for (const by of BY) {
        const [v, p] = await runCall(device as GPUDevice, c, by)
        expect([v?.data, Array.from(p?.data as Int32Array)], `${by} ${nameOf(c)}`).toEqual([values?.data, Array.from(positions?.data as BigInt64Array, Number)])
      }
    }
  })
})

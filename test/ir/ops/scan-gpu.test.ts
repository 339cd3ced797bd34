import { describe, expect, test } from 'vitest'
import type { DType } from '../../../src/base/dtype.js'
import { fromNumbers, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { findDevice } from '../../codegen/wgsl/device.js'
import { interpretCall, kernelsOf, runCall, type OneInput } from './gpu-chain.js'
import { runOp } from './host-gradients.js'

const device = await findDevice()
const BY = ['groups', 'points'] as const

interface Options { readonly dtype?: DType; readonly axis?: number; readonly exclusive?: boolean; readonly reverse?: boolean; readonly symbolic?: boolean }

/** Numbers whose sums are exact in every order. */
function sums(shape: readonly number[], { dtype = 'float32', axis = shape.length - 1, exclusive = false, reverse = false, symbolic = false }: Options = {}): OneInput {
  const whole = toNumbers(seededTensor('int32', shape, shape.length + (shape[axis] as number), dtype.startsWith('float') ? [-9, 10] : [0, 100])), x = fromNumbers(dtype, shape, [...whole])
  return { op: 'cumsum', attrs: { axis, exclusive, reverse }, x, outputs: [{ dtype, shape }], ...(symbolic && { symbols: shape.map((_, i) => i) }) }
}

const nameOf = (c: OneInput): string => `${c.x.dtype}[${c.x.shape.join()}] ${JSON.stringify(c.attrs)} ${c.symbols === undefined ? '' : 'symbolic'}`

function expectRight(c: OneInput): void {
  const [wanted] = runOp(c.op, [c.x], c.attrs)
  for (const by of BY) expect(interpretCall(c, by)[0], `${by} ${nameOf(c)}`).toEqual(wanted)
}

describe('prefix sums on a GPU', () => {
  test('are those of rows of any length', () => {
    for (const n of [0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 255, 256, 257, 1000, 2047, 2048, 2049, 5000]) for (const symbolic of [false, true]) expectRight(sums([2, n], { symbolic }))
  })

  test('are those along any axis, from either end, with and without the element itself', () => {
    for (const axis of [0, 1, 2]) for (const exclusive of [false, true]) for (const reverse of [false, true]) expectRight(sums([33, 35, 3], { axis, exclusive, reverse, symbolic: axis === 1 }))
  })

  test('carry from block to block of long rows, in one kernel or in several', () => {
    for (const [n, count] of [[8000, 1], [9000, 3]] as const) for (const exclusive of [false, true]) {
      const c = sums([1, n], { dtype: 'int32', exclusive, reverse: exclusive })
      expect(kernelsOf(c, 'groups').kernels).toHaveLength(count)
      expectRight(c)
    }
  })

  test('take one kernel where there are rows enough, and an invocation for a row where rows are short or many lie side by side', () => {
    const how = (shape: readonly number[], axis: number): readonly boolean[] => kernelsOf({ ...sums([0], {}), x: { dtype: 'float32', shape, data: new Float32Array(0) }, outputs: [{ dtype: 'float32', shape }], attrs: { axis, exclusive: false, reverse: false } }, 'groups').kernels.map((k) => k.kernel.shared !== undefined)
    expect([how([64, 9000], 1), how([8, 9000], 1), how([5, 31], 1), how([20000, 40], 1), how([20000, 64], 1), how([40, 20000], 0)]).toEqual([[true], [true, true, true], [false], [false], [true], [false]])
  })

  test('wrap as integers do and round as narrow floats do', () => {
    for (const dtype of ['int32', 'uint8', 'uint32', 'int16', 'float16'] as const) expectRight(sums([3, 300], { dtype, axis: 1 }))
    const c = { ...sums([1, 100], { dtype: 'int32' }), x: fromNumbers('int32', [1, 100], Array.from({ length: 100 }, (_, i) => 2_000_000_000 + i)) }
    expectRight(c)
  })

  test('have infinity and NaN from where they are in a row, and not before', () => {
    const numbers = Array.from({ length: 5000 }, (_, i) => (i === 2500 ? Infinity : i === 4000 ? -Infinity : 0.5)), x = fromNumbers('float32', [1, 5000], numbers)
    for (const exclusive of [false, true]) {
      const out = [...toNumbers(interpretCall({ ...sums([1, 5000], { exclusive, symbolic: true }), x }, 'groups')[0] as never)], shift = exclusive ? 1 : 0
      expect([out[2499 + shift], out[2500 + shift], out[3999 + shift], out[4000 + shift]].map(String)).toEqual(exclusive ? ['1250', 'Infinity', 'Infinity', 'NaN'] : ['1250', 'Infinity', 'Infinity', 'NaN'])
    }
  })

  test.skipIf(device === undefined)('are right on a device', async () => {
    for (const c of [sums([3, 1000]), sums([1, 70000], { dtype: 'int32' }), sums([2, 5000], { symbolic: true, exclusive: true, reverse: true }), sums([70, 9000]), sums([2, 40, 3], { axis: 1, symbolic: true })]) {
      const [wanted] = runOp(c.op, [c.x], c.attrs)
      for (const by of BY) expect((await runCall(device as GPUDevice, c, by))[0], `${by} ${nameOf(c)}`).toEqual(wanted)
    }
  })
})

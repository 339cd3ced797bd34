import { describe, expect, it } from 'vitest'
import type { DType, HostTensor } from '../../../src/base/dtype.js'
import { erf } from '../../../src/base/erf.js'
import type { Attrs, Value } from '../../../src/ir/graph.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'
import { LENIENT } from './sample-cases.js'

/** Runs an op's reference on tensors, with the types that it infers. */
function run(name: string, inputs: readonly (HostTensor | null)[], attrs: Attrs = {}): HostTensor {
  const op = getOp(name)
  const values = inputs.map((t, i): Value | null => (t === null ? null : { name: `x${i}`, type: tensorType(t.dtype, t.shape) }))
  const outputs = op.infer({ inputs: values, attrs }, LENIENT).map((t) => {
    if (t.kind !== 'tensor') throw new Error('not a tensor')
    return { dtype: t.dtype, shape: t.shape as readonly number[] }
  })
  return op.reference({ inputs, attrs, outputs })[0] as HostTensor
}

const vector = (dtype: DType, ...elements: number[]): HostTensor => hostTensor(dtype, [elements.length], elements)
const numbers = (t: HostTensor): number[] => Array.from(toNumbers(t))
const f32 = (...elements: number[]): HostTensor => vector('float32', ...elements)
const i64 = (...elements: number[]): HostTensor => vector('int64', ...elements)

describe('elementwise ops', () => {
  it('rounds halves to even', () => {
    expect(numbers(run('round', [f32(0.5, 1.5, 2.5, -0.5, -1.5, 2.4999, -2.6)]))).toEqual([0, 2, 2, -0, -2, 2, -3])
  })

  it('takes mod from the divisor and fmod from the dividend', () => {
    const a = vector('int32', 7, -7, 7, -7), b = vector('int32', 3, 3, -3, -3)
    expect(numbers(run('mod', [a, b]))).toEqual([1, 2, -2, -1])
    expect(numbers(run('fmod', [a, b]))).toEqual([1, -1, 1, -1])
    expect(numbers(run('mod', [i64(-7), i64(3)]))).toEqual([2])
    expect(numbers(run('mod', [f32(-5.5), f32(2)]))).toEqual([0.5])
  })

  it('truncates integer division and gives 0 for a divisor of 0', () => {
    expect(numbers(run('div', [vector('int32', 7, -7, 5), vector('int32', 2, 2, 0)]))).toEqual([3, -3, 0])
    expect(numbers(run('div', [i64(-7, 9), i64(2, 0)]))).toEqual([-3, 0])
    expect(numbers(run('div', [f32(1, -1, 0), f32(0, 0, 0)]))).toEqual([Infinity, -Infinity, NaN])
  })

  it('wraps integers and keeps 64-bit ones exact', () => {
    expect(numbers(run('add', [vector('uint8', 250), vector('uint8', 10)]))).toEqual([4])
    expect(numbers(run('mul', [vector('int32', 65537), vector('int32', 65537)]))).toEqual([131073])
    expect(numbers(run('mul', [vector('uint32', 4294967295), vector('uint32', 3)]))).toEqual([4294967293])
    const big = hostTensor('int64', [1], [9007199254740993n])
    expect(run('add', [big, i64(2)]).data).toEqual(BigInt64Array.of(9007199254740995n))
  })

  it('raises integers to whole powers exactly', () => {
    expect(run('pow', [i64(3), i64(39)]).data).toEqual(BigInt64Array.of(4052555153018976267n))
    expect(numbers(run('pow', [vector('int32', 2, -1, 0, 7), vector('int32', -1, -3, 0, 2)]))).toEqual([0, -1, 1, 49])
    expect(numbers(run('pow', [vector('int32', 9), f32(0.5)]))).toEqual([3])
    expect(numbers(run('pow', [f32(2, 4), i64(-1, 2)]))).toEqual([0.5, 16])
  })

  it('lets NaN through minimum, maximum, relu and clip', () => {
    expect(numbers(run('minimum', [f32(NaN, 1, 2), f32(1, NaN, 3)]))).toEqual([NaN, NaN, 2])
    expect(numbers(run('maximum', [f32(NaN, 1, 2), f32(1, NaN, 3)]))).toEqual([NaN, NaN, 3])
    expect(numbers(run('relu', [f32(NaN, -1, 2)]))).toEqual([NaN, 0, 2])
    expect(numbers(run('clip', [f32(NaN, -9, 9)], { min: -1, max: 1 }))).toEqual([NaN, -1, 1])
    expect(numbers(run('clip', [f32(0)], { min: 2, max: -2 }))).toEqual([-2])
  })

  it('gives the sign of zero as zero and of NaN as NaN', () => {
    expect(numbers(run('sign', [f32(-3, 0, 5, NaN)]))).toEqual([-1, 0, 1, NaN])
  })

  it('compares NaN as unequal to everything', () => {
    expect(numbers(run('eq', [f32(NaN, 1), f32(NaN, 1)]))).toEqual([0, 1])
    expect(numbers(run('ge', [f32(NaN, 1), f32(0, 1)]))).toEqual([0, 1])
  })

  it('tells infinities by the signs asked for', () => {
    const x = f32(Infinity, -Infinity, 1, NaN)
    expect(numbers(run('isinf', [x], { detect_negative: false, detect_positive: true }))).toEqual([1, 0, 0, 0])
    expect(numbers(run('isinf', [x], { detect_negative: true, detect_positive: true }))).toEqual([1, 1, 0, 0])
  })

  it('shifts everything out where the count reaches the width', () => {
    expect(numbers(run('shift_left', [vector('uint8', 1, 255, 3), vector('uint8', 8, 1, 40)]))).toEqual([0, 254, 0])
    expect(numbers(run('shift_right', [vector('uint32', 4294967295, 8), vector('uint32', 31, 32)]))).toEqual([1, 0])
    expect(numbers(run('shift_right', [i64(-8, -8), i64(1, 64)]))).toEqual([-4, -1])
  })

  it('has erf to 1e-15 of tabulated values', () => {
    // Abramowitz & Stegun table 7.1 and erf(3) to 16 digits
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 15)
    expect(erf(1)).toBeCloseTo(0.8427007929497149, 15)
    expect(erf(-3)).toBeCloseTo(-0.9999779095030014, 15)
    expect([erf(Infinity), erf(-Infinity), erf(NaN), erf(0)]).toEqual([1, -1, NaN, 0])
  })
})

describe('cast', () => {
  it('truncates floats, with 0 for NaN and saturation at the register', () => {
    expect(numbers(run('cast', [f32(1.9, -1.9, NaN, 3e10, -3e10)], { to: 'int32' }))).toEqual([1, -1, 0, 2147483647, -2147483648])
  })

  it('wraps integers', () => {
    expect(numbers(run('cast', [i64(-1, 300, 4294967301)], { to: 'uint8' }))).toEqual([255, 44, 5])
    expect(numbers(run('cast', [f32(-1, 300)], { to: 'uint8' }))).toEqual([255, 44])
  })

  it('makes bool of what is not 0, NaN included', () => {
    expect(numbers(run('cast', [f32(0, -0, 0.1, NaN)], { to: 'bool' }))).toEqual([0, 0, 1, 1])
  })

  it('rounds to float16 and overflows to infinity', () => {
    // 1 + 2^-11 is halfway between 1 and the next half; 65520 is halfway between the greatest half and 2^16
    expect(numbers(run('cast', [f32(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520)], { to: 'float16' }))).toEqual([1, 1 + 2 ** -9, 65504, Infinity])
  })
})

describe('reductions', () => {
  const empty = hostTensor('float32', [2, 0], [])
  it('over no elements give their neutral element', () => {
    const attrs = { axes: [1], keepdims: false }
    expect(numbers(run('reduce_sum', [empty], attrs))).toEqual([0, 0])
    expect(numbers(run('reduce_prod', [empty], attrs))).toEqual([1, 1])
    expect(numbers(run('reduce_max', [empty], attrs))).toEqual([-Infinity, -Infinity])
    expect(numbers(run('reduce_min', [hostTensor('int8', [1, 0], [])], attrs))).toEqual([127])
    expect(numbers(run('reduce_mean', [empty], attrs))).toEqual([NaN, NaN])
    expect(numbers(run('reduce_log_sum_exp', [empty], attrs))).toEqual([-Infinity, -Infinity])
  })

  it('over no axes are the identity, or the function of each element', () => {
    expect(numbers(run('reduce_sum', [f32(1, 2)], { axes: [], keepdims: true }))).toEqual([1, 2])
    expect(numbers(run('reduce_l2', [f32(-3, 4)], { axes: [], keepdims: false }))).toEqual([3, 4])
  })

  it('compute the log of a sum of exponentials without overflow', () => {
    expect(numbers(run('reduce_log_sum_exp', [f32(1000, 1000)], { axes: [0], keepdims: false }))[0]).toBeCloseTo(1000 + Math.LN2, 3)
    expect(numbers(run('reduce_log_sum_exp', [f32(-Infinity, Infinity)], { axes: [0], keepdims: false }))).toEqual([Infinity])
  })

  it('truncate integer means', () => {
    expect(numbers(run('reduce_mean', [vector('int32', -3, -4)], { axes: [0], keepdims: false }))).toEqual([-3])
  })

  it('find the first or the last of equal extremes, and NaN before all', () => {
    const at = (x: HostTensor, last: boolean, op = 'argmax'): number[] => numbers(run(op, [x], { axis: 0, keepdims: false, select_last: last }))
    expect([at(f32(1, 3, 3, 2), false), at(f32(1, 3, 3, 2), true)]).toEqual([[1], [2]])
    expect([at(f32(1, NaN, 9, NaN), false), at(f32(1, NaN, 9, NaN), true), at(f32(1, NaN, 9), false, 'argmin')]).toEqual([[1], [3], [1]])
  })

  it('softmax stays finite for large inputs and is NaN for rows of minus infinity', () => {
    expect(numbers(run('softmax', [f32(1000, 1000)], { axis: 0 }))).toEqual([0.5, 0.5])
    expect(numbers(run('softmax', [f32(-Infinity, -Infinity)], { axis: 0 }))).toEqual([NaN, NaN])
    expect(numbers(run('log_softmax', [f32(0, -1000)], { axis: 0 }))).toEqual([0, -1000])
  })

  it('layer_norm and rms_norm agree with hand arithmetic', () => {
    // mean 2, variance 1; mean square 5
    expect(numbers(run('layer_norm', [hostTensor('float64', [1, 2], [1, 3]), vector('float64', 2, 4), vector('float64', 10, 20)], { axis: 1, epsilon: 0 }))).toEqual([8, 24])
    expect(numbers(run('rms_norm', [hostTensor('float64', [1, 2], [1, 3]), vector('float64', 1, 1)], { axis: 1, epsilon: 0 }))).toEqual([1 / Math.sqrt(5), 3 / Math.sqrt(5)])
  })

  it('lrn looks at size channels, more of them after than before where size is even', () => {
    const x = hostTensor('float32', [1, 4], [1, 2, 3, 4])
    // sums of squares of channels 0-1, 0-1-2 without its own first, and so on: 1+4, 4+9, 9+16, 16
    expect(numbers(run('lrn', [x], { size: 2, alpha: 2, beta: 1, bias: 0 }))).toEqual([1 / 5, 2 / 13, 3 / 25, 4 / 16].map(Math.fround))
  })

  it('cumsum can leave out its own element and run backwards', () => {
    const sums = (exclusive: boolean, reverse: boolean): number[] => numbers(run('cumsum', [i64(1, 2, 3)], { axis: 0, exclusive, reverse }))
    expect([sums(false, false), sums(true, false), sums(false, true), sums(true, true)]).toEqual([[1, 3, 6], [0, 1, 3], [6, 5, 3], [5, 3, 0]])
  })
})

describe('movement', () => {
  it('pads by mirroring, repeating and in a ring, also by more than the axis holds', () => {
    const pad = (mode: string, before: number, after: number): number[] => numbers(run('pad', [i64(1, 2, 3), null], { mode, before: [before], after: [after] }))
    expect(pad('reflect', 4, 2)).toEqual([1, 2, 3, 2, 1, 2, 3, 2, 1])
    expect(pad('edge', 2, 1)).toEqual([1, 1, 1, 2, 3, 3])
    expect(pad('wrap', 4, 1)).toEqual([3, 1, 2, 3, 1, 2, 3, 1])
    expect(pad('constant', 1, -2)).toEqual([0, 1])
  })

  it('slices backwards', () => {
    expect(numbers(run('slice', [i64(1, 2, 3, 4, 5)], { axes: [0], starts: [4], steps: [-2], sizes: [3] }))).toEqual([5, 3, 1])
  })

  it('gathers with negative indices and refuses those out of range', () => {
    expect(numbers(run('gather', [i64(10, 20, 30), i64(-1, 0)], { axis: 0 }))).toEqual([30, 10])
    expect(() => run('gather', [i64(10, 20), i64(2)], { axis: 0 })).toThrow(expect.objectContaining({ code: 'index-out-of-range' }))
  })

  it('scatters updates in order, folding those that meet', () => {
    const scatter = (reduction: string): number[] => numbers(run('scatter_elements', [i64(1, 1, 1), i64(0, 0, 2), i64(5, 7, 9)], { axis: 0, reduction }))
    expect([scatter('none'), scatter('add'), scatter('mul'), scatter('max')]).toEqual([[7, 1, 9], [13, 1, 10], [35, 1, 9], [7, 1, 9]])
  })

  it('gathers and scatters at index tuples', () => {
    const x = hostTensor('int64', [2, 2], [1, 2, 3, 4])
    expect(numbers(run('gather_nd', [x, hostTensor('int64', [2, 2], [1, 0, 0, -1])], { batch_dims: 0 }))).toEqual([3, 2])
    expect(numbers(run('gather_nd', [x, hostTensor('int64', [2, 1], [1, 0])], { batch_dims: 1 }))).toEqual([2, 3])
    expect(numbers(run('scatter_nd', [x, hostTensor('int64', [1, 1], [-1]), hostTensor('int64', [1, 2], [8, 9])], { reduction: 'none' }))).toEqual([1, 2, 8, 9])
  })

  it('marks no position for an index out of range in one_hot', () => {
    const y = run('one_hot', [i64(1, -1, 5), f32(0, 1)], { axis: 1, depth: 3 })
    expect(numbers(y)).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0])
  })

  it('keeps triangles from any diagonal on', () => {
    const x = hostTensor('int64', [2, 3], [1, 2, 3, 4, 5, 6])
    expect(numbers(run('trilu', [x], { upper: true, k: 1 }))).toEqual([0, 2, 3, 0, 0, 6])
    expect(numbers(run('trilu', [x], { upper: false, k: 0 }))).toEqual([1, 0, 0, 4, 5, 0])
  })
})

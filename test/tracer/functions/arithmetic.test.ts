import { describe, expect, it } from 'vitest'
import { ones, tensor, zeros } from '../../../src/tracer/creation.js'
import { addcdiv, addcmul, hypot, lerp, logaddexp, xlogy } from '../../../src/tracer/functions/arithmetic.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, doubles, expectNumbers, expectRefusal, ints, numbers } from './values.js'

const HERE = 'arithmetic.test.ts'

describe('arithmetic', () => {
  it('scales the second operand by alpha', () => {
    expect(numbers(tensor([1, 2]).add(tensor([10, 20]), { alpha: 2 }))).toEqual([21, 42])
    expect(numbers(tensor([1, 2]).sub(tensor([10, 20]), { alpha: 2 }))).toEqual([-19, -38])
    expect(numbers(tensor([1, 2]).rsub(10, { alpha: 3 }))).toEqual([7, 4])
    expect(numbers(tensor([1, 2]).add_(tensor([1, 1]), { alpha: -1 }))).toEqual([0, 1])
  })

  it('broadcasts and promotes', () => {
    expect(all(ints([[1], [2]]).add(tensor([10, 20], { dtype: 'int8' })))).toEqual(['int64', [2, 2], [11, 21, 12, 22]])
    expect(all(ints([1, 2]).mul(0.5))).toEqual(['float32', [2], [0.5, 1]])
    expect(all(ones([2], { dtype: 'float16' }).sub(tensor([1, 2], { dtype: 'int64' })))).toEqual(['float16', [2], [0, -1]])
    expect(zeros([0, 3]).add(ones([3])).shape).toEqual([0, 3])
  })

  it('adds and multiplies bools as truth values, and has no difference of them', () => {
    const a = tensor([true, true, false]), b = tensor([true, false, false])
    expect(all(a.add(b))).toEqual(['bool', [3], [1, 1, 0]])
    expect(all(a.mul(b))).toEqual(['bool', [3], [1, 0, 0]])
    expectRefusal(() => a.sub(b), 'unsupported-dtype', /bool/, HERE)
  })

  it('divides integers as floats, or rounded as they are', () => {
    const a = ints([7, -7, 7, -7]), b = ints([2, 2, -2, -2])
    expect(all(a.div(b))).toEqual(['float32', [4], [3.5, -3.5, -3.5, 3.5]])
    expect(all(a.trueDivide(2))).toEqual(['float32', [4], [3.5, -3.5, 3.5, -3.5]])
    expect(all(a.div(b, { roundingMode: 'trunc' }))).toEqual(['int64', [4], [3, -3, -3, 3]])
    expect(all(a.div(b, { roundingMode: 'floor' }))).toEqual(['int64', [4], [3, -4, -4, 3]])
    expect(all(a.floorDivide(b))).toEqual(['int64', [4], [3, -4, -4, 3]])
    expect(numbers(tensor([7, -7]).floorDivide(2))).toEqual([3, -4])
    expect(numbers(tensor([7, -7]).div(2, { roundingMode: 'trunc' }))).toEqual([3, -3])
    expect(all(tensor([7], { dtype: 'uint8' }).floorDivide(2))).toEqual(['uint8', [1], [3]])
  })

  it('takes remainders with the sign of either operand', () => {
    const a = tensor([7, -7, 7, -7]), b = tensor([3, 3, -3, -3])
    expect(numbers(a.remainder(b))).toEqual([1, 2, -2, -1])
    expect(numbers(a.fmod(b))).toEqual([1, -1, 1, -1])
  })

  it('chooses extremes; fmax and fmin prefer numbers to NaN', () => {
    const a = tensor([1, NaN, 3]), b = tensor([2, 2, NaN])
    expect([numbers(a.maximum(b)), numbers(a.minimum(b))]).toEqual([[2, NaN, NaN], [1, NaN, NaN]])
    expect([numbers(a.fmax(b)), numbers(a.fmin(b))]).toEqual([[2, 2, 3], [1, 2, 3]])
    expect(numbers(ints([1, 5]).fmax(3))).toEqual([3, 5])
  })

  it('combines three operands', () => {
    const [x, a, b] = [tensor([1, 2]), tensor([3, 4]), tensor([2, 8])]
    expect(numbers(lerp(x, a, 0.5))).toEqual([2, 3])
    expect(numbers(addcmul(x, a, b, 2))).toEqual([13, 66])
    expect(numbers(addcdiv(x, a, b, 2))).toEqual([4, 3])
  })

  it('hypot, logaddexp and xlogy: by hand, and at their ends', () => {
    expectNumbers(hypot(doubles([3, 5]), doubles([4, 12])), [5, 13])
    expectNumbers(logaddexp(doubles([0, 1000, -Infinity, Infinity]), doubles([0, 1000, -Infinity, 0])), [Math.LN2, 1000 + Math.LN2, -Infinity, Infinity])
    expectNumbers(xlogy(doubles([0, 2, 0]), doubles([0, Math.E, Infinity])), [0, 2, 0])
    expect(numbers(xlogy(doubles([0]), doubles([NaN])))).toEqual([NaN])
  })

  it('writes to `out`, and refuses it where a gradient would be recorded', () => {
    const out = zeros([2])
    expect(tensor([1, 2]).mul(3, { out })).toBe(out)
    expect(numbers(out)).toEqual([3, 6])
    expectRefusal(() => ones([2], { requiresGrad: true }).add(1, { out }), 'out-requires-grad', /cannot be differentiated/, HERE)
  })

  it('refuses shapes that do not broadcast and dtypes without a common one, with the caller’s line', () => {
    expectRefusal(() => zeros([2]).add(zeros([3])), 'shape-mismatch', /2.*3|3.*2/, HERE)
    expectRefusal(() => ones([1], { dtype: 'uint64' }).add(ints([1])), 'dtype-mismatch', /no integer dtype/, HERE)
  })

  it('has the gradients of differences in what it composes', () => {
    const [x, y, z] = [leaf([2, 3], 1), leaf([3], 2), leaf([2, 3], 3, [1, 2])]
    const functions: readonly (readonly [string, (x: Tensor, y: Tensor, z: Tensor) => Tensor])[] = [
      ['lerp', (a, b, c) => lerp(a, b, c)], ['addcmul', (a, b, c) => addcmul(a, b, c, 2)], ['addcdiv', (a, b, c) => addcdiv(a, b, c, 2)], ['hypot', (a, b) => hypot(a, b)],
      ['logaddexp', (a, b) => logaddexp(a, b)], ['xlogy', (a, _, c) => xlogy(a, c)], ['rsub', (a, b) => a.rsub(b, { alpha: 2 })], ['fmax', (a, b) => a.fmax(b)],
    ]
    for (const [name, f] of functions) expectGradients(([a, b, c]) => weightedSum([f(a as Tensor, b as Tensor, c as Tensor)]), [x, y, z], name, 1e-5)
  })
})

import { describe, expect, it } from 'vitest'
import { ones, tensor, zeros } from '../../../src/tracer/creation.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { trace } from '../../../src/tracer/trace.js'
import { all, doubles, expectRefusal, ints, numbers } from './values.js'

const HERE = 'comparison.test.ts'

describe('comparisons', () => {
  it('are of each pair, stretched, in the common dtype', () => {
    const a = tensor([1, 2, 3]), b = ints([[2], [3]])
    expect(all(a.eq(b))).toEqual(['bool', [2, 3], [0, 1, 0, 0, 0, 1]])
    expect([a.ne(2), a.lt(2), a.le(2), a.gt(2), a.ge(2)].map(numbers)).toEqual([[1, 0, 1], [1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 1]])
    expect(numbers(ints([1, 2]).lt(1.5))).toEqual([1, 0])
    expect(numbers(tensor([NaN]).eq(NaN))).toEqual([0])
  })

  it('order bools as 0 and 1', () => { expect(all(tensor([false, true]).lt(tensor([true, true])))).toEqual(['bool', [2], [1, 0]]) })

  it('isclose counts infinities of one sign as close, and NaN where asked to', () => {
    const a = doubles([1, 1, Infinity, -Infinity, NaN, 0]), b = doubles([1 + 1e-6, 1.1, Infinity, Infinity, NaN, 1e-9])
    expect(numbers(a.isclose(b))).toEqual([1, 0, 1, 0, 0, 1])
    expect(numbers(a.isclose(b, { equalNan: true, atol: 0.2, rtol: 0 }))).toEqual([1, 1, 1, 0, 1, 1])
    expect([a.allclose(b), doubles([1]).allclose(doubles([1 + 1e-7])), ints([3]).allclose(ints([3]))]).toEqual([false, true, true])
  })

  it('equal is of shape and elements', () => {
    expect([ones([2]).equal(ones([2])), ones([2]).equal(ones([1, 2])), ones([2]).equal(zeros([2])), zeros([0]).equal(zeros([0]))]).toEqual([true, false, false, true])
  })

  it('that give a plain answer cannot be traced', () => {
    expect(() => trace((x: Tensor) => { if (x.allclose(x)) return x; return x.neg() }, [{ shape: [2] }])).toThrow('there are none until the graph runs')
  })

  it('refuse shapes that do not go together', () => { expectRefusal(() => zeros([2]).eq(zeros([3])), 'shape-mismatch', /\[op eq\]|op eq/, HERE) })
})

describe('truth values and bits', () => {
  it('take anything but zero for true', () => {
    const a = tensor([0, 2, NaN, 0]), b = ints([0, 0, 1, 3])
    expect(all(a.logicalAnd(b))).toEqual(['bool', [4], [0, 0, 1, 0]])
    expect([a.logicalOr(b), a.logicalXor(b), a.logicalNot()].map(numbers)).toEqual([[0, 1, 1, 1], [0, 1, 0, 1], [1, 0, 0, 1]])
  })

  it('are of bits for integers, and of bools too', () => {
    const a = ints([12, -1]), b = ints([10, 6])
    expect([a.bitwiseAnd(b), a.bitwiseOr(b), a.bitwiseXor(b), a.bitwiseNot(), a.bitwiseLeftShift(1), a.bitwiseRightShift(1)].map(numbers)).toEqual([[8, 6], [14, -1], [6, -7], [-13, 0], [24, -2], [6, -1]])
    const t = tensor([true, false])
    expect([t.bitwiseAnd(true), t.bitwiseOr(true), t.bitwiseXor(true), t.bitwiseNot()].map(all)).toEqual([['bool', [2], [1, 0]], ['bool', [2], [1, 1]], ['bool', [2], [0, 1]], ['bool', [2], [0, 1]]])
    expectRefusal(() => tensor([1.5]).bitwiseAnd(1), 'unsupported-dtype', /integers and bools, not float32/, HERE)
    expectRefusal(() => t.bitwiseLeftShift(true), 'unsupported-dtype', /of integers, not bool/, HERE)
  })

  it('tell what is no finite number', () => {
    const x = tensor([1, NaN, Infinity, -Infinity])
    expect([x.isnan(), x.isinf(), x.isposinf(), x.isneginf(), x.isfinite()].map(numbers)).toEqual([[0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])
    expect([ints([1]).isnan(), ints([1]).isfinite()].map(all)).toEqual([['bool', [1], [0]], ['bool', [1], [1]]])
  })
})

import { describe, expect, it } from 'vitest'
import { ones, tensor, zeros } from '../../../src/tracer/creation.js'
import { where } from '../../../src/tracer/functions/choosing.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, expectRefusal, ints, numbers } from './values.js'

const HERE = 'indexing.test.ts'
const M = (): Tensor => tensor([[1, 2, 3], [4, 5, 6]])

describe('reading at positions', () => {
  it('indexSelect, gather, takeAlongDim and take: by hand, from the end where negative', () => {
    expect(all(M().indexSelect(1, ints([2, 0, -1])))).toEqual(['float32', [2, 3], [3, 1, 3, 6, 4, 6]])
    expect(all(M().indexSelect(0, tensor(1, { dtype: 'int32' })))).toEqual(['float32', [1, 3], [4, 5, 6]])
    expect(numbers(M().gather(1, ints([[0, 2], [1, -1]])))).toEqual([1, 3, 5, 6])
    expect(numbers(M().gather(1, ints([[2]])))).toEqual([3])
    expect(all(M().takeAlongDim(ints([[1], [0]]), 1))).toEqual(['float32', [2, 1], [2, 4]])
    expect(numbers(M().takeAlongDim(ints([[2, 0]]), 1))).toEqual([3, 1, 6, 4])
    expect(numbers(M().takeAlongDim(ints([5, 0])))).toEqual([6, 1])
    expect(all(M().take(ints([[0, 5]])))).toEqual(['float32', [1, 2], [1, 6]])
    expect(numbers(M().indexSelect(0, tensor([1], { dtype: 'uint8' })))).toEqual([4, 5, 6])
  })

  it('refuses positions that are outside, and indices of a wrong rank, with the caller’s line', () => {
    expectRefusal(() => M().indexSelect(1, ints([3])), 'index-out-of-range', /3/, HERE)
    expectRefusal(() => M().indexSelect(1, ints([[0]])), 'shape-mismatch', /in a row/, HERE)
    expectRefusal(() => M().gather(0, ints([0])), 'shape-mismatch', /rank/, HERE)
    expectRefusal(() => M().takeAlongDim(ints([0]), 1), 'shape-mismatch', /as many axes/, HERE)
  })
})

describe('writing at positions', () => {
  it('scatter writes tensors, parts of greater ones, and numbers', () => {
    expect(numbers(zeros([2, 3]).scatter(1, ints([[2], [0]]), tensor([[7, 99], [8, 99]])))).toEqual([0, 0, 7, 8, 0, 0])
    expect(numbers(zeros([2, 3]).scatter(1, ints([[0, 1], [1, 2]]), 5))).toEqual([5, 5, 0, 0, 5, 5])
    expect(numbers(ones([3]).scatterAdd(0, ints([0, 0, 2]), tensor([1, 2, 3])))).toEqual([4, 1, 4])
  })

  it('scatterReduce folds', () => {
    const x = tensor([2, 3]), index = ints([0, 0, 1]), source = tensor([4, 1, 5])
    expect((['sum', 'prod', 'amax', 'amin'] as const).map((r) => numbers(x.scatterReduce(0, index, source, r)))).toEqual([[7, 8], [8, 15], [4, 5], [1, 3]])
    expectRefusal(() => x.scatterReduce(0, index, source, 'mean' as never), 'bad-attribute', /not mean/, HERE)
  })

  it('indexAdd, indexCopy, indexFill and selectScatter write whole slices', () => {
    expect(numbers(zeros([2, 2]).indexAdd(0, ints([1, 1]), tensor([[1, 2], [3, 4]]), { alpha: 10 }))).toEqual([0, 0, 40, 60])
    expect(numbers(M().indexCopy(1, ints([2, 0]), tensor([[7, 8], [9, 10]])))).toEqual([8, 2, 7, 10, 5, 9])
    expect(numbers(M().indexFill(1, ints([-1]), 0))).toEqual([1, 2, 0, 4, 5, 0])
    expect(numbers(M().selectScatter(tensor([8, 9]), 1, 1))).toEqual([1, 8, 3, 4, 9, 6])
    expect(numbers(M().selectScatter(tensor([7, 8, 9]), 0, -1))).toEqual([1, 2, 3, 7, 8, 9])
    expectRefusal(() => M().selectScatter(tensor([8, 9]), 1, 3), 'index-out-of-range', /outside/, HERE)
    expectRefusal(() => M().indexAdd(0, ints([0]), tensor([1, 2, 3])), 'shape-mismatch', /rank|stretch|\[1, 3\]/, HERE)
  })
})

describe('masks', () => {
  it('maskedFill and where choose, stretched', () => {
    expect(numbers(M().maskedFill(tensor([true, false, true]), -1))).toEqual([-1, 2, -1, -1, 5, -1])
    expect(all(where(tensor([[true], [false]]), M(), 0.5))).toEqual(['float32', [2, 3], [1, 2, 3, 0.5, 0.5, 0.5]])
    expect(numbers(M().where(tensor([true, false, true]), tensor(9)))).toEqual([1, 9, 3, 4, 9, 6])
    expectRefusal(() => M().maskedFill(ints([1, 0, 1]), 0), 'dtype-mismatch', /mask is int64/, HERE)
  })

  it('oneHot counts its classes where it is not told', () => {
    expect(all(ints([0, 2]).oneHot())).toEqual(['int64', [2, 3], [1, 0, 0, 0, 0, 1]])
    expect(ints([[1]]).oneHot(4).shape).toEqual([1, 1, 4])
  })
})

it('gradients are what differences say', () => {
  const index = ints([[0, 2], [1, 1]]), functions: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
    gather: (x) => x.gather(1, index), indexSelect: (x) => x.indexSelect(0, ints([1, 0, 1])), take: (x) => x.take(ints([5, 5, 0])), takeAlongDim: (x) => x.takeAlongDim(ints([[2, 0]]), 1),
    scatter: (x, y) => x.scatter(1, index.slice(0, 0, 1), y), scatterAdd: (x, y) => x.scatterAdd(1, index, y), indexAdd: (x, y) => x.indexAdd(1, ints([2, 2]), y), indexCopy: (x, y) => x.indexCopy(1, ints([2, 0]), y),
    maskedFill: (x) => x.maskedFill(x.detach().gt(0), 3), selectScatter: (x, y) => x.selectScatter(y.select(1, 0), 1, 1),
  }
  for (const [name, f] of Object.entries(functions)) expectGradients(([x, y]) => weightedSum([f(x as Tensor, y as Tensor)]), [leaf([2, 3], 4), leaf([2, 2], 5)], name)
})

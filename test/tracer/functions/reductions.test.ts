import { describe, expect, it } from 'vitest'
import { full, ones, tensor, zeros } from '../../../src/tracer/creation.js'
import type { Tensor } from '../../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from '../numeric-gradient.js'
import { all, doubles, expectNumbers, expectRefusal, ints, numbers, seeded } from './values.js'

const HERE = 'reductions.test.ts'
const M = (): Tensor => tensor([[1, 2, 3], [4, 5, 6]])

describe('reductions', () => {
  it('are over all axes, one, or several, and keep them where asked to', () => {
    expect(all(M().sum())).toEqual(['float32', [], [21]])
    expect(all(M().sum(0))).toEqual(['float32', [3], [5, 7, 9]])
    expect(all(M().sum(-1, { keepdim: true }))).toEqual(['float32', [2, 1], [6, 15]])
    expect(all(ones([2, 3, 4]).sum([0, -1]))).toEqual(['float32', [3], [8, 8, 8]])
    expect(all(M().prod(1))).toEqual(['float32', [2], [6, 120]])
    expect([M().amax(1), M().amin(0), M().mean(0)].map(numbers)).toEqual([[3, 6], [1, 2, 3], [2.5, 3.5, 4.5]])
    expect(all(tensor(5).sum())).toEqual(['float32', [], [5]])
  })

  it('add up integers and bools in int64, and other things in the dtype that is given', () => {
    expect(all(full([300], 1, { dtype: 'uint8' }).sum())).toEqual(['int64', [], [300]])
    expect(all(tensor([true, true]).sum())).toEqual(['int64', [], [2]])
    expect(all(tensor([true, false]).prod())).toEqual(['int64', [], [0]])
    expect(all(ints([1, 2]).mean(null, { dtype: 'float64' }))).toEqual(['float64', [], [1.5]])
    expect(all(tensor([1.5, 2.5]).sum(0, { dtype: 'int32' }))).toEqual(['int32', [], [3]])
    expectRefusal(() => ints([1]).mean(), 'unsupported-dtype', /mean of int64/, HERE)
  })

  it('are of nothing where there is nothing: 0, 1, NaN, or refused', () => {
    expect([zeros([0]).sum(), zeros([0]).prod(), zeros([0]).mean()].map(numbers)).toEqual([[0], [1], [NaN]])
    expect(all(zeros([2, 0]).sum(1))).toEqual(['float32', [2], [0, 0]])
    expectRefusal(() => zeros([0]).amax(), 'shape-mismatch', /no extreme/, HERE)
    expectRefusal(() => zeros([2, 0]).max(1), 'shape-mismatch', /no greatest|empty/, HERE)
  })

  it('all, any and countNonzero count what is not zero', () => {
    const x = tensor([[0, 1], [2, NaN]])
    expect(all(x.all())).toEqual(['bool', [], [0]])
    expect([x.all(1), x.any(0), x.any(1), x.countNonzero(), x.countNonzero(0)].map(numbers)).toEqual([[0, 1], [1, 1], [1, 1], [3], [1, 2]])
    expect([zeros([0]).all(), zeros([0]).any()].map(numbers)).toEqual([[1], [0]])
  })

  it('var and std divide by one less than the count, or by what is asked', () => {
    expectNumbers(doubles([[1, 2, 3], [2, 4, 9]]).var(1), [1, 13])
    expectNumbers(doubles([1, 2, 3, 4]).var(null, { correction: 0 }), [1.25])
    expectNumbers(doubles([[1, 3]]).std(1, { keepdim: true }), [Math.SQRT2])
    expect(numbers(tensor([3]).var())).toEqual([NaN])
  })

  it('norms are of any p', () => {
    const x = doubles([[3, -4], [0, 5]])
    expectNumbers(x.norm(), [Math.sqrt(50)])
    expectNumbers(x.norm(2, 1), [5, 5])
    expectNumbers(x.norm(1, 1), [7, 5])
    expectNumbers(x.norm(Infinity, 1), [4, 5])
    expectNumbers(x.norm(-Infinity, 1), [3, 0])
    expectNumbers(x.norm(0, 1), [2, 1])
    expectNumbers(x.norm(3, 1), [Math.cbrt(27 + 64), 5])
  })

  it('logsumexp does not overflow, and nansum leaves NaN out', () => {
    expectNumbers(doubles([1000, 1000]).logsumexp(0), [1000 + Math.LN2])
    expect(numbers(tensor([1, NaN, 2]).nansum())).toEqual([3])
  })

  it('cumsum runs along an axis, of integers in int64', () => {
    expect(all(M().cumsum(1))).toEqual(['float32', [2, 3], [1, 3, 6, 4, 9, 15]])
    expect(all(tensor([200, 100], { dtype: 'uint8' }).cumsum(0))).toEqual(['int64', [2], [200, 300]])
  })

  it('softmax, logSoftmax and softmin have rows that sum to one', () => {
    const x = seeded([3, 4], 2), rows = [0, 1, 2].map((r) => numbers(x).slice(4 * r, 4 * r + 4))
    const softmax = (row: readonly number[]): number[] => { const e = row.map(Math.exp), s = e.reduce((a, b) => a + b); return e.map((v) => v / s) }
    expectNumbers(x.softmax(1), rows.flatMap(softmax))
    expectNumbers(x.logSoftmax(-1), rows.flatMap(softmax).map(Math.log))
    expectNumbers(x.softmin(1), rows.flatMap((row) => softmax(row.map((v) => -v))))
    expect(all(ints([0, 0]).softmax(0))).toEqual(['float32', [2], [0.5, 0.5]])
    expect(all(tensor(3).softmax(0))).toEqual(['float32', [], [1]])
    expect(tensor([1, 2]).softmax(0, { dtype: 'float64' }).dtype).toBe('float64')
  })

  it('write to `out`', () => {
    const out = zeros([3])
    expect(M().sum(0, { out })).toBe(out)
    expect(numbers(out)).toEqual([5, 7, 9])
  })

  it('refuse axes that there are not, or that are named twice, with the caller’s line', () => {
    expectRefusal(() => M().sum(2), 'index-out-of-range', /axis 2 is not one of 2/, HERE)
    expectRefusal(() => M().sum([0, -2]), 'bad-attribute', /name one twice/, HERE)
  })

  it('have the gradients of differences', () => {
    const functions: Readonly<Record<string, (x: Tensor) => Tensor>> = { var: (x) => x.var(1), std: (x) => x.std([0, 2], { correction: 0 }), norm3: (x) => x.norm(3, 1), nansum: (x) => x.nansum(0), logsumexp: (x) => x.logsumexp([0, 1]), cumsum: (x) => x.cumsum(1), softmin: (x) => x.softmin(2) }
    for (const [name, f] of Object.entries(functions)) expectGradients(([x]) => weightedSum([f(x as Tensor)]), [leaf([2, 3, 2], 4)], name)
  })
})

describe('extremes and orders', () => {
  it('max and min are of all elements, along an axis with positions, or of pairs', () => {
    const x = tensor([[1, 5, 5], [7, 0, 2]])
    expect(all(x.max())).toEqual(['float32', [], [7]])
    const { values, indices } = x.max(1)
    expect([all(values), all(indices)]).toEqual([['float32', [2], [5, 7]], ['int64', [2], [1, 0]]])
    expect(all(x.min(0, { keepdim: true }).indices)).toEqual(['int64', [1, 3], [0, 1, 1]])
    expect(numbers(x.max(tensor([3, 3, 3])))).toEqual([3, 5, 5, 7, 3, 3])
    expect(all(tensor(4).max(0).values)).toEqual(['float32', [], [4]])
  })

  it('argmax and argmin find the first, among all or along an axis', () => {
    const x = tensor([[1, 5, 5], [7, 0, 0]])
    expect([x.argmax(), x.argmin(), x.argmax(1), x.argmin(1)].map(all)).toEqual([['int64', [], [3]], ['int64', [], [4]], ['int64', [2], [1, 0]], ['int64', [2], [0, 1]]])
    expect([x.argmax(0, { keepdim: true }).shape, x.argmax(null, { keepdim: true }).shape]).toEqual([[1, 3], [1, 1]])
  })

  it('topk, sort and argsort keep equal elements in order', () => {
    const x = tensor([[3, 1, 3, 2], [0, 9, 8, 9]])
    const top = x.topk(2)
    expect([all(top.values), all(top.indices)]).toEqual([['float32', [2, 2], [3, 3, 9, 9]], ['int64', [2, 2], [0, 2, 1, 3]]])
    expect(numbers(x.topk(1, 0, { largest: false }).values)).toEqual([0, 1, 3, 2])
    expect(numbers(x.sort().values)).toEqual([1, 2, 3, 3, 0, 8, 9, 9])
    expect(numbers(x.argsort(-1, { descending: true }))).toEqual([0, 2, 3, 1, 1, 3, 2, 0])
    expect(numbers(x.msort())).toEqual([0, 1, 3, 2, 3, 9, 8, 9])
    expect(all(tensor([true, false, true]).sort().values)).toEqual(['bool', [3], [0, 1, 1]])
    expect(numbers(tensor(3).sort().values)).toEqual([3])
    expectRefusal(() => x.topk(5), 'shape-mismatch', /no more elements can be taken/, HERE)
  })

  it('kthvalue counts from 1, and median takes the lesser of two in the middle', () => {
    const x = tensor([[3, 1, 2, 9], [4, 4, 0, 8]])
    expect([x.kthvalue(1).values, x.kthvalue(4, 1, { keepdim: true }).indices, x.median(1).values, x.median(1).indices].map(numbers)).toEqual([[1, 0], [3, 3], [2, 4], [2, 0]])
    expectRefusal(() => x.kthvalue(0), 'bad-attribute', /counts from 1/, HERE)
  })

  it('send gradients to what was chosen', () => {
    const x = tensor([[3, 1], [2, 9]], { requiresGrad: true })
    x.max(1).values.sum().add(x.sort(0, { descending: true }).values.select(0, 0).mul(10).sum()).backward()
    expect(numbers(x.grad as Tensor)).toEqual([11, 0, 0, 11])
    expectGradients(([y]) => weightedSum([(y as Tensor).topk(3, 1).values, (y as Tensor).median(0).values]), [leaf([3, 5], 8)], 'topk')
  })
})

import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { IngotError } from '../../src/base/error.js'
import { STORAGE } from '../../src/runtime/tensor.js'
import { arange, ones, tensor } from '../../src/tracer/creation.js'
import { inferenceMode, noGrad } from '../../src/tracer/modes.js'
import type { Tensor } from '../../src/tracer/tensor.js'

const numbers = (t: Tensor): number[] => Array.from(t[STORAGE] as Float32Array, Number)
const grid = (): Tensor => arange(0, 6, 1, { dtype: 'float32' }).view(2, 3)

function errorOf(run: () => unknown): IngotError {
  try { run() } catch (error) { return error as IngotError }
  throw new Error('nothing thrown')
}

describe('strides', () => {
  it('views change shape, strides and offset and share the storage', () => {
    const x = grid()
    const views = { t: x.transpose(0, 1), row: x.select(0, 1), part: x.narrow(1, 1, 2), wide: x.unsqueeze(0).expand(4, -1, -1), flat: x.view(-1), corner: x.narrow(1, 2, 1).squeeze() }
    expect(Object.values(views).every((v) => v.sharesStorage(x))).toBe(true)
    expect([views.t.shape, views.t.strides, views.t.storageOffset]).toEqual([[3, 2], [1, 3], 0])
    expect([views.row.shape, views.row.strides, views.row.storageOffset]).toEqual([[3], [1], 3])
    expect([views.part.shape, views.part.strides, views.part.storageOffset]).toEqual([[2, 2], [3, 1], 1])
    expect([views.wide.shape, views.wide.strides[0]]).toEqual([[4, 2, 3], 0])
    expect(numbers(views.t)).toEqual([0, 3, 1, 4, 2, 5])
    expect(numbers(views.part)).toEqual([1, 2, 4, 5])
    expect(numbers(views.corner)).toEqual([2, 5])
  })

  it('a view that strides cannot say is refused, reshape copies there', () => {
    const t = grid().transpose(0, 1)
    expect(errorOf(() => t.view(6)).code).toBe('shape-mismatch')
    const copy = t.reshape(6)
    expect([copy.sharesStorage(t), numbers(copy)]).toEqual([false, [0, 3, 1, 4, 2, 5]])
    expect(t.view(3, 1, 2).strides).toEqual([1, expect.any(Number), 3])
  })

  it('ops on strided views compute on the elements that the view shows', () => {
    const t = grid().transpose(0, 1)
    expect(numbers(t.add(t))).toEqual([0, 6, 2, 8, 4, 10])
    expect(numbers(t.matmul(grid()))).toEqual([9, 12, 15, 12, 17, 22, 15, 22, 29])
    expect(numbers(grid().sum(0))).toEqual([3, 5, 7])
  })

  it('contiguous is the tensor itself where it can be', () => {
    const x = grid()
    expect(x.contiguous()).toBe(x)
    expect(x.transpose(0, 1).contiguous().strides).toEqual([2, 1])
  })

  it('any chain of views shows what the same chain on copies does', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('transpose' as const), a: fc.nat(2), b: fc.nat(2) }),
      fc.record({ kind: fc.constant('narrow' as const), a: fc.nat(2), b: fc.nat(3) }),
      fc.record({ kind: fc.constant('flat' as const), a: fc.nat(2), b: fc.nat(2) }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 5 }), (steps) => {
      let view = arange(0, 60, 1, { dtype: 'float32' }).view(3, 4, 5), copy = view.clone()
      for (const { kind, a, b } of steps) {
        const apply = (t: Tensor): Tensor => {
          const rank = t.ndim, axis = a % rank, extent = t.shape[axis] as number
          if (kind === 'transpose') return t.transpose(axis, b % rank)
          if (kind === 'narrow') return t.narrow(axis, b % extent, extent - (b % extent))
          return t.reshape(t.shape[0] as number, -1)
        }
        view = apply(view)
        copy = apply(copy).clone()
      }
      expect([view.shape, numbers(view)]).toEqual([copy.shape, numbers(copy)])
    }), { seed: 11, numRuns: 200 })
  })

  it('rank 0, extents of 0 and of 1 are viewed like any other', () => {
    expect(tensor(5).view(1, 1).shape).toEqual([1, 1])
    expect(ones([0, 3]).view(3, 0, 7).shape).toEqual([3, 0, 7])
    expect(ones([1, 3, 1]).transpose(0, 2).view(3).shape).toEqual([3])
    expect(ones([2, 0]).transpose(0, 1).sum().item()).toBe(0)
  })
})

describe('data', () => {
  it('is the memory of a normal tensor, a copy of a strided one, a copy of an inference tensor outside the mode', () => {
    const x = grid()
    ;(x.data as Float32Array)[0] = 9
    expect(numbers(x)[0]).toBe(9)
    ;(x.select(0, 1).data as Float32Array)[0] = 8
    expect(numbers(x)[3]).toBe(8)
    ;(x.transpose(0, 1).data as Float32Array)[0] = 7
    expect(numbers(x)[0]).toBe(9)
    const i = inferenceMode(() => ones([2]))
    ;(i.data as Float32Array)[0] = 9
    expect(numbers(i)).toEqual([1, 1])
    inferenceMode(() => { (i.data as Float32Array)[0] = 9 })
    expect(numbers(i)).toEqual([9, 1])
  })

  it('item gives the only element as a number, a bigint or a boolean', () => {
    expect(tensor(1.5, { dtype: 'float16' }).item()).toBe(1.5)
    expect(tensor([3n]).item()).toBe(3n)
    expect(tensor(true).item()).toBe(true)
    expect(errorOf(() => ones([2]).item()).code).toBe('shape-mismatch')
  })
})

describe('views of several results', () => {
  it('split, chunk and unbind cut an axis', () => {
    expect(grid().split(2, 1).map(numbers)).toEqual([[0, 1, 3, 4], [2, 5]])
    expect(grid().split([1, 2], 1).map((t) => t.shape)).toEqual([[2, 1], [2, 2]])
    expect(grid().chunk(2, 1).map((t) => t.shape[1])).toEqual([2, 1])
    expect(grid().unbind(0).map(numbers)).toEqual([[0, 1, 2], [3, 4, 5]])
    expect(errorOf(() => grid().split([1, 1], 1)).code).toBe('shape-mismatch')
  })

  it('one of them changed in place while gradients are recorded is refused, and allowed under noGrad', () => {
    const a = ones([2, 3], { requiresGrad: true }).mul(2)
    const [first] = a.unbind(0) as [Tensor]
    expect(errorOf(() => first.mul_(2)).code).toBe('view-multi-inplace')
    expect(numbers(a)).toEqual([2, 2, 2, 2, 2, 2])
    noGrad(() => first.mul_(2))
    expect(numbers(a)).toEqual([4, 4, 4, 2, 2, 2])
  })
})

import { describe, expect, it } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import { STORAGE } from '../../src/runtime/tensor.js'
import { grad } from '../../src/tracer/autograd.js'
import { arange, full, ones, tensor, zeros } from '../../src/tracer/creation.js'
import { inferenceMode, noGrad } from '../../src/tracer/modes.js'
import type { Tensor } from '../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from './numeric-gradient.js'

const numbers = (t: Tensor): number[] => Array.from(t[STORAGE] as Float32Array, Number)

function errorOf(run: () => unknown): IngotError {
  try { run() } catch (error) { return error as IngotError }
  throw new Error('nothing thrown')
}

describe('writing', () => {
  it('goes through strides, and views see it', () => {
    const x = zeros([2, 3])
    x.transpose(0, 1).narrow(0, 1, 2).copy_(tensor([[1, 2], [3, 4]]))
    expect(numbers(x)).toEqual([0, 1, 3, 0, 2, 4])
    expect(x.version).toBe(1)
  })

  it('a copy between overlapping parts of one storage reads all before it writes', () => {
    const x = arange(0, 5, 1, { dtype: 'float32' })
    x.narrow(0, 1, 4).copy_(x.narrow(0, 0, 4))
    expect(numbers(x)).toEqual([0, 0, 1, 2, 3])
  })

  it('operands are stretched and cast to the receiver, never the other way', () => {
    expect(numbers(ones([2, 2]).add_(tensor([1, 2])))).toEqual([2, 3, 2, 3])
    expect(numbers(ones([2]).add_(tensor([1, 2], { dtype: 'float64' })))).toEqual([2, 3])
    expect(errorOf(() => ones([2]).add_(ones([2, 2]))).code).toBe('shape-mismatch')
    expect(errorOf(() => tensor([1, 2], { dtype: 'int32' }).mul_(1.5)).code).toBe('dtype-mismatch')
    expect(numbers(tensor([1, 2], { dtype: 'int32' }).mul_(3))).toEqual([3, 6])
    expect(numbers(tensor([1.7, -2.7]).fill_(3))).toEqual([3, 3])
  })

  it('an expanded tensor cannot be written', () => {
    expect(errorOf(() => ones([1]).expand(3).add_(1)).code).toBe('overlap-inplace')
  })

  it('a refused change changes nothing, neither elements nor versions', () => {
    const i = inferenceMode(() => ones([2]))
    expect(errorOf(() => i.add_(1)).code).toBe('inference-inplace')
    expect(errorOf(() => i.copy_(zeros([2]))).code).toBe('inference-inplace')
    expect(errorOf(() => i.unsqueeze_(0)).code).toBe('inference-inplace')
    expect(errorOf(() => ones([2]).add(1, { out: i })).code).toBe('inference-inplace')
    expect([numbers(i), i.shape]).toEqual([[1, 1], [2]])
    const n = ones([2])
    expect(errorOf(() => n.add_(ones([3]))).code).toBe('shape-mismatch')
    expect([numbers(n), n.version]).toEqual([[1, 1], 0])
  })

  it('out= writes to a tensor of the result’s shape and counts', () => {
    const out = zeros([2])
    expect(ones([2]).mul(3, { out })).toBe(out)
    expect([numbers(out), out.version]).toEqual([[3, 3], 1])
    expect(errorOf(() => ones([3]).mul(3, { out })).code).toBe('shape-mismatch')
  })
})

describe('gradients of in-place changes are what differences say', () => {
  const CASES: Readonly<Record<string, (x: Tensor, w: Tensor) => Tensor>> = {
    'of the whole tensor': (x, w) => x.mul(2).mul_(w).exp_(),
    'of a row': (x, w) => { const a = x.mul(2); a.select(0, 0).mul_(w.select(0, 1)); return a.mul(a) },
    'of a transposed part': (x, w) => { const a = x.mul(3); a.transpose(0, 1).narrow(0, 1, 2).mul_(w.transpose(0, 1).narrow(0, 0, 2)); return a.mul(w) },
    'through a view of a view, twice': (x, w) => { const a = x.mul(3); const v = a.view(-1).narrow(0, 1, 4); v.mul_(2); v.add_(w.view(-1).narrow(0, 2, 4)); return a.mul(a).add(v.sum()) },
    'of a base under a view': (x, w) => { const a = x.mul(1); const v = a.view(-1); a.mul_(w); return v.mul(v) },
    'of a plain tensor that takes one in': (_, w) => { const a = full([2, 3], 2, { dtype: 'float64' }); a.view(6).narrow(0, 2, 2).mul_(w.view(6).narrow(0, 0, 2)); return a.mul(a) },
    'by copying over': (x, w) => { const a = x.mul(w); a.select(0, 1).copy_(w.select(0, 0)); return a.mul(a) },
    'by filling': (x, w) => { const a = x.mul(w); a.setItem(0, 3); a.view(6).narrow(0, 4, 1).zero_(); return a.mul(a) },
    'of shape': (x, w) => { const a = x.mul(2); a.transpose_(0, 1); a.unsqueeze_(0); return a.mul(w.transpose(0, 1)) },
    'through a view of a base that was transposed since': (x, w) => { const a = x.mul(2); const v = a.view(-1); a.transpose_(0, 1); v.narrow(0, 1, 3).mul_(w.view(-1).narrow(0, 0, 3)); return a.mul(a).add(w.transpose(0, 1)) },
    'of a transposed base, seen by its views': (x, w) => { const a = x.mul(2); const v = a.view(-1).narrow(0, 0, 5); a.transpose_(0, 1).unsqueeze_(1); const u = a.select(0, 1); a.mul_(w.transpose(0, 1).unsqueeze(1)); return v.mul(v).add(u.exp().sum()) },
    'with a cast': (x, w) => x.mul(2).add_(w.to('float64').sum()).relu_(),
  }
  it.each(Object.entries(CASES))('%s', (name, f) => {
    expectGradients(([x, w]) => weightedSum([f(x as Tensor, w as Tensor)]), [leaf([2, 3], 3, [0.2, 1]), leaf([2, 3], 4, [0.5, 2])], name)
  })

  it('what was overwritten gets a gradient of zeros, not none', () => {
    const x = ones([2], { requiresGrad: true })
    const a = x.mul(2).zero_()
    expect(numbers(grad(a.sum(), x))).toEqual([0, 0])
  })

  it('gradients of gradients pass through changed views', () => {
    const x = tensor([1, 2, 3], { requiresGrad: true })
    const a = x.mul(x)
    a.narrow(0, 0, 2).mul_(x.narrow(0, 1, 2))
    // a = [x0² x1, x1² x2, x2²]; the gradient's own gradient, summed, is [2 x1 + 2 x0, …] by hand
    const [first] = grad(a.sum(), [x], { createGraph: true }) as [Tensor]
    expect(numbers(first)).toEqual([2 * 1 * 2, 1 + 2 * 2 * 3, 4 + 2 * 3])
    expect(numbers(grad(first.sum(), x))).toEqual([2 * 2 + 2 * 1, 2 * 1 + 2 * 3 + 2 * 2, 2 * 2 + 2])
  })
})

describe('saved values that were changed are noticed', () => {
  it('the result that an in-place op saves is the receiver', () => {
    const x = ones([2], { requiresGrad: true })
    const y = x.mul(2).exp_()
    noGrad(() => y.add_(1))
    expect(errorOf(() => y.sum().backward()).code).toBe('saved-changed')
  })

  it('through a detached alias, not through variableData', () => {
    const x = ones([2], { requiresGrad: true })
    const a = x.mul(2), loss = a.mul(a).sum()
    a.variableData().add_(1)
    loss.backward(null, { retainGraph: true })
    a.detach().add_(1)
    expect(errorOf(() => loss.backward()).code).toBe('saved-changed')
  })
})

import { describe, expect, it } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import { STORAGE } from '../../src/runtime/tensor.js'
import { grad } from '../../src/tracer/autograd.js'
import { full, ones, tensor, zeros } from '../../src/tracer/creation.js'
import { deepcopy } from '../../src/tracer/deepcopy.js'
import { cat, stack } from '../../src/tracer/functions/joining.js'
import { inferenceMode, noGrad } from '../../src/tracer/modes.js'
import type { Tensor } from '../../src/tracer/tensor.js'
import { expectGradients, leaf, weightedSum } from './numeric-gradient.js'

const numbers = (t: Tensor | null): number[] => Array.from((t as Tensor)[STORAGE] as Float32Array, Number)

function errorOf(run: () => unknown): IngotError {
  try { run() } catch (error) { return error as IngotError }
  throw new Error('nothing thrown')
}

describe('backward', () => {
  it('accumulates in leaves, over several uses and several passes', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    const loss = x.mul(x).add(x).sum()
    loss.backward(null, { retainGraph: true })
    expect(numbers(x.grad)).toEqual([3, 5])
    loss.backward()
    expect(numbers(x.grad)).toEqual([6, 10])
    x.grad = null
    x.mul(3).sum().backward()
    expect(numbers(x.grad)).toEqual([3, 3])
  })

  it('gradients of two leaves never share memory', () => {
    const a = ones([2], { requiresGrad: true }), b = ones([2], { requiresGrad: true })
    a.add(b).sum().backward()
    ;(a.grad as Tensor).mul_(5)
    expect(numbers(b.grad)).toEqual([1, 1])
  })

  it('starts from a given gradient where there is more than one element', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    expect(errorOf(() => x.mul(2).backward()).code).toBe('backward-nonscalar')
    expect(errorOf(() => x.mul(2).backward(ones([3]))).code).toBe('shape-mismatch')
    x.mul(2).backward(tensor([10, 100]))
    expect(numbers(x.grad)).toEqual([20, 200])
  })

  it('has no limit on the length of a chain', () => {
    const x = ones([1], { requiresGrad: true })
    let y = x
    for (let i = 0; i < 20_000; i++) y = y.add(0)
    y.sum().backward()
    expect(numbers(x.grad)).toEqual([1])
  })

  it('keeps gradients of inner tensors where asked', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    const y = x.mul(2)
    y.retainGrad()
    y.mul(y).sum().backward()
    expect(numbers(y.grad)).toEqual([4, 8])
    expect(errorOf(() => ones([2]).retainGrad()).code).toBe('retain-grad')
  })

  it('is refused where nothing was recorded, and a second time where saved tensors are gone', () => {
    expect(errorOf(() => ones([]).backward()).code).toBe('backward-no-graph')
    const x = ones([2], { requiresGrad: true }), loss = x.mul(x).sum()
    loss.backward()
    expect(errorOf(() => loss.backward()).code).toBe('backward-twice')
    const linear = x.mul(3).sum()
    linear.backward()
    linear.backward()
    expect(numbers(x.grad)).toEqual([8, 8])
  })

  it('names the tensor that changed and both versions', () => {
    const x = ones([2, 3], { requiresGrad: true }), y = x.exp(), loss = y.sum()
    noGrad(() => y.add_(1).add_(1))
    const error = errorOf(() => loss.backward())
    expect(error.code).toBe('saved-changed')
    expect(error.message).toContain('float32[2, 3], result 0 of ExpBackward, is at version 2, and version 0 was saved')
  })

  it('follows floats only: integers made of a tensor have no history', () => {
    const x = ones([2], { requiresGrad: true })
    const flags = x.to('int32')
    expect([flags.requiresGrad, flags.gradFn]).toEqual([false, null])
  })
})

describe('grad', () => {
  it('gives gradients without accumulating, of inner tensors too', () => {
    const x = tensor([1, 2], { requiresGrad: true }), y = x.mul(x)
    const [gx, gy] = grad(y.mul(3).sum(), [x, y]) as [Tensor, Tensor]
    expect([numbers(gx), numbers(gy), x.grad]).toEqual([[6, 12], [3, 3], null])
  })

  it('touches only what lies between', () => {
    const x = tensor([1, 2], { requiresGrad: true }), w = tensor([3, 4], { requiresGrad: true })
    const inner = x.mul(x), loss = inner.mul(w).sum()
    grad(loss, w)
    expect(w.grad).toBeNull()
    // x*x was not walked through, so what it saved is still there
    expect(numbers(grad(inner.sum(), x))).toEqual([2, 4])
  })

  it('an input without influence is an error, or null where allowed', () => {
    const x = ones([2], { requiresGrad: true }), other = ones([2], { requiresGrad: true })
    const loss = x.mul(2).sum()
    expect(errorOf(() => grad(loss, [x, other], { retainGraph: true })).code).toBe('grad-unused')
    expect(grad(loss, [x, other], { allowUnused: true })[1]).toBeNull()
    expect(errorOf(() => grad(x.sum(), ones([2]))).code).toBe('backward-no-graph')
  })

  it('createGraph gives gradients of gradients', () => {
    const x = tensor([2], { requiresGrad: true })
    const [first] = grad(x.pow(3).sum(), [x], { createGraph: true }) as [Tensor]
    const [second] = grad(first.sum(), [x], { createGraph: true }) as [Tensor]
    expect([numbers(first), numbers(second), numbers(grad(second.sum(), x))]).toEqual([[12], [12], [6]])
  })

  it('weights several outputs by their gradients', () => {
    const x = tensor([1, 2], { requiresGrad: true })
    expect(numbers(grad([x.mul(2), x.mul(x)], x, { gradOutputs: [tensor([1, 1]), tensor([10, 10])] }))).toEqual([22, 42])
  })
})

describe('leaves', () => {
  it('only floats can require gradients', () => {
    expect(errorOf(() => ones([2], { dtype: 'int64', requiresGrad: true })).code).toBe('requires-grad-dtype')
    expect(errorOf(() => ones([2], { dtype: 'bool' }).requiresGrad_()).code).toBe('requires-grad-dtype')
  })

  it('a gradient that is assigned must fit', () => {
    const x = ones([2], { requiresGrad: true })
    expect(errorOf(() => { x.grad = ones([3]) }).code).toBe('shape-mismatch')
    expect(errorOf(() => { x.grad = ones([2], { dtype: 'float64' }) }).code).toBe('dtype-mismatch')
  })

  it('deepcopy takes flag and gradient along and refuses results', () => {
    const x = ones([2], { requiresGrad: true })
    x.mul(2).sum().backward()
    const copy = deepcopy(x)
    ;(copy.grad as Tensor).zero_()
    copy.detach().add_(1)
    expect([copy.requiresGrad, numbers(x), numbers(x.grad)]).toEqual([true, [1, 1], [2, 2]])
    expect(errorOf(() => deepcopy(x.mul(2))).code).toBe('deepcopy-nonleaf')
  })

  it('an optimiser step under noGrad or in inference mode keeps leaves leaves', () => {
    const w = ones([2], { requiresGrad: true })
    for (const mode of [noGrad, inferenceMode]) {
      w.grad = null
      w.mul(w).sum().backward()
      const g = w.grad as unknown as Tensor
      mode(() => w.sub_(g.mul(0.25)))
    }
    expect([numbers(w), w.isLeaf, w.version, w.isInference()]).toEqual([[0.25, 0.25], true, 2, false])
  })
})

describe('functions', () => {
  it('compose into gradients that differences confirm', () => {
    const CASES: Readonly<Record<string, (x: Tensor, w: Tensor) => Tensor>> = {
      linear: (x, w) => x.linear(w, w.select(1, 0)), cat: (x, w) => cat([x, w, x]).mul(2), stack: (x, w) => stack([x, w], 1).exp(), mean: (x) => x.mean(1).mul(x.mean()),
      'a small network': (x, w) => x.matmul(w.transpose(0, 1)).relu().add(1).log().sigmoid().tanh(), powers: (x, w) => x.pow(w).add(x.pow(2)).add(x.pow(0.5)),
      'strided views': (x, w) => x.transpose(0, 1).narrow(0, 1, 2).reshape(4).mul(w.view(-1).narrow(0, 1, 4)), selection: (x, w) => x.indexSelect(1, tensor([2, 0, 2], { dtype: 'int64' })).mul(w),
      broadcasting: (x, w) => x.select(0, 0).mul(w).div(w.sum(0, { keepdim: true })), 'squeeze and expand': (x, w) => x.unsqueeze(1).expand(2, 4, 3).mul(w.unsqueeze(1)).squeeze(), casts: (x, w) => x.to('float64').mul(w.sum().to('float64')),
    }
    for (const [name, f] of Object.entries(CASES)) expectGradients(([x, w]) => weightedSum([f(x as Tensor, w as Tensor)]), [leaf([2, 3], 5, [0.3, 1]), leaf([2, 3], 6, [0.4, 1.5])], name)
  })

  it('a gradient has the dtype of its tensor across casts', () => {
    const half = ones([2], { dtype: 'float16', requiresGrad: true })
    half.mul(full([2], 3, { dtype: 'float64' })).sum().backward()
    expect([(half.grad as Tensor).dtype, (half.grad as Tensor).data]).toEqual(['float16', Uint16Array.of(0x4200, 0x4200)])
  })

  it('powers of zero have the gradients of torch', () => {
    const x = zeros([1], { requiresGrad: true })
    expect(numbers(grad(x.pow(0).sum(), x))).toEqual([0])
    expect(numbers(grad(x.pow(1).sum(), x))).toEqual([1])
    const e = ones([1], { requiresGrad: true })
    expect(numbers(grad(zeros([1]).pow(e).sum(), e))).toEqual([0])
  })
})

import { describe, expect, it } from 'vitest'
import { allocate, elementCount, type HostTensor } from '../../../src/base/dtype.js'
import { evaluateDim, type Dim } from '../../../src/base/dim.js'
import { fromNumbers, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'
import { gradientsOf, runOp } from './host-gradients.js'

const top = (numbers: readonly number[], k: number, largest = true): readonly (readonly number[])[] =>
  runOp('top_k', [fromNumbers('float32', [numbers.length], numbers)], { axis: 0, largest, k }).map((t) => [...toNumbers(t)])

/** Expects of the kernel what sorting whole rows gives; all extents are symbols where `symbolic`. */
function expectKernel(x: HostTensor, attrs: { readonly axis: number; readonly largest: boolean; readonly k: number }, symbolic: boolean): void {
  const op = getOp('top_k'), wanted = runOp('top_k', [x], attrs) as [HostTensor, HostTensor], shape = wanted[0].shape
  const names = x.shape.map((_, i) => `d${i}`), open = (extents: readonly number[]): readonly Dim[] => (symbolic ? extents.map((_, i) => (i === attrs.axis && extents === shape ? 'k' : names[i] as string)) : extents)
  const kernel = op.kernel?.({
    inputs: [tensorType(x.dtype, open(x.shape))], outputs: wanted.map((t) => tensorType(t.dtype, open(shape))), attrs: { ...attrs, k: symbolic ? 'k' : attrs.k } as never,
    buffers: [{ name: 'x0', dtype: x.dtype, shape: open(x.shape), role: 'in' }, ...wanted.map((t, i) => ({ name: `y${i}`, dtype: t.dtype, shape: open(shape), role: 'out' }))],
  } as never)
  if (kernel === undefined) throw new Error('top_k has a kernel')
  verifyKernel(kernel)
  const results = wanted.map((t) => allocate(t.dtype, elementCount(t.shape))), params = Object.fromEntries([...names.map((name, i) => [name, x.shape[i] as number]), ['k', attrs.k]])
  const temps = kernel.buffers.flatMap((b) => (b.role === 'temp' ? [[b.name, allocate(b.dtype, evaluateDim(b.length, (name) => params[name] as number))] as const] : []))
  interpretKernel(kernel, symbolic ? params : {}, { x0: x.data, y0: results[0], y1: results[1], ...Object.fromEntries(temps) } as never)
  expect(results, `${x.dtype}[${x.shape.join()}] ${JSON.stringify(attrs)} ${symbolic ? 'symbolic' : ''}`).toEqual(wanted.map((t) => t.data))
}

describe('top_k', () => {
  it('gives the greatest in descending order, and the least in ascending order', () => {
    expect(top([3, 9, 1, 7], 3)).toEqual([[9, 7, 3], [1, 3, 0]])
    expect(top([3, 9, 1, 7], 3, false)).toEqual([[1, 3, 7], [2, 0, 3]])
  })

  it('keeps equal elements in the order of their positions', () => {
    expect(top([2, 5, 2, 5, 2], 4)[1]).toEqual([1, 3, 0, 2])
    expect(top([2, 5, 2, 5, 2], 4, false)[1]).toEqual([0, 2, 4, 1])
    expect(top([0, -0, 0], 3)[1]).toEqual([0, 1, 2])
  })

  it('counts NaN as greatest, as torch does', () => {
    expect(top([1, NaN, Infinity], 2)).toEqual([[NaN, Infinity], [1, 2]])
    expect(top([NaN, 1, NaN, 0], 4, false)).toEqual([[0, 1, NaN, NaN], [3, 1, 0, 2]])
  })

  it('refuses more than there are', () => {
    expect(() => top([1, 2], 3)).toThrow('no more elements can be taken than axis 0 has')
    expect(() => top([1, 2], -1)).toThrow('not a count')
  })

  it('sends the gradient of each value to where it was taken from', () => {
    const x = fromNumbers('float64', [2, 3], [1, 3, 2, 6, 4, 5])
    const [dx] = gradientsOf(getOp('top_k'), [x], { axis: 1, largest: true, k: 2 }, fromNumbers('float64', [2, 2], [10, 20, 30, 40]), [true])
    expect(dx === null || dx === undefined ? [] : [...toNumbers(dx)]).toEqual([0, 10, 20, 30, 0, 40])
  })

  it('has a kernel that agrees with sorting whole rows, for every k and also a symbolic one', () => {
    const x = seededTensor('int32', [4, 11], 5, [0, 6])
    for (let k = 0; k <= 11; k++) for (const symbolic of [false, true]) expectKernel(x, { axis: 1, largest: k % 2 === 0, k }, symbolic)
  })

  it('sorts rows of which many elements are wanted, of any length, also where extents are symbols', () => {
    for (const n of [33, 34, 35, 36, 37, 63, 64, 65, 100, 127, 129, 131, 200, 257]) for (const symbolic of [false, true]) expectKernel(seededTensor('int32', [2, n], n, [-40, 40]), { axis: 1, largest: n % 2 === 0, k: n }, symbolic)
    expectKernel(seededTensor('int32', [3, 0], 1), { axis: 1, largest: true, k: 0 }, true)
    expectKernel(seededTensor('int32', [3, 40], 1), { axis: 1, largest: true, k: 0 }, true)
    expectKernel(seededTensor('int32', [0, 40], 1), { axis: 1, largest: true, k: 40 }, true)
  })

  it('forgets what many elements come before, in whatever order they are', () => {
    for (const k of [33, 50, 129]) for (const largest of [true, false]) {
      const rising = Array.from({ length: 700 }, (_, i) => i >> 1)
      for (const list of [rising, rising.toReversed(), [...toNumbers(seededTensor('int32', [700], k, [0, 90]))]]) for (const symbolic of [false, true]) expectKernel(fromNumbers('int32', [1, 700], list), { axis: 1, largest, k }, symbolic)
    }
  })

  it('forgets no number where many are infinite or none at all', () => {
    const picks = [...toNumbers(seededTensor('int32', [1200], 8, [0, 12]))], most = [NaN, Infinity, -Infinity, 0, 7]
    for (const often of most) for (const largest of [true, false]) {
      const list = picks.map((pick) => [NaN, Infinity, -Infinity, -0, 3][pick] ?? often)
      for (const numbers of [list, list.toSorted((a, b) => (Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b)), list.toSorted((a, b) => (Number.isNaN(a) ? -1 : Number.isNaN(b) ? 1 : b - a))]) expectKernel(fromNumbers('float32', [1, 1200], numbers), { axis: 1, largest, k: 40 }, false)
    }
  })

  it('sorts numbers of every type with all that is special among them, along any axis, in more rows than share memory', () => {
    const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 2.5], picks = [...toNumbers(seededTensor('int32', [2 * 60 * 11], 3, [0, special.length]))]
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const) for (const largest of [true, false]) {
      expectKernel(fromNumbers(dtype, [2, 60, 11], picks.map((i) => special[i] as number)), { axis: 1, largest, k: 40 }, largest)
    }
    for (const dtype of ['int8', 'uint8', 'int16', 'uint16', 'uint32', 'int64', 'uint64'] as const) expectKernel(seededTensor(dtype, [45, 20], 6, [0, 200]), { axis: 0, largest: true, k: 45 }, false)
    expectKernel(fromNumbers('uint32', [1, 64], Array.from({ length: 64 }, (_, i) => (i * 2654435761) % 2 ** 32)), { axis: 1, largest: true, k: 64 }, false)
  })
})

import { describe, expect, it } from 'vitest'
import { fromNumbers, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { getOp } from '../../../src/ir/ops/index.js'
import { tensorType } from '../../../src/ir/types.js'
import { gradientsOf, resultTypes, runOp } from './host-gradients.js'

const top = (numbers: readonly number[], k: number, largest = true): readonly (readonly number[])[] =>
  runOp('top_k', [fromNumbers('float32', [numbers.length], numbers)], { axis: 0, largest, k }).map((t) => [...toNumbers(t)])

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
    const op = getOp('top_k'), x = seededTensor('int32', [4, 11], 5, [0, 6])
    for (let k = 0; k <= 11; k++) {
      const attrs = { axis: 1, largest: k % 2 === 0, k }
      const [values, positions] = runOp('top_k', [x], attrs)
      for (const symbolic of [false, true]) {
        const extent = symbolic ? 'K' : k
        const [v, p] = resultTypes(op, [x], attrs)
        const outputs = [v, p].map((t) => tensorType(t?.dtype ?? 'int64', [4, extent]))
        const kernel = op.kernel?.({
          inputs: [tensorType('int32', [4, 11])], outputs, attrs: { ...attrs, k: extent } as never,
          buffers: [{ name: 'x0', dtype: 'int32', shape: [4, 11], role: 'in' }, { name: 'y0', dtype: 'int32', shape: [4, extent], role: 'out' }, { name: 'y1', dtype: 'int64', shape: [4, extent], role: 'out' }],
        } as never)
        if (kernel === undefined) throw new Error('top_k has a kernel')
        verifyKernel(kernel)
        const y0 = new Int32Array(4 * k), y1 = new BigInt64Array(4 * k)
        interpretKernel(kernel, symbolic ? { K: k } : {}, { x0: x.data as Int32Array, y0, y1 } as never)
        expect(y0, `values of k ${k}`).toEqual(values?.data)
        expect(y1, `positions of k ${k}`).toEqual(positions?.data)
      }
    }
  })
})

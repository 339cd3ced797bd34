import { describe, expect, it } from 'vitest'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import { prepareCompute } from '../../src/codegen/schedule/prepare.js'
import { storedConstant } from '../../src/codegen/stored-constants.js'
import { hostTensor, seededTensor } from '../../src/ir/host-tensor.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { binary, constant, load, local } from '../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import { printKernel } from '../../src/ir/kernel/print.js'
import type { Plan } from '../../src/ir/kernel/schedule.js'
import { verifyKernel } from '../../src/ir/kernel/verify.js'
import { tensorType } from '../../src/ir/types.js'
import { integers, matmulCase } from './schedule-cases.js'

/** y[a, b, m] = Σ x[2a + k, b + l, c]·w[k, l, c, m]: a convolution with stride 2 down, over an image whose rows are longer than the result's. */
function convolution(rows: number, columns: number): Compute {
  const tensor = (name: string, shape: readonly number[], role: 'in' | 'out') => ({ name, dtype: 'float32', shape, role } as const)
  return {
    name: 'conv', buffers: [tensor('x0', [2 * rows + 1, columns + 2, 3], 'in'), tensor('x1', [3, 3, 3, 10], 'in'), tensor('y0', [rows, columns, 10], 'out')],
    axes: [{ name: 'a', hi: rows }, { name: 'b', hi: columns }, { name: 'm', hi: 10 }],
    stages: [
      { kind: 'reduce', axes: [{ name: 'k', hi: 3 }, { name: 'l', hi: 3 }, { name: 'c', hi: 3 }], lets: [], accumulators: [{ name: 'acc', type: 'f32', init: constant('f32', 0), combine: 'add', value: binary('mul', load('x0', [['+', ['*', 2, 'a'], 'k'], ['+', 'b', 'l'], 'c']), load('x1', ['k', 'l', 'c', 'm'])) }] },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['a', 'b', 'm'], value: local('acc', 'f32') },
    ],
  }
}

function run(compute: Compute, plan: Plan, inputs: Readonly<Record<string, Float32Array>>, outputs: number): Float32Array {
  const prepared = prepareCompute(compute, plan)
  const kernel = applySchedule(prepared.compute, prepared.schedule, 'under_test')
  verifyKernel(kernel)
  const y0 = new Float32Array(outputs).fill(NaN)
  interpretKernel(kernel, {}, { ...inputs, y0 })
  return y0
}

const weights = (data: Float32Array, columns: number) => storedConstant({ name: 'w', type: tensorType('float32', [data.length / columns, columns]), data: hostTensor('float32', [data.length / columns, columns], data) }, { columns, factor: 8 }).elements as Float32Array

const inBlocks = (data: Float32Array, columns: number, rows: number) => storedConstant({ name: 'w', type: tensorType('float32', [data.length / columns, columns]), data: hostTensor('float32', [data.length / columns, columns], data) }, { columns, factor: 8, rows }).elements as Float32Array

describe('tiles', () => {
  it('give the same convolution, with rows and columns in tiles and the rest joined', () => {
    const x0 = integers(17 * 10 * 3, 1), x1 = integers(270, 2), compute = convolution(8, 8)
    const plan: Plan = [
      { kind: 'tile', axis: 'a', factor: 4, outer: 'ao', inner: 'ai' }, { kind: 'tile', axis: 'm', factor: 5, outer: 'mo', inner: 'mi' },
      { kind: 'join', outer: 'ao', inner: 'b', axis: 'p' }, { kind: 'join', outer: 'p', inner: 'mo', axis: 'q' }, { kind: 'parallel', axis: 'q' }, { kind: 'unroll', axis: 'ai' }, { kind: 'unroll', axis: 'mi' },
    ]
    expect(run(compute, plan, { x0, x1 }, 640)).toEqual(run(compute, [], { x0, x1 }, 640))
  })
  it('are refused where they do not fit', () => {
    expect(() => prepareCompute(convolution(8, 8), [{ kind: 'tile', axis: 'm', factor: 4, outer: 'mo', inner: 'mi' }])).toThrowError(/m cannot be divided by 4/)
  })
})

describe('packing', () => {
  it('lays a matrix in panels and fills the last one with zeros', () => {
    const stored = storedConstant({ name: 'w', type: tensorType('int32', [2, 3]), data: hostTensor('int32', [2, 3], [1, 2, 3, 4, 5, 6]) }, { columns: 3, factor: 2 })
    expect(stored.shape).toEqual([2, 2, 2])
    expect(Array.from(stored.elements as Int32Array)).toEqual([1, 2, 4, 5, 3, 0, 6, 0])
  })
  it('lays each block of rows in panels of its own', () => {
    const stored = storedConstant({ name: 'w', type: tensorType('int32', [2, 2, 3]), data: hostTensor('int32', [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) }, { columns: 3, factor: 2, rows: 2 })
    expect(stored.shape).toEqual([2, 2, 2, 2])
    expect(Array.from(stored.elements as Int32Array)).toEqual([1, 2, 4, 5, 3, 0, 6, 0, 7, 8, 10, 11, 9, 0, 12, 0])
  })
  it('begins from the memory order of the constant', () => {
    const w = seededTensor('float32', [3, 4], 1), columns = { name: 'w', type: tensorType('float32', [3, 4]), data: w, order: [1, 0] }
    expect(storedConstant(columns, undefined).shape).toEqual([4, 3])
    expect(Array.from(storedConstant(columns, { columns: 3, factor: 3 }).elements as Float32Array)).toEqual(Array.from(storedConstant(columns, undefined).elements as Float32Array))
  })
  for (const n of [8, 16, 19, 5]) {
    it(`gives the same product, ${n} columns`, () => {
      const c = matmulCase(5, 6, n), plan: Plan = [
        { kind: 'pack', buffer: 'x1', columns: n, factor: 8 },
        { kind: 'split', axis: 'j', factor: 8, outer: 'jo', inner: 'ji' }, { kind: 'reorder', axes: ['jo', 'i', 'ji'] }, { kind: 'vectorize', axis: 'ji' },
      ]
      expect(run(c.compute, plan, { x0: c.inputs['x0'] as Float32Array, x1: weights(c.inputs['x1'] as Float32Array, n) }, c.outputs)).toEqual(c.expected)
      expect(run(c.compute, plan.slice(0, 1), { x0: c.inputs['x0'] as Float32Array, x1: weights(c.inputs['x1'] as Float32Array, n) }, c.outputs)).toEqual(c.expected)
    })
  }
  it('leaves no division to the loops over whole panels but that of the panel number', () => {
    const { compute, schedule } = prepareCompute(matmulCase(5, 6, 16).compute, [
      { kind: 'pack', buffer: 'x1', columns: 16, factor: 8 },
      { kind: 'split', axis: 'j', factor: 8, outer: 'jo', inner: 'ji' }, { kind: 'reorder', axes: ['jo', 'i', 'ji'] }, { kind: 'vectorize', axis: 'ji' },
    ])
    const text = printKernel(applySchedule(compute, schedule, 'mm'))
    expect(text.match(/floordiv/g) ?? []).toHaveLength(1)
    expect(text).not.toContain('mod')
  })
  it('refuses what is no matrix of that width', () => {
    expect(() => prepareCompute(matmulCase(2, 3, 4).compute, [{ kind: 'pack', buffer: 'x1', columns: 5, factor: 8 }])).toThrow(expect.objectContaining({ code: 'bad-option' }))
    expect(() => prepareCompute(matmulCase(2, 3, 4).compute, [{ kind: 'pack', buffer: 'x1', columns: 4, factor: 8, rows: 2 }])).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })
})

describe('widening axes', () => {
  const widened = (n: number, extent: number): Plan => [{ kind: 'pack', buffer: 'x1', columns: n, factor: 8 }, { kind: 'widen', axis: 'j', extent }]
  for (const n of [2, 3, 5, 7, 13]) {
    it(`gives the same product, ${n} columns in full vectors, and stores nothing beyond`, () => {
      const extent = Math.ceil(n / 4) * 4, c = matmulCase(5, 6, n), inputs = { x0: c.inputs['x0'] as Float32Array, x1: weights(c.inputs['x1'] as Float32Array, n) }
      const lanes: Plan = [{ kind: 'split', axis: 'j', factor: 4, outer: 'jo', inner: 'ji', then: { from: extent - 4, factor: 4 } }, { kind: 'reorder', axes: ['i', 'jo', 'ji'] }, { kind: 'vectorize', axis: 'ji' }]
      expect(run(c.compute, [...widened(n, extent), ...lanes], inputs, c.outputs)).toEqual(c.expected)
      expect(run(c.compute, [...widened(n, extent), { kind: 'unroll', axis: 'j' }], inputs, c.outputs)).toEqual(c.expected)
    })
  }
  it('refuses axes that are longer, and loops that may or may not be beyond the axis', () => {
    const { compute } = matmulCase(5, 6, 7)
    expect(() => prepareCompute(compute, [{ kind: 'widen', axis: 'j', extent: 4 }])).toThrow(expect.objectContaining({ code: 'bad-option' }))
    expect(() => applySchedule(prepareCompute(compute, [{ kind: 'widen', axis: 'j', extent: 8 }]).compute, [], 'mm')).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })
})

describe('sums in blocks', () => {
  const block = { kind: 'block', axis: 'k', points: 4, outer: 'b' } as const
  const doubled = ({ compute }: ReturnType<typeof matmulCase>): Compute => ({ ...compute, stages: compute.stages.map((s) => (s.kind === 'store' ? { ...s, value: binary('mul', s.value, constant('f32', 2)) } : s)) })
  for (const [m, n] of [[3, 8], [5, 13], [1, 3]] as const) {
    it(`give the same product, ${m}×${n}, doubled once and not with every block`, () => {
      const c = matmulCase(m, 12, n), x0 = c.inputs['x0'] as Float32Array, x1 = c.inputs['x1'] as Float32Array, expected = c.expected.map((v) => 2 * v)
      expect(run(doubled(c), [block], { x0, x1 }, c.outputs)).toEqual(expected)
      const tiles: Plan = [
        { kind: 'split', axis: 'j', factor: 4, outer: 'jv', inner: 'jl' }, { kind: 'split', axis: 'i', factor: 2, outer: 'io', inner: 'ii' },
        { kind: 'reorder', axes: ['jv', 'b', 'io', 'ii', 'jl'] }, { kind: 'unroll', axis: 'ii' }, { kind: 'vectorize', axis: 'jl' },
      ]
      expect(run(doubled(c), [block, { kind: 'pack', buffer: 'x1', columns: n, factor: 8, rows: 4 }, ...tiles], { x0, x1: inBlocks(x1, n, 4) }, c.outputs)).toEqual(expected)
      expect(run(doubled(c), [block, ...tiles, { kind: 'parallel', axis: 'jv' }, { kind: 'drain' }], { x0, x1 }, c.outputs)).toEqual(expected)
    })
  }
  it('read nothing of the result before the first block, whatever lies there', () => {
    const c = matmulCase(2, 4, 3)
    expect(run(c.compute, [{ ...block, points: 2 }], { x0: c.inputs['x0'] as Float32Array, x1: c.inputs['x1'] as Float32Array }, c.outputs)).toEqual(c.expected)
  })
  it('compute what is stored in the last block only', () => {
    const { compute, schedule } = prepareCompute(doubled(matmulCase(2, 8, 8)), [block])
    expect(printKernel(applySchedule(compute, schedule, 'mm')).replaceAll(/\n\s*/g, ' ')).toMatch(/if t(_\d)? \{ y0\[[^=]*\] = acc \} else \{ y0\[[^=]*\] = acc \* 2\.0 \}/)
  })
  it('are refused where blocks do not divide the sum, and where the result is read', () => {
    const { compute } = matmulCase(2, 12, 3), refused = expect.objectContaining({ code: 'bad-option' })
    expect(() => prepareCompute(compute, [{ ...block, points: 5 }])).toThrow(refused)
    expect(() => prepareCompute(compute, [{ ...block, axis: 'i' }])).toThrow(refused)
    const added: Compute = { ...compute, stages: compute.stages.map((s) => (s.kind === 'store' ? { ...s, value: binary('add', s.value, load('y0', ['i', 'j'])) } : s)) }
    expect(() => prepareCompute(added, [block])).toThrow(refused)
  })
})

describe('joining axes', () => {
  const tile: Plan = [{ kind: 'split', axis: 'p', factor: 4, outer: 'po', inner: 'pi' }, { kind: 'reorder', axes: ['po', 'm', 'pi'] }, { kind: 'unroll', axis: 'pi' }]
  for (const [rows, columns] of [[4, 5], [7, 7], [1, 3], [3, 1]] as const) {
    it(`gives the same convolution, ${rows}×${columns} pixels in tiles that cross rows`, () => {
      const compute = convolution(rows, columns), x0 = integers((2 * rows + 1) * (columns + 2) * 3, 1), x1 = integers(270, 2)
      const plain = run(compute, [], { x0, x1 }, rows * columns * 10)
      expect(plain.some(Number.isNaN)).toBe(false)
      expect(run(compute, [{ kind: 'join', outer: 'a', inner: 'b', axis: 'p' }, ...tile], { x0, x1 }, rows * columns * 10)).toEqual(plain)
      expect(run(compute, [{ kind: 'join', outer: 'a', inner: 'b', axis: 'p' }, { kind: 'pack', buffer: 'x1', columns: 10, factor: 8 }, ...tile], { x0, x1: weights(x1, 10) }, rows * columns * 10)).toEqual(plain)
    })
  }
  it('keeps an access that is contiguous over both axes free of divisions', () => {
    const { compute } = prepareCompute(convolution(4, 5), [{ kind: 'join', outer: 'a', inner: 'b', axis: 'p' }])
    expect(compute.axes).toEqual([{ name: 'p', hi: 20 }, { name: 'm', hi: 10 }])
  })
  it('refuses axes that are no neighbours', () => {
    expect(() => prepareCompute(convolution(4, 5), [{ kind: 'join', outer: 'a', inner: 'm', axis: 'p' }])).toThrow(expect.objectContaining({ code: 'bad-option' }))
  })
})

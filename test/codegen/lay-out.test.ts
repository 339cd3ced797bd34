import { describe, expect, it } from 'vitest'
import { allocate, elementCount, type HostTensor, type TensorStorage } from '../../src/base/dtype.js'
import { layOut, type Storage } from '../../src/codegen/lay-out.js'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import { flattenCompute } from '../../src/codegen/schedule/flatten.js'
import type { Attrs } from '../../src/ir/graph.js'
import { hostTensor, seededRandom } from '../../src/ir/host-tensor.js'
import type { Buffer, Compute } from '../../src/ir/kernel/compute.js'
import { elementwiseCompute } from '../../src/ir/kernel/elementwise-compute.js'
import { load } from '../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import { verifyKernel } from '../../src/ir/kernel/verify.js'
import { channelsLast, elementsInOrder, normalOrder, reshapedOrder, sameLayout } from '../../src/ir/layout.js'
import { OPS } from '../../src/ir/ops/index.js'
import { tensorType } from '../../src/ir/types.js'
import { expectClose, sampleCase, type SampleCase } from '../ir/ops/sample-cases.js'

/** A random order for a tensor of that rank, channels last every third time. */
function anyOrder(rank: number, random: () => number): readonly number[] {
  if (rank > 2 && random() < 0.3) return channelsLast(rank)
  const axes = Array.from({ length: rank }, (_, i) => i)
  return axes.map((axis) => ({ axis, key: random() })).sort((a, b) => a.key - b.key).map((e) => e.axis)
}

const bufferOf = (name: string, t: HostTensor, role: 'in' | 'out'): Buffer => ({ name, dtype: t.dtype, shape: t.shape, role })

function expectSameInAnyOrder(c: SampleCase, random: () => number, what: string): void {
  const { op } = c, named = [...c.tensors.map((t, i) => [`x${i}`, t] as const), ...c.outputs.map((t, i) => [`y${i}`, t as HostTensor] as const)]
  const storage = new Map<string, Storage>()
  for (const [name, t] of named) if (t !== null) storage.set(name, { shape: t.shape, order: anyOrder(t.shape.length, random) })
  const ctx = {
    inputs: c.tensors.map((t) => (t === null ? null : tensorType(t.dtype, t.shape))), outputs: c.outputs.map((t) => tensorType(t.dtype, t.shape)), attrs: c.attrs as Attrs, values: c.values,
    buffers: named.flatMap(([name, t]) => (t === null ? [] : [bufferOf(name, t, name[0] === 'x' ? 'in' : 'out')])),
  }
  const compute = op.compute !== undefined ? op.compute(ctx) : elementwiseCompute(op, ctx)
  const kernel = applySchedule(flattenCompute(layOut(compute, (name) => storage.get(name))), [], op.name)
  verifyKernel(kernel)
  const buffers: Record<string, TensorStorage> = {}
  for (const b of kernel.buffers) if (b.role === 'temp') buffers[b.name] = allocate(b.dtype, b.length as number)
  c.tensors.forEach((t, i) => { if (t !== null) buffers[`x${i}`] = elementsInOrder(t, storage.get(`x${i}`)?.order) as TensorStorage })
  c.outputs.forEach((t, i) => { buffers[`y${i}`] = allocate(t.dtype, elementCount(t.shape)) })
  interpretKernel(kernel, {}, buffers)
  const expected = op.reference({ inputs: c.tensors, attrs: c.attrs, outputs: c.outputs })
  c.outputs.forEach((t, i) => {
    const e = expected[i] as HostTensor
    expectClose({ ...t, data: buffers[`y${i}`] as TensorStorage }, { ...e, data: elementsInOrder(e, storage.get(`y${i}`)?.order) }, `${what} with orders ${JSON.stringify([...storage].map(([n, s]) => [n, s.order]))}`)
  })
}

describe('a kernel computes the same whatever order its tensors lie in', () => {
  for (const op of [...OPS.values()].filter((o) => o.samples.length > 0 && o.kernel === undefined && (o.compute ?? o.scalar) !== undefined)) {
    it(op.name, () => {
      const random = seededRandom(7)
      op.samples.forEach((_, i) => { for (let k = 0; k < 3; k++) expectSameInAnyOrder(sampleCase(op, i), random, `sample ${i}`) })
    })
  }
})

describe('lay out', () => {
  const compute: Compute = {
    name: 'copy', buffers: [{ name: 'x0', dtype: 'float32', shape: [2, 3, 4], role: 'in' }, { name: 'y0', dtype: 'float32', shape: [2, 3, 4], role: 'out' }],
    axes: [{ name: 'a', hi: 2 }, { name: 'b', hi: 3 }, { name: 'c', hi: 4 }],
    stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['a', 'b', 'c'], value: load('x0', ['a', 'b', 'c']) }],
  }
  it('leaves row-major computes alone', () => {
    expect(layOut(compute, () => ({ shape: [2, 3, 4], order: undefined }))).toBe(compute)
  })
  it('runs loops in the order of what they write, so that tensors of one order are one flat loop', () => {
    const physical = layOut(compute, () => ({ shape: [2, 3, 4], order: [0, 2, 1] }))
    expect(physical.axes.map((a) => a.name)).toEqual(['a', 'c', 'b'])
    expect(physical.buffers[0]?.shape).toEqual([2, 4, 3])
    expect(flattenCompute(physical).axes).toEqual([{ name: 'b', hi: 24 }])
  })
  it('reads a tensor under another shape through its own', () => {
    const joined = layOut(compute, (name) => (name === 'x0' ? { shape: [6, 4], order: [1, 0] } : undefined))
    expect(joined.buffers[0]?.shape).toEqual([4, 2, 3])
    const kernel = applySchedule(layOut(compute, (name) => (name === 'x0' ? { shape: [8, 3], order: [1, 0] } : undefined)), [], 'copy')
    const y0 = new Float32Array(24), x = hostTensor('float32', [8, 3], Array.from({ length: 24 }, (_, i) => i))
    interpretKernel(kernel, {}, { x0: elementsInOrder(x, [1, 0]) as Float32Array, y0 })
    expect(y0).toEqual(x.data)
  })
})

describe('orders', () => {
  it('that move axes of extent 1 only are row-major', () => {
    expect(normalOrder([2, 5, 1, 1], [0, 2, 3, 1])).toBeUndefined()
    expect(normalOrder([2, 5, 3, 1], [0, 2, 3, 1])).toEqual([0, 2, 3, 1])
    expect(sameLayout([1, 5, 3], [0, 2, 1], [2, 0, 1])).toBe(true)
    expect(sameLayout(['n', 5, 3], [0, 2, 1], [2, 0, 1])).toBe(false)
  })
  it('go through a reshape that splits or joins what lies together', () => {
    expect(reshapedOrder([1, 6, 4, 5], [0, 2, 3, 1], [1, 2, 3, 4, 5])).toEqual({ order: [0, 3, 4, 1, 2] })
    expect(reshapedOrder([1, 6, 4, 5], [0, 2, 3, 1], [1, 6, 20])).toEqual({ order: [0, 2, 1] })
    expect(reshapedOrder([1, 6, 4, 5], [0, 2, 3, 1], [6, 20])).toEqual({ order: [1, 0] })
    expect(reshapedOrder(['n', 6, 1, 1], undefined, ['n', 6])).toEqual({ order: undefined })
  })
  it('end at a reshape that joins what lies apart', () => {
    expect(reshapedOrder([2, 6, 4, 5], [0, 2, 3, 1], [2, 120])).toBeUndefined()
    expect(reshapedOrder([2, 6, 4, 5], [0, 3, 2, 1], [2, 6, 20])).toBeUndefined()
  })
  it('place the elements', () => {
    const x = hostTensor('int32', [2, 3], [1, 2, 3, 4, 5, 6])
    expect(Array.from(elementsInOrder(x, [1, 0]) as Int32Array)).toEqual([1, 4, 2, 5, 3, 6])
    expect(elementsInOrder(x, undefined)).toBe(x.data)
  })
})

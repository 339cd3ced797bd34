/** Moves of data by boxes in shared memory, held against naive copies, or against the same compute in plain loops. Elements are small integers. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocate, type DType, type TensorStorage } from '../../../src/base/dtype.js'
import { numberToFloat16 } from '../../../src/base/float16.js'
import { storedAs } from '../../../src/base/stored-as.js'
import { evaluateDim, type Dim } from '../../../src/base/dim.js'
import { compile } from '../../../src/compile.js'
import { legalize } from '../../../src/codegen/legalize.js'
import { flattenCompute } from '../../../src/codegen/schedule/flatten.js'
import { writeKernel } from '../../../src/codegen/schedule/write-kernel.js'
import { scheduleWgsl } from '../../../src/codegen/schedules/wgsl.js'
import { renderWgsl } from '../../../src/codegen/wgsl/render.js'
import { besideEachOther } from '../../../src/codegen/wgsl/spread-stores.js'
import { fromNumbers, toNumbers } from '../../../src/ir/host-tensor.js'
import type { Buffer, Compute, Stage } from '../../../src/ir/kernel/compute.js'
import { binary, constant, indexValue, load, local, unary, type Expr } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { printKernel } from '../../../src/ir/kernel/print.js'
import type { GroupTranspose } from '../../../src/ir/kernel/schedule.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { integers } from '../schedule-cases.js'
import { findDevice, runKernel } from './device.js'

const device = await findDevice(), halfDevice = await findDevice(['shader-f16'])

/** Extents of an operand, its axis that becomes each axis of the result, and the axes whose extents are symbols. */
interface Move { readonly shape: readonly number[]; readonly perm: readonly number[]; readonly symbols?: readonly number[]; readonly dtype?: DType }

const countOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1)
const dimsOf = ({ shape, symbols = [] }: Move): readonly Dim[] => shape.map((n, i) => (symbols.includes(i) ? `N${i}` : n))
const paramsOf = ({ shape, symbols = [] }: Move): Record<string, number> => Object.fromEntries(symbols.map((i) => [`N${i}`, shape[i] as number]))

/** y[i0, i1, …] = value of x's element there, `x1` … being further operands over axes of the result. */
function moving(move: Move, value: (moved: Expr, index: readonly string[]) => Expr = (moved) => moved, others: Readonly<Record<string, readonly number[]>> = {}): Compute {
  const { perm, dtype = 'float32' } = move, dims = dimsOf(move), index = perm.map((_, i) => `i${i}`), to = perm.map((p) => dims[p] as Dim)
  return flattenCompute({
    name: 'move', axes: index.map((name, i) => ({ name, hi: to[i] as Dim })),
    buffers: [{ name: 'x0', dtype, shape: dims, role: 'in' }, ...Object.entries(others).map(([name, axes]) => ({ name, dtype, shape: axes.map((a) => to[a] as Dim), role: 'in' } as const)), { name: 'y0', dtype, shape: to, role: 'out' }],
    stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index, value: value(load('x0', dims.map((_, i) => index[perm.indexOf(i)] as string)), index) }],
  })
}

/** What moves of `x` give, element by element. */
function moved({ shape, perm }: Move, x: ArrayLike<number>): number[] {
  const to = perm.map((p) => shape[p] as number)
  return Array.from({ length: countOf(to) }, (_, flat) => {
    const at = new Map<number, number>()
    let rest = flat
    for (const axis of [...perm].reverse()) { const n = shape[axis] as number; at.set(axis, rest % n); rest = Math.floor(rest / n) }
    return x[shape.reduce((n, extent, axis) => n * extent + (at.get(axis) as number), 0)] as number
  })
}

/** Small integers, as elements of a dtype. */
const elements = (dtype: DType, count: number, seed: number): TensorStorage => (
  fromNumbers(dtype, [count], Array.from(integers(count, seed), (v) => (dtype === 'bool' ? Number(v > 0) : dtype.startsWith('uint') ? v + 4 : v))).data)

const numbersOf = (dtype: DType, data: TensorStorage): number[] => Array.from(toNumbers({ dtype, shape: [data.length], data }))

/** The words that hold elements on a device. */
const words = (dtype: DType, data: TensorStorage): TensorStorage => fromNumbers(storedAs(dtype) ?? dtype, [data.length], numbersOf(dtype, data)).data

const written = (compute: Compute, schedule: readonly GroupTranspose[]): Kernel => besideEachOther([writeKernel(compute, schedule, 'under_test')])

/** What a kernel writes (to `result`), as the interpreter runs it, which fails where a barrier lacks; where there is a device, it gives the same. */
async function run(kernel: Kernel, params: Readonly<Record<string, number>>, inputs: Readonly<Record<string, TensorStorage>>, count: number, onDevice: boolean, result = 'y0'): Promise<number[]> {
  verifyKernel(kernel)
  expect(parseKernel(printKernel(kernel))).toEqual(kernel)
  const data = { ...inputs, ...Object.fromEntries(kernel.buffers.flatMap((b) => (b.role === 'out' ? [[b.name, allocate(b.dtype, count)]] : []))) }, found = data[result] as TensorStorage, { dtype } = kernel.buffers.find((b) => b.name === result) as Kernel['buffers'][number]
  if (onDevice && device !== undefined) {
    const own = kernel.buffers.map((b) => words(b.dtype, data[b.name] as TensorStorage)), at = kernel.buffers.findIndex((b) => b.name === result)
    await runKernel(device, renderWgsl(legalize(kernel, 'wgsl')), own, params)
    interpretKernel(kernel, params, data)
    expect(own[at]).toEqual(words(dtype, found))
  } else interpretKernel(kernel, params, data)
  return numbersOf(dtype, found)
}

const planOf = (compute: Compute): GroupTranspose | undefined => scheduleWgsl(compute).find((d) => d.kind === 'group-transpose')

/** A move by the box that the policy chooses. */
async function expectMoved(move: Move, onDevice = false): Promise<void> {
  const compute = moving(move), plan = planOf(compute), x0 = elements(move.dtype ?? 'float32', countOf(move.shape), 1)
  expect(plan, JSON.stringify(move)).toBeDefined()
  expect(await run(written(compute, [plan as GroupTranspose]), paramsOf(move), { x0 }, countOf(move.shape), onDevice)).toEqual(moved(move, numbersOf(move.dtype ?? 'float32', x0)))
}

/** A compute by the box that the policy chooses gives what it gives in plain loops; so many loads go through shared memory. */
async function expectSame(compute: Compute, count: number, params: Readonly<Record<string, number>>, brought: number, given: Readonly<Record<string, TensorStorage>> = {}): Promise<void> {
  const kernel = written(compute, [planOf(compute) as GroupTranspose]), ins = compute.buffers.filter((b) => b.role === 'in')
  expect(kernel.shared).toHaveLength(brought)
  const inputs = Object.fromEntries(ins.map((b, i) => [b.name, given[b.name] ?? elements(b.dtype, evaluateDim(['*', ...b.shape], (n) => params[n] as number), i)]))
  for (const { name } of compute.buffers.filter((b) => b.role === 'out')) {
    const plain = await run(writeKernel(compute, [], 'plain'), params, inputs, count, false, name)
    expect(await run(kernel, params, inputs, count, true, name)).toEqual(plain)
  }
}

/** Moves whose result has its neighbours along another axis than the operand, in a box of any sizes and orders. */
const boxes = fc.integer({ min: 2, max: 4 }).chain((rank) => fc.record({
  shape: fc.array(fc.integer({ min: 2, max: 7 }), { minLength: rank, maxLength: rank }),
  perm: fc.shuffledSubarray(Array.from({ length: rank }, (_, i) => i), { minLength: rank }).filter((p) => p.at(-1) !== rank - 1),
  symbols: fc.subarray(Array.from({ length: rank }, (_, i) => i)),
  sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: rank, maxLength: rank }),
  seed: fc.integer({ min: 0, max: 5 }),
  threads: fc.constantFrom(1, 7, 32, 64),
}))

describe('moves by boxes', () => {
  test('give what a copy element by element gives, for all orders, extents and boxes', async () => {
    await fc.assert(fc.asyncProperty(boxes, async ({ sizes, seed, threads, ...move }) => {
      const compute = moving(move), names = compute.axes.map((a) => a.name)
      const last = names.at(-1) as string, read = `i${move.perm.indexOf(move.shape.length - 1)}`, own = names.includes(read) ? read : names[0] as string
      const others = names.filter((n) => n !== last && n !== own), turned = [...others.slice(seed % Math.max(1, others.length)), ...others.slice(0, seed % Math.max(1, others.length))]
      const box = [...others, own, last].map((axis, i) => ({ axis, points: sizes[i] as number })), most = countOf(box.map((b) => b.points))
      const x0 = elements('float32', countOf(move.shape), 1)
      const kernel = written(compute, [{ kind: 'group-transpose', box, order: [...turned, last, own], threads, most }])
      expect(kernel.shared).toHaveLength(1)
      expect(await run(kernel, paramsOf(move), { x0 }, countOf(move.shape), false)).toEqual(moved(move, x0 as Float32Array))
    }), { seed: 11, numRuns: 80 })
  })

  test('give it for extents that are symbols, whatever these turn out to be', async () => {
    for (const [i, shape] of ([[1, 1], [40, 70], [1, 1500], [1500, 1], [3, 400], [400, 3], [33, 31], [0, 5], [64, 64], [2, 2]] as const).entries()) {
      for (const symbols of [[0, 1], [0], [1]]) {
        const move: Move = { shape, perm: [1, 0], symbols }
        // Ten thousand of three are too few, and near each other.
        if (planOf(moving(move)) !== undefined) await expectMoved(move, i % 3 === 0)
      }
    }
    for (const [i, shape] of ([[2, 5, 1, 9], [1, 3, 40, 33], [3, 1, 2, 70], [2, 7, 1, 1], [1, 1, 1, 40]] as const).entries()) {
      for (const perm of [[0, 2, 3, 1], [0, 3, 1, 2], [3, 2, 1, 0], [1, 3, 0, 2]]) await expectMoved({ shape, perm, symbols: [0, 1, 2, 3] }, i === 1)
      await expectMoved({ shape, perm: [3, 1, 0, 2], symbols: [0, 1] }, i === 0)
    }
  })

  test('give it for extents that are known, long, short and odd', async () => {
    for (const [shape, perm] of [[[257, 259], [1, 0]], [[20, 3300], [1, 0]], [[3300, 20], [1, 0]], [[2, 151, 151, 3], [0, 3, 1, 2]], [[40, 410, 4], [2, 1, 0]], [[4, 410, 41], [2, 1, 0]], [[7, 33, 65, 5], [3, 1, 2, 0]], [[12, 3, 1900], [2, 0, 1]]] as const) await expectMoved({ shape, perm }, shape.length > 2)
  })

  test('have every dtype', async () => {
    for (const dtype of ['float32', 'int32', 'uint32', 'bool', 'int8', 'uint8', 'int16', 'uint16', 'float16', 'bfloat16'] as const) await expectMoved({ shape: [35, 40], perm: [1, 0], symbols: [0, 1], dtype }, true)
    for (const dtype of ['int64', 'uint64', 'float64'] as const) await expectMoved({ shape: [35, 40], perm: [1, 0], symbols: [0, 1], dtype })
  })

  test('keep what is fused with them: operands along either axis, the operand as it lies too, and several transposed ones', async () => {
    const add = (...terms: readonly Expr[]): Expr => terms.reduce((a, b) => binary('add', a, b))
    const square: Move = { shape: [45, 45], perm: [1, 0], symbols: [0, 1] }
    const both = moving(square, (x, [i, j]) => add(x, load('x0', [i as string, j as string])))
    await expectSame({ ...both, buffers: both.buffers.map((b) => ({ ...b, shape: ['N0', 'N0'] })), axes: both.axes.map((a) => ({ ...a, hi: 'N0' })) }, 45 * 45, { N0: 45 }, 1)
    const move: Move = { shape: [37, 3, 41], perm: [2, 1, 0], symbols: [0, 2] }
    const fused = (x: Expr, [i, j, k]: readonly string[]): Expr => unary('neg', add(x, load('x1', [i as string]), load('x2', [k as string]), binary('mul', load('x3', [i as string, j as string, k as string]), x), { kind: 'cast', to: 'f32', x: indexValue(j as string) }))
    await expectSame(moving(move, fused, { x1: [0], x2: [2], x3: [0, 1, 2] }), 37 * 3 * 41, paramsOf(move), 1)
    const several = Object.fromEntries([1, 2, 3, 4].map((n) => [`x${n}`, [1, 0]]))
    for (const count of [1, 2, 3, 4]) {
      const others = Object.fromEntries(Object.entries(several).slice(0, count))
      await expectSame(moving(square, (x, [i, j]) => Object.keys(others).reduce((sum, name) => add(sum, load(name, [j as string, i as string])), x), others), 45 * 45, paramsOf(square), count + 1)
    }
  })

  test('keep values that stages share, several results, and indices that data gives', async () => {
    const move: Move = { shape: [50, 44], perm: [1, 0], symbols: [0, 1] }, compute = moving(move), whole: Dim = ['*', 'N0', 'N1']
    const x = load('x0', [['+', 'i0', ['*', 'N1', 'i1']]]), at: Dim = ['+', 'i1', ['*', 'N0', 'i0']], y = local('y', 'f32')
    const stages: readonly Stage[] = [
      { kind: 'let', lets: [{ kind: 'value', name: 'y', type: 'f32', value: binary('mul', x, binary('add', x, constant('f32', 1))) }] },
      { kind: 'store', axes: [], lets: [{ kind: 'data-index', name: 'g', value: load('x1', ['i1']), extent: 'N1' }], buffer: 'y0', index: [at], value: binary('sub', y, load('x0', ['g'])) },
      { kind: 'store', axes: [], lets: [], buffer: 'y1', index: [at], value: binary('max', y, x) },
    ]
    const [x0, y0] = compute.buffers.map((b) => ({ ...b, shape: [whole] })) as unknown as readonly [Buffer, Buffer], x1: Buffer = { name: 'x1', dtype: 'int32', shape: ['N0'], role: 'in' }
    const index = Int32Array.from({ length: 50 }, (_, i) => (i * 7) % 44 - (i % 3 === 0 ? 44 : 0))
    await expectSame({ ...compute, stages, buffers: [x0, x1, y0, { ...y0, name: 'y1' }] }, 50 * 44, paramsOf(move), 1, { x1: index })
  })

  test('keep rows that data chooses, which become columns', async () => {
    // y[c, t] = table[indices[t], c] + c, negative indices counting from the end.
    const compute: Compute = {
      name: 'gather', buffers: [{ name: 'x0', dtype: 'float32', shape: ['R', 40], role: 'in' }, { name: 'x1', dtype: 'int32', shape: ['T'], role: 'in' }, { name: 'y0', dtype: 'float32', shape: [40, 'T'], role: 'out' }],
      axes: [{ name: 'c', hi: 40 }, { name: 't', hi: 'T' }],
      stages: [{ kind: 'store', axes: [], lets: [{ kind: 'data-index', name: 'g', value: load('x1', ['t']), extent: 'R' }], buffer: 'y0', index: ['c', 't'], value: binary('add', load('x0', ['g', 'c']), { kind: 'cast', to: 'f32', x: indexValue('c') }) }],
    }
    for (const T of [1, 45, 70]) await expectSame(compute, 40 * T, { R: 9, T }, 1, { x1: Int32Array.from({ length: T }, (_, i) => (i * 5) % 18 - 9) })
  })

  test.skipIf(halfDevice === undefined)('move elements that are stored as float16', async () => {
    const move: Move = { shape: [70, 90], perm: [1, 0], symbols: [0, 1] }, compute = moving(move), x0 = Uint16Array.from(integers(6300, 1), numberToFloat16), y0 = new Uint16Array(6300)
    await runKernel(halfDevice as GPUDevice, renderWgsl(written(compute, [planOf(compute) as GroupTranspose]), { half: new Set(['x0', 'y0']) }), [x0, y0], paramsOf(move))
    expect(Array.from(y0)).toEqual(moved(move, x0))
  })

  test('are refused for boxes that do not fit the axes', () => {
    const compute = moving({ shape: [8, 8], perm: [1, 0] })
    for (const order of [['i0'], ['i0', 'i2'], []]) expect(() => writeKernel(compute, [{ kind: 'group-transpose', box: [{ axis: 'i0', points: 2 }, { axis: 'i1', points: 2 }], order, threads: 4, most: 4 }], 'no')).toThrowError(/boxes/)
  })
})

describe('the policy', () => {
  /** Points of the box of each axis of the result, in words; `plain` where invocations have nothing to do with one another. */
  const chosen = (move: Move, ...more: readonly []): string => {
    const compute = moving(move, ...more), plan = planOf(compute)
    return plan === undefined ? 'plain' : `${plan.box.map(({ axis, points }) => `${axis}:${evaluateDim(points, (n) => paramsOf(move)[n] as number)}`).join(' ')} by ${plan.order.join(' ')}`
  }

  test('takes boxes of runs of 32 elements both ways', () => {
    expect(chosen({ shape: [512, 512], perm: [1, 0] })).toBe('i0:32 i1:32 by i1 i0')
    expect(chosen({ shape: [8, 64, 56, 56], perm: [0, 2, 3, 1] })).toBe('i2:32 i3:32 by i3 i2')
    expect(chosen({ shape: [8, 56, 56, 64], perm: [0, 3, 1, 2] })).toBe('i1:32 i3:32 by i3 i1')
    expect(chosen({ shape: [64, 3, 5, 7, 999], perm: [4, 3, 2, 1, 0] })).toBe('i0:32 i4:32 by i4 i0')
  })

  test('goes on along what is next in memory where an axis is short, and fills the box up', () => {
    expect(chosen({ shape: [4, 224, 224, 3], perm: [0, 3, 1, 2] })).toBe('i1:3 i3:320 by i3 i1')
    expect(chosen({ shape: [1000, 100, 4], perm: [2, 1, 0] })).toBe('i0:4 i1:8 i2:32 by i2 i1 i0')
    expect(chosen({ shape: [4, 100, 1000], perm: [2, 1, 0] })).toBe('i0:32 i1:8 i2:4 by i2 i1 i0')
    expect(chosen({ shape: [100000, 2], perm: [1, 0] })).toBe('i0:2 i1:512 by i1 i0')
    expect(chosen({ shape: [20, 5000], perm: [1, 0] })).toBe('i0:32 i1:20 by i1 i0')
  })

  test('makes boxes longer one way where a symbol turns out short', () => {
    const symbols = [0, 1], by = (shape: readonly number[]): string => chosen({ shape, perm: [1, 0], symbols })
    expect(by([500, 500])).toBe('i0:32 i1:32 by i1 i0')
    expect(by([1, 5000])).toBe('i0:1024 i1:1 by i1 i0')
    expect(by([5000, 1])).toBe('i0:1 i1:1024 by i1 i0')
    expect(by([3, 5000])).toBe('i0:320 i1:3 by i1 i0')
    expect(by([5000, 3])).toBe('i0:3 i1:320 by i1 i0')
    expect(by([7, 5])).toBe('i0:5 i1:7 by i1 i0')
  })

  test('leaves to single invocations what is small, what is near enough, and what has its neighbours together', () => {
    for (const move of [
      { shape: [200, 200], perm: [1, 0] },
      { shape: [4, 3, 224, 224], perm: [0, 2, 3, 1] },
      { shape: [8, 100000], perm: [1, 0] },
      { shape: [64, 12, 64, 64], perm: [0, 2, 1, 3] },
      { shape: [64, 64, 64], perm: [0, 1, 2] },
    ]) expect(chosen(move), JSON.stringify(move)).toBe('plain')
    expect(chosen({ shape: [9, 100000], perm: [1, 0] })).toBe('i0:96 i1:9 by i1 i0')
    // A small operand that is transposed, beside a large one that is not.
    const small = moving({ shape: [100, 64, 64], perm: [0, 1, 2] }, (x, [, j, k]) => binary('add', x, load('x1', [k as string, j as string])), { x1: [2, 1] })
    expect(planOf(small)).toBeUndefined()
  })

  test('leaves out axes of which a box has one point, also where their extents are symbols', () => {
    expect(chosen({ shape: [3, 64, 64], perm: [0, 2, 1], symbols: [0] })).toBe('i1:32 i2:32 by i2 i1')
    expect(chosen({ shape: [300, 12, 16], perm: [0, 2, 1], symbols: [0] })).toBe('i0:5 i1:16 i2:12 by i0 i2 i1')
  })

  test('makes boxes smaller for many operands', () => {
    const others = Object.fromEntries([1, 2, 3].map((n) => [`x${n}`, [1, 0]])), sum = (x: Expr, [i, j]: readonly string[]): Expr => Object.keys(others).reduce((a, name) => binary('add', a, load(name, [j as string, i as string])), x)
    expect(planOf(moving({ shape: [400, 400], perm: [1, 0] }, sum, others))?.box.map((b) => b.points)).toEqual([16, 16])
  })

  test('spreads more than 65,535 boxes over two dimensions', () => {
    const move: Move = { shape: [70000, 64, 64], perm: [0, 2, 1], symbols: [0] }, compute = moving(move)
    const { workgroups } = renderWgsl(written(compute, [planOf(compute) as GroupTranspose]))
    expect(workgroups.map((d) => evaluateDim(d, (n) => paramsOf(move)[n] as number))).toEqual([65535, 5, 1])
  })

  test('gives parts of a join that are transposed kernels of their own', async () => {
    const kernels: Kernel[] = []
    await compile(parseGraph(`graph @join stage=inference (x: float32[b, 64, s], z: float32[b, 7, 64], w: float32[b, 64, 1100]) -> (y: float32[b, s + 1107, 64]) {
  symbol b = extent(x, 0)
  symbol s = extent(x, 2)
  %t: float32[b, s, 64] = transpose(%x) {perm = [0, 2, 1]}
  %u: float32[b, 1100, 64] = transpose(%w) {perm = [0, 2, 1]}
  %y: float32[b, s + 1107, 64] = concat(%z, %t, %u) {axis = 1}
  return y = %y
}`), { target: 'wgsl', onKernel: ({ kernel }) => { kernels.push(kernel) } })
    expect(kernels.map((k) => k.shared?.length ?? 0)).toEqual([1, 1, 0])
    const b = 2, s = 37, whole = s + 1107, x = integers(b * 64 * s, 1), z = integers(b * 7 * 64, 2), w = integers(b * 64 * 1100, 3), y = new Float32Array(b * whole * 64)
    const given = new Map<number, TensorStorage>([[x.length, x], [z.length, z], [w.length, w], [y.length, y]])
    const params = { dim0: b, dim1: s }, lengthOf = (length: Dim): number => evaluateDim(length, (n) => params[n as 'dim0'])
    for (const kernel of kernels) interpretKernel(kernel, params, Object.fromEntries(kernel.buffers.map((buffer) => [buffer.name, given.get(lengthOf(buffer.length)) as TensorStorage])))
    const at = (i: number, row: number, c: number): number => (row < 7 ? z[(i * 7 + row) * 64 + c] : row < 7 + s ? x[(i * 64 + c) * s + row - 7] : w[(i * 64 + c) * 1100 + row - 7 - s]) as number
    expect(y).toEqual(Float32Array.from(y, (_, n) => at(Math.floor(n / (64 * whole)), Math.floor(n / 64) % whole, n % 64)))
  })
})

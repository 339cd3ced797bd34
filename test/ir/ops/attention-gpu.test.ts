import { describe, expect, test } from 'vitest'
import { evaluateDim } from '../../../src/base/dim.js'
import { allocate, elementCount, type HostTensor, type TensorStorage } from '../../../src/base/dtype.js'
import { renderWgsl } from '../../../src/codegen/wgsl/render.js'
import type { Dim } from '../../../src/ir/dims.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import type { Buffer } from '../../../src/ir/kernel/compute.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { attention } from '../../../src/ir/ops/attention.js'
import type { AttentionAttrs } from '../../../src/ir/ops/attention-layout.js'
import { tensorType } from '../../../src/ir/types.js'
import { compileErrors, findDevice, runKernel } from '../../codegen/wgsl/device.js'
import { expectClose } from './sample-cases.js'

const device = await findDevice()
const BY = ['groups', 'points'] as const

interface Case { readonly tensors: readonly (HostTensor | null)[]; readonly attrs: AttentionAttrs; readonly output: readonly number[] }

const ROWS = ['bnhd', 'bnhd', 'bnhd', 'bnhd']

/** Attention of `shape`, its rows outside of its heads, under a mask of which a third is -∞ or 0. */
function caseOf({ queries, keys, depth, width, heads = 1, group = 1, masking = 'none', layouts = ROWS, zeros = false }: { readonly queries: number; readonly keys: number; readonly depth: number; readonly width: number; readonly heads?: number; readonly group?: number; readonly masking?: 'none' | 'add' | 'keep'; readonly layouts?: readonly string[]; readonly zeros?: boolean }): Case {
  const shape = (i: number, n: number, h: number, d: number): readonly number[] => [...(layouts[i] as string)].map((axis) => ({ b: 2, h, n, d })[axis] as number)
  const mask = masking === 'none' ? null : { dtype: 'float32' as const, shape: [1, 1, queries, keys], data: Float32Array.from({ length: queries * keys }, (_, i) => ((i * 7) % 3 > 0 ? 1 : masking === 'add' ? -Infinity : 0)) }
  return {
    tensors: [seededTensor('float32', shape(0, queries, heads * group, depth), 1), seededTensor('float32', shape(1, keys, heads, depth), 2), seededTensor('float32', shape(2, keys, heads, width), 3), mask],
    attrs: { scale: 0.3, masking, fill: -3, zeros, layouts }, output: shape(3, queries, heads * group, width),
  }
}

/** The kernels of a case with queries and keys as numbers, or symbols; and what the symbols stand for. */
function kernelsOf(c: Case, by: 'groups' | 'points', symbolic: boolean): { readonly kernels: readonly Kernel[]; readonly params: Record<string, number> } {
  const params: Record<string, number> = {}
  const dims = (shape: readonly number[], layout: string, rows: string): readonly Dim[] => shape.map((d, i) => { if (!symbolic || layout[i] !== 'n') return d; params[rows] = d; return rows })
  const types = c.tensors.map((t, i) => t && tensorType(t.dtype, i === 3 ? t.shape.map((d, k) => (symbolic && k > 1 ? (k === 2 ? 'dim0' : 'dim1') : d)) : dims(t.shape, c.attrs.layouts[i] as string, i === 0 ? 'dim0' : 'dim1')))
  const output = tensorType('float32', dims(c.output, c.attrs.layouts[3] as string, 'dim0'))
  const buffers = [...types.flatMap((t, i): Buffer[] => (t === null ? [] : [{ name: `x${i}`, dtype: t.dtype, shape: t.shape, role: 'in' }])), { name: 'y0', dtype: 'float32', shape: output.shape, role: 'out' } satisfies Buffer]
  const ctx = { inputs: types, outputs: [output], attrs: { ...c.attrs }, values: c.tensors.map(() => null), buffers, gpu: by }, kernels = attention.chain?.(ctx)?.map((k) => k.kernel) ?? [attention.kernel?.(ctx) as Kernel]
  kernels.forEach(verifyKernel)
  return { kernels, params }
}

const wanted = (c: Case): HostTensor => attention.reference({ inputs: c.tensors, attrs: { ...c.attrs }, outputs: [{ dtype: 'float32', shape: c.output }] })[0] as HostTensor

function storageOf(c: Case): Record<string, TensorStorage> {
  return { ...Object.fromEntries(c.tensors.flatMap((t, i) => (t === null ? [] : [[`x${i}`, t.data]]))), y0: allocate('float32', elementCount(c.output)) }
}

function expectRight(c: Case): void {
  for (const by of BY) for (const symbolic of [false, true]) {
    const { kernels, params } = kernelsOf(c, by, symbolic), buffers = storageOf(c)
    for (const kernel of kernels) interpretKernel(kernel, params, buffers)
    expectClose({ dtype: 'float32', shape: c.output, data: buffers['y0'] as TensorStorage }, wanted(c), `${by} ${symbolic}`)
  }
}

describe('attention on a GPU', () => {
  test('is right for queries and keys that end within a tile, or fill several', () => {
    for (const [queries, keys] of [[1, 1], [33, 31], [7, 70], [17, 70], [16, 300], [2, 512], [1, 700], [32, 64], [3, 0], [40, 0], [0, 3]] as const) expectRight(caseOf({ queries, keys, depth: 5, width: 6 }))
  })

  test('is right for heads of any length', () => {
    for (const [depth, width] of [[1, 1], [16, 32], [17, 33], [20, 65], [40, 130], [36, 4], [3, 1100]] as const) {
      for (const queries of width > 1000 ? [1] : [1, 17]) expectRight(caseOf({ queries, keys: 5, depth, width }))
    }
  })

  test('is right under masks, with shared heads, wherever these lie', () => {
    for (const masking of ['add', 'keep'] as const) for (const queries of [2, 17]) {
      for (const layouts of [['bhnd', 'bhdn', 'bnhd', 'bndh'], ['bhdn', 'bhnd', 'bndh', 'bhdn']]) expectRight(caseOf({ queries, keys: 37, depth: 8, width: 8, heads: 2, group: 2, masking, layouts }))
    }
  })

  test('gives NaN to queries all of whose keys are masked, or zeros where it shall', () => {
    for (const zeros of [false, true]) {
      for (const queries of [3, 18]) {
        const c = caseOf({ queries, keys: 3, depth: 4, width: 4, masking: 'add', zeros })
        ;(c.tensors[3] as { data: Float32Array }).data.fill(-Infinity)
        expectRight(c)
        expect([...(wanted(c).data as Float32Array)].every((x) => (zeros ? x === 0 : Number.isNaN(x)))).toBe(true)
      }
    }
  })

  test('takes no more invocations and shared memory than every device has', () => {
    for (const width of [1, 64, 128, 300]) {
      const { kernels } = kernelsOf(caseOf({ queries: 2, keys: 2, depth: 64, width }), 'groups', true)
      expect(kernels).toHaveLength(2)
      for (const kernel of kernels) expect((kernel.shared ?? []).reduce((bytes, b) => bytes + 4 * b.length, 0)).toBeLessThanOrEqual(16384)
    }
  })

  test('has work for one kernel of two where queries are counted at run time', () => {
    const { kernels } = kernelsOf(caseOf({ queries: 5, keys: 9, depth: 4, width: 4 }), 'groups', true), [few, many] = kernels.map((k) => renderWgsl(k).workgroups[0]) as [Dim, Dim]
    const groups = (d: Dim, queries: number): number => evaluateDim(d, (s) => (s === 'dim0' ? queries : 9))
    expect([1, 16, 17, 1000].map((n) => groups(few, n))).toEqual([2, 32, 0, 0])
    expect([1, 16, 17, 1000].map((n) => groups(many, n))).toEqual([0, 0, 2, 64])
  })

  test.skipIf(device === undefined)('is right on a device', { timeout: 120_000 }, async () => {
    // CPU adapters compile kernels for workgroups slowly.
    for (const [queries, by, symbolic] of [[5, 'groups', false], [19, 'groups', true], [5, 'points', true]] as const) {
      const c = caseOf({ queries, keys: 37, depth: 8, width: 12, heads: 2, masking: 'add' })
      const { kernels, params } = kernelsOf(c, by, symbolic), buffers = storageOf(c)
      for (const kernel of kernels) {
        const shader = renderWgsl(kernel)
        expect(await compileErrors(device as GPUDevice, shader.code)).toEqual([])
        await runKernel(device as GPUDevice, shader, kernel.buffers.map((b) => buffers[b.name] as TensorStorage), params)
      }
      expectClose({ dtype: 'float32', shape: c.output, data: buffers['y0'] as TensorStorage }, wanted(c), `${by} ${symbolic}`)
    }
  })
})

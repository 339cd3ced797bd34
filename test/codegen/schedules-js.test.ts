import { describe, expect, it } from 'vitest'
import { legalize } from '../../src/codegen/legalize.js'
import { writeKernel } from '../../src/codegen/schedule/write-kernel.js'
import { flattenCompute } from '../../src/codegen/schedule/flatten.js'
import { prepareCompute } from '../../src/codegen/schedule/prepare.js'
import { scheduleJs } from '../../src/codegen/schedules/js.js'
import { scheduleWasm } from '../../src/codegen/schedules/wasm.js'
import { scheduleWgsl } from '../../src/codegen/schedules/wgsl.js'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { binary, load } from '../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import { parseKernel } from '../../src/ir/kernel/parse.js'
import type { Schedule } from '../../src/ir/kernel/schedule.js'
import { broadcastCase, convCase, gatherCase, matmulCase, rowCase } from './schedule-cases.js'

const unrolled = (schedule: Schedule): string[] => schedule.flatMap((d) => (d.kind === 'unroll' ? [d.axis] : []))

describe('the js policy', () => {
  it('gives a matrix product a 4×4 tile', () => {
    const schedule = scheduleJs(matmulCase(64, 64, 64).compute)
    expect(schedule.filter((d) => d.kind === 'split').map((d) => [d.axis, d.factor])).toEqual([['i', 4], ['j', 4]])
    expect(unrolled(schedule)).toEqual(['i_i', 'j_i'])
  })
  it('gives a row times a matrix eight columns', () => {
    expect(scheduleJs(matmulCase(1, 64, 64).compute).filter((d) => d.kind === 'split').map((d) => [d.axis, d.factor])).toEqual([['j', 8]])
  })
  it('writes short axes out whole', () => expect(unrolled(scheduleJs(matmulCase(3, 64, 64).compute))).toEqual(['i', 'j_i']))
  it('does not tile the axes that clamp a window', () => {
    for (const d of scheduleJs(convCase(2, 8, 8, 8).compute)) if (d.kind === 'split') expect(d.axis).toBe('m')
  })
  it('leaves rows and elementwise kernels as they are', () => {
    expect(scheduleJs(rowCase(4, 4).compute)).toEqual([])
    expect(scheduleJs(broadcastCase(4, 4).compute)).toEqual([])
  })
  it('changes no result, on any target, flattened or not', () => {
    for (const c of [matmulCase(9, 6, 11), matmulCase(1, 7, 19, true), matmulCase(3, 2, 1), matmulCase(5, 3, 8, true), convCase(3, 5, 4, 6), rowCase(3, 5, true), broadcastCase(4, 6, true), gatherCase(4, 3, [1, -1, 0])]) {
      for (const policy of [scheduleJs, scheduleWasm, scheduleWgsl]) for (const compute of [c.compute, flattenCompute(c.compute)]) {
        const y0 = new Float32Array(c.outputs).fill(NaN)
        const prepared = prepareCompute(compute, policy(compute))
        interpretKernel(writeKernel(prepared.compute, prepared.schedule, 'k'), c.params, { ...c.inputs, y0 })
        expect(y0).toEqual(c.expected)
      }
    }
  })
})

/** y[n, c, w] = x0[n, c, w] + x1[…] */
function addCompute(x1: readonly string[], shape: Compute['buffers'][number]['shape']): Compute {
  return {
    name: 'add',
    buffers: [{ name: 'x0', dtype: 'float32', shape: ['N', 3, 'W'], role: 'in' }, { name: 'x1', dtype: 'float32', shape, role: 'in' }, { name: 'y0', dtype: 'float32', shape: ['N', 3, 'W'], role: 'out' }],
    axes: [{ name: 'n', hi: 'N' }, { name: 'c', hi: 3 }, { name: 'w', hi: 'W' }],
    stages: [{ kind: 'store', axes: [], lets: [], buffer: 'y0', index: ['n', 'c', 'w'], value: binary('add', load('x0', ['n', 'c', 'w']), load('x1', x1)) }],
  }
}

describe('flatten', () => {
  const axes = (c: Compute): string[] => flattenCompute(c).axes.map((a) => a.name)
  it('makes one loop where all operands run along', () => expect(axes(addCompute(['n', 'c', 'w'], ['N', 3, 'W']))).toEqual(['w']))
  it('keeps a broadcast axis apart', () => {
    expect(axes(addCompute(['c'], [3]))).toEqual(['n', 'c', 'w'])
    expect(axes(addCompute(['w'], ['W']))).toEqual(['c', 'w'])
    expect(axes(addCompute(['n'], ['N']))).toEqual(['n', 'w'])
    expect(axes(addCompute(['n', 'c'], ['N', 3]))).toEqual(['c', 'w'])
  })
  it('returns a compute it cannot flatten unchanged', () => {
    const c = matmulCase(3, 4, 5).compute
    expect(flattenCompute(c)).toBe(c)
  })
})

describe('legalize', () => {
  const kernel = parseKernel('kernel k(n) {\n in x: int64[n]\n out y: float32[n]\n for i in [0, n) { y[i] = to_f32(x[i]) }\n}')
  it('refuses 64-bit types on wgsl and names the kernel', () => {
    expect(() => legalize(kernel, 'wgsl')).toThrow(expect.objectContaining({ code: 'unsupported-dtype', message: expect.stringContaining('kernel k') as string }))
    expect(() => legalize(parseKernel('kernel k() {\n out y: float32[1]\n y[0] = to_f32(f64(1))\n}'), 'wgsl')).toThrow(/f64/)
  })
  it('leaves what a target has as it is', () => expect(legalize(kernel, 'js')).toBe(kernel))
})

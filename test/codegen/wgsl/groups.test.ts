import { describe, expect, test } from 'vitest'
import type { TensorStorage } from '../../../src/base/dtype.js'
import { flattenCompute } from '../../../src/codegen/schedule/flatten.js'
import { prepareCompute } from '../../../src/codegen/schedule/prepare.js'
import { scheduleWgsl } from '../../../src/codegen/schedules/wgsl.js'
import { writeKernel } from '../../../src/codegen/schedule/write-kernel.js'
import { besideEachOther } from '../../../src/codegen/wgsl/spread-stores.js'
import { renderWgsl, type WgslKernel } from '../../../src/codegen/wgsl/render.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { printKernel } from '../../../src/ir/kernel/print.js'
import { hasFolds } from '../../../src/ir/kernel/spell-folds.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import type { Schedule, TileSide } from '../../../src/ir/kernel/schedule.js'
import { verifyKernel } from '../../../src/ir/kernel/verify.js'
import { convCase, matmulCase, rowCase, type Case } from '../schedule-cases.js'
import { compileErrors, findDevice, runKernel } from './device.js'

const device = await findDevice(), inSubgroups = await findDevice(['subgroups'])
if (inSubgroups === undefined) console.warn('skipped: WebGPU finds no adapter with subgroups; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives one in software')

/** The interpreter fails where a barrier lacks; where there is a device, it has to give the same. */
async function expectRight(c: Case, schedule: Schedule, onDevice: boolean): Promise<void> {
  const kernel = besideEachOther([writeKernel(c.compute, schedule, 'under_test')])
  verifyKernel(kernel)
  expect(parseKernel(printKernel(kernel))).toEqual(kernel)
  const y0 = new Float32Array(c.outputs).fill(NaN)
  interpretKernel(kernel, c.params, { ...c.inputs, y0 })
  expect(y0).toEqual(c.expected)
  for (const { on, shader } of shadersOf(kernel)) {
    expect(await compileErrors(on, shader.code)).toEqual([])
    if (!onDevice) continue
    const buffers: Record<string, TensorStorage> = { ...c.inputs, y0: new Float32Array(c.outputs).fill(NaN) }
    await runKernel(on, shader, kernel.buffers.map((b) => buffers[b.name] as TensorStorage), c.params)
    expect(buffers['y0']).toEqual(c.expected)
  }
}

/** The shader of a kernel for a device without subgroups, and, where it folds, for one with them. */
function shadersOf(kernel: Kernel): readonly { readonly on: GPUDevice; readonly shader: WgslKernel }[] {
  return [
    ...(device === undefined ? [] : [{ on: device, shader: renderWgsl(kernel) }]),
    ...(inSubgroups === undefined || !hasFolds(kernel.body) ? [] : [{ on: inSubgroups, shader: renderWgsl(kernel, { subgroups: true }) }]),
  ]
}

describe('rows shared by workgroups', () => {
  for (const [points, threads] of [[1, 1], [1, 32], [1, 64], [1, 256], [4, 64], [16, 256], [8, 8]] as const) {
    test(`give what rows by themselves give, ${points} by ${threads} invocations`, async () => {
      for (const symbolic of [false, true]) {
        for (const [rows, columns] of [[1, 1], [3, 7], [5, 64], [0, 5], [2, 300], [17, 130]] as const) {
          await expectRight(rowCase(rows, columns, symbolic), [{ kind: 'group', axis: 'i', points, threads }], symbolic && rows > 5 && [1, 16].includes(points))
        }
      }
    })
  }
})

describe('contractions in tiles of workgroups', () => {
  const side = (axes: readonly string[], invocations: number, vectors: number, along: TileSide['along']): TileSide => ({ axes, invocations, vectors, along })

  for (const [rows, columns, depth, slices] of [[[2, 1], [4, 1], 4, 1], [[4, 2], [2, 2], 8, 1], [[1, 1], [4, 1], 1, 4], [[2, 1], [1, 1], 2, 16], [[1, 2], [2, 1], 3, 3]] as const) {
    test(`give sums of products of any extents, ${rows.join('×')} by ${columns.join('×')} in ${slices} slices`, async () => {
      for (const symbolic of [false, true]) {
        for (const [m, k, n] of [[1, 1, 1], [8, 4, 16], [17, 5, 33], [4, 0, 4], [3, 70, 9], [64, 16, 64]] as const) {
          for (const along of ['depth', 'points'] as const) {
            const c = matmulCase(m, k, n, symbolic), schedule: Schedule = [{ kind: 'group-tile', rows: side(['i'], rows[0], rows[1], along), columns: side(['j'], columns[0], columns[1], along), depth, slices }]
            await expectRight(c, schedule, m === 17 && symbolic && along === 'points' && (depth === 4 || depth === 1))
          }
        }
      }
    })
  }

  test('give convolutions whose windows reach over the edges', async () => {
    for (const symbolic of [false, true]) {
      for (const [channels, height, width, filters] of [[1, 1, 1, 1], [3, 5, 7, 9], [4, 8, 4, 8]] as const) {
        await expectRight(convCase(channels, height, width, filters, symbolic), [{ kind: 'group-tile', rows: side(['m'], 2, 1, 'depth'), columns: side(['oh', 'ow'], 4, 1, 'points'), depth: 4, slices: 2 }], height === 5 && symbolic)
      }
    }
  })
})

test('what the policy chooses for products of any extents is right: rows, tiles and slices', async () => {
  const kinds = new Set<string>()
  for (const [m, k, n] of [[1, 300, 20], [3, 8, 3], [4, 250, 33], [8, 300, 60], [33, 390, 17], [20, 130, 65], [130, 9, 70], [2, 40, 300]] as const) {
    for (const symbolic of [false, true]) {
      const c = matmulCase(m, k, n, symbolic), flat = flattenCompute(c.compute), plan = scheduleWgsl(flat), prepared = prepareCompute(flat, plan)
      for (const d of plan) kinds.add(d.kind === 'group-tile' ? `${d.kind} of ${d.slices}` : d.kind)
      await expectRight({ ...c, compute: prepared.compute }, prepared.schedule, false)
    }
  }
  expect([...kinds]).toEqual(expect.arrayContaining(['group', 'group-tile of 1', 'group-tile of 32']))
})

describe('kernels with workgroups', () => {
  const sum = (body: string): string => `kernel sum() { in x0: float32[4] out y0: float32[1] shared part: float32[4] local for t in [0, 4) { ${body} } }`
  const run = (text: string): Float32Array => {
    const kernel = parseKernel(text), y0 = new Float32Array(1)
    interpretKernel(kernel, {}, { x0: Float32Array.of(1, 2, 3, 4), y0 })
    return y0
  }
  const refused = (text: string, what: RegExp): void => { expect(() => verifyKernel(parseKernel(text))).toThrowError(what) }
  const last = 'if idx(t) < idx(1) { y0[0] = (part[0] + part[1]) + (part[2] + part[3]) }'

  test('share memory across a barrier', () => {
    expect([...run(sum(`part[t] = x0[t] barrier ${last}`))]).toEqual([10])
  })

  test('fail in the interpreter where a barrier lacks, or where an element is written twice between two', () => {
    expect(() => run(sum(`part[t] = x0[t] ${last}`))).toThrowError(/without a barrier between/)
    expect(() => run(sum('part[0] = x0[t]'))).toThrowError(/without a barrier between/)
    expect(() => run(sum('part[t] = x0[t] barrier y0[0] = part[0] part[t] = x0[t]'))).toThrowError(/without a barrier between/)
  })

  test('fold what all invocations have, on devices with subgroups too, which need not be full', { timeout: 60_000 }, async () => {
    for (const [threads, op] of [[1, 'add'], [5, 'max'], [24, 'mul'], [64, 'min'], [256, 'add']] as const) {
      const kernel = parseKernel(`kernel fold() { in x0: float32[${threads}] out y0: float32[${threads}] shared part: float32[${threads}] local for t in [0, ${threads}) { fold all = ${op} x0[t] in part y0[t] = all } }`)
      expect(parseKernel(printKernel(kernel))).toEqual(kernel)
      verifyKernel(kernel)
      const x0 = Float32Array.from({ length: threads }, (_, i) => (op === 'mul' ? [1, -1, 2][(i * i) % 3] as number : ((i * 37) % 101) - 50))
      const fold = { add: (a: number, b: number) => a + b, mul: (a: number, b: number) => a * b, max: Math.max, min: Math.min }[op]
      const expected = new Float32Array(threads).fill(x0.reduce((a, b) => fold(a, b))), y0 = new Float32Array(threads)
      interpretKernel(kernel, {}, { x0, y0 })
      expect(y0).toEqual(expected)
      for (const { on, shader } of shadersOf(kernel)) {
        const found = new Float32Array(threads)
        await runKernel(on, shader, [x0, found], {})
        expect(found).toEqual(expected)
      }
    }
  })

  test('are refused where invocations may not all come to a barrier', () => {
    refused(sum('if idx(t) < idx(2) { barrier }'), /may not all come to a barrier/)
    refused(sum('for i in [0, t) { barrier }'), /may not all come to a barrier/)
    refused(sum('index twice = 2*t\nfor i in [0, twice) { barrier }'), /may not all come to a barrier/)
    refused('kernel none() { out y0: float32[1] barrier y0[0] = 1.0 }', /outside local loops/)
    verifyKernel(parseKernel(sum('for i in [0, 3) { if idx(i) < idx(2) { barrier } }')))
  })

  test('are refused beyond the limits of every device', () => {
    refused('kernel many() { out y0: float32[1]\nlocal for t in [0, 257) { y0[0] = 1.0 } }', /up to 256 at most/)
    refused('kernel much() { out y0: float32[1] shared part: float32[4097] local for t in [0, 4) { y0[0] = 1.0 } }', /16388 bytes of shared buffers/)
  })
})

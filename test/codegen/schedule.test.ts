import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applySchedule } from '../../src/codegen/schedule/apply.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import { printKernel } from '../../src/ir/kernel/print.js'
import type { Kernel, Stmt } from '../../src/ir/kernel/kernel.js'
import type { Schedule } from '../../src/ir/kernel/schedule.js'
import { verifyKernel } from '../../src/ir/kernel/verify.js'
import { visitStmts } from '../../src/ir/kernel/walk.js'
import type { TensorStorage } from '../../src/base/dtype.js'
import { instantiate } from './wasm/run-wasm.js'
import { anySchedule } from './random-schedule.js'
import { broadcastCase, convCase, gatherCase, matmulCase, rowCase, scratchCase, type Case } from './schedule-cases.js'

function run(c: Case, schedule: Schedule): Float32Array {
  const kernel = applySchedule(c.compute, schedule, 'under_test', { madd: schedule.length % 2 === 0 })
  verifyKernel(kernel)
  const y0 = new Float32Array(c.outputs).fill(NaN)
  interpretKernel(kernel, c.params, { ...c.inputs, y0, t0: new Float32Array(c.outputs) })
  expect(runOnWasm(kernel, c)).toEqual(y0)
  return y0
}

/** What the kernel gives as WebAssembly. */
function runOnWasm(kernel: Kernel, c: Case): Float32Array {
  const buffers: Record<string, TensorStorage> = { ...c.inputs, y0: new Float32Array(c.outputs).fill(NaN), t0: new Float32Array(c.outputs) }
  instantiate([kernel]).run(kernel.buffers.map((b) => buffers[b.name] as TensorStorage), kernel.params.map((p) => c.params[p] as number))
  return buffers['y0'] as Float32Array
}

function promise(c: Case, runs = 60): void {
  expect(run(c, [])).toEqual(c.expected)
  fc.assert(fc.property(anySchedule(c.compute), (schedule) => { expect(run(c, schedule)).toEqual(c.expected) }), { numRuns: runs, seed: 7 })
}

const tile4: Schedule = [
  { kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii' }, { kind: 'split', axis: 'j', factor: 4, outer: 'jo', inner: 'ji' },
  { kind: 'reorder', axes: ['io', 'jo', 'ii', 'ji'] }, { kind: 'unroll', axis: 'ii' }, { kind: 'unroll', axis: 'ji' },
]

/** Statements of a kind in the innermost loop that has most of them. */
function innermost(kernel: Kernel): readonly Stmt[] {
  let most: readonly Stmt[] = []
  visitStmts(kernel.body, (s) => { if (s.kind === 'for' && s.body.every((t) => t.kind !== 'for') && s.body.length > most.length) most = s.body })
  return most
}

describe('a schedule changes how a kernel runs and not what it computes', () => {
  for (const extent of [0, 1, 3, 4, 5, 7]) {
    it(`matmul with extent ${extent} in each place, static and symbolic, under a 4×4 tile`, () => {
      for (const [m, k, n] of [[extent, 3, 5], [5, extent, 3], [3, 5, extent]] as const) {
        for (const symbolic of [false, true]) {
          const c = matmulCase(m, k, n, symbolic)
          expect(run(c, tile4)).toEqual(c.expected)
          expect(run(c, [])).toEqual(c.expected)
        }
      }
    })
  }
  it('matmul with numbers', () => promise(matmulCase(7, 5, 11)))
  it('matmul with symbols', () => promise(matmulCase(6, 7, 5, true)))
  it('row stages that share an axis name', () => promise(rowCase(5, 7)))
  it('row stages with symbols', () => promise(rowCase(3, 11, true)))
  it('clamped convolution', () => promise(convCase(2, 5, 6, 3), 15))
  it('clamped convolution with symbols, smaller than its window', () => promise(convCase(1, 2, 1, 2, true), 6))
  it('broadcast', () => promise(broadcastCase(5, 6)))
  it('broadcast with symbols', () => promise(broadcastCase(1, 7, true)))
  it('gather by indices in data', () => promise(gatherCase(5, 3, [4, -1, 0, 2, -5, 1, 1])))
  it('accumulators that read each other, and scratch memory that is read, changed and read again', () => { promise(scratchCase(5, 6)); promise(scratchCase(4, 7, true), 20) })
  it('symbolic extents of 0 leave the result untouched', () => {
    for (const c of [matmulCase(0, 3, 4, true), matmulCase(2, 3, 0, true), rowCase(0, 4, true), rowCase(3, 0, true), broadcastCase(0, 3, true), convCase(2, 0, 3, 2, true)]) promise(c, 5)
  })
})

describe('the kernels are what a person would write', () => {
  it('a 4×4 tile loads 4 + 4 elements for its 16 multiply-adds', () => {
    const body = innermost(applySchedule(matmulCase(8, 9, 8).compute, tile4, 'mm'))
    expect(body.filter((s) => s.kind === 'let')).toHaveLength(8)
    expect(body.filter((s) => s.kind === 'set')).toHaveLength(16)
  })
  it('a 4×8 tile in lanes loads 4 + 2 vectors for its 8 multiply-adds', () => {
    const schedule: Schedule = [
      { kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii' }, { kind: 'split', axis: 'j', factor: 8, outer: 'jo', inner: 'ji' },
      { kind: 'reorder', axes: ['io', 'jo', 'ii', 'ji'] }, { kind: 'unroll', axis: 'ii' }, { kind: 'vectorize', axis: 'ji' },
    ]
    const text = innermost(applySchedule(matmulCase(8, 9, 16).compute, schedule, 'mm', { madd: true })).map((s) => printStmtOnly(s)).join('')
    expect(text.match(/splat\(x0\[/g)).toHaveLength(4)
    expect(text.match(/x1\[.*\]:4/g)).toHaveLength(2)
    expect(text.match(/madd/g)).toHaveLength(8)
  })
  it('a sum along lanes has parts that are folded once, behind the loop', () => {
    const schedule: Schedule = [{ kind: 'split', axis: 'j', factor: 8, outer: 'jo', inner: 'ji' }, { kind: 'vectorize', axis: 'ji' }]
    const text = printKernel(applySchedule(rowCase(2, 19).compute, schedule, 'rows'))
    expect(text.match(/var s_part\w*: f32x4 = /g)).toHaveLength(2)
    expect(text).toContain('lane3(')
  })
  it('a sum whose points go to two registers in turn adds these up once, behind the loop', () => {
    const schedule: Schedule = [{ kind: 'alternate', axis: 'k', registers: 2 }, { kind: 'split', axis: 'k', factor: 4, outer: 'ko', inner: 'ki' }, { kind: 'unroll', axis: 'ki' }]
    const c = matmulCase(2, 11, 3), kernel = applySchedule(c.compute, schedule, 'mm'), text = printKernel(kernel)
    expect(text.match(/var /g)).toHaveLength(2)
    expect(innermost(kernel).filter((s) => s.kind === 'set').map((s) => s.name)).toEqual(['acc', 'acc_1', 'acc', 'acc_1'])
    expect(text.match(/set acc = acc \+ acc_1/g)).toHaveLength(1)
    expect(run(c, schedule)).toEqual(c.expected)
  })
  it('index products stand outside the innermost loop', () => {
    const text = printKernel(applySchedule(matmulCase(3, 5, 4, true).compute, [], 'mm'))
    expect(text).toBe(`kernel mm(K, M, N) {
  in x0: float32[K*M]
  in x1: float32[K*N]
  out y0: float32[M*N]
  for i in [0, M) {
    index p = K*i
    index p_2 = N*i
    for j in [0, N) {
      var acc: f32 = 0.0
      for k in [0, K) {
        index p_1 = N*k + j
        set acc = acc + (x0[k + p] * x1[p_1])
      }
      y0[j + p_2] = acc
    }
  }
}
`)
  })
  it('every access of a static kernel is proven in bounds', () => {
    for (const c of [matmulCase(7, 5, 9), rowCase(4, 4), broadcastCase(3, 5), matmulCase(7, 5, 9, true), rowCase(4, 4, true)]) {
      for (const schedule of [[], c.compute.name === 'matmul' ? tile4 : []]) {
        const facts = verifyKernel(applySchedule(c.compute, schedule, 'k'))
        expect(facts.proven).toBe(facts.accesses)
      }
    }
  })
  it('what is constant in a loop is computed outside it, and not at all where the loop may be empty and it could fault', () => {
    const text = printKernel(applySchedule(gatherCase(5, 3, [0, 1]).compute, [], 'g'))
    expect(text).toContain('  for r in [0, 2) {\n    data-index g = x1[r] within R\n')
    const bias = matmulCase(2, 2, 2, true).compute
    const [reduce, store] = bias.stages
    if (reduce?.kind !== 'reduce' || store === undefined) throw new Error('the case has changed')
    const [acc] = reduce.accumulators
    if (acc === undefined) throw new Error('the case has changed')
    const first = applySchedule({ ...bias, stages: [{ ...reduce, accumulators: [{ ...acc, value: { kind: 'binary', op: 'add', a: acc.value, b: { kind: 'load', buffer: 'x0', index: [0, 0] } } }] }, store] }, [], 'k')
    interpretKernel(first, { M: 2, K: 0, N: 2 }, { x0: new Float32Array(0), x1: new Float32Array(0), y0: new Float32Array(4) })
  })
  it('repeated sub-expressions are computed once', () => {
    const kernel = applySchedule(broadcastCase(2, 2).compute, [], 'k')
    let loads = 0
    visitStmts(kernel.body, (s) => { loads += (printStmtOnly(s).match(/x\d\[/g) ?? []).length })
    expect(loads).toBe(2)
  })
  it('compile time is linear in a chain of shared expressions', () => {
    let e = broadcastCase(2, 2).compute
    const [stage] = e.stages
    if (stage?.kind !== 'store') throw new Error('the case has changed')
    let value = stage.value
    for (let i = 0; i < 200; i++) value = { kind: 'binary', op: 'mul', a: value, b: value }
    e = { ...e, stages: [{ ...stage, value }] }
    expect(printKernel(applySchedule(e, [], 'deep')).length).toBeLessThan(20_000)
  })
})

function printStmtOnly(s: Stmt): string {
  return s.kind === 'let' || s.kind === 'store' || s.kind === 'set' ? printKernel({ name: 'k', params: [], buffers: [], body: [s] }) : ''
}

describe('schedules that do not fit are refused', () => {
  const { compute } = matmulCase(4, 4, 4, true)
  const refused: readonly [string, Schedule][] = [
    ['an unknown axis', [{ kind: 'unroll', axis: 'z' }]],
    ['unrolling a symbolic extent', [{ kind: 'unroll', axis: 'i' }]],
    ['a factor of 0', [{ kind: 'split', axis: 'i', factor: 0, outer: 'io', inner: 'ii' }]],
    ['a name already taken', [{ kind: 'split', axis: 'i', factor: 2, outer: 'j', inner: 'ii' }]],
    ['an inner part outside its outer part', [{ kind: 'split', axis: 'i', factor: 2, outer: 'io', inner: 'ii' }, { kind: 'reorder', axes: ['ii', 'io', 'j'] }]],
    ['an order that lacks an axis', [{ kind: 'reorder', axes: ['j'] }]],
    ['first points that are no multiple of their factor', [{ kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii', then: { from: 6, factor: 3 } }]],
    ['more first points than there are', [{ kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii', then: { from: 8, factor: 3 } }]],
    ['another split of loops in steps of two lengths', [{ kind: 'split', axis: 'i', factor: 4, outer: 'io', inner: 'ii', then: { from: 4, factor: 3 } }, { kind: 'split', axis: 'io', factor: 2, outer: 'ip', inner: 'ij' }]],
    ['a parallel loop that is not outermost', [{ kind: 'parallel', axis: 'j' }]],
    ['a parallel reduction', [{ kind: 'parallel', axis: 'k' }]],
    ['registers in turn for an outer axis', [{ kind: 'alternate', axis: 'i', registers: 2 }]],
  ]
  for (const [what, schedule] of refused) {
    it(what, () => expect(() => applySchedule(compute, schedule, 'k')).toThrow(expect.objectContaining({ code: 'bad-option' })))
  }
})

import { describe, expect, it } from 'vitest'
import { lowerGraph } from '../../src/codegen/lower.js'
import type { Features } from '../../src/codegen/schedules/index.js'
import { pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Value } from '../../src/ir/graph.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import type { Kernel, Stmt } from '../../src/ir/kernel/kernel.js'
import { printKernel } from '../../src/ir/kernel/print.js'
import type { Plan } from '../../src/ir/kernel/schedule.js'
import { exprsOf, visitExprs, visitStmts } from '../../src/ir/kernel/walk.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget } from './same-on-target.js'

interface Shape { readonly channels: number; readonly filters: number; readonly size: number; readonly kernel: number; readonly stride: number; readonly groups?: number; readonly bias?: boolean; readonly after?: string }

/** relu → convolution (padded to keep its size, but for strides) → relu, [1, channels, size, size]. */
function network({ channels, filters, size, kernel, stride, groups = 1, bias = true, after = 'relu' }: Shape) {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' }), pad = (kernel - 1) / 2
  const add = (op: string, inputs: readonly (Value | null)[], attrs = {}): Value => b.add1(op, inputs, attrs, { origin: op })
  const x = add('abs', [b.input('x', tensorType('float32', [1, channels, size, size]))])
  const w = b.constant(seededTensor('float32', [filters, channels / groups, kernel, kernel], 1))
  const c = add('conv', [x, w, bias ? b.constant(seededTensor('float32', [filters], 2)) : null], { strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad], group: groups })
  b.output('y', add('reduce_max', [add(after, [c], after === 'gelu' ? { approximate: 'none' } : {})], { axes: [2, 3], keepdims: true }))
  return b.finish()
}

function convolution(shape: Shape, features: Features = 'baseline'): { readonly kernel: Kernel; readonly plan: Plan } {
  const found: { kernel: Kernel; plan: Plan }[] = []
  lowerGraph(runPasses(network(shape), pipelineFor('wasm', { exact: true })), 'wasm', (k) => { if (k.kernel.name.startsWith('conv')) found.push({ kernel: k.kernel, plan: k.schedule ?? [] }) }, features)
  const [only] = found
  if (only === undefined) throw new Error('no convolution was lowered')
  return only
}

/** The innermost loop that has most multiply-adds. */
function hotLoop(kernel: Kernel): readonly Stmt[] {
  let best: readonly Stmt[] = [], most = 0
  visitStmts(kernel.body, (s) => {
    if (s.kind !== 'for' || s.body.some((t) => t.kind === 'for')) return
    const sums = s.body.filter((t) => t.kind === 'set').length
    if (sums > most) { most = sums; best = s.body }
  })
  return best
}

/** Loads and multiply-adds in the hot loop. */
function hottest(kernel: Kernel): { readonly loads: number; readonly sums: number } {
  const body = hotLoop(kernel)
  let loads = 0
  for (const s of body) visitExprs(exprsOf(s), (e) => { if (e.kind === 'load') loads++ })
  return { loads, sums: body.filter((s) => s.kind === 'set').length }
}

/** Vectors that are loaded in the hot loop and still to be used, at most at any place; accumulators apart. */
function mostLive(kernel: Kernel): number {
  const body = hotLoop(kernel), last = new Map<string, number>()
  body.forEach((s, at) => visitExprs(exprsOf(s), (e) => { if (e.kind === 'local') last.set(e.name, at) }))
  const spans = body.flatMap((s, from) => (s.kind === 'let' ? [{ from, to: last.get(s.name) ?? from }] : []))
  return Math.max(...body.map((_, at) => spans.filter((s) => s.from < at && at <= s.to).length))
}

describe('convolutions with channels last', () => {
  const SHAPES: readonly Shape[] = [
    { channels: 8, filters: 16, size: 7, kernel: 3, stride: 1 }, { channels: 5, filters: 9, size: 6, kernel: 3, stride: 2 }, { channels: 3, filters: 8, size: 11, kernel: 3, stride: 2 },
    { channels: 16, filters: 24, size: 7, kernel: 1, stride: 1, bias: false }, { channels: 7, filters: 20, size: 5, kernel: 1, stride: 2 },
    { channels: 12, filters: 12, size: 9, kernel: 3, stride: 1, groups: 12 }, { channels: 10, filters: 10, size: 8, kernel: 5, stride: 2, groups: 10, bias: false },
    { channels: 8, filters: 16, size: 6, kernel: 3, stride: 1, groups: 2 }, { channels: 4, filters: 8, size: 6, kernel: 3, stride: 1, groups: 4 }, { channels: 64, filters: 3, size: 6, kernel: 3, stride: 1 },
    { channels: 12, filters: 36, size: 7, kernel: 1, stride: 1, groups: 3 }, { channels: 8, filters: 8, size: 14, kernel: 7, stride: 1, groups: 8 }, { channels: 6, filters: 6, size: 10, kernel: 3, stride: 1, groups: 6 }, { channels: 3, filters: 6, size: 9, kernel: 5, stride: 1, groups: 3, bias: false },
    { channels: 9, filters: 2, size: 7, kernel: 1, stride: 1 }, { channels: 6, filters: 13, size: 5, kernel: 3, stride: 1, bias: false }, { channels: 6, filters: 29, size: 4, kernel: 1, stride: 1 }, { channels: 8, filters: 7, size: 7, kernel: 1, stride: 1, after: 'tanh' },
  ]
  it('compute what the interpreter does', async () => {
    for (const shape of SHAPES) await expectSameOnTarget(network(shape), 'wasm', [{}])
  })
  it('tile 4 pixels × 8 output channels, with weights in panels', () => {
    const { kernel, plan } = convolution({ channels: 16, filters: 32, size: 8, kernel: 3, stride: 1 })
    expect(plan).toContainEqual({ kind: 'pack', buffer: 'v1', columns: 32, factor: 8 })
    expect(hottest(kernel)).toEqual({ loads: 6, sums: 8 })
  })
  it('load 2 weights and a pixel for each row of the tile, and keep no more than those weights and a pixel in registers', () => {
    for (const kernel of [1, 3]) {
      const shape = { channels: 16, filters: 32, size: 12, kernel, stride: 1 }
      // Without relaxed SIMD 4 rows, a step at a time; with it 6 rows, 4 steps at a time.
      const baseline = convolution(shape).kernel, relaxed = convolution(shape, 'relaxed').kernel
      expect([hottest(baseline), hottest(relaxed)]).toEqual([{ loads: 2 + 4, sums: 8 }, { loads: 4 * (2 + 6), sums: 4 * 12 }])
      expect([mostLive(baseline), mostLive(relaxed)]).toEqual([3, 3])
    }
  })
  it('compute a SiLU in a loop that reads a tile\'s sums back without relaxed SIMD, and on its registers with it, but longer functions in that loop', () => {
    const readsBack = (after: string, features: Features): boolean => {
      const { kernel } = convolution({ channels: 16, filters: 32, size: 12, kernel: 1, stride: 1, after }, features)
      const out = kernel.buffers.find((b) => b.role === 'out')?.name
      let found = false
      visitStmts(kernel.body, (s) => { visitExprs(exprsOf(s), (e) => { if (e.kind === 'load' && e.buffer === out) found = true }) })
      return found
    }
    expect((['baseline', 'relaxed'] as const).map((features) => ['relu', 'silu', 'gelu'].map((after) => readsBack(after, features)))).toEqual([[false, true, true], [false, false, true]])
  })
  it('cover 49 pixels with tiles of 6 and 5, and 16 with 6, 5 and 5', () => {
    const split = (size: number): unknown => convolution({ channels: 16, filters: 32, size, kernel: 1, stride: 1 }, 'relaxed').plan.find((d) => d.kind === 'split' && d.then !== undefined)
    expect(split(7)).toMatchObject({ factor: 6, then: { from: 24, factor: 5 } })
    expect(split(4)).toMatchObject({ factor: 6, then: { from: 6, factor: 5 } })
  })
  it('give groups of channels the same tiles', () => {
    const { kernel } = convolution({ channels: 48, filters: 48, size: 12, kernel: 1, stride: 1, groups: 3 }, 'relaxed')
    expect(hottest(kernel)).toEqual({ loads: 4 * (2 + 6), sums: 4 * 12 })
  })
  it('take a 7×7 depthwise window row by row: 13 pixels and 7 weights for 7 pixels', () => {
    const { kernel } = convolution({ channels: 16, filters: 16, size: 14, kernel: 7, stride: 1, groups: 16 }, 'relaxed')
    expect(hottest(kernel)).toEqual({ loads: 13 + 7, sums: 49 })
  })
  it('go on to full vectors where output channels are no multiple of 4', () => {
    const { kernel, plan } = convolution({ channels: 16, filters: 7, size: 12, kernel: 3, stride: 1 }, 'relaxed')
    expect(plan).toContainEqual({ kind: 'pack', buffer: 'v1', columns: 7, factor: 8 })
    expect(hottest(kernel)).toEqual({ loads: 4 * (2 + 6), sums: 4 * 12 })
  })
  it('tile across rows where a row is no multiple of the tile', () => {
    const joins = (size: number): boolean => convolution({ channels: 16, filters: 32, size, kernel: 3, stride: 1 }).plan.some((d) => d.kind === 'join')
    expect([8, 7, 14].map(joins)).toEqual([false, true, true])
  })
  it('sum over the taps of a row and its channels in one loop', () => {
    const text = printKernel(convolution({ channels: 16, filters: 32, size: 8, kernel: 3, stride: 1 }).kernel)
    expect(text).toMatch(/for \w+ in \[0, 48\)/)
  })
  it('load each pixel of a depthwise patch once: 16 pixels and 9 weights for 36 multiply-adds', () => {
    const { kernel } = convolution({ channels: 16, filters: 16, size: 7, kernel: 3, stride: 1, groups: 16, bias: false })
    expect(hottest(kernel)).toEqual({ loads: 25, sums: 36 })
  })
  it('stay planes where a depthwise convolution alone is as fast along their rows: 12 pixels for 18 multiply-adds, and 18 for 36 where there are more registers', () => {
    const shape = { channels: 16, filters: 16, size: 8, kernel: 3, stride: 1, groups: 16 }
    expect(hottest(convolution(shape).kernel)).toEqual({ loads: 12, sums: 18 })
    expect(hottest(convolution(shape, 'relaxed').kernel)).toEqual({ loads: 18, sums: 36 })
  })
  it('have a variant for relaxed SIMD on the same packed weights, whatever the number of pixels', () => {
    for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20]) {
      const { kernels } = lowerGraph(runPasses(network({ channels: 32, filters: 48, size, kernel: 1, stride: 1 }), pipelineFor('wasm')), 'wasm', undefined, 'auto')
      expect(kernels.filter((k) => k.relaxed === undefined).map((k) => `${size}: ${k.kernel.name}`)).toEqual([])
    }
  })
  it('need no more than the weights of two rows at once', () => {
    const text = printKernel(convolution({ channels: 16, filters: 16, size: 7, kernel: 3, stride: 1, groups: 16, bias: false }).kernel)
    const lines = text.split('\n').filter((l) => /let v\d+_\w* ?:|set /.test(l))
    const live = weightsLive(lines)
    expect(Math.max(...live)).toBeLessThanOrEqual(6)
  })
})

/** How many weights (`v1`) that were loaded are still to be used, before each line. */
function weightsLive(lines: readonly string[]): number[] {
  const names = lines.flatMap((l, i) => { const m = /let (v1_\w*): .* = v1\[/.exec(l); return m === null ? [] : [{ name: m[1] as string, from: i }] })
  const spans = names.map(({ name, from }) => ({ from, to: lines.reduce((last, l, i) => (new RegExp(`\\b${name}\\b`).test(l) ? i : last), from) }))
  return lines.map((_, i) => spans.filter((s) => s.from < i && i <= s.to).length)
}

describe('products of several matrices with constants of their own', () => {
  const plans = (rows: number, features: 'baseline' | 'relaxed'): readonly Plan[] => {
    const b = new GraphBuilder({ name: 'g', stage: 'fused' }), found: Plan[] = []
    b.output('y', b.add1('winograd_product', [b.input('x', tensorType('float32', [16, rows * 24])), b.constant(seededTensor('float32', [16, 24, 40], 1))], { tiles: rows }, { origin: 'op' }))
    lowerGraph(b.finish(), 'wasm', (k) => found.push(k.schedule ?? []), features)
    return found
  }
  it('read each matrix from its first element to its last, and keep rows of one product together', () => {
    for (const rows of [4, 7, 16]) {
      for (const [plan = []] of [plans(rows, 'baseline'), plans(rows, 'relaxed')]) {
        expect(plan.filter((d) => d.kind === 'pack')).toEqual([{ kind: 'pack', buffer: 'v1', columns: 40, factor: 8, rows: 24 }])
        expect(plan.filter((d) => d.kind === 'join')).toEqual([])
      }
    }
  })
})

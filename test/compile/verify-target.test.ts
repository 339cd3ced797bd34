import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Compute } from '../../src/ir/kernel/compute.js'
import { constant, binary } from '../../src/ir/kernel/expr.js'
import { hostTensor, seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { getOp } from '../../src/ir/ops/index.js'
import { parseGraph } from '../../src/ir/parse.js'
import { compareTensors, verifyTarget } from '../../src/verify-program.js'
import { network } from './synthetic-graphs.js'

const feeds = { x: hostTensor('float32', [2, 4], [1, 0.5, -1, 2, 0, 3, -2, 1]) }
afterEach(() => { vi.restoreAllMocks() })

describe('verification', () => {
  test.each(['js', 'wasm'] as const)('passes where %s agrees with the interpreter', async (target) => {
    const report = await verifyTarget(network(), feeds, { target })
    expect(report).toMatchObject({ ok: true, target, differences: [{ name: 'y' }] })
    expect(report.firstDiverging).toBeUndefined()
    expect(report.differences[0]?.ofPeak).toBeLessThan(1e-6)
  })

  test('names the node whose kernel is wrong, not the group that it was fused into or a node after it', async () => {
    const op = getOp('tanh')
    const right = op.scalar
    vi.spyOn(op as { scalar: NonNullable<typeof right> }, 'scalar').mockImplementation((...args) => binary('add', right?.(...args) ?? constant('f32', 0), constant('f32', 0.5)))
    const report = await verifyTarget(network(), feeds, { target: 'js' })
    expect(report.ok).toBe(false)
    expect(report.firstDiverging).toMatchObject({ origin: '/fc0/Act', op: 'tanh' })
  })

  test('names a node that only a pass after fusion makes', async () => {
    const graph = parseGraph(`graph @g stage=canonical (x: float32[1, 8, 16, 16], w: float32[8, 8, 3, 3]) -> (y: float32[1, 8, 16, 16]) {
      %y: float32[1, 8, 16, 16] = conv(%x, %w, _) {strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], group = 1}
      return y = %y
    }`)
    const given = { x: seededTensor('float32', [1, 8, 16, 16], 1), w: seededTensor('float32', [8, 8, 3, 3], 2) }
    expect((await verifyTarget(graph, given, { target: 'wasm' })).ok).toBe(true)
    const op = getOp('relayout'), right = op.compute
    vi.spyOn(op as { compute: NonNullable<typeof right> }, 'compute').mockImplementation((ctx) => {
      const compute = right?.(ctx) as Compute
      return { ...compute, stages: compute.stages.map((s) => (s.kind === 'store' ? { ...s, value: binary('add', s.value, constant('f32', 0.5)) } : s)) }
    })
    const report = await verifyTarget(graph, given, { target: 'wasm' })
    expect(report.ok).toBe(false)
    expect(report.firstDiverging?.op).toBe('relayout')
  })

  test('names no node where recorded outputs differ and every kernel is right', async () => {
    const y = interpret(network(), feeds)['y']
    const off = hostTensor('float32', [2, 4], Float32Array.from(y?.data as Float32Array, (v, i) => (i === 5 ? v + 0.1 : v)))
    const report = await verifyTarget(network(), feeds, { target: 'js', expected: { y: off } })
    expect(report.ok).toBe(false)
    expect(report.differences[0]?.what).toMatch(/^element 5 is /)
    expect(report.firstDiverging).toBeUndefined()
    expect((await verifyTarget(network(), feeds, { target: 'js', expected: { y: off }, tolerance: 0.5 })).ok).toBe(true)
  })

  test('an output that was recorded and is missing differs', async () => {
    const report = await verifyTarget(network(), feeds, { target: 'js', expected: { z: hostTensor('float32', [1], [1]) } })
    expect(report.differences).toEqual([{ name: 'z', ofPeak: Infinity, what: 'missing' }])
  })
})

describe('comparison', () => {
  const t = (...xs: number[]): ReturnType<typeof hostTensor> => hostTensor('float32', [xs.length], xs)
  test('is of the greatest finite magnitude', () => {
    expect(compareTensors('y', t(1, -200), t(1, -198)).ofPeak).toBeCloseTo(0.01)
    expect(compareTensors('y', t(0, 0), t(0, 0.25)).ofPeak).toBe(0.25)
    expect(compareTensors('y', t(Infinity, 2), t(Infinity, 1)).ofPeak).toBe(0.5)
  })
  test('takes NaN for NaN and an infinity for itself, and nothing else', () => {
    expect(compareTensors('y', t(NaN, Infinity, -0), t(NaN, Infinity, 0))).toEqual({ name: 'y', ofPeak: 0, what: 'equal' })
    for (const [e, a] of [[NaN, 1], [1, NaN], [Infinity, 1e38], [Infinity, -Infinity]] as const) expect(compareTensors('y', t(e, 1), t(a, 1)).ofPeak).toBe(Infinity)
  })
  test('tells dtypes, shapes and strings apart', () => {
    expect(compareTensors('y', t(1), hostTensor('int32', [1], [1])).what).toBe('dtype int32, not float32')
    expect(compareTensors('y', t(1, 2), hostTensor('float32', [2, 1], [1, 2])).what).toBe('shape [2, 1], not [2]')
    expect(compareTensors('y', hostTensor('string', [2], ['a', 'b']), hostTensor('string', [2], ['a', 'c'])).what).toBe('element 1 is "c", not "b"')
  })
})

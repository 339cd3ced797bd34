import { describe, expect, test } from 'vitest'
import { compile, pipelineFor, TARGETS, type Progress } from '../../src/compile.js'
import { hostTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { parseGraph } from '../../src/ir/parse.js'
import { load } from '../../src/runtime/session.js'
import { randomModel } from '../codegen/random-model.js'
import { network } from './synthetic-graphs.js'

/** Targets that run without a device. */
const SYNCHRONOUS = TARGETS.filter((target) => target !== 'wgsl')

describe('compile', () => {
  test.each(TARGETS)('the same graph and options give the same bytes for %s', async (target) => {
    for (let seed = 1; seed <= 12; seed++) {
      const [a, b] = await Promise.all([compile(randomModel(seed, 12), { target }), compile(randomModel(seed, 12), { target, verify: true })])
      expect(Buffer.from(a.encode()).equals(Buffer.from(b.encode())), `seed ${seed}`).toBe(true)
    }
  })

  test('an artefact holds nothing of when or where it was made', async () => {
    const text = new TextDecoder('latin1').decode((await compile(network())).encode())
    expect(text).not.toContain(process.cwd())
    expect(text).not.toMatch(/20\d\d-\d\d-\d\d/)
  })

  test('fixed shapes are baked in: no symbol is left, memory has offsets, and other extents are refused', async () => {
    const program = await compile(network(), { shapes: { x: [3, 4] } })
    expect(program.header.symbols).toEqual([])
    expect(program.header.inputs[0]?.shape).toEqual([3, 4])
    expect(program.header.buffers.every((b) => b.offset !== undefined || b.alias !== undefined)).toBe(true)
    const session = await load(program.data)
    const x = hostTensor('float32', [3, 4], [1, 2, 3, 4, 0, 0, 0, 0, -1, 2, -3, 4])
    const expected = interpret(network(), { x })['y']
    session.runSync({ x })['y']?.data.forEach((v, i) => expect(v).toBeCloseTo(expected?.data[i] as number, 6))
    expect(() => session.runSync({ x: hostTensor('float32', [2, 4], [1, 2, 3, 4, 0, 0, 0, 0]) })).toThrow(expect.objectContaining({ code: 'feed-extent' }) as Error)
  })

  test('fixed shapes that contradict the model or name no input are refused', async () => {
    await expect(compile(network(), { shapes: { x: [3, 5] } })).rejects.toMatchObject({ code: 'bad-option' })
    await expect(compile(network(), { shapes: { x: [3] } })).rejects.toMatchObject({ code: 'bad-option' })
    await expect(compile(network(), { shapes: { X: [3, 4] } })).rejects.toMatchObject({ code: 'bad-option', hint: "its inputs are 'x'" })
  })

  test('progress tells each step once, in order, with the graph that it made', async () => {
    const seen: Progress[] = []
    await compile(network(), { shapes: { x: [1, 4] }, onProgress: (p) => seen.push(p) })
    expect(seen.map((p) => p.name)).toEqual(['specialize-shapes', ...pipelineFor('wasm'), 'lower', 'plan-memory', 'emit'])
    for (const p of seen) {
      expect(p.graph !== undefined, p.name).toBe(p.step === 'specialize' || p.step === 'pass')
      expect(p.ms).toBeGreaterThanOrEqual(0)
    }
    expect(seen.at(-4)?.graph?.stage).toBe('fused')
  })

  test('the report counts nodes, kernels and stripped bookkeeping', async () => {
    const { report, header } = await compile(network())
    expect(report.nodes).toEqual({ before: 7, after: header.steps.length })
    expect(report.kernels).toBe(header.kernels.length)
    expect(report.stripped).toEqual({})
    expect(report.steps.map((s) => s.name).slice(-3)).toEqual(['lower', 'plan-memory', 'emit'])
  })

  test('a kept graph is the text of what was lowered; else there is none', async () => {
    expect((await compile(network())).header.graph).toBeUndefined()
    const { graph } = (await compile(network(), { keepGraph: true })).header
    expect(graph).toMatch(/^graph @network stage=fused \(x: float32\[n, 4\]\)/)
  })

  test('an input that is an output, an output given twice and a constant output come through', async () => {
    const graph = parseGraph(`graph @g stage=inference (x: float32[n], unused: int64[2]) -> (same: float32[n], a: float32[n], b: float32[n], c: float32[3]) {
  symbol n = extent(x, 0)
  const %k: float32[3] = [1, 2, 3]
  %y: float32[n] = neg(%x)
  return same = %x, a = %y, b = %y, c = %k
}`)
    for (const target of SYNCHRONOUS) {
      const session = await load((await compile(graph, { target })).encode())
      for (const size of [2, 0, 5]) {
        const x = Float32Array.from({ length: size }, (_, i) => i + 1)
        const out = session.runSync({ x, unused: BigInt64Array.of(1n, 2n) })
        expect([out['same']?.data, out['a']?.data, out['b']?.data, out['c']?.data]).toEqual([x, x.map((v) => -v), x.map((v) => -v), Float32Array.of(1, 2, 3)])
      }
    }
  })

  test('a graph without nodes is a program without steps', async () => {
    const graph = parseGraph('graph @g stage=inference (x: float32[2]) -> (y: float32[2]) {\n  return y = %x\n}')
    for (const target of SYNCHRONOUS) {
      const { data, report } = await compile(graph, { target })
      expect(report.kernels).toBe(0)
      expect((await load(data)).runSync({ x: [1, 2] })['y']?.data).toEqual(Float32Array.of(1, 2))
    }
  })

  test('an unknown target and an unknown pass are refused before anything runs', async () => {
    await expect(compile(network(), { target: 'cuda' as never })).rejects.toMatchObject({ code: 'target-unavailable' })
    await expect(compile(network(), { passes: ['fuse'] })).rejects.toMatchObject({ code: 'wrong-stage' })
    await expect(compile(network(), { passes: ['fuse', 'fizz'] })).rejects.toMatchObject({ code: 'unknown-pass' })
  })
})

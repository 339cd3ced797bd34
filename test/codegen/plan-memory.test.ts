import { describe, expect, test } from 'vitest'
import { DTYPES } from '../../src/base/dtype.js'
import { pipelineFor } from '../../src/compile.js'
import { lowerGraph } from '../../src/codegen/lower.js'
import { planMemory, type MemoryPlan } from '../../src/codegen/plan-memory.js'
import type { Graph } from '../../src/ir/graph.js'
import { parseGraph } from '../../src/ir/parse.js'
import { runPasses } from '../../src/passes/index.js'
import { specializeShapes } from '../../src/passes/specialize-shapes.js'
import { randomModel } from './random-model.js'

const planOf = (graph: Graph): MemoryPlan => planMemory(graph, lowerGraph(graph, 'js'))
const fusedText = (text: string): Graph => ({ ...parseGraph(text), stage: 'fused' })

/** Pairs of buffers that own arena memory, are live in the same step and overlap. */
function overlaps(plan: MemoryPlan): string[] {
  const owners = plan.buffers.flatMap((b, i) => (b.place === 'arena' && b.alias === undefined ? [{ i, ...b, start: b.offset ?? NaN, end: (b.offset ?? NaN) + Math.ceil(((b.length as number) * DTYPES[b.dtype].bits) / 8) }] : []))
  return owners.flatMap((a) => owners.filter((b) => b.i > a.i && b.first <= a.last && a.first <= b.last && !(b.start >= a.end || a.start >= b.end) && a.end > a.start && b.end > b.start).map((b) => `${a.i} ${b.i}`))
}

describe('the memory plan', () => {
  test('of a static program has offsets, and buffers that live at the same time lie apart', () => {
    for (let seed = 1; seed <= 80; seed++) {
      const graph = runPasses(specializeShapes(randomModel(seed, 2 + (seed % 12)), { x: [3, 6, 5] }), pipelineFor('js'))
      const plan = planOf(graph)
      for (const b of plan.buffers) expect(b.offset === undefined).toBe(b.alias !== undefined)
      expect(overlaps(plan), `seed ${seed}`).toEqual([])
      plan.callBuffers.forEach((call, step) => call.forEach((n) => {
        const b = plan.buffers[n]
        expect(b !== undefined && b.first <= step && step <= b.last, `seed ${seed}, buffer ${n} in step ${step}`).toBe(true)
      }))
    }
  })

  test('leaves offsets open where an extent is a symbol', () => {
    const plan = planOf(fusedText(`graph @g stage=canonical (x: float32[n, 4]) -> (y: float32[n, 4]) {
  symbol n = extent(x, 0)
  %y: float32[n, 4] = neg(%x)
  return y = %y
}`))
    expect(plan.buffers.map((b) => b.offset)).toEqual([undefined, undefined])
    expect(plan.buffers.map((b) => b.length)).toEqual([['*', 4, 'n'], ['*', 4, 'n']])
  })

  test('keeps a result and what it is an alias of until the last step', () => {
    const plan = planOf(fusedText(`graph @g stage=canonical (x: float32[6]) -> (a: float32[2, 3], b: float32[6]) {
  %n: float32[6] = neg(%x)
  %r: float32[2, 3] = reshape(%n) {shape = [2, 3]}
  %s: float32[3, 2] = reshape(%r) {shape = [3, 2]}
  %t: float32[3, 2] = tanh(%s)
  %u: float32[6] = reshape(%t) {shape = [6]}
  %v: float32[6] = abs(%u)
  return a = %r, b = %v
}`))
    const last = plan.callBuffers.length - 1
    expect(last).toBe(2)
    const aliases = plan.buffers.filter((b) => b.alias !== undefined)
    expect(aliases).toHaveLength(3)
    for (const b of aliases) expect(plan.buffers[b.alias as number]?.alias).toBeUndefined()
    // x: read by step 0 only. n, r, s share memory and r is a result; t and u are read by the last step, v is a result.
    const lives = plan.buffers.filter((b) => b.alias === undefined).map((b) => [b.first, b.last])
    expect(lives).toEqual([[0, 0], [0, last], [1, last], [last, last]])
    expect(overlaps(plan)).toEqual([])
  })

  test('gives a constant one place however often it is used, and each from a multiple of 64 bytes', () => {
    const graph = fusedText(`graph @g stage=canonical (x: float32[2]) -> (y: float32[2]) {
  const %c: float32[2] = [1, 2]
  const %d: float32[2] = [3, 4]
  %a: float32[2] = add(%x, %c)
  %b: float32[2] = mul(%a, %d)
  %e: float32[2] = mul(%b, %c)
  return y = %e
}`)
    const plan = planOf(graph)
    expect(plan.constants.map((c) => [c.name, c.offset, c.bytes])).toEqual([['c', 0, 8], ['d', 64, 8]])
    expect(Array.from(new Float32Array(plan.constantBytes.buffer, 0, 2))).toEqual([1, 2])
    expect(Array.from(new Float32Array(plan.constantBytes.buffer, 64, 2))).toEqual([3, 4])
  })
})

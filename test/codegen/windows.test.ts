import { describe, expect, it } from 'vitest'
import { lowerGraph } from '../../src/codegen/lower.js'
import { windowsOf } from '../../src/codegen/windows.js'
import { pipelineFor } from '../../src/compile.js'
import type { Graph } from '../../src/ir/graph.js'
import { parseGraph } from '../../src/ir/parse.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget } from './same-on-target.js'

/** x → tanh-like conv 1×1 → `body` on %c, float32[n, 4, 6, 5]. */
const text = (body: string, results: string, outputs: string): string => `graph @g stage=inference (x: float32[n, 4, 6, 5]) -> (${outputs}) {
  symbol n = extent(x, 0)
  const %w: float32[4, 4, 1, 1] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
  const %v: float32[4, 4, 1, 1] = [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
  const %d: float32[4, 1, 3, 3] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  %i: float32[n, 4, 6, 5] = abs(%x)
  %c: float32[n, 4, 6, 5] = conv(%i, %w, _) {strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1}
${body}
  return ${results}
}`
const DEPTHWISE = '%y: float32[n, 4, 6, 5] = conv(%c, %d, _) {strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], group = 4}'
const ready = (source: string): Graph => runPasses(parseGraph(source), pipelineFor('wasm'), { verify: true })
const inner = (source: string): string[] => [...windowsOf(ready(source)).keys()].map((v) => v.name)

describe('a result that is padded next', () => {
  const plain = text(`  ${DEPTHWISE}`, 'y = %y', 'y: float32[n, 4, 6, 5]')
  it('is made inside the padded value, and the pad writes its border only', async () => {
    expect(inner(plain)).toEqual(['c'])
    const pads: number[] = []
    lowerGraph(ready(plain), 'wasm', (k) => { if (k.kernel.name.startsWith('pad')) pads.push(k.kernel.buffers.length) })
    expect(pads).toEqual([1])
    await expectSameOnTarget(parseGraph(plain), 'wasm', [{ n: 1 }, { n: 3 }])
  })
  it('is read there by its other users too', async () => {
    const both = text(`  ${DEPTHWISE}\n  %z: float32[n, 4, 6, 5] = add(%y, %c)\n  %p: float32[n, 4, 1, 1] = reduce_max(%c) {axes = [2, 3], keepdims = true}\n  %q: float32[n, 4, 6, 5] = mul(%z, %p)`, 'q = %q', 'q: float32[n, 4, 6, 5]')
    expect(inner(both)).toEqual(['c'])
    await expectSameOnTarget(parseGraph(both), 'wasm', [{ n: 1 }, { n: 2 }])
  })
  it('is read there by a pointwise convolution, which sees pixels as one axis', async () => {
    const pointwise = text(`  ${DEPTHWISE}\n  %e: float32[n, 4, 6, 5] = conv(%c, %w, _) {strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1}\n  %z: float32[n, 4, 6, 5] = mul(%y, %e)`, 'z = %z', 'z: float32[n, 4, 6, 5]')
    expect(inner(pointwise)).toEqual(['c'])
    await expectSameOnTarget(parseGraph(pointwise), 'wasm', [{ n: 2 }])
  })
  it('keeps memory of its own where it is an output, or is read under another shape', async () => {
    const output = text(`  ${DEPTHWISE}`, 'y = %y, c = %c', 'y: float32[n, 4, 6, 5], c: float32[n, 4, 6, 5]')
    const reshaped = text(`  ${DEPTHWISE}\n  %r: float32[n, 4, 30] = reshape(%c) {shape = [n, 4, 30]}\n  %s: float32[n, 4, 30] = softmax(%r) {axis = 1}`, 'y = %y, s = %s', 'y: float32[n, 4, 6, 5], s: float32[n, 4, 30]')
    for (const source of [output, reshaped]) {
      expect(inner(source).filter((name) => name === 'c')).toEqual([])
      await expectSameOnTarget(parseGraph(source), 'wasm', [{ n: 2 }])
    }
  })
  it('lies in the first of two borders', async () => {
    const two = text(`  ${DEPTHWISE}\n  %o: float32[n, 4, 8, 6] = pad(%c) {mode = "constant", before = [0, 0, 2, 0], after = [0, 0, 0, 1]}\n  %m: float32[n, 4, 1, 1] = reduce_max(%o) {axes = [2, 3], keepdims = true}\n  %z: float32[n, 4, 6, 5] = add(%y, %m)`, 'z = %z', 'z: float32[n, 4, 6, 5]')
    expect(inner(two)).toEqual(['c'])
    await expectSameOnTarget(parseGraph(two), 'wasm', [{ n: 1 }, { n: 2 }])
  })
})

describe('results that are joined', () => {
  const join = (more: string, results = 'y = %y', outputs = 'y: float32[n, 8, 6, 5]'): string => text(`  %e: float32[n, 4, 6, 5] = conv(%i, %v, _) {strides = [1, 1], dilations = [1, 1], pads = [0, 0, 0, 0], group = 1}\n${more}`, results, outputs)
  const calls = (source: string): string[] => { const { kernels, steps } = lowerGraph(ready(source), 'wasm'); return steps.flatMap((s) => (s.kind === 'call' ? [kernels[s.kernel]?.kernel.name ?? ''] : [])) }
  it('are made side by side, and nothing is left of the join', async () => {
    const source = join('  %j: float32[n, 8, 6, 5] = concat(%c, %e) {axis = 1}\n  %y: float32[n, 8, 6, 5] = softmax(%j) {axis = 1}')
    expect(inner(source)).toEqual(['c', 'e'])
    expect(calls(source).filter((name) => name.startsWith('concat'))).toEqual([])
    await expectSameOnTarget(parseGraph(source), 'wasm', [{ n: 1 }, { n: 3 }])
  })
  it('are copied where they are joined twice, or come from outside', async () => {
    const source = join('  %j: float32[n, 16, 6, 5] = concat(%c, %x, %c, %e) {axis = 1}\n  %s: float32[n, 16, 6, 5] = softmax(%j) {axis = 1}', 's = %s', 's: float32[n, 16, 6, 5]')
    expect(inner(source)).toEqual(['e'])
    expect(calls(source).filter((name) => name.startsWith('concat'))).toHaveLength(1)
    await expectSameOnTarget(parseGraph(source), 'wasm', [{ n: 2 }])
  })
  it('are copied where their place is no number', async () => {
    const source = join('  %j: float32[2*n, 4, 6, 5] = concat(%c, %e) {axis = 0}\n  %s: float32[2*n, 4, 6, 5] = softmax(%j) {axis = 1}', 's = %s', 's: float32[2*n, 4, 6, 5]')
    expect(inner(source)).toEqual(['c'])
    await expectSameOnTarget(parseGraph(source), 'wasm', [{ n: 1 }, { n: 2 }])
  })
})

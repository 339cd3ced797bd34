import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lowerGraph } from '../../src/codegen/lower.js'
import { pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Graph } from '../../src/ir/graph.js'
import { fromNumbers, seededTensor } from '../../src/ir/host-tensor.js'
import { printKernel } from '../../src/ir/kernel/print.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget } from './same-on-target.js'

interface Shape {
  readonly op: 'lstm' | 'gru' | 'rnn'
  readonly hidden: number
  readonly features: number
  readonly direction: 'forward' | 'reverse' | 'bidirectional'
  readonly layout: number
  readonly clip: number
  readonly bias: boolean
  readonly initial: boolean
  readonly peepholes: boolean
  /** input_forget or linear_before_reset. */
  readonly flag: boolean
  readonly functions: readonly [string, string]
}

const PLAIN: Shape = { op: 'lstm', hidden: 8, features: 3, direction: 'forward', layout: 0, clip: Infinity, bias: true, initial: false, peepholes: false, flag: false, functions: ['Sigmoid', 'Tanh'] }

/** A recurrence over x of `t` steps and `n` sequences with constant weights; `lengths` fixes n. */
function graphOf(s: Shape, lengths?: readonly number[]): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' }), first = s.layout === 1
  const count = s.direction === 'bidirectional' ? 2 : 1, rows = { lstm: 4, gru: 3, rnn: 1 }[s.op] * s.hidden
  const t = b.symbol('t', { kind: 'extent', input: 0, axis: first ? 1 : 0 }), n = lengths?.length ?? b.symbol('n', { kind: 'extent', input: 0, axis: first ? 0 : 1 })
  const x = b.input('x', tensorType('float32', first ? [n, t, s.features] : [t, n, s.features]))
  const constant = (seed: number, shape: readonly number[]) => b.constant(seededTensor('float32', shape, seed))
  const state = (name: string) => (s.initial ? b.input(name, tensorType('float32', first ? [n, count, s.hidden] : [count, n, s.hidden])) : null)
  const functions = s.op === 'lstm' ? [s.functions[0], s.functions[1], s.functions[1]] : s.op === 'gru' ? s.functions : [s.functions[1]]
  const results = b.add(s.op, [
    x, constant(1, [count, rows, s.features]), constant(2, [count, rows, s.hidden]), s.bias ? constant(3, [count, 2 * rows]) : null,
    lengths === undefined ? null : b.constant(fromNumbers('int32', [lengths.length], lengths)), state('h'),
    ...(s.op === 'lstm' ? [state('c'), s.peepholes ? constant(4, [count, 3 * s.hidden]) : null] : []),
  ], {
    direction: s.direction, hidden: s.hidden, activations: Array.from({ length: count }, () => functions).flat(), alphas: [], betas: [], clip: s.clip, layout: s.layout,
    ...(s.op === 'lstm' && { input_forget: s.flag }), ...(s.op === 'gru' && { linear_before_reset: s.flag }),
  }, { origin: s.op })
  results.forEach((v, i) => { b.output(`y${i}`, v) })
  return b.finish()
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  op: fc.constantFrom('lstm' as const, 'gru' as const, 'rnn' as const), hidden: fc.integer({ min: 1, max: 27 }), features: fc.integer({ min: 1, max: 9 }),
  direction: fc.constantFrom('forward' as const, 'reverse' as const, 'bidirectional' as const), layout: fc.nat(1), clip: fc.constantFrom(Infinity, 0.7),
  bias: fc.boolean(), initial: fc.boolean(), peepholes: fc.boolean(), flag: fc.boolean(),
  functions: fc.constantFrom(['Sigmoid', 'Tanh'] as const, ['HardSigmoid', 'ScaledTanh'] as const, ['Sigmoid', 'Elu'] as const, ['Softsign', 'Relu'] as const, ['Sigmoid', 'LeakyRelu'] as const, ['ThresholdedRelu', 'Softplus'] as const),
})

/** The text of the kernel of a recurrence on wasm. */
function kernelText(s: Shape, lengths?: readonly number[]): string {
  const { kernels } = lowerGraph(runPasses(graphOf(s, lengths), pipelineFor('wasm')), 'wasm')
  return printKernel((kernels.find((k) => k.kernel.name.startsWith(`${s.op}_recurrence`)) ?? expect.fail('no recurrence'))['kernel'])
}

describe('recurrences', () => {
  for (const target of ['wasm', 'js'] as const) {
    it(`of any size and kind give on ${target} what the interpreter does`, async () => {
      await fc.assert(fc.asyncProperty(shapes, async (s) => {
        await expectSameOnTarget(graphOf(s), target, [{ t: 3, n: 3 }, { t: 1, n: 1 }, { t: 0, n: 2 }])
      }), { seed: 31, numRuns: 40 })
    })

    it(`stop at the end of each sequence on ${target}`, async () => {
      await fc.assert(fc.asyncProperty(shapes, async (s) => { await expectSameOnTarget(graphOf(s, [4, 0, 2]), target, [{ t: 4 }]) }), { seed: 32, numRuns: 15 })
    })
  }

  it('sum in lanes and in registers on wasm', () => {
    for (const op of ['lstm', 'gru', 'rnn'] as const) {
      const text = kernelText({ ...PLAIN, op })
      expect(text).toContain('f32x4')
      expect(text).toMatch(/madd\(/)
      // Eight elements are whole vectors: nothing is left to go one by one.
      expect(text).not.toMatch(/: f32 = x\d+\[/)
    }
  })

  it('read their weights once for two sequences, and sequences with lengths of their own one by one', () => {
    const pairs = / step 2 \{[^]*madd\(v_0\.all, (w_0\.0), [^]*madd\(v_1\.all, \1, /
    expect(kernelText(PLAIN)).toMatch(pairs)
    expect(kernelText({ ...PLAIN, op: 'rnn' }, [2, 1])).not.toMatch(pairs)
  })

  it('of both directions share their code where they have the same functions', () => {
    expect(kernelText({ ...PLAIN, direction: 'bidirectional' })).toContain('parallel for d in [0, 2)')
  })

  it('have their activations in lanes too', () => {
    const text = kernelText({ ...PLAIN, functions: ['Sigmoid', 'Elu'] })
    expect(text).toContain('f32x4')
    expect(text).not.toMatch(/expm1|exp\(/)
    expect(text).not.toMatch(/: f32 = x\d+\[/)
  })
})

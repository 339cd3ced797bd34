/** What depends on constants alone is made at load, in the form its readers want, and is what it would be if it were made at every run. */
import { describe, expect, it } from 'vitest'
import { compile } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { WINOGRAD_TILES } from '../../src/ir/ops/winograd-transform.js'
import { substitute } from '../../src/ir/rewrite.js'
import { tensorType } from '../../src/ir/types.js'
import { load } from '../../src/runtime/session.js'
import { distance } from '../passes/same-results.js'
import { expectSameOnTarget } from './same-on-target.js'

const op = { origin: 'op' }, PLAIN = { trans_a: false, trans_b: false }
/** Passes that fold nothing, so that what depends on constants alone stays. */
const UNFOLDED = ['fuse']

/** A builder computes what is made of constants at once: here they are inputs until the graph is finished. */
class LateConstants {
  readonly #values = new Map<Value, Value>()
  readonly #b: GraphBuilder
  constructor(b: GraphBuilder) { this.#b = b }

  constant(shape: readonly number[], seed: number): Value {
    const input = this.#b.input(`c${this.#values.size}`, tensorType('float32', shape))
    this.#values.set(input, { ...input, data: seededTensor('float32', shape, seed) })
    return input
  }

  finish(): Graph {
    const graph = this.#b.finish()
    return substitute({ ...graph, inputs: graph.inputs.filter((v) => !this.#values.has(v)) }, this.#values)
  }
}

interface Sizes { readonly rows: number; readonly inner: number; readonly columns: number }

/** y = x · (relu of a product of constants), which is wanted packed; with `more`, as it is too: it is joined, viewed and given out. */
function product({ rows, inner, columns }: Sizes, more: boolean): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'canonical' })
  const n = b.symbol('n', { kind: 'extent', input: 0, axis: 0 }), x = b.input('x', tensorType('float32', [n, inner]))
  const late = new LateConstants(b), first = late.constant([inner, rows], 1), second = late.constant([rows, columns], 2)
  const w = b.add1('relu', [b.add1('matmul', [first, second], PLAIN, op)], {}, op)
  b.output('y', b.add1('matmul', [x, w], PLAIN, op))
  if (!more) return late.finish()
  b.output('w', w)
  const view = b.add1('reshape', [w], { shape: [columns, inner] }, op)
  b.output('z', b.add1('matmul', [b.add1('abs', [view], {}, op), b.add1('matmul', [w, second], { trans_a: false, trans_b: true }, op)], PLAIN, op))
  b.output('j', b.add1('concat', [x, b.add1('matmul', [x, b.add1('matmul', [w, view], PLAIN, op)], PLAIN, op)], { axis: 1 }, op))
  return late.finish()
}

describe('what depends on constants alone', () => {
  const SIZES: readonly Sizes[] = [{ rows: 5, inner: 16, columns: 32 }, { rows: 3, inner: 7, columns: 21 }, { rows: 40, inner: 24, columns: 12 }, { rows: 2, inner: 1, columns: 1 }]
  for (const target of ['js', 'wasm'] as const) {
    it.each(SIZES)(`gives on ${target} what the interpreter gives, in every form that is wanted, with $rows rows, $inner summed and $columns columns`, async (sizes) => {
      for (const more of [false, true]) await expectSameOnTarget(product(sizes, more), target, [{ n: 1 }, { n: 9 }], { passes: UNFOLDED })
    })
  }

  it('is in no step of a run, and what only it reads is in no memory that stays', async () => {
    const { header } = await compile(product({ rows: 64, inner: 16, columns: 32 }, false), { passes: UNFOLDED })
    expect(header.steps.map((s) => header.kernels[s.kernel]?.name)).toEqual([expect.stringMatching(/^matmul_n/)])
    expect(header.constants).toEqual([])
    expect(header.prepare?.raw.map((r) => r.shape).sort()).toEqual([[16, 64], [64, 32]])
    // The result, and beside it nothing but what the last step reads and has not yet been overwritten.
    expect(header.prepare?.bytes).toBeLessThanOrEqual(4 * (16 * 32 + 16 * 64 + 64 * 32) + 3 * 64)
  })

  it('takes the constants that need most memory first, so that what comes later takes their place', async () => {
    const b = new GraphBuilder({ name: 'g', stage: 'canonical' }), late = new LateConstants(b), n = b.symbol('n', { kind: 'extent', input: 0, axis: 0 })
    let y: Value = b.input('x', tensorType('float32', [n, 32]))
    const sizes = [8, 32, 12, 16]
    for (const size of sizes) {
      const w = b.add1('matmul', [late.constant([32, size], size), late.constant([size, 32], size + 1)], PLAIN, op)
      y = b.add1('matmul', [y, w], PLAIN, op)
    }
    b.output('y', y)
    const { header } = await compile(late.finish(), { passes: UNFOLDED }), results = sizes.length * 32 * 32 * 4
    expect(header.prepare?.raw.map((r) => header.buffers[r.buffer]?.length as number)).toEqual([32, 32, 16, 16, 12, 12, 8, 8].map((size) => 32 * size))
    expect(header.prepare?.bytes).toBeLessThanOrEqual(results + 2 * 8 * 32 * 4)
  })
})

describe("transformed weights of Winograd's convolutions", () => {
  it.each(WINOGRAD_TILES)('made at load for tiles of %i are what they would be if they were stored, to a unit of the last place or two', async (tile) => {
    for (const [filters, channels] of [[16, 3], [21, 5], [64, 64]] as const) {
      const b = new GraphBuilder({ name: 'g', stage: 'canonical' }), late = new LateConstants(b)
      b.input('x', tensorType('float32', [1]))
      b.output('u', b.add1('winograd_weights', [late.constant([filters, channels, 3, 3], 7)], { tile }, op))
      const graph = late.finish(), x = seededTensor('float32', [1], 1), expected = interpret(graph, { x })['u']
      for (const target of ['js', 'wasm'] as const) {
        using session = await load((await compile(graph, { target, passes: UNFOLDED })).data)
        expect(distance(session.runSync({ x })['u'] as never, expected as never)).toBeLessThanOrEqual(2.5e-7)
      }
    }
  })

  it('have the same bits with several threads, from memory and from bytes', async () => {
    const b = new GraphBuilder({ name: 'g', stage: 'inference' }), conv = { strides: [1, 1], dilations: [1, 1], group: 1, pads: [1, 1, 1, 1] }
    const x = b.input('x', tensorType('float32', [1, 32, 24, 24]))
    b.output('y', b.add1('conv', [b.add1('relu', [b.add1('conv', [x, b.constant(seededTensor('float32', [48, 32, 3, 3], 3)), null], conv, op)], {}, op), b.constant(seededTensor('float32', [24, 48, 3, 3], 4)), null], conv, op))
    const program = await compile(b.finish()), feeds = { x: seededTensor('float32', [1, 32, 24, 24], 5) }
    expect(program.header.prepare?.steps.map((s) => program.header.kernels[s.kernel]?.name)).toEqual([expect.stringContaining('winograd_weights'), expect.stringContaining('winograd_weights')])
    using one = await load(program.data)
    const wanted = one.runSync(feeds)['y']?.data
    for (const source of [program.data, program.encode()]) {
      using two = await load(source, { threads: 2 })
      for (let i = 0; i < 2; i++) expect((await two.run(feeds))['y']?.data).toEqual(wanted)
    }
  })

  it('take no more of an artefact than the weights as they were', async () => {
    const b = new GraphBuilder({ name: 'g', stage: 'inference' }), conv = { strides: [1, 1], dilations: [1, 1], group: 1, pads: [1, 1, 1, 1] }
    b.output('y', b.add1('conv', [b.input('x', tensorType('float32', [1, 128, 28, 28])), b.constant(seededTensor('float32', [128, 128, 3, 3], 3)), null], conv, op))
    const fast = await compile(b.finish()), exact = await compile(b.finish(), { exact: true })
    expect(fast.report.winograd).toHaveLength(1)
    expect(fast.data.sections['raw0']?.length).toBe(exact.data.sections.constants?.length)
    expect(fast.data.sections.constants?.length ?? 0).toBe(0)
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compile, pipelineFor } from '../../src/compile.js'
import { GraphBuilder } from '../../src/ir/build.js'
import { add, type Dim } from '../../src/ir/dims.js'
import { shapeOf, type Graph, type Value } from '../../src/ir/graph.js'
import type { HostTensor } from '../../src/base/dtype.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { winogradTiles } from '../../src/ir/ops/winograd.js'
import { WINOGRAD_TILES, type WinogradTile } from '../../src/ir/ops/winograd-transform.js'
import { tensorType } from '../../src/ir/types.js'
import { runPasses } from '../../src/passes/index.js'
import { bestTile } from '../../src/passes/winograd-cost.js'
import { load } from '../../src/runtime/session.js'
import { expectSameOnTarget, feedsAt } from '../codegen/same-on-target.js'
import { distance } from './same-results.js'

const ONES = { strides: [1, 1], dilations: [1, 1], group: 1 }
/** Largest error, of the largest result, against sums in double: a few units of the last place for each of the additions in a transform. */
const ERROR: Readonly<Record<WinogradTile, number>> = { 2: 1.5e-6, 4: 5e-6 }

interface Shape { readonly channels: number; readonly filters: number; readonly pads: readonly [number, number, number, number] }

/** x[n, C, h, w] with symbolic n, h and w, padded, and a constant weight and bias. */
function begin({ channels, filters, pads }: Shape): { readonly b: GraphBuilder; readonly x: Value; readonly padded: Value; readonly w: HostTensor; readonly bias: Value } {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' })
  const [n, h, w] = ['n', 'h', 'w'].map((s, i) => b.symbol(s, { kind: 'extent', input: 0, axis: [0, 2, 3][i] as number })) as [Dim, Dim, Dim]
  const x = b.input('x', tensorType('float32', [n, channels, h, w]))
  const padded = b.add1('pad', [x, null], { mode: 'constant', before: [0, 0, pads[0], pads[1]], after: [0, 0, pads[2], pads[3]] }, { origin: 'pad' })
  return { b, x, padded, w: seededTensor('float32', [filters, channels, 3, 3], 7), bias: b.constant(seededTensor('float32', [filters], 8)) }
}

/** The convolution as an op, and as the three steps of a tile. */
function convolution(shape: Shape): Graph {
  const { b, x, w, bias } = begin(shape)
  b.output('y', b.add1('conv', [x, b.constant(w), bias], { ...ONES, pads: shape.pads }, { origin: 'conv' }))
  return b.finish()
}
function steps(shape: Shape, tile: WinogradTile): Graph {
  const { b, padded, w, bias } = begin(shape), [n, , h, width] = shapeOf(padded) as [Dim, Dim, Dim, Dim]
  const result = [n, shape.filters, add(h, -2), add(width, -2)], { count } = winogradTiles(n, add(h, -2), add(width, -2), tile)
  const tiles = b.add1('winograd_input', [padded], { tile }, { origin: 'input' })
  const products = b.add1('winograd_product', [tiles, b.add1('winograd_weights', [b.constant(w)], { tile }, { origin: 'weights' })], { tiles: count }, { origin: 'product' })
  b.output('y', b.add1('winograd_output', [products, bias], { tile, shape: result }, { origin: 'output' }))
  return b.finish()
}

const side = fc.integer({ min: 0, max: 2 })
const shapes = fc.record({ channels: fc.integer({ min: 1, max: 19 }), filters: fc.integer({ min: 1, max: 21 }), pads: fc.tuple(side, side, side, side) })
const extents = fc.record({ n: fc.integer({ min: 1, max: 3 }), h: fc.integer({ min: 1, max: 17 }), w: fc.integer({ min: 1, max: 23 }) })
const fits = (shape: Shape, { h, w }: { h: number; w: number }): boolean => h + shape.pads[0] + shape.pads[2] >= 3 && w + shape.pads[1] + shape.pads[3] >= 3

describe("a convolution by Winograd's transforms", () => {
  it.each(WINOGRAD_TILES.flatMap((tile) => (['js', 'wasm'] as const).map((target) => ({ tile, target }))))('of tile $tile on $target gives the sums within a few units of the last place, at any channels, sizes, batches and pads', { timeout: 240_000 }, async ({ tile, target }) => {
    await fc.assert(fc.asyncProperty(shapes, fc.array(extents, { minLength: 1, maxLength: 3 }), async (shape, sizes) => {
      const reference = convolution(shape), session = await load((await compile(steps(shape, tile), { target, verify: true })).data)
      for (const size of sizes.filter((s) => fits(shape, s))) {
        const feeds = feedsAt(reference, size)
        expect(distance(session.runSync(feeds)['y'] as HostTensor, interpret(reference, feeds)['y'] as HostTensor)).toBeLessThanOrEqual(ERROR[tile])
      }
      session.dispose()
    }), { seed: 5, numRuns: 4 })
  })

  it('keeps its accuracy over 512 channels', async () => {
    const shape: Shape = { channels: 512, filters: 4, pads: [1, 1, 1, 1] }, reference = convolution(shape), feeds = feedsAt(reference, { n: 1, h: 5, w: 5 })
    const expected = interpret(reference, feeds)['y'] as HostTensor
    for (const tile of WINOGRAD_TILES) {
      const session = await load((await compile(steps(shape, tile), { target: 'wasm' })).data)
      expect(distance(session.runSync(feeds)['y'] as HostTensor, expected)).toBeLessThanOrEqual(ERROR[tile])
    }
  })
})

/** relu → conv → [what follows], by size; channels enough to gain. */
function network(size: Dim, follow: (b: GraphBuilder, conv: Value, x: Value) => Value, channels = 16): Graph {
  const b = new GraphBuilder({ name: 'g', stage: 'inference' }), op = { origin: 'op' }
  if (typeof size === 'string') b.symbol(size, { kind: 'extent', input: 0, axis: 2 })
  const x = b.add1('abs', [b.input('x', tensorType('float32', [2, channels, size, size]))], {}, op)
  const w = b.constant(seededTensor('float32', [channels, channels, 3, 3], 3)), bias = b.constant(seededTensor('float32', [channels], 4))
  b.output('y', follow(b, b.add1('conv', [x, w, bias], { ...ONES, pads: [1, 1, 1, 1] }, op), x))
  return b.finish()
}
const opsOf = (graph: Graph): string[] => runPasses(graph, pipelineFor('wasm'), { verify: true }).nodes.map((n) => n.op)
const op = { origin: 'op' }

describe('choose-winograd', () => {
  const FOLLOWERS: Readonly<Record<string, (b: GraphBuilder, conv: Value, x: Value) => Value>> = {
    nothing: (_, conv) => conv,
    'an activation': (b, conv) => b.add1('relu', [conv], {}, op),
    'a residual and an activation': (b, conv, x) => b.add1('relu', [b.add1('add', [conv, x], {}, op)], {}, op),
    'a join': (b, conv, x) => b.add1('concat', [b.add1('relu', [conv], {}, op), x], { axis: 1 }, op),
    'another convolution': (b, conv) => b.add1('conv', [b.add1('relu', [conv], {}, op), b.constant(seededTensor('float32', [24, 16, 3, 3], 5)), null], { ...ONES, pads: [1, 1, 1, 1] }, op),
    'a product with itself': (b, conv) => b.add1('mul', [conv, b.add1('sigmoid', [conv], {}, op)], {}, op),
  }
  it.each(Object.keys(FOLLOWERS))('keeps what a convolution with %s after it computes', async (name) => {
    for (const size of ['s', 8, 11] as const) {
      const graph = network(size, FOLLOWERS[name] as (typeof FOLLOWERS)[string])
      expect(opsOf(graph)).toContain('winograd_product')
      await expectSameOnTarget(graph, 'wasm', typeof size === 'string' ? [{ s: 5 }, { s: 16 }, { s: 1 }] : [{}])
    }
  })

  it('leaves what is fused behind a convolution in the kernel that stores its results', () => {
    const graph = runPasses(network(16, FOLLOWERS['a residual and an activation'] as (typeof FOLLOWERS)[string]), pipelineFor('wasm'))
    const [last] = graph.nodes.filter((n) => n.op === 'fused').slice(-1), body = last?.attrs['body'] as Graph
    expect(body.nodes.map((n) => n.op)).toEqual(['winograd_output', 'add', 'relu'])
  })

  it('transforms weights that several convolutions share once', () => {
    const graph = runPasses(network(16, (b, conv) => {
      const w = b.constant(seededTensor('float32', [16, 16, 3, 3], 5)), next = (x: Value): Value => b.add1('conv', [x, w, null], { ...ONES, pads: [1, 1, 1, 1] }, op)
      return next(next(conv))
    }), pipelineFor('wasm'))
    expect(new Set(graph.nodes.filter((n) => n.op === 'winograd_product').map((n) => n.inputs[1])).size).toBe(2)
  })

  it('leaves strides, dilations, groups, other kernels and weights that are computed alone', () => {
    const conv = (attrs: Readonly<Record<string, unknown>>, weight: readonly number[]) => network(32, (b, c) => b.add1('conv', [c, b.constant(seededTensor('float32', weight, 6)), null], { ...ONES, pads: [1, 1, 1, 1], ...attrs } as never, op))
    const count = (graph: Graph): number => opsOf(graph).filter((o) => o === 'winograd_product').length
    expect(count(conv({}, [16, 16, 3, 3]))).toBe(2)
    for (const [attrs, weight] of [[{ strides: [2, 2] }, [16, 16, 3, 3]], [{ dilations: [2, 2] }, [16, 16, 3, 3]], [{ group: 2 }, [16, 8, 3, 3]], [{}, [16, 16, 3, 1]], [{}, [16, 16, 5, 5]]] as const) expect(count(conv(attrs, weight))).toBe(1)
    expect(opsOf(network(32, (b, c) => b.add1('conv', [c, b.input('k', tensorType('float32', [16, 16, 3, 3])), null], { ...ONES, pads: [1, 1, 1, 1] }, op))).filter((o) => o === 'winograd_product')).toHaveLength(1)
  })

  it('is told by the report, and turned off by `exact`', async () => {
    const graph = network(32, (_, conv) => conv)
    const { report } = await compile(graph), exact = await compile(graph, { exact: true })
    expect(report.winograd).toEqual([{ origin: 'op', tile: 4, weightBytes: 36 * 16 * 16 * 4, exactWeightBytes: 9 * 16 * 16 * 4 }])
    expect(exact.report.winograd).toEqual([])
    expect(exact.header.kernels.filter((k) => k.name.startsWith('winograd'))).toEqual([])
    expect((await compile(graph, { target: 'js' })).report.winograd).toEqual([])
  })
})

describe('the tile that is chosen', () => {
  const tileOf = (channels: number, filters: number, size: Dim, batch: Dim = 1): WinogradTile | undefined => bestTile({ input: [batch, channels, add(size, 2), add(size, 2)], output: [batch, filters, size, size] })
  it('is 4 for the convolutions of image networks, whatever is symbolic', () => {
    expect([tileOf(64, 64, 56), tileOf(128, 128, 28), tileOf(256, 256, 14), tileOf(512, 512, 7), tileOf(64, 64, 'h'), tileOf(64, 64, 56, 'n')]).toEqual([4, 4, 4, 4, 4, 4])
  })
  it('is 2 where reading more weights would take longer than it saves, and none where few results share them', () => {
    expect([tileOf(512, 512, 4), tileOf(512, 512, 2), tileOf(512, 512, 1)]).toEqual([2, undefined, undefined])
  })
  it('is none for few channels, and for images so small that three kernels cost more than they save', () => {
    expect([tileOf(3, 64, 224), tileOf(4, 4, 56), tileOf(8, 8, 6)]).toEqual([undefined, undefined, undefined])
  })
})

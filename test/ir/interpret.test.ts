import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../src/base/dtype.js'
import { GraphBuilder } from '../../src/ir/build.js'
import type { Value } from '../../src/ir/graph.js'
import { fromNumbers, hostTensor, toNumbers } from '../../src/ir/host-tensor.js'
import { bindSymbols, interpret } from '../../src/ir/interpret.js'
import { defineOp, type Op } from '../../src/ir/op.js'
import { OPS } from '../../src/ir/ops/index.js'
import { parseGraph } from '../../src/ir/parse.js'

const f32 = (shape: readonly number[], numbers: readonly number[]): HostTensor => fromNumbers('float32', shape, numbers)
const zeros = (...shape: number[]): HostTensor => f32(shape, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 0))
const numbersOf = (t: HostTensor | undefined): number[] => (t === undefined ? [] : Array.from(toNumbers(t)))

/** Runs a nested graph without inputs, as control flow does. */
const call = defineOp({
  name: 'call', doc: 'Runs a graph.', source: 'a test', pattern: 'opaque', samples: [], attrs: { body: 'graph' },
  infer: ({ attrs }) => attrs.body.outputs.map((o) => o.value.type),
  reference: ({ attrs }) => Object.values(interpret(attrs.body, {})),
})
;(OPS as Map<string, Op>).set(call.name, call)

const LINEAR = parseGraph(`graph @linear stage=inference (x: float32[n, 2]) -> (y: float32[n, 2], h: float32[n, 2]) {
  symbol n = extent(x, 0)
  const %w: float32[2, 2] = [1, 2, 3, 4]
  %h: float32[n, 2] = matmul(%x, %w) {trans_a = false, trans_b = false} @ "product"
  %y: float32[n, 2] = relu(%h) @ "relu"
  return y = %y, h = %h
}`)

const DECODER = parseGraph(`graph @decoder stage=inference (x: float32[batch, seq], cache: float32[batch, past], mask: float32[batch, total], step: int64[2] {1, past}) -> (y: float32[batch, past + seq]) {
  symbol batch = extent(x, 0)
  symbol seq = extent(x, 1)
  symbol past = element(step, 1)
  symbol total = extent(mask, 1)
  assume past + seq == total "the mask covers past and present"
  assume seq <= 4 "at most four at once"
  %y: float32[batch, past + seq] = concat(%cache, %x) {axis = 1} @ "join"
  return y = %y
}`)
const decoderFeeds = (change: Record<string, HostTensor> = {}): Record<string, HostTensor> => ({ x: f32([1, 2], [3, 4]), cache: f32([1, 1], [7]), mask: zeros(1, 3), step: hostTensor('int64', [2], [1, 1]), ...change })

describe('the interpreter', () => {
  it('computes what the ops say', () => {
    const { y, h } = interpret(LINEAR, { x: f32([2, 2], [1, 0, -1, -1]) })
    expect(numbersOf(h)).toEqual([1, 2, -4, -6])
    expect(numbersOf(y)).toEqual([1, 2, 0, 0])
    expect(y?.shape).toEqual([2, 2])
  })

  it('takes extents of 0', () => {
    expect(interpret(LINEAR, { x: zeros(0, 2) })['y']).toEqual({ dtype: 'float32', shape: [0, 2], data: new Float32Array(0) })
  })

  it('binds symbols from extents and from elements, and evaluates shapes with them', () => {
    expect(Object.fromEntries(bindSymbols(DECODER, decoderFeeds()))).toEqual({ batch: 1, seq: 2, past: 1, total: 3 })
    expect(numbersOf(interpret(DECODER, decoderFeeds())['y'])).toEqual([7, 3, 4])
  })

  it('shows every result in execution order', () => {
    const seen: string[] = []
    interpret(LINEAR, { x: zeros(1, 2) }, { onValue: (value) => seen.push(value.name) })
    expect(seen).toEqual(['h', 'y'])
  })

  it('gives outputs that are inputs or constants', () => {
    const graph = parseGraph('graph @g stage=inference (x: float32[1]) -> (a: float32[1], b: int8[2]) {\n const %c: int8[2] = [1, 2]\n return a = %x, b = %c\n}')
    const { a, b } = interpret(graph, { x: f32([1], [5]) })
    expect([numbersOf(a), numbersOf(b)]).toEqual([[5], [1, 2]])
  })

  it('runs fused bodies', () => {
    const graph = parseGraph(`graph @g stage=fused (x: float32[n]) -> (y: float32[n]) {
      symbol n = extent(x, 0)
      %y: float32[n] = fused(%x) {body = graph @b stage=fused (a: float32[n]) -> (o: float32[n]) {
        const %two: float32[] = [2]
        %t: float32[n] = mul(%a, %two) @ "double"
        %u: float32[n] = neg(%t) @ "minus"
        return o = %u
      }} @ "both"
      return y = %y
    }`)
    expect(numbersOf(interpret(graph, { x: f32([3], [1, 2, 3]) })['y'])).toEqual([-2, -4, -6])
  })

  it('gives nested graphs the values and symbols of the graphs around them, however deep', () => {
    const graph = parseGraph(`graph @g stage=inference (x: float32[n]) -> (y: float32[2*n]) {
      symbol n = extent(x, 0)
      %h: float32[n] = neg(%x) @ "minus"
      %y: float32[2*n] = call() {body = graph @a stage=inference () -> (o: float32[2*n]) {
        %p: float32[2*n] = call() {body = graph @b stage=inference () -> (q: float32[2*n]) {
          %c: float32[2*n] = concat(%h, %x) {axis = 0} @ "join"
          %r: float32[2*n] = reshape(%c) {shape = [2*n]} @ "same"
          return q = %r
        }} @ "inner"
        return o = %p
      }} @ "outer"
      return y = %y
    }`)
    expect(numbersOf(interpret(graph, { x: f32([2], [1, 2]) })['y'])).toEqual([-1, -2, 1, 2])
  })

  it('takes ten thousand nodes in linear time, letting values go after their last use', () => {
    const chain = (length: number): number => {
      const b = new GraphBuilder({ name: 'g', stage: 'inference' })
      let v: Value = b.input('x', { kind: 'tensor', dtype: 'float32', shape: [2] })
      for (let i = 0; i < length; i++) v = b.add1('neg', [v], {}, { origin: 'n' })
      b.output('y', v)
      const graph = b.finish()
      const start = performance.now()
      expect(numbersOf(interpret(graph, { x: f32([2], [1, 2]) })['y'])).toEqual([1, 2])
      return performance.now() - start
    }
    chain(1000)
    expect(chain(10000)).toBeLessThan(5000)
  })
})

describe('feeds that do not fit', () => {
  it.each<[string, string, Record<string, HostTensor>, RegExp]>([
    ['feed-unknown', 'a name that is no input', { ...decoderFeeds(), z: zeros(1) }, /'z' is no input[\s\S]*'x', 'cache', 'mask', 'step'/],
    ['feed-missing', 'an input that is not fed', { x: zeros(1, 2) }, /input 'cache' is not fed[\s\S]*float32\[batch, past\]/],
    ['feed-dtype', 'another dtype', decoderFeeds({ x: fromNumbers('float64', [1, 2], [0, 0]) }), /input 'x' takes float32, float64 was fed/],
    ['feed-rank', 'another rank', decoderFeeds({ x: zeros(2) }), /input 'x' has 2 axes, the feed has 1: \[2\]/],
    ['feed-extent', 'extents that disagree with each other', decoderFeeds({ mask: zeros(5, 3) }), /input 'mask' has extent 1 at axis 0, the feed has 5: \[5, 3\][\s\S]*batch = 1 \(the extent of axis 0 of input 'x'\)/],
    ['feed-extent', 'an extent that disagrees with an element', decoderFeeds({ cache: zeros(1, 4) }), /input 'cache' has extent 1 at axis 1[\s\S]*past = 1 \(element 1 of input 'step'\)/],
    ['constraint-violated', 'a broken assumption, with values and the reason', decoderFeeds({ mask: zeros(1, 9) }), /past \+ seq = 3 must equal total = 9: the mask covers past and present/],
    ['constraint-violated', 'a broken bound', decoderFeeds({ x: zeros(1, 5), mask: zeros(1, 6) }), /seq = 5 must not exceed 4 = 4: at most four at once/],
    ['constraint-violated', 'an element that must be another', decoderFeeds({ step: hostTensor('int64', [2], [2, 1]) }), /element 0 of input 'step' must be 1 = 1, the feed has 2/],
  ])('%s: %s', (code, _, feeds, message) => {
    expect(() => interpret(DECODER, feeds)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) as string }))
  })

  it('names the static extent that a feed misses', () => {
    expect(() => interpret(LINEAR, { x: zeros(1, 3) })).toThrow(/input 'x' has extent 2 at axis 1, the feed has 3: \[1, 3\]/)
  })

  it('says that nothing can be fed to a graph without inputs', () => {
    expect(() => interpret(parseGraph('graph @g stage=traced () -> () { return }'), { x: zeros(1) })).toThrow(/'x' is no input[\s\S]*this graph has no inputs/)
  })

  it('does not take names of Object for inputs', () => {
    const graph = parseGraph('graph @g stage=traced (toString: float32[1]) -> () { return }')
    expect(() => interpret(graph, {})).toThrow(/input 'toString' is not fed/)
  })
})

/** Graphs whose extents are symbols: what is written computes them from the inputs, so one file serves every shape. */
import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { seededTensor, hostTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { importOnnxSync, toOnnx } from '../../../src/tracer/onnx/index.js'
import { expectClose } from '../../ir/ops/sample-cases.js'
import { decoded, expectSane } from './round-trip.js'

const float = (shape: readonly number[]): HostTensor => seededTensor('float32', shape, 7)
const ints = (list: readonly number[]): HostTensor => hostTensor('int64', [list.length], list.map(BigInt))

function expectAgreement(text: string, feeds: readonly Readonly<Record<string, HostTensor>>[]): Uint8Array {
  const graph = parseGraph(text), bytes = toOnnx(graph), again = importOnnxSync(bytes)
  expectSane(bytes, graph)
  for (const feed of feeds) {
    const wanted = interpret(graph, feed), got = interpret(again, feed)
    for (const { name } of graph.outputs) expectClose(got[name] as HostTensor, wanted[name] as HostTensor, name)
  }
  return bytes
}

const opTypes = (bytes: Uint8Array): string[] => (decoded(bytes).graph?.node ?? []).map((n) => n.opType ?? '')

describe('extents that are symbols', () => {
  it('are copied by 0 or left to -1 where that says it, with no arithmetic', () => {
    const bytes = expectAgreement(`
graph @g stage=canonical (x: float32[batch, 4, 6]) -> (z: float32[2*batch, 12]) {
  symbol batch = extent(x, 0)
  %y: float32[batch, 24] = reshape(%x) {shape = [batch, 24]}
  %z: float32[2*batch, 12] = reshape(%y) {shape = [2*batch, 12]}
  return z = %z
}
`, [{ x: float([3, 4, 6]) }, { x: float([0, 4, 6]) }])
    expect(opTypes(bytes)).toEqual(['Reshape', 'Reshape'])
  })

  it('are computed where a 0 or -1 could mean something else', () => {
    const bytes = expectAgreement(`
graph @g stage=canonical (x: float32[a, b, 4]) -> (y: float32[b, a, 4]) {
  symbol a = extent(x, 0)
  symbol b = extent(x, 1)
  %y: float32[b, a, 4] = reshape(%x) {shape = [b, a, 4]}
  return y = %y
}
`, [{ x: float([3, 2, 4]) }, { x: float([0, 2, 4]) }, { x: float([3, 0, 4]) }])
    expect(opTypes(bytes)).toContain('Shape')
  })

  it('may be expressions with every operation', () => {
    expectAgreement(`
graph @g stage=canonical (x: float32[h, w]) -> (s: int64[9], f: float32[floordiv(h, 2), max(h, w)], r: int32[h]) {
  symbol h = extent(x, 0)
  symbol w = extent(x, 1)
  %s: int64[9] = dims_tensor() {dims = [h + 2*w, 3*h*w, floordiv(h, 2), floordiv(-3*h + 1, 2), mod(h, 3), min(h, w), max(h, 2*w - 5), select(lt(h, w), h, -1), eq(h, w)], shape = [9], dtype = int64}
  %f: float32[floordiv(h, 2), max(h, w)] = fill() {shape = [floordiv(h, 2), max(h, w)], value = float32[1] [2.5]}
  %r: int32[h] = range() {start = w, step = -2, length = h, dtype = int32}
  return s = %s, f = %f, r = %r
}
`, [{ x: float([5, 3]) }, { x: float([2, 8]) }, { x: float([4, 4]) }, { x: float([0, 1]) }])
  })

  it('reach slices of either direction, pads, tiles and broadcasts', () => {
    expectAgreement(`
graph @g stage=canonical (x: float32[n, 6], y: float32[m]) -> (tail: float32[n, 3], back: float32[n, 6], even: float32[floordiv(n + 1, 2), 6], pad: float32[m + n, 6], tile: float32[m*n, 6], wide: float32[n, m]) {
  symbol n = extent(x, 0)
  symbol m = extent(y, 0)
  %tail: float32[n, 3] = slice(%x) {axes = [1], starts = [3], steps = [1], sizes = [3]}
  %back: float32[n, 6] = slice(%x) {axes = [0], starts = [n - 1], steps = [-1], sizes = [n]}
  %even: float32[floordiv(n + 1, 2), 6] = slice(%x) {axes = [0], starts = [0], steps = [2], sizes = [floordiv(n + 1, 2)]}
  %pad: float32[m + n, 6] = pad(%x) {mode = "constant", before = [m, 0], after = [0, 0]}
  %tile: float32[m*n, 6] = tile(%x) {repeats = [m, 1]}
  %wide: float32[n, m] = expand(%y) {shape = [n, m]}
  return tail = %tail, back = %back, even = %even, pad = %pad, tile = %tile, wide = %wide
}
`, [{ x: float([5, 6]), y: float([3]) }, { x: float([2, 6]), y: float([4]) }, { x: float([0, 6]), y: float([2]) }])
  })

  it('may be elements of an input', () => {
    expectAgreement(`
graph @g stage=canonical (shape: int64[2] {rows, columns}) -> (y: float32[rows, columns]) {
  symbol rows = element(shape, 0)
  symbol columns = element(shape, 1)
  %y: float32[rows, columns] = fill() {shape = [rows, columns], value = float32[1] [3]}
  return y = %y
}
`, [{ shape: ints([2, 3]) }, { shape: ints([0, 4]) }])
  })

  it('name the dims of ports, expressions in words', () => {
    const bytes = toOnnx(parseGraph(`
graph @g stage=canonical (x: float32[batch, \`two words\`, \`a + batch\`, 3]) -> (y: float32[2*batch, \`two words\`, \`a + batch\`, 3]) {
  symbol batch = extent(x, 0)
  symbol \`two words\` = extent(x, 1)
  symbol \`a + batch\` = extent(x, 2)
  %y: float32[2*batch, \`two words\`, \`a + batch\`, 3] = concat(%x, %x) {axis = 0}
  return y = %y
}
`))
    const port = (list: NonNullable<ReturnType<typeof decoded>['graph']>['input']): unknown => list?.[0]?.type?.tensorType?.shape?.dim?.map((d) => d.dimParam || Number(d.dimValue))
    expect(port(decoded(bytes).graph?.input)).toEqual(['batch', 'two words', '`a + batch`', 3])
    expect(port(decoded(bytes).graph?.output)).toEqual(['2*batch', 'two words', '`a + batch`', 3])
    expect(importOnnxSync(bytes).outputs[0]?.value.type).toMatchObject({ shape: [['*', 2, 'batch'], 'two words', '`a + batch`', 3] })
  })
})

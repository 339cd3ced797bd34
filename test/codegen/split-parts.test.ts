import { expect, it } from 'vitest'
import { isMeasuring, splitParts } from '../../src/codegen/split-parts.js'
import { parseGraph } from '../../src/ir/parse.js'
import { printGraph } from '../../src/ir/print.js'
import { verifyGraph } from '../../src/ir/verify.js'

const TEXT = `graph @counted stage=inference (x: float32[batch, 4]) -> (y: float32[n, 4], z: float32[batch, 4]) {
  symbol batch = extent(x, 0)
  symbol n = measured
  symbol idle = measured
  assume n <= batch "no more rows than there are"
  %sums: float32[batch] = reduce_sum(%x) {axes = [1], keepdims = false} @ "sums"
  %whole: int64[batch] = cast(%sums) {to = int64} @ "whole"
  %most: int64[1] = reduce_max(%whole) {axes = [0], keepdims = true} @ "most"
  %least: int64[1] = reduce_min(%whole) {axes = [0], keepdims = true} @ "least"
  %m: int64[1] {n} = measure(%most) {symbols = ["n"]} @ "most"
  %k: int64[1] {idle} = measure(%least) {symbols = ["idle"]} @ "least"
  %ones: float32[n, 4] = fill() {shape = [n, 4], value = float32[1] [1]} @ "ones"
  %rows: float32[n, 4] = slice(%x) {axes = [0], starts = [0], steps = [1], sizes = [n]} @ "rows"
  %y: float32[n, 4] = add(%rows, %ones) @ "y"
  %z: float32[batch, 4] = relu(%x) @ "z"
  return y = %y, z = %z
}
`

it('cuts a graph where an extent becomes known, and drops what is measured for nobody', () => {
  const graph = parseGraph(TEXT)
  verifyGraph(graph)
  expect(printGraph(graph)).toBe(TEXT)
  expect(isMeasuring(graph)).toBe(true)
  const { graph: whole, parts, measured } = splitParts(graph)
  expect(measured.map((m) => [m.symbol, m.value.name, m.index])).toEqual([['n', 'most', 0]])
  expect(whole.nodes.map((n) => n.op)).not.toContain('measure')
  for (const part of parts) verifyGraph(part.graph)
  expect(parts.map((p) => [p.takes.map((v) => v.name), p.gives.map((v) => v.name), p.symbols])).toEqual([[['x'], ['most', 'z'], ['batch']], [['x'], ['y'], ['batch', 'n']]])
  expect(parts.map((p) => p.graph.nodes.map((n) => n.outputs[0]?.name))).toEqual([['sums', 'whole', 'most', 'z'], ['ones', 'rows', 'y']])
  expect(parts.map((p) => p.graph.constraints.length)).toEqual([0, 1])
})

it('gives results that no node makes by the first part', () => {
  const { parts } = splitParts(parseGraph(`graph @through stage=inference (x: int64[1]) -> (y: int64[1], z: float32[n]) {
  symbol n = measured
  %m: int64[1] {n} = measure(%x) {symbols = ["n"]} @ "m"
  %z: float32[n] = fill() {shape = [n], value = float32[1] [2]} @ "z"
  return y = %x, z = %z
}
`))
  expect(parts.map((p) => p.gives.map((v) => v.name))).toEqual([['z', 'x']])
})

it('a symbol that no node measures, or two do, is refused', () => {
  const twice = TEXT.replace('"idle"', '"n"').replace('{idle}', '{n}').replace('  symbol idle = measured\n', '')
  expect(() => verifyGraph(parseGraph(twice))).toThrow(/'n' is measured by 2 nodes/)
  expect(() => verifyGraph(parseGraph(TEXT.replace('"idle"', '"n"')))).toThrow(/symbol-source/)
})

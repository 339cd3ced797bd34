import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../src/base/dtype.js'
import { compile } from '../../src/compile.js'
import { seededTensor } from '../../src/ir/host-tensor.js'
import { interpret } from '../../src/ir/interpret.js'
import { parseGraph } from '../../src/ir/parse.js'
import { load } from '../../src/runtime/session.js'

const int16 = (shape: readonly number[], seed: number): HostTensor => seededTensor('int16', shape, seed, [-32768, 32768])

/** Compiles for wasm, checks that pairs are what is multiplied, and compares every bit with the interpreter. */
async function expectExact(text: string, feeds: readonly Readonly<Record<string, HostTensor>>[]): Promise<void> {
  const graph = parseGraph(text), { data } = await compile(graph, { target: 'wasm' })
  expect(data.header.kernels.map((k) => k.name).join()).toContain('paired_')
  const session = await load(data)
  for (const feed of feeds) {
    const wanted = interpret(graph, feed)['y'], found = session.runSync(feed)['y']
    expect(found?.shape).toEqual(wanted?.shape)
    expect(found?.data).toEqual(wanted?.data)
  }
  session.dispose()
}

const matmul = (rows: string, depth: number, columns: number): string => `graph @g stage=inference (a: int16[${rows}, ${depth}], b: int16[${depth}, ${columns}]) -> (y: int32[${rows}, ${columns}]) {
  ${rows === 'n' ? 'symbol n = extent(a, 0)' : ''}
  %x: int32[${rows}, ${depth}] = cast(%a) {to = int32}
  %w: int32[${depth}, ${columns}] = cast(%b) {to = int32}
  %y: int32[${rows}, ${columns}] = matmul(%x, %w) {trans_a = false, trans_b = false}
  return y = %y
}`

describe('products of pairs on wasm are exact, modulo 2^32', () => {
  it.each([[1, 2, 1], [3, 7, 5], [13, 33, 17], [64, 64, 64], [6, 129, 31], [1, 50, 40]])('matrices of %i × %i × %i', (rows, depth, columns) => (
    expectExact(matmul(String(rows), depth, columns), [{ a: int16([rows, depth], 1), b: int16([depth, columns], 2) }])))

  it('any number of rows', () => expectExact(matmul('n', 19, 23), [0, 1, 5, 14].map((n) => ({ a: int16([n, 19], n + 1), b: int16([19, 23], 3) }))))

  it('the least numbers, whose pairs of products wrap', () => {
    const least = (shape: readonly [number, number]): HostTensor => ({ dtype: 'int16', shape, data: new Int16Array(shape[0] * shape[1]).fill(-32768) })
    return expectExact(matmul('4', 6, 8), [{ a: least([4, 6]), b: least([6, 8]) }])
  })

  it.each([[3, 8, '[2, 2]', '[1, 1, 1, 1]'], [5, 9, '[1, 1]', '[1, 0, 2, 1]'], [16, 24, '[1, 1]', '[0, 0, 0, 0]']])('convolutions of %i channels to %i, strides %s, pads %s', (channels, filters, strides, pads) => {
    const [up, left, down, right] = JSON.parse(pads) as [number, number, number, number], stride = (JSON.parse(strides) as number[])[0] as number
    const height = Math.floor((9 + up + down - 3) / stride) + 1, width = Math.floor((11 + left + right - 3) / stride) + 1
    return expectExact(`graph @g stage=inference (q: uint8[2, ${channels}, 9, 11], z: uint8[], k: int8[${filters}, ${channels}, 3, 3], b: int32[${filters}]) -> (y: int32[2, ${filters}, ${height}, ${width}]) {
      %wide: int32[2, ${channels}, 9, 11] = cast(%q) {to = int32}
      %zero: int32[] = cast(%z) {to = int32}
      %x: int32[2, ${channels}, 9, 11] = sub(%wide, %zero)
      %w: int32[${filters}, ${channels}, 3, 3] = cast(%k) {to = int32}
      %y: int32[2, ${filters}, ${height}, ${width}] = conv(%x, %w, %b) {strides = ${strides}, dilations = [1, 1], pads = ${pads}, group = 1}
      return y = %y
    }`, [{ q: seededTensor('uint8', [2, channels, 9, 11], 1, [0, 256]), z: seededTensor('uint8', [], 2, [0, 256]), k: seededTensor('int8', [filters, channels, 3, 3], 3, [-128, 128]), b: seededTensor('int32', [filters], 4, [-1e9, 1e9]) }])
  })
})

import { describe, expect, test } from 'vitest'
import { compile } from '../../src/compile.js'
import { inspectProgram } from '../../src/inspect.js'
import { parseGraph } from '../../src/ir/parse.js'

/** Windows of `size` elements, one after the other, over `n`. */
const windows = (size: number): ReturnType<typeof parseGraph> => parseGraph(`graph @g stage=inference (x: float32[b, 1, n]) -> (y: float32[b, 1, n - ${size - 1}]) {
  symbol b = extent(x, 0)
  symbol n = extent(x, 2)
  %y: float32[b, 1, n - ${size - 1}] = average_pool(%x) {kernel = [${size}], strides = [1], dilations = [1], pads = [0, 0], ceil_mode = false, count_include_pad = false}
  return y = %y
}`)

describe('memory of a program whose extents are not given', () => {
  test.each([[1, 1], [2, 2], [5, 8], [64, 64]])('windows of %i are shown on %i elements of one batch', async (size, n) => {
    const { memory } = inspectProgram((await compile(windows(size))).data)
    expect(memory.symbols).toEqual({ b: 1, n })
    expect(memory.arenaBytes).toBeGreaterThan(0)
  })
  test('extents that are given stay, even where nothing fits', async () => {
    const { data } = await compile(windows(5))
    expect(inspectProgram(data, { x: [3, 1, 7] }).memory.symbols).toEqual({ b: 3, n: 7 })
    expect(inspectProgram(data, { x: [3, 1, 2] }).memory).toMatchObject({ symbols: { b: 3, n: 2 }, arenaBytes: 64 })
  })
})

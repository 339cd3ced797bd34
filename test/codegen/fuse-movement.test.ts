/** Kernels that store and read where moves beside them would: the same results as the kernels apart, on the targets that run here. */
import { describe, test } from 'vitest'
import { parseGraph } from '../../src/ir/parse.js'
import { runPasses } from '../../src/passes/index.js'
import { expectSameOnTarget, type Symbols } from './same-on-target.js'

/** Compiles what the two fusing passes make of a canonical graph; fails where that is not `nodes` nodes. */
async function expectMoved(text: string, nodes: number, bindings: readonly Symbols[] = [{}]): Promise<void> {
  const graph = runPasses(parseGraph(text), ['fuse', 'fuse-movement'], { verify: true })
  const kernels = graph.nodes.filter((n) => n.op !== 'reshape').length
  if (kernels !== nodes) throw new Error(`${kernels} kernels, not ${nodes}`)
  for (const target of ['js', 'wasm'] as const) await expectSameOnTarget(graph, target, bindings, { passes: [] })
}

const MATMUL = '{trans_a = false, trans_b = false}'

describe('a move fused with its neighbour gives what both give apart', () => {
  test('heads of a product with bias, at several extents', () => expectMoved(`graph @g stage=canonical (x: float32[b, n, 12], w: float32[12, 8], c: float32[8]) -> (y: float32[b, 2, 4, n]) {
    symbol b = extent(x, 0)
    symbol n = extent(x, 1)
    %p: float32[b, n, 8] = matmul(%x, %w) ${MATMUL}
    %a: float32[b, n, 8] = add(%p, %c)
    %r: float32[b, n, 2, 4] = reshape(%a) {shape = [b, n, 2, 4]}
    %y: float32[b, 2, 4, n] = transpose(%r) {perm = [0, 2, 3, 1]}
    return y = %y
  }`, 1, [{ b: 1, n: 7 }, { b: 2, n: 1 }, { b: 3, n: 16 }, { b: 1, n: 0 }]))

  test('heads put together again before a product', () => expectMoved(`graph @g stage=canonical (x: float32[2, 3, n, 4], m: float32[2, 3, 4, 4], w: float32[12, 5]) -> (y: float32[2, n, 5]) {
    symbol n = extent(x, 2)
    %p: float32[2, 3, n, 4] = matmul(%x, %m) ${MATMUL}
    %t: float32[2, n, 3, 4] = transpose(%p) {perm = [0, 2, 1, 3]}
    %r: float32[2, n, 12] = reshape(%t) {shape = [2, n, 12]}
    %y: float32[2, n, 5] = matmul(%r, %w) ${MATMUL}
    return y = %y
  }`, 2, [{ n: 1 }, { n: 5 }]))

  test('a convolution that reads its half of shuffled channels', () => expectMoved(`graph @g stage=canonical (a: float32[1, 4, 5, 5], b: float32[1, 4, 5, 5], w: float32[6, 4, 3, 3]) -> (y: float32[1, 6, 5, 5], z: float32[1, 8, 5, 5]) {
    %c: float32[1, 8, 5, 5] = concat(%a, %b) {axis = 1}
    %r: float32[1, 2, 4, 5, 5] = reshape(%c) {shape = [1, 2, 4, 5, 5]}
    %t: float32[1, 4, 2, 5, 5] = transpose(%r) {perm = [0, 2, 1, 3, 4]}
    %u: float32[1, 8, 5, 5] = reshape(%t) {shape = [1, 8, 5, 5]}
    %s: float32[1, 4, 5, 5] = slice(%u) {axes = [1], starts = [4], steps = [1], sizes = [4]}
    %y: float32[1, 6, 5, 5] = conv(%s, %w, _) {strides = [1, 1], dilations = [1, 1], pads = [1, 1, 1, 1], group = 1}
    return y = %y, z = %u
  }`, 2))

  test('rows of a softmax stored as columns, with arithmetic after it', () => expectMoved(`graph @g stage=canonical (x: float32[n, 9], s: float32[n]) -> (y: float32[9, n]) {
    symbol n = extent(x, 0)
    %p: float32[n, 9] = softmax(%x) {axis = 1}
    %t: float32[9, n] = transpose(%p) {perm = [1, 0]}
    %y: float32[9, n] = mul(%t, %s)
    return y = %y
  }`, 1, [{ n: 1 }, { n: 6 }, { n: 0 }]))

  test('the first rows of a product are no move of it', () => expectMoved(`graph @g stage=canonical (x: float32[b, n, 4], w: float32[4, 3]) -> (y: float32[b, n, 2]) {
    symbol b = extent(x, 0)
    symbol n = extent(x, 1)
    %p: float32[b, n, 3] = matmul(%x, %w) ${MATMUL}
    %y: float32[b, n, 2] = slice(%p) {axes = [2], starts = [0], steps = [1], sizes = [2]}
    return y = %y
  }`, 2, [{ b: 2, n: 5 }]))

  test('normalised rows and pooled windows under another order of axes', async () => {
    await expectMoved(`graph @g stage=canonical (x: float32[3, 10], s: float32[10]) -> (y: float32[10, 3]) {
      %p: float32[3, 10] = layer_norm(%x, %s, _) {axis = 1, epsilon = 0.00001}
      %y: float32[10, 3] = transpose(%p) {perm = [1, 0]}
      return y = %y
    }`, 1)
    await expectMoved(`graph @g stage=canonical (x: float16[2, 3, 6, 6]) -> (y: float16[2, 3, 3, 3]) {
      %p: float16[2, 3, 3, 3] = max_pool(%x) {kernel = [2, 2], strides = [2, 2], dilations = [1, 1], pads = [0, 0, 0, 0], ceil_mode = false}
      %y: float16[2, 3, 3, 3] = transpose(%p) {perm = [0, 3, 2, 1]}
      return y = %y
    }`, 1)
  })
})

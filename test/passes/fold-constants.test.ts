import { expect, it } from 'vitest'
import { parseGraph } from '../../src/ir/parse.js'
import { foldConstants } from '../../src/passes/fold-constants.js'

const repeating = (rows: number, use: string): string => `graph @g stage=inference (x: float32[2, ${rows}]) -> (y: float32[2, 300]) {
  %w: float32[300, ${rows}] = fill() {shape = [300, ${rows}], value = float32[1] [0.5]}
  %t: float32[${rows}, 300] = transpose(%w) {perm = [1, 0]}
  ${use}
  return y = %y
}`

const opsOf = (text: string): readonly string[] => foldConstants.run(parseGraph(text)).nodes.map((n) => n.op)

it('weights that repeat one number become constants however large, also where they are moved before a product reads them', () => {
  expect(opsOf(repeating(400, '%y: float32[2, 300] = matmul(%x, %t) {trans_a = false, trans_b = false}'))).toEqual(['matmul'])
})

it('other large tensors that repeat one number are made by the program, not shipped in it', () => {
  const sum = `%r: float32[300] = reduce_sum(%t) {axes = [0], keepdims = false}
  %y: float32[2, 300] = expand(%r) {shape = [2, 300]}`
  expect(opsOf(repeating(400, sum))).toEqual(['fill', 'transpose', 'reduce_sum', 'expand'])
})

import { describe, expect, it } from 'vitest'
import { parseGraph } from '../../src/ir/parse.js'
import { printGraph } from '../../src/ir/print.js'
import { verifyGraph } from '../../src/ir/verify.js'

const graph = (order: string, more = '', stage = 'fused'): string => `graph @g stage=${stage} (x: float32[1, 2, 3, 4]) -> (y: float32[1, 2, 3, 4]) {
  const %b: float32[1, 2, 3, 1] order [0, 2, 1, 3] = [1, 2, 3, 4, 5, 6]
  %h: float32[1, 2, 3, 4]${order} = add(%x, %b)
  ${more}%y: float32[1, 2, 3, 4] = relu(%h)
  return y = %y
}
`
const verify = (text: string): void => verifyGraph(parseGraph(text))
const refusal = expect.objectContaining({ code: 'verify-graph', message: expect.stringContaining('the rule layout') as string }) as Error

describe('memory orders', () => {
  it('stand in the text of a graph and read back', () => {
    const text = graph(' order [0, 2, 3, 1]')
    verify(text)
    expect(printGraph(parseGraph(text), { weights: 'full' })).toBe(text)
    expect(parseGraph(text).nodes[0]?.outputs[0]?.order).toEqual([0, 2, 3, 1])
  })
  it('are permutations, at stage fused only', () => {
    expect(() => verify(graph(' order [0, 2, 3, 3]'))).toThrow(refusal)
    expect(() => verify(graph(' order [0, 2, 1]'))).toThrow(refusal)
    expect(() => verify(graph(' order [0, 2, 3, 1]', '', 'canonical'))).toThrow(refusal)
  })
  it('are not for ports, which the runtime copies as they are', () => {
    expect(() => verify(graph('').replace('%y: float32[1, 2, 3, 4]', '%y: float32[1, 2, 3, 4] order [0, 2, 3, 1]'))).toThrow(refusal)
    expect(() => verify(graph('').replace('x: float32[1, 2, 3, 4]', 'x: float32[1, 2, 3, 4] order [0, 2, 3, 1]'))).toThrow(refusal)
  })
  it('pass through an alias as the memory does', () => {
    const split = (order: string): string => graph(' order [0, 2, 3, 1]', `%r: float32[1, 2, 12]${order} = reshape(%h) {shape = [1, 2, 12]}\n  %s: float32[1, 2, 12] = relu(%r)\n  `)
    verify(split(' order [0, 2, 1]'))
    expect(() => verify(split(''))).toThrow(refusal)
    expect(() => verify(graph(' order [0, 2, 3, 1]', '%r: float32[24] = reshape(%h) {shape = [24]}\n  '))).toThrow(refusal)
  })
  it('are not for ops with kernels of their own, which index memory themselves', () => {
    expect(() => verify(graph(' order [0, 2, 3, 1]', '%c: float32[1, 2, 3, 4] = cumsum(%h) {axis = 1, exclusive = false, reverse = false}\n  '))).toThrow(refusal)
  })
})

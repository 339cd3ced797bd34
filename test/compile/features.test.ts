import { expect, test } from 'vitest'
import { compile, pipelineFor } from '../../src/compile.js'
import { interpret } from '../../src/ir/interpret.js'
import { interpretKernel } from '../../src/ir/kernel/interpret.js'
import { lowerGraph } from '../../src/codegen/lower.js'
import { parseGraph } from '../../src/ir/parse.js'
import { runPasses } from '../../src/passes/index.js'
import { seededTensor } from '../../src/ir/host-tensor.js'

const GRAPH = `graph @product stage=inference (x: float32[13, 24], w: float32[24, 19]) -> (y: float32[13, 19]) {
  %y: float32[13, 19] = matmul(%x, %w) {trans_a = false, trans_b = false}
  return y = %y
}
`

const graph = () => parseGraph(GRAPH)

test('a program holds the modules of the features that it was compiled for', async () => {
  const sections = async (features?: 'auto' | 'baseline' | 'relaxed') => Object.keys((await compile(graph(), { target: 'wasm', ...(features !== undefined && { features }) })).data.sections).sort()
  expect(await sections()).toEqual(['wasm', 'wasm-relaxed'])
  expect(await sections('baseline')).toEqual(['wasm'])
  expect(await sections('relaxed')).toEqual(['wasm-relaxed'])
})

test('the relaxed variant of a kernel tiles otherwise and computes the same', () => {
  const feeds = { x: seededTensor('float32', [13, 24], 1), w: seededTensor('float32', [24, 19], 2) }
  const want = Object.values(interpret(graph(), feeds))[0]?.data as Float32Array
  const [kernel] = lowerGraph(runPasses(graph(), pipelineFor('wasm')), 'wasm', undefined, 'auto').kernels
  expect(kernel?.relaxed).toBeDefined()
  expect(JSON.stringify(kernel?.relaxed)).not.toBe(JSON.stringify(kernel?.kernel))
  for (const variant of [kernel?.kernel, kernel?.relaxed]) {
    if (variant === undefined) throw new Error('there is no variant')
    const y = new Float32Array(13 * 19)
    interpretKernel(variant, {}, Object.fromEntries(variant.buffers.map((b, i) => [b.name, [feeds.x.data, feeds.w.data, y][i] as Float32Array])))
    y.forEach((v, i) => expect(Math.abs(v - (want[i] as number))).toBeLessThan(1e-5))
  }
})

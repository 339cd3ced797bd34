/** Nodes that run as several kernels, where an adapter is there. */
import { describe, expect, test } from 'vitest'
import { compile } from '../../../src/compile.js'
import { seededTensor } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { parseGraph } from '../../../src/ir/parse.js'
import { load } from '../../../src/runtime/session.js'
import { findDevice } from '../../codegen/wgsl/device.js'

const device = await findDevice()
if (device === undefined) console.warn('skipped: WebGPU finds no adapter; VK_DRIVER_FILES=$(scripts/software-adapter.sh) gives a software one')

const SORTED = `graph @sorted stage=inference (x: int32[2, n]) -> (sums: int32[2, n], values: int32[2, n], again: int32[2, n], twice: int64[2, n]) {
  symbol n = extent(x, 1)
  const %two: int64[] = [2]
  %sums: int32[2, n] = cumsum(%x) {axis = 1, exclusive = false, reverse = false}
  %values: int32[2, n], %at: int64[2, n] = top_k(%x) {axis = 1, largest = true, k = n}
  %again: int32[2, n] = gather_elements(%x, %at) {axis = 1}
  %twice: int64[2, n] = mul(%at, %two)
  return sums = %sums, values = %values, again = %again, twice = %twice
}`

/** The same for rows of 3,000: what positions are is known then. */
const FIXED = SORTED.replace('  symbol n = extent(x, 1)\n', '').replaceAll('n]', '3000]').replace('k = n', 'k = 3000')

describe.skipIf(device === undefined)('nodes of several kernels', () => {
  test('are right at every extent of a symbol', async () => {
    const graph = parseGraph(SORTED), session = await load((await compile(graph, { target: 'wgsl' })).encode(), { device: device as GPUDevice })
    for (const n of [5, 2500, 1, 9000, 1024, 0]) {
      const x = seededTensor('int32', [2, n], n, [-50, 50]), wanted = interpret(graph, { x }), found = await session.run({ x })
      for (const name of ['sums', 'values', 'again', 'twice']) expect(found[name]?.data, `${name} of ${n}`).toEqual(wanted[name]?.data)
    }
    session.dispose()
  })

  test('leave on the GPU what is computed with positions that are known to be small', async () => {
    const graph = parseGraph(FIXED), program = await compile(graph, { target: 'wgsl' })
    expect(program.report.host ?? []).toEqual([])
    const session = await load(program.encode(), { device: device as GPUDevice }), x = seededTensor('int32', [2, 3000], 3, [-50, 50])
    const wanted = interpret(graph, { x }), found = await session.run({ x })
    for (const name of ['values', 'twice']) expect(found[name]?.data).toEqual(wanted[name]?.data)
    session.dispose()
  })
})

import { describe, expect, test } from 'vitest'
import type { Dim } from '../../../src/base/dim.js'
import { binary, load } from '../../../src/ir/kernel/expr.js'
import { parseKernel } from '../../../src/ir/kernel/parse.js'
import type { Kernel, Stmt } from '../../../src/ir/kernel/kernel.js'
import { shareKernel, type Part } from '../../../src/codegen/wasm/share.js'
import { instantiate } from './run-wasm.js'

const kinds = (parts: readonly Part[] | undefined): unknown => parts?.map((p) => (p.kind === 'nest' ? kinds(p.parts) : p.kind))
const loop = (variable: string, hi: string | number, body: readonly Stmt[], parallel = true): Stmt => ({ kind: 'for', variable, lo: 0, hi, step: 1, ...(parallel && { parallel }), body })
const copy = (to: string, from: string, index: Dim): Stmt => ({ kind: 'store', buffer: to, index, value: load(from, [index]) })
const kernel = (body: readonly Stmt[], length: Dim = 'n'): Kernel => ({
  name: 'k', params: ['n'],
  buffers: [{ name: 'x', dtype: 'float32', length, role: 'in' }, { name: 't', dtype: 'float32', length, role: 'temp' }, { name: 'y', dtype: 'float32', length, role: 'out' }],
  body,
})

describe('which parts of a kernel threads share', () => {
  test('iterations of a parallel loop are units', () => {
    const shared = shareKernel(kernel([loop('i', 'n', [copy('y', 'x', 'i')])]))
    expect(kinds(shared)).toEqual(['units'])
  })
  test('parallel loops one in another count through, with what is left over beside them', () => {
    const at: Dim = ['+', ['*', 5, 'i'], 'j']
    const shared = shareKernel(kernel([loop('i', 'n', [loop('j', 4, [copy('y', 'x', at)]), { kind: 'for', variable: 'j', lo: 4, hi: 5, step: 1, parallel: true, body: [copy('y', 'x', at)] }])], ['*', 5, 'n']))
    expect(kinds(shared)).toEqual([['units', 'units']])
  })
  test('an inner loop that writes the same elements in every iteration of an outer one is not divided', () => {
    expect(kinds(shareKernel(kernel([loop('i', 'n', [loop('j', 4, [copy('t', 'x', 'j')]), loop('k', 4, [copy('y', 't', 'k')])])])))).toBeUndefined()
    expect(kinds(shareKernel(kernel([loop('i', 'n', [loop('j', 4, [copy('y', 'x', 'i')])])])))).toEqual(['units'])
  })
  test('threads meet before a part reads what another wrote, and serial parts are one unit', () => {
    const shared = shareKernel(kernel([loop('i', 'n', [copy('t', 'x', 'i')]), loop('j', 'n', [copy('y', 't', 'j')]), copy('y', 'x', 0)]))
    expect(kinds(shared)).toEqual(['units', 'meet', 'units', 'once'])
  })
  test('threads do not meet over a result of which each iteration reads only what it wrote', () => {
    const twice = (name: string): Stmt => loop(name, 'n', [copy('y', 'y', name)]), both = kernel([twice('i'), twice('j')])
    expect(kinds(shareKernel(both))).toEqual(['units', 'meet', 'units'])
    expect(kinds(shareKernel({ ...both, buffers: both.buffers.map((b) => (b.name === 'y' ? { ...b, apart: true } : b)) }))).toEqual(['units', 'units'])
  })
  test('a kernel without parallel loops, or whose loops carry something over, is for one thread', () => {
    expect(shareKernel(kernel([loop('i', 'n', [copy('y', 'x', 'i')], false)]))).toBeUndefined()
    const carried = parseKernel('kernel k(n) {\n  in x: float32[n]\n  out y: float32[n]\n  var s: f32 = 0\n  parallel for i in [0, n) {\n    set s = s + x[i]\n    y[i] = s\n  }\n}')
    expect(shareKernel(carried)).toBeUndefined()
  })
})

test('however many are drawn at a time, every unit is done once', () => {
  const rows = 7, columns = 10
  // Adds x to y in the first 8 columns of a row, by fours, and to t in the others.
  const add = (to: string, lo: number, hi: number, step: number): Stmt => ({
    kind: 'for', variable: 'j', lo, hi, step, parallel: true,
    body: Array.from({ length: step }, (_, k): Stmt => { const at: Dim = ['+', ['*', columns, 'i'], 'j', k]; return { kind: 'store', buffer: to, index: at, value: binary('add', load(to, [at]), load('x', [at])) } }),
  })
  const both = kernel([loop('i', 'n', [add('y', 0, 8, 4), add('t', 8, 10, 1)]), copy('y', 'x', columns - 1)], ['*', columns, 'n'])
  expect(kinds(shareKernel(both))).toEqual([['units', 'units'], 'meet', 'once'])
  const x = Float32Array.from({ length: rows * columns }, (_, i) => i + 1)
  for (const draws of [0, 1, 2, 3, 5, 28, 29, 100]) {
    const module = instantiate([both]), y = new Float32Array(rows * columns), t = new Float32Array(rows * columns)
    ;(module.exports['share.draws'] as WebAssembly.Global).value = draws
    ;(module.exports['share.at'] as WebAssembly.Global).value = 32768
    module.run([x, t, y], [rows])
    expect(y.map((v, i) => v + (t[i] as number) - (i === columns - 1 ? (x[i] as number) : 0)), `in ${draws} draws`).toEqual(x)
  }
})

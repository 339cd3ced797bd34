import { describe, expect, test } from 'vitest'
import { outlineLoops } from '../../../src/codegen/wasm/outline.js'
import { renderWasmModule } from '../../../src/codegen/wasm/render.js'
import { binary, constant, load, local, madd, splat } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel, Stmt } from '../../../src/ir/kernel/kernel.js'
import { warmUp } from '../../../src/runtime/wasm/warm.js'
import { instantiate } from './run-wasm.js'

/** Products of `rows` × `inner` with `inner` × `columns`, columns in vectors, and `bias` added: what schedules make of a matrix product, in small. */
function product(name: string, rows: number, inner: number, columns: number, bias: number): Kernel {
  const sum: readonly Stmt[] = [
    { kind: 'var', name: 'acc', type: 'f32x4', value: local('start', 'f32x4') },
    { kind: 'for', variable: 'k', lo: 0, hi: inner, step: 1, body: [
      { kind: 'let', name: 'w', type: 'f32x4', value: { ...load('w', [['+', ['*', columns, 'k'], 'j']]), lanes: 4 } as never },
      { kind: 'set', name: 'acc', value: madd(splat(load('x', [['+', ['*', inner, 'i'], 'k']])), local('w', 'f32x4'), local('acc', 'f32x4')) },
    ] },
    { kind: 'store', buffer: 'y', index: ['+', ['*', columns, 'i'], 'j'], value: binary('add', local('acc', 'f32x4'), local('one', 'f32x4')) },
  ]
  return {
    name, params: [],
    buffers: [{ name: 'x', dtype: 'float32', length: rows * inner, role: 'in' }, { name: 'w', dtype: 'float32', length: inner * columns, role: 'in' }, { name: 'y', dtype: 'float32', length: rows * columns, role: 'out' }],
    body: [
      { kind: 'let', name: 'one', type: 'f32x4', value: splat(constant('f32', 1)) },
      { kind: 'let', name: 'start', type: 'f32x4', value: splat(load('x', [bias])) },
      { kind: 'for', variable: 'i', lo: 0, hi: rows, step: 1, parallel: true, body: [{ kind: 'for', variable: 'j', lo: 0, hi: columns, step: 4, body: sum }] },
    ],
  }
}

const numbers = (n: number, seed: number): Float32Array => Float32Array.from({ length: n }, (_, i) => ((i * 7 + seed * 13) % 32) - 16)

describe('loops as functions', () => {
  const small = product('small', 3, 128, 64, 1), wide = product('wide', 5, 48, 128, 2), deep = product('deep', 2, 200, 64, 0)

  test('kernels whose loops differ in numbers and names alone share one function', () => {
    const { functions, calls } = outlineLoops([small, wide, deep])
    expect(functions).toHaveLength(1)
    expect(calls.size).toBe(3)
    expect(new Set([...calls.values()].map((c) => c.index))).toEqual(new Set([0]))
  })

  test('a constant register is the function’s own, another one is handed over', () => {
    const [only] = outlineLoops([small, product('tall', 9, 128, 64, 1)]).functions
    expect(only?.registers.map((r) => r.type)).toEqual(['f32x4'])
    expect(only?.kernel.body.map((s) => s.kind)).toEqual(['let', 'for'])
  })

  test('every kernel gives what the interpreter gives, whichever numbers it hands over', () => {
    for (const [which, kernel] of [small, wide, deep].entries()) {
      const [x, w, y] = kernel.buffers.map((b, i) => numbers(b.length as number, i)) as [Float32Array, Float32Array, Float32Array]
      const want = y.slice()
      interpretKernel(kernel, {}, { x, w, y: want })
      for (const relaxed of [false, true]) {
        if (relaxed && !hasRelaxed()) continue
        const got = y.slice()
        instantiate([small, wide, deep], which, { relaxed }).run([x, w, got], [])
        expect(got).toEqual(want)
      }
    }
  })

  test('a loop that adds up in a register from outside stays where it is', () => {
    const inner = (small.body[2] as unknown as { readonly body: readonly [{ readonly body: readonly Stmt[] }] }).body[0].body
    const summing: Kernel = { ...small, body: [...small.body.slice(0, 2), { kind: 'index', name: 'i', value: 0 }, { kind: 'index', name: 'j', value: 0 }, ...inner] }
    expect(outlineLoops([summing]).functions).toEqual([])
  })

  test('a loop of an open extent that takes up where another ended stays where it is', () => {
    const [one, start, rows] = small.body as readonly [Stmt, Stmt, Extract<Stmt, { kind: 'for' }>]
    const open = (name: string): Kernel => structuredClone({ ...small, name, params: ['n'], body: [one, start, { ...rows, hi: 'n' }, structuredClone({ ...rows, lo: 'n', hi: ['+', 'n', 1] })] })
    expect(outlineLoops([open('first'), open('second')]).calls.size).toBe(2)
  })

  test('a loop that no other kernel has is a function where it does much', () => {
    const [alone] = outlineLoops([product('large', 64, 512, 256, 0)]).functions
    expect(alone?.work).toBeGreaterThan(64 * 512 * 64)
    expect(outlineLoops([small]).functions).toEqual([])
  })

  test('a module that is warmed up has written nothing', () => {
    const bytes = renderWasmModule([product('large', 64, 512, 256, 0)], { steps: [0] }) as Uint8Array<ArrayBuffer>, memory = new WebAssembly.Memory({ initial: 1 }), module = new WebAssembly.Module(bytes)
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    ;(exports['loops.warm'] as () => void)()
    warmUp(bytes, module, memory, false)
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true)
  })
})

function hasRelaxed(): boolean {
  return WebAssembly.validate(renderWasmModule([product('p', 1, 64, 64, 0)], { relaxed: true }) as Uint8Array<ArrayBuffer>)
}

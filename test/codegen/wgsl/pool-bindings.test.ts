import { describe, expect, test } from 'vitest'
import { allocate, type DType, type TensorStorage } from '../../../src/base/dtype.js'
import { bindingSlots, poolBindings } from '../../../src/codegen/wgsl/pool-bindings.js'
import { splitWeights } from '../../../src/codegen/wgsl/split-weights.js'
import { binary, cast, load, narrow, type Expr } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { mapKernel } from '../sample-kernels.js'

/** `y0[i]` is the sum of as many inputs of these dtypes. */
function sumOf(dtypes: readonly DType[]): Kernel {
  const value = dtypes.map((_, k): Expr => cast('f32', load(`x${k}`, ['i']))).reduce((a, b) => binary('add', a, b))
  return mapKernel('sum', dtypes.map((dtype, k) => [`x${k}`, dtype]), 'float32', value)
}

const arena = (count: number): undefined[] => Array.from({ length: count }, () => undefined)
const distinct = (slots: readonly number[]): number => new Set(slots).size

describe('bindings of a kernel', () => {
  test('are one for each buffer where there are no more than eight', () => {
    expect(bindingSlots(sumOf(Array.from({ length: 7 }, () => 'float32')), arena(8))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  test('are one for constants of the same dtype that lie within what can be bound, where there are more', () => {
    const kernel = sumOf(Array.from({ length: 9 }, () => 'float32')), near = (k: number): { offset: number; bytes: number } => ({ offset: k * 256, bytes: 40 })
    expect(bindingSlots(kernel, [near(0), near(1), near(2), ...arena(7)])).toEqual([0, 0, 0, 1, 2, 3, 4, 5, 6, 7])
    const far = { offset: 2 ** 27, bytes: 40 }
    const slots = bindingSlots(kernel, [near(0), near(1), far, ...arena(7)])
    expect(slots[0]).toBe(slots[1])
    expect(slots[2]).not.toBe(slots[0])
    expect(distinct(slots)).toBeLessThanOrEqual(8)
  })

  test('leave one for the cell that an index out of range is written to', () => {
    const kernel = sumOf(Array.from({ length: 7 }, () => 'float32'))
    const [loop] = kernel.body as readonly [Extract<Kernel['body'][number], { readonly kind: 'for' }>]
    const checked: Kernel = { ...kernel, body: [{ ...loop, body: [{ kind: 'data-index', name: 'at', value: cast('i32', load('x0', ['i'])), extent: 3 }, ...loop.body] }] }
    expect(distinct(bindingSlots(checked, arena(8)))).toBeLessThanOrEqual(7)
  })
})

describe('a kernel with pooled buffers', () => {
  test('writes what it did without, whatever the dtypes, when each begins where its parameter says', () => {
    const dtypes: readonly DType[] = ['float32', 'int32', 'uint32', 'bool', 'int32', 'float32', 'uint32', 'bool', 'float32', 'int32']
    const kernel = sumOf(dtypes), slots = bindingSlots(kernel, arena(11)), pooled = poolBindings(kernel, slots)
    expect(distinct(slots)).toBe(1)
    const n = 5, data = dtypes.map((dtype, k): TensorStorage => { const x = allocate(dtype, n) as Int32Array; for (let i = 0; i < n; i++) x[i] = dtype === 'bool' ? (i + k) % 2 : dtype === 'uint32' ? i + k : (k - i) * 3; return x })
    const wanted = new Float32Array(n)
    interpretKernel(kernel, { n }, { ...Object.fromEntries(data.map((d, k) => [`x${k}`, d])), y0: wanted })
    // A word for each element, as shaders have them.
    const words = new Int32Array(64 * 11), floats = new Float32Array(words.buffer), at = (k: number): number => (10 - k) * 64
    data.forEach((d, k) => { for (let i = 0; i < n; i++) if (dtypes[k] === 'float32') floats[at(k) + i] = d[i] as number; else words[at(k) + i] = d[i] as number })
    const [pool] = pooled.buffers as readonly [Kernel['buffers'][number]]
    const params = Object.fromEntries(pooled.params.slice(kernel.params.length).map((name, k) => [name, at(k) / 64]))
    interpretKernel({ ...pooled, buffers: [{ ...pool, length: words.length }] }, { n, ...params }, { [pool.name]: words })
    expect(floats.slice(at(10), at(10) + n)).toEqual(wanted)
  })

  test('stores narrow dtypes as a word that holds only their values', () => {
    for (const [dtype, bits] of [['int8', -0x80], ['uint8', 0x80]] as const) {
      const kernel = mapKernel('k', [['x0', 'int32'], ['x1', 'float32']], dtype, narrow(dtype, cast(dtype === 'int8' ? 'i32' : 'u32', load('x0', ['i']))))
      const pooled = poolBindings(kernel, [0, 0, 0]), [pool] = pooled.buffers as readonly [Kernel['buffers'][number]], words = new Int32Array(192)
      words[0] = 0x180
      interpretKernel({ ...pooled, buffers: [{ ...pool, length: 192 }] }, { n: 1, 'base x0': 0, 'base x1': 1, 'base y0': 2 }, { [pool.name]: words })
      expect(words[128]).toBe(bits)
    }
  })
})

test('weights in pieces are read as if they were whole', () => {
  const whole: Kernel = mapKernel('k', [['x0', 'float32'], ['x1', 'float32']], 'float32', binary('mul', load('x0', ['i']), load('x1', [['+', 10, ['*', -1, 'i']]])))
  const kernel: Kernel = { ...whole, buffers: whole.buffers.map((b) => ({ ...b, length: 11 })) }
  const split = splitWeights(kernel, (i) => i === 0, 4)
  expect(split?.pieces).toEqual([{ of: 0, start: 0, length: 4 }, { of: 0, start: 4, length: 4 }, { of: 0, start: 8, length: 3 }, { of: 1, start: 0, length: -1 }, { of: 2, start: 0, length: -1 }])
  expect(splitWeights(kernel, (i) => i === 0, 11)).toBeUndefined()
  const x0 = Float32Array.from({ length: 11 }, (_, i) => i + 1), x1 = x0.map((x) => x * 2 - 7), wanted = new Float32Array(11), found = new Float32Array(11)
  interpretKernel(kernel, { n: 11 }, { x0, x1, y0: wanted })
  interpretKernel(split?.kernel as Kernel, { n: 11 }, { 'x0.0': x0.slice(0, 4), 'x0.1': x0.slice(4, 8), 'x0.2': x0.slice(8), x1, y0: found })
  expect(found).toEqual(wanted)
})

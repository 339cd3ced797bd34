import { describe, expect, test } from 'vitest'
import { narrowIntegers } from '../../../src/codegen/wgsl/narrow-integers.js'
import type { Interval } from '../../../src/ir/kernel/interval.js'
import { binary, cast, constant, indexValue, load, local, type Expr } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel, Stmt } from '../../../src/ir/kernel/kernel.js'
import { mapKernel } from '../sample-kernels.js'

const of = (value: Expr): Kernel => mapKernel('k', [['x0', 'int64'], ['x1', 'int64']], 'int64', value)
const [x, y] = [load('x0', ['i']), load('x1', ['i'])]
const known = (lo: number, hi: number) => (): Interval => ({ lo, hi })

describe('64-bit integers become 32-bit ones', () => {
  test('where the elements are known to be small enough for every step', () => {
    for (const [value, hi] of [[binary('add', x, y), 2 ** 30 - 1], [binary('mul', x, y), 46340], [binary('sub', x, y), 2 ** 31 - 1], [binary('div', binary('max', x, y), y), 2 ** 31 - 1]] as const) {
      expect(narrowIntegers(of(value), known(0, hi)).kernel?.buffers.map((b) => b.dtype)).toEqual(['int32', 'int32', 'int32'])
      expect(narrowIntegers(of(value), known(0, 2 ** 31)).kernel).toBeUndefined()
      expect(narrowIntegers(of(value), () => undefined).kernel).toBeUndefined()
    }
    expect(narrowIntegers(of(binary('mul', x, y)), known(0, 46341)).kernel).toBeUndefined()
  })

  test('and say what they may be, which the result then never leaves', () => {
    const kernel = of(binary('sub', binary('mul', x, x), binary('mod', y, constant('i64', 7))))
    const { kernel: narrow, written } = narrowIntegers(kernel, known(-1000, 1000))
    const { lo, hi } = written.get('y0') as Interval
    const xs = [-1000, -999, -7, 0, 6, 1000], ys = [...xs].reverse()
    const wide = new BigInt64Array(6), small = new Int32Array(6)
    interpretKernel(kernel, { n: 6 }, { x0: BigInt64Array.from(xs, BigInt), x1: BigInt64Array.from(ys, BigInt), y0: wide })
    interpretKernel(narrow as Kernel, { n: 6 }, { x0: Int32Array.from(xs), x1: Int32Array.from(ys), y0: small })
    expect(Array.from(small)).toEqual(Array.from(wide, Number))
    for (const value of small) { expect(value).toBeGreaterThanOrEqual(lo); expect(value).toBeLessThanOrEqual(hi) }
  })

  test('where they count the kernel\u2019s own points, but not where they add up without an end', () => {
    const position = mapKernel('k', [['x0', 'float32']], 'int64', cast('i64', indexValue('i')))
    expect(narrowIntegers(position, () => undefined).kernel).toBeDefined()
    const sum: Kernel = { ...of(x), body: [
      { kind: 'var', name: 's', type: 'i64', value: constant('i64', 0) },
      { kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [{ kind: 'set', name: 's', value: binary('add', local('s', 'i64'), x) }, { kind: 'store', buffer: 'y0', index: 'i', value: local('s', 'i64') }] satisfies Stmt[] },
    ] }
    expect(narrowIntegers(sum, known(0, 1)).kernel).toBeUndefined()
  })

  test('where they are looked up only, whatever they are; not where they are also a value', () => {
    const lookUp = (value: Expr): Kernel => ({
      name: 'g', params: ['n'],
      buffers: [{ name: 'x0', dtype: 'int64', length: 'n', role: 'in' }, { name: 'x1', dtype: 'float32', length: 9, role: 'in' }, { name: 'y0', dtype: 'float32', length: 'n', role: 'out' }],
      body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [{ kind: 'data-index', name: 'at', value: x, extent: 9 }, { kind: 'store', buffer: 'y0', index: 'i', value }] }],
    })
    expect(narrowIntegers(lookUp(load('x1', ['at'])), () => undefined).kernel).toBeDefined()
    expect(narrowIntegers(lookUp(binary('mul', load('x1', ['at']), cast('f32', x))), () => undefined).kernel).toBeUndefined()
  })
})

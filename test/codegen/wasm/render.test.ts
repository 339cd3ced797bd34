import { describe, expect, test } from 'vitest'
import wabtModule from 'wabt'
import { allocate, type DType, type TensorStorage } from '../../../src/base/dtype.js'
import type { Dim } from '../../../src/base/dim.js'
import { float16ToNumber, numberToFloat16 } from '../../../src/base/float16.js'
import { binary, constant, indexValue, load, local, narrow, selectExpr, unary, type UnaryOp } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel, Stmt } from '../../../src/ir/kernel/kernel.js'
import { renderWasmModule } from '../../../src/codegen/wasm/render.js'
import { ifStmt, mapKernel, softmaxRows, tiledMatmul } from '../sample-kernels.js'
import { binariesOf, binaryKernel, castKernel, specialPairs, specialValues, TYPES, unariesOf, unaryKernel } from '../special-values.js'
import { instantiate } from './run-wasm.js'

/** Functions that are computed, not single instructions: their results may differ from Math's in the last places. */
const COMPUTED: ReadonlySet<string> = new Set(['rsqrt', 'exp', 'expm1', 'log', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'erf', 'pow', 'atan2'])

/** Relative error allowed against the interpreter: 2 units in the last place of a float; of doubles, some, and 1e-13 for powers. */
const toleranceOf = (op: string, dtype: DType): number => (!COMPUTED.has(op) ? 0 : dtype === 'float32' ? 2 ** -22.5 : op === 'pow' ? 1.5e-13 : 2e-15)

function expectSame(kernel: Kernel, inputs: readonly TensorStorage[], length: number, tolerance = 0): void {
  const { dtype } = kernel.buffers.at(-1) as { dtype: DType }
  const got = allocate(dtype, length), want = allocate(dtype, length)
  instantiate([kernel]).run([...inputs, got], [length])
  interpretKernel(kernel, { n: length }, Object.fromEntries(kernel.buffers.map((b, i) => [b.name, inputs[i] ?? want])))
  for (let i = 0; i < length; i++) {
    const g = got[i] as number, w = want[i] as number
    const least = dtype === 'float32' ? 2 ** -149 : 5e-324
    // erf is odd, so erf(-0) is -0
    const zero = kernel.name.startsWith('erf') ? Object.is(g, inputs[0]?.[i]) && g === w : false
    const close = Object.is(g, w) || zero || (tolerance > 0 && g !== 0 && Math.abs(g - w) <= Math.max(tolerance * Math.abs(w), least))
    expect(close, `${kernel.name} at ${inputs.map((x) => String(x[i])).join(', ')}: ${g} is not ${w}`).toBe(true)
  }
}

describe('operations over special values give what the kernel interpreter gives', () => {
  for (const type of TYPES) {
    test(`unary operations of ${type}`, () => {
      const x = specialValues(type)
      for (const op of unariesOf(type)) expectSame(unaryKernel(op, type), [x], x.length, toleranceOf(op, type === 'f32' ? 'float32' : 'float64'))
    })
    test(`binary operations of ${type}`, () => {
      const [a, b] = specialPairs(type)
      for (const op of binariesOf(type)) expectSame(binaryKernel(op, type), [a, b], a.length, toleranceOf(op, type === 'f32' ? 'float32' : 'float64'))
    })
    test(`casts from ${type}`, () => {
      const x = specialValues(type)
      for (const to of TYPES) if (to !== type) expectSame(castKernel(type, to), [x], x.length)
    })
  }
})

describe('mathematical functions are within 2 units in the last place of a float over their range', () => {
  const ranges: Readonly<Partial<Record<UnaryOp, readonly [number, number]>>> = {
    exp: [-104, 89], expm1: [-20, 88], log: [0, 1e4], log1p: [-1, 50], sin: [-1000, 1000], cos: [-1000, 1000], tan: [-100, 100], asin: [-1, 1], acos: [-1, 1], atan: [-30, 30],
    sinh: [-89, 89], cosh: [-89, 89], tanh: [-10, 10], asinh: [-100, 100], acosh: [1, 100], atanh: [-1, 1], erf: [-4.5, 4.5],
  }
  for (const [op, [lo, hi]] of Object.entries(ranges)) {
    test(op, () => {
      const n = 20000
      // a grid, and the same shrunk towards 0
      const x = Float32Array.from({ length: 2 * n }, (_, i) => { const v = lo + ((hi - lo) * (i % n)) / (n - 1); return i < n ? v : v * v * v * 1e-4 / Math.max(hi * hi, 1) })
      const y = new Float32Array(2 * n), want = new Float32Array(2 * n), exact = new Float64Array(2 * n)
      instantiate([unaryKernel(op as UnaryOp, 'f32')]).run([x, y], [2 * n])
      interpretKernel(unaryKernel(op as UnaryOp, 'f64'), { n: 2 * n }, { x0: Float64Array.from(x), y0: exact })
      want.set(exact)
      const bits = (v: number): number => { const b = new Int32Array(Float32Array.of(v).buffer)[0] as number; return b < 0 ? -2147483648 - b : b }
      let worst = 0
      for (let i = 0; i < 2 * n; i++) {
        if (Number.isNaN(want[i]) && Number.isNaN(y[i])) continue
        worst = Math.max(worst, Math.abs(bits(y[i] as number) - bits(want[i] as number)))
      }
      expect(worst).toBeLessThanOrEqual(1)
    })
  }

  test('sine of angles of any size, also of the float nearest to a multiple of half a turn', () => {
    const x = Float64Array.of(1e5, 1048576, -1048577, 1e15, 123456789012345680, 1e22, -1e300, 16367173 * 2 ** 72, 1.7976931348623157e308)
    for (const op of ['sin', 'cos', 'tan'] as const) {
      const y = new Float64Array(x.length)
      instantiate([unaryKernel(op, 'f64')]).run([x, y], [x.length])
      // 16367173·2^72 is within 2^-29 of a multiple of π/2
      y.forEach((v, i) => { const want = Math[op](x[i] as number); expect(Math.abs(v - want), `${op} ${x[i]}: ${v} is not ${want}`).toBeLessThanOrEqual(Math.abs(want) * 1e-9) })
    }
  })
})

describe('storage', () => {
  test('every float16 is read and written as itself, and halfway values round to even', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i), back = new Uint16Array(65536), wide = new Float32Array(65536)
    instantiate([mapKernel('copy', [['x0', 'float16']], 'float16', load('x0', ['i']))]).run([bits, back], [65536])
    instantiate([mapKernel('widen', [['x0', 'float16']], 'float32', load('x0', ['i']))]).run([bits, wide], [65536])
    for (let i = 0; i < 65536; i++) {
      expect(Object.is(wide[i], float16ToNumber(i))).toBe(true)
      if (!Number.isNaN(wide[i])) expect(back[i]).toBe(i)
    }
    const halfway = Float32Array.from({ length: 31744 }, (_, k) => (float16ToNumber(k) + (k + 1 < 31744 ? float16ToNumber(k + 1) : 65536)) / 2), rounded = new Uint16Array(31744)
    instantiate([mapKernel('narrow', [['x0', 'float32']], 'float16', load('x0', ['i']))]).run([halfway, rounded], [31744])
    for (let i = 0; i < 31744; i++) expect(rounded[i]).toBe(numberToFloat16(halfway[i] as number))
  })

  test('bfloat16, small integers and narrow round and wrap as the interpreter does', () => {
    const x = specialValues('f32'), i = specialValues('i32'), u = specialValues('u32')
    expectSame(mapKernel('brain', [['x0', 'float32']], 'bfloat16', load('x0', ['i'])), [x], x.length)
    expectSame(mapKernel('from_brain', [['x0', 'bfloat16']], 'float32', load('x0', ['i'])), [Uint16Array.from({ length: 65536 }, (_, k) => k)], 65536)
    for (const dtype of ['float16', 'bfloat16', 'float32'] as const) expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'float32']], 'float32', narrow(dtype, binary('mul', load('x0', ['i']), constant('f32', 1.7)))), [x], x.length)
    for (const dtype of ['int8', 'int16', 'int32'] as const) expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'int32']], 'int32', narrow(dtype, load('x0', ['i']))), [i], i.length)
    for (const dtype of ['uint8', 'uint16', 'uint32'] as const) expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'uint32']], 'uint32', narrow(dtype, load('x0', ['i']))), [u], u.length)
    for (const dtype of ['int8', 'int16'] as const) expectSame(mapKernel(`copy_${dtype}`, [['x0', dtype]], dtype, unary('neg', load('x0', ['i']))), [dtype === 'int8' ? Int8Array.of(-128, 127, 0, -1) : Int16Array.of(-32768, 32767, 0, -1)], 4)
    expectSame(mapKernel('copy_bool', [['x0', 'bool']], 'bool', unary('not', load('x0', ['i']))), [Uint8Array.of(0, 1, 1)], 3)
  })
})

describe('kernels', () => {
  test('a tiled matmul and a row softmax give what the interpreter gives, with static and symbolic extents', () => {
    const x = Float32Array.from({ length: 8 * 12 }, (_, i) => Math.sin(i * 7.3)), w = Float32Array.from({ length: 12 * 4 }, (_, i) => Math.cos(i * 1.9))
    const values = { m: 8, k: 12, n: 4 }
    for (const kernel of [tiledMatmul(8, 12, 4), tiledMatmul('m', 'k', 'n')]) {
      const got = new Float32Array(32), want = new Float32Array(32)
      instantiate([softmaxRows(2, 2), kernel], 1).run([x, w, got], kernel.params.map((p) => values[p as 'm']))
      interpretKernel(kernel, values, { x0: x, x1: w, y0: want })
      expect(got).toEqual(want)
    }
    const got = new Float32Array(96), want = new Float32Array(96)
    instantiate([softmaxRows('r', 12)]).run([x, got], [8])
    interpretKernel(softmaxRows('r', 12), { r: 8 }, { x0: x, y0: want })
    for (let i = 0; i < 96; i++) expect(Math.abs((got[i] as number) - (want[i] as number))).toBeLessThanOrEqual(2 ** -23 * (want[i] as number))
  })

  test('every form of index gives what the interpreter gives, also below zero', () => {
    const i: Dim = ['+', 'i', -9]
    const indices: readonly Dim[] = [
      ['floordiv', 'i', 4], ['mod', 'i', 4], ['floordiv', i, 4], ['mod', i, 4], ['floordiv', i, 3], ['mod', i, 3], ['floordiv', i, ['+', 'n', 1]], ['mod', i, 'n'], ['min', 'i', 3, 7], ['max', i, -3], ['eq', 'i', 4], ['lt', i, ['*', -1, 'i']],
      ['select', ['lt', 'i', 5], ['*', 3, i], ['mod', ['*', -1, 'i'], 'n']], ['floordiv', ['+', ['*', 3, 'n'], ['*', -1, 'i']], 2], ['*', ['+', 'i', 1], ['+', 'n', -2]],
    ]
    for (const index of indices) expectSame(mapKernel('index', [], 'int32', indexValue(index)), [], 20)
  })

  test('an address whose variable part is negative stays right when its constant part is not', () => {
    const x = Float32Array.from({ length: 20 }, (_, i) => i)
    expectSame(mapKernel('reverse', [['x0', 'float32']], 'float32', load('x0', [['+', ['*', -1, 'i'], 19]])), [x], 20)
    expectSame(mapKernel('rotate', [['x0', 'float32']], 'float32', load('x0', [['mod', ['+', 'i', 3], 20]])), [x], 20)
  })

  test('registers and indices of one name, conditions, selects, loops without iterations and simultaneous sets keep apart', () => {
    const body: Stmt[] = [
      { kind: 'var', name: 'i', type: 'f32', value: constant('f32', 0) },
      { kind: 'var', name: 'next', type: 'f32', value: constant('f32', 1) },
      { kind: 'for', variable: 'k', lo: 5, hi: 'five', step: 1, body: [{ kind: 'set', name: 'i', value: constant('f32', 99) }] },
      { kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [
        { kind: 'set-all', sets: [{ name: 'i', value: local('next', 'f32') }, { name: 'next', value: binary('add', local('i', 'f32'), local('next', 'f32')) }] },
        ifStmt(binary('gt', local('i', 'f32'), constant('f32', 10)), [{ kind: 'store', buffer: 'y0', index: 'i', value: local('i', 'f32') }], [
          { kind: 'store', buffer: 'y0', index: 'i', value: selectExpr(binary('eq', indexValue('i'), constant('i32', 2)), constant('f32', -40), unary('neg', local('i', 'f32'))) }]),
      ] },
    ]
    const kernel: Kernel = { name: 'fibonacci', params: ['n', 'five'], buffers: [{ name: 'y0', dtype: 'float32', length: 'n', role: 'out' }], body }
    const y = new Float32Array(9)
    instantiate([kernel]).run([y], [9, 5])
    expect(y).toEqual(Float32Array.from([-1, -1, -40, -3, -5, -8, 13, 21, 34]))
  })

  test('an index from data counts from the end when negative, and traps with its value known outside the extent', () => {
    const kernel: Kernel = {
      name: 'gather', params: ['n'],
      buffers: [{ name: 'x0', dtype: 'float32', length: 3, role: 'in' }, { name: 'x1', dtype: 'int64', length: 'n', role: 'in' }, { name: 'y0', dtype: 'float32', length: 'n', role: 'out' }],
      body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [
        { kind: 'data-index', name: 'at', value: load('x1', ['i']), extent: 3 },
        { kind: 'store', buffer: 'y0', index: 'i', value: load('x0', ['at']) }] }],
    }
    const x = Float32Array.from([10, 20, 30]), y = new Float32Array(4)
    instantiate([kernel]).run([x, BigInt64Array.from([2n, -1n, 0n, -3n]), y], [4])
    expect(y).toEqual(Float32Array.from([30, 30, 10, 10]))
    for (const bad of [3n, -4n, 2n ** 62n, -(2n ** 63n)]) {
      const instance = instantiate([softmaxRows(1, 1), kernel], 1)
      const fault = (name: string): number | bigint => (instance.exports[`fault.${name}`] as WebAssembly.Global).value as number | bigint
      expect(fault('kernel')).toBe(-1)
      expect(() => instance.run([x, BigInt64Array.from([bad]), new Float32Array(1)], [1])).toThrow(WebAssembly.RuntimeError)
      expect([fault('kernel'), fault('value'), fault('extent')]).toEqual([1, bad, 3])
    }
  })
})

test('the module has names, imports only its memory, and another toolkit finds it valid', async () => {
  const kernels = [tiledMatmul(8, 8, 8), softmaxRows('rows', 16), unaryKernel('erf', 'f64')]
  const bytes = renderWasmModule(kernels, { pages: 3 })
  expect(renderWasmModule(kernels, { pages: 3 })).toEqual(bytes)
  const wabt = await wabtModule()
  const module = wabt.readWasm(bytes, { readDebugNames: true, threads: true })
  module.validate()
  module.generateNames()
  module.applyNames()
  const text = module.toText({ foldExprs: false, inlineExport: false })
  expect(text.match(/\(import .*/g)).toEqual([expect.stringMatching(/^\(import "env" "memory" \(memory [^ ]+ 3\)\)$/)])
  expect(text).toContain('(export "softmax_rowsx16" (func $softmax_rowsx16))')
  expect(text).toContain('call $exp')
  module.destroy()
  expect(WebAssembly.Module.imports(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>))).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
})

test('a kernel that is not well typed is refused, and so is a dtype without kernels', () => {
  expect(() => renderWasmModule([mapKernel('k', [['x0', 'float32']], 'int32', load('x0', ['i']))])).toThrowError(expect.objectContaining({ code: 'verify-kernel' }) as Error)
  expect(() => renderWasmModule([mapKernel('k', [['x0', 'int4']], 'int32', load('x0', ['i']))])).toThrowError(expect.objectContaining({ code: 'unsupported-dtype' }) as Error)
})

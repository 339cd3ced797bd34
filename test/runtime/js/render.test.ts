import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { allocate, type DType, type TensorStorage } from '../../../src/base/dtype.js'
import { IngotError } from '../../../src/base/error.js'
import { float16ToNumber, numberToFloat16 } from '../../../src/base/float16.js'
import type { Dim } from '../../../src/base/dim.js'
import { binary, cast, constant, indexValue, load, local, narrow, selectExpr, unary } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel, Stmt } from '../../../src/ir/kernel/kernel.js'
import { renderJsKernel, renderJsKernels } from '../../../src/codegen/js/text.js'
import type { KernelCode } from '../../../src/runtime/js/kernel-code.js'
import { instantiateJsKernels } from '../../../src/runtime/js/render.js'
import { ifStmt, mapKernel, softmaxRows, tiledMatmul } from '../../codegen/sample-kernels.js'
import { binariesOf, binaryKernel, castKernel, specialPairs, specialValues, TYPES, unariesOf, unaryKernel } from '../../codegen/special-values.js'

const asCode = (kernel: Kernel): KernelCode => kernel // type test: what the compiler makes is what the runtime reads

function run(kernel: Kernel, inputs: readonly TensorStorage[], output: TensorStorage, params: readonly number[]): TensorStorage {
  const [fn] = instantiateJsKernels([JSON.parse(JSON.stringify(asCode(kernel))) as KernelCode])
  fn?.(...(inputs as readonly ArrayBufferView[]), output as ArrayBufferView, ...params)
  return output
}

function interpreted(kernel: Kernel, inputs: readonly TensorStorage[], output: TensorStorage, params: Record<string, number>): TensorStorage {
  interpretKernel(kernel, params, Object.fromEntries(kernel.buffers.map((b, i) => [b.name, inputs[i] ?? output])), { roundF32: false })
  return output
}

function expectSame(kernel: Kernel, inputs: readonly TensorStorage[], length: number, tolerance = 0): void {
  const dtype = (kernel.buffers.at(-1) as { dtype: DType }).dtype
  const got = run(kernel, inputs, allocate(dtype, length), [length]), want = interpreted(kernel, inputs, allocate(dtype, length), { n: length })
  for (let i = 0; i < length; i++) {
    const g = got[i] as number, w = want[i] as number
    const close = Object.is(g, w) || (tolerance > 0 && Math.abs(g - w) <= tolerance * Math.abs(w))
    expect(close, `${kernel.name} at ${inputs.map((x) => String(x[i])).join(', ')}: ${g} is not ${w}`).toBe(true)
  }
}

describe('operations over special values give what the kernel interpreter gives', () => {
  for (const type of TYPES) {
    test(`unary operations of ${type}`, () => {
      const x = specialValues(type)
      for (const op of unariesOf(type)) expectSame(unaryKernel(op, type), [x], x.length, op === 'erf' ? (type === 'f32' ? 1.2e-7 : 1e-15) : 0)
    })
    test(`binary operations of ${type}`, () => {
      const [a, b] = specialPairs(type)
      for (const op of binariesOf(type)) expectSame(binaryKernel(op, type), [a, b], a.length)
    })
    test(`casts from ${type}`, () => {
      const x = specialValues(type)
      for (const to of TYPES) if (to !== type) expectSame(castKernel(type, to), [x], x.length)
    })
  }
})

test('erf of float32 is within one unit in the last place of the exact value', () => {
  const x = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 450)
  expectSame(unaryKernel('erf', 'f32'), [x], x.length, 2 ** -23)
})

describe('storage', () => {
  test('every float16 is read and written back as itself, and halfway values round to even', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i)
    const kernel = mapKernel('copy', [['x0', 'float16']], 'float16', load('x0', ['i']))
    const back = run(kernel, [bits], new Uint16Array(65536), [65536])
    const wide = run(mapKernel('widen', [['x0', 'float16']], 'float32', load('x0', ['i'])), [bits], new Float32Array(65536), [65536])
    for (let i = 0; i < 65536; i++) {
      expect(Object.is(wide[i], float16ToNumber(i))).toBe(true)
      if (!Number.isNaN(wide[i])) expect(back[i]).toBe(i)
    }
    const halfway = Float32Array.from({ length: 63488 }, (_, i) => { const k = i % 31744; return (i === k ? 1 : -1) * (float16ToNumber(k) + (k + 1 < 31744 ? float16ToNumber(k + 1) : 65536)) / 2 })
    const rounded = run(mapKernel('narrow', [['x0', 'float32']], 'float16', load('x0', ['i'])), [halfway], new Uint16Array(63488), [63488])
    for (let i = 0; i < 63488; i++) expect(rounded[i]).toBe(numberToFloat16(halfway[i] as number))
  })

  test('bfloat16 and narrow round and wrap as the interpreter does', () => {
    const x = specialValues('f32')
    expectSame(mapKernel('brain', [['x0', 'float32']], 'bfloat16', load('x0', ['i'])), [x], x.length)
    for (const dtype of ['float16', 'bfloat16', 'float32'] as const) expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'float32']], 'float32', narrow(dtype, binary('mul', load('x0', ['i']), constant('f32', 1.7)))), [x], x.length)
    const i = specialValues('i32')
    for (const dtype of ['int8', 'int16', 'int32'] as const) expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'int32']], dtype, narrow(dtype, load('x0', ['i']))), [i], i.length)
    const u = specialValues('u32')
    for (const dtype of ['uint8', 'uint16', 'uint32'] as const) expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'uint32']], dtype, narrow(dtype, load('x0', ['i']))), [u], u.length)
  })
})

describe('kernels', () => {
  test('a tiled matmul and a row softmax give what the interpreter gives, with static and symbolic extents', () => {
    const x = Float32Array.from({ length: 8 * 12 }, (_, i) => Math.sin(i * 7.3)), w = Float32Array.from({ length: 12 * 4 }, (_, i) => Math.cos(i * 1.9))
    for (const kernel of [tiledMatmul(8, 12, 4), tiledMatmul('m', 'k', 'n')]) {
      const values = { m: 8, k: 12, n: 4 }
      const params = kernel.params.map((p) => values[p as 'm'])
      expect(run(kernel, [x, w], new Float32Array(32), params)).toEqual(interpreted(kernel, [x, w], new Float32Array(32), values))
    }
    const kernel = softmaxRows('r', 12)
    expect(run(kernel, [x], new Float32Array(96), [8])).toEqual(interpreted(kernel, [x], new Float32Array(96), { r: 8 }))
  })

  test('every form of index gives what the interpreter gives, also below zero', () => {
    const i: Dim = ['+', 'i', -9]
    const indices: readonly Dim[] = [
      ['floordiv', 'i', 4], ['mod', 'i', 4], ['floordiv', i, 4], ['mod', i, 4], ['min', 'i', 3, 7], ['max', i, -3], ['eq', 'i', 4], ['lt', i, ['*', -1, 'i']], ['+', ['*', -2, 'i'], ['*', -1, 'n'], -3],
      ['select', ['lt', 'i', 5], ['*', 3, i], ['mod', ['*', -1, 'i'], 'n']], ['select', ['mod', 'i', 2], 1, i], ['floordiv', ['+', ['*', 3, 'n'], ['*', -1, 'i']], 2], ['*', ['+', 'i', 1], ['+', 'n', -2]], ['floordiv', ['*', 'i', ['floordiv', 'i', 2]], 3],
    ]
    for (const index of indices) expectSame(mapKernel('index', [], 'int32', indexValue(index)), [], 20)
  })

  test('registers and indices of one name, conditions, selects and simultaneous sets keep apart', () => {
    const body: Stmt[] = [
      { kind: 'var', name: 'i', type: 'f32', value: constant('f32', 0) },
      { kind: 'var', name: 'var', type: 'f32', value: constant('f32', 1) },
      { kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [
        { kind: 'set-all', sets: [{ name: 'i', value: local('var', 'f32') }, { name: 'var', value: binary('add', local('i', 'f32'), local('var', 'f32')) }] },
        { kind: 'let', name: 'big', type: 'bool', value: binary('gt', local('i', 'f32'), constant('f32', 10)) },
        ifStmt(local('big', 'bool'), [{ kind: 'store', buffer: 'y0', index: 'i', value: local('i', 'f32') }], [
          { kind: 'store', buffer: 'y0', index: 'i', value: unary('neg', selectExpr(binary('eq', indexValue('i'), constant('i32', 2)), constant('f32', -40), binary('sub', local('i', 'f32'), binary('sub', local('var', 'f32'), constant('f32', 1))))) }]),
      ] },
    ]
    const kernel: Kernel = { name: 'fibonacci', params: ['n'], buffers: [{ name: 'y0', dtype: 'float32', length: 'n', role: 'out' }], body }
    // 1 1 2 3 5 8 13 21 34 are the values of `i`; those up to 10 are stored as -(i - (var - 1))
    expect(run(kernel, [], new Float32Array(9), [9])).toEqual(Float32Array.from([-1, -0, 40, 1, 2, 4, 13, 21, 34]))
  })

  test('an index from data counts from the end when negative and faults outside the extent', () => {
    const kernel: Kernel = {
      name: 'gather', params: ['n'],
      buffers: [{ name: 'x0', dtype: 'float32', length: 3, role: 'in' }, { name: 'x1', dtype: 'int64', length: 'n', role: 'in' }, { name: 'y0', dtype: 'float32', length: 'n', role: 'out' }],
      body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [
        { kind: 'data-index', name: 'at', value: load('x1', ['i']), extent: 3 },
        { kind: 'store', buffer: 'y0', index: 'i', value: load('x0', ['at']) }] }],
    }
    const x = Float32Array.from([10, 20, 30])
    expect(run(kernel, [x, BigInt64Array.from([2n, -1n, 0n, -3n])], new Float32Array(4), [4])).toEqual(Float32Array.from([30, 30, 10, 10]))
    for (const bad of [3n, -4n, 2n ** 62n]) {
      let thrown: unknown
      try { run(kernel, [x, BigInt64Array.from([bad])], new Float32Array(1), [1]) } catch (e) { thrown = e }
      expect(thrown).toMatchObject({ code: 'index-out-of-range', kernel: 'gather', value: Number(bad), extent: 3 })
    }
  })

  test('the text reads like code that a person wrote', () => {
    expect(renderJsKernel(softmaxRows('n', 128), ['encoder/Softmax_3'])).toBe(`// softmax_nx128 · encoder/Softmax_3
function softmax_nx128(x0, y0, n) {
  for (let i = 0; i < n; i++) {
    const base = i * 128
    let m = -Infinity
    for (let j = 0; j < 128; j++) {
      m = Math.max(m, x0[base + j])
    }
    let s = 0
    for (let j = 0; j < 128; j++) {
      s += Math.exp(x0[base + j] - m)
    }
    for (let j = 0; j < 128; j++) {
      y0[base + j] = Math.exp(x0[base + j] - m) / s
    }
  }
}`)
  })

  test('several kernels share one copy of each helper and have names of their own', () => {
    const { text, names } = renderJsKernels([unaryKernel('round', 'f32'), unaryKernel('round', 'f32')])
    expect(names).toEqual(['round_f32', 'round_f32_1'])
    expect(text.match(/const \$roundEven = /g)).toHaveLength(1)
    expect(text).not.toContain('erf')
  })
})

describe('kernels from a hostile file', () => {
  const evil = "a){};globalThis.harmed=1;(function b("
  const base = mapKernel('k', [['x0', 'float32']], 'float32', unary('neg', load('x0', ['i'])))
  const store = (value: unknown): unknown => ({ ...base, body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [{ kind: 'store', buffer: 'y0', index: 'i', value }] }] })
  const refused: Readonly<Record<string, unknown>> = {
    'operation': store({ kind: 'unary', op: evil, x: load('x0', ['i']) }),
    'inherited operation': store({ kind: 'binary', op: 'constructor', a: load('x0', ['i']), b: load('x0', ['i']) }),
    'constant type': store({ kind: 'const', type: evil, value: 1 }),
    'integer constant': store({ kind: 'const', type: 'i64', value: evil }),
    'cast': store({ kind: 'cast', to: evil, x: load('x0', ['i']) }),
    'narrow': store({ kind: 'narrow', dtype: evil, x: load('x0', ['i']) }),
    'global name': store({ kind: 'local', name: 'process', type: 'f32' }),
    'undeclared index': store({ kind: 'index', index: 'globalThis' }),
    'index operation': store({ kind: 'load', buffer: 'x0', index: [[evil, 'i', 1]] }),
    'fractional index': store({ kind: 'load', buffer: 'x0', index: [0.5] }),
    'expression kind': store({ kind: evil }),
    'missing operand': store({ kind: 'unary', op: 'neg' }),
    'dtype': { ...base, buffers: [{ name: 'x0', dtype: evil }, base.buffers[1]] },
    'step': { ...base, body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: evil, body: [] }] },
    'step that is an object': { ...base, body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: { toString: () => evil }, body: [] }] },
    'statement kind': { ...base, body: [{ kind: evil }] },
    'no body': { name: 'k', params: [], buffers: [] },
    'name that is no text': { ...base, name: 7 },
    'declaration twice in a block': { ...base, body: [{ kind: 'index', name: 'a', value: 0 }, { kind: 'index', name: 'a', value: 1 }] },
    'name used after its block': { ...base, body: [ifStmt(constant('bool', 1), [{ kind: 'index', name: 'a', value: 0 }]), { kind: 'index', name: 'b', value: 'a' }] },
  }
  for (const [what, kernel] of Object.entries(refused)) {
    test(`are refused as artefact-damaged: ${what}`, () => {
      expect(() => instantiateJsKernels([kernel as KernelCode])).toThrowError(expect.objectContaining({ code: 'artefact-damaged' }) as Error)
    })
  }

  test('cannot bring their names into the text', () => {
    const name = (s: string): string => `${s}${evil}\n*/`
    const body: Stmt[] = [{ kind: 'for', variable: name('i'), lo: 0, hi: name('n'), step: 1, body: [
      { kind: 'let', name: name('r'), type: 'f32', value: load(name('x0'), [name('i')]) }, { kind: 'store', buffer: name('y0'), index: name('i'), value: local(name('r'), 'f32') }] }]
    const kernel: Kernel = { name: name('k'), params: [name('n')], buffers: [{ name: name('x0'), dtype: 'float32', length: 3, role: 'in' }, { name: name('y0'), dtype: 'float32', length: 3, role: 'out' }], body }
    expect(run(kernel, [Float32Array.of(1, 2, 3)], new Float32Array(3), [3])).toEqual(Float32Array.of(1, 2, 3))
    expect(renderJsKernel(kernel, [name('o')]).replace(/^\/\/.*$/gm, '')).not.toContain('globalThis.harmed')
    expect(Object.hasOwn(globalThis, 'harmed')).toBe(false)
  })
})

describe('where evaluation is forbidden', () => {
  afterEach(() => { vi.unstubAllGlobals() })

  test('the error says so and points to modules', () => {
    vi.stubGlobal('Function', function forbidden() { throw new EvalError('Refused to evaluate a string as JavaScript') })
    let thrown: unknown
    try { instantiateJsKernels([softmaxRows(2, 3)]) } catch (e) { thrown = e }
    expect(thrown).toBeInstanceOf(IngotError)
    expect(thrown).toMatchObject({ code: 'eval-forbidden', hint: expect.stringContaining('--emit module') as string })
  })

  test('a process started without code generation from strings gets that error', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ingot-eval-'))
    try {
      const kernel = JSON.stringify(softmaxRows(2, 3))
      const entry = `import { instantiateJsKernels } from ${JSON.stringify(join(import.meta.dirname, '../../../src/runtime/js/render.ts'))}\ntry { instantiateJsKernels([${kernel}]); console.log('made') } catch (e) { console.log(e.code) }`
      const built = await build({ stdin: { contents: entry, resolveDir: import.meta.dirname, loader: 'ts' }, bundle: true, format: 'esm', platform: 'node', write: false })
      const file = join(folder, 'entry.mjs')
      writeFileSync(file, built.outputFiles[0]?.text ?? '')
      expect(spawnSync(process.execPath, [file], { encoding: 'utf8' }).stdout.trim()).toBe('made')
      expect(spawnSync(process.execPath, ['--disallow-code-generation-from-strings', file], { encoding: 'utf8' }).stdout.trim()).toBe('eval-forbidden')
    } finally { rmSync(folder, { recursive: true, force: true }) }
  })
})

test('casting a bool to a number and back keeps it', () => {
  expect(run(mapKernel('b', [['x0', 'bool']], 'bool', cast('bool', cast('i64', load('x0', ['i'])))), [Uint8Array.of(0, 1, 1)], new Uint8Array(3), [3])).toEqual(Uint8Array.of(0, 1, 1))
})

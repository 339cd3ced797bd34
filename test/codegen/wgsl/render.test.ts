import { describe, expect, test } from 'vitest'
import { evaluateDim, type Dim } from '../../../src/base/dim.js'
import { allocate, type DType, type TensorStorage } from '../../../src/base/dtype.js'
import { renderWgsl, type WgslKernel } from '../../../src/codegen/wgsl/render.js'
import { binary, constant, indexValue, load, local, narrow, selectExpr, unary } from '../../../src/ir/kernel/expr.js'
import { interpretKernel } from '../../../src/ir/kernel/interpret.js'
import type { Kernel, Stmt } from '../../../src/ir/kernel/kernel.js'
import { ifStmt, mapKernel, softmaxRows, tiledMatmul } from '../sample-kernels.js'
import { binariesOf, binaryKernel, castKernel, unariesOf, unaryKernel } from '../special-values.js'
import { compileErrors, findDevice, runKernel } from './device.js'

const device = await findDevice()
const why = 'needs the optional package webgpu and an adapter'

const groups = (kernel: WgslKernel, params: Record<string, number>): number[] => kernel.workgroups.map((d) => evaluateDim(d, (s) => params[s] as number))

const gather: Kernel = {
  name: 'gather', params: ['n'],
  buffers: [{ name: 'x0', dtype: 'float32', length: 3, role: 'in' }, { name: 'x1', dtype: 'int32', length: 'n', role: 'in' }, { name: 'y0', dtype: 'float32', length: 'n', role: 'out' }],
  body: [{ kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, parallel: true, body: [
    { kind: 'data-index', name: 'at', value: load('x1', ['i']), extent: 3 }, { kind: 'store', buffer: 'y0', index: 'i', value: load('x0', ['at']) }] }],
}
const fibonacci: Kernel = {
  name: 'fibonacci', params: ['n'], buffers: [{ name: 'y0', dtype: 'float32', length: 'n', role: 'out' }],
  body: [
    { kind: 'var', name: 'i', type: 'f32', value: constant('f32', 0) },
    { kind: 'var', name: 'var', type: 'f32', value: constant('f32', 1) },
    { kind: 'for', variable: 'i', lo: 0, hi: 'n', step: 1, body: [
      { kind: 'set-all', sets: [{ name: 'i', value: local('var', 'f32') }, { name: 'var', value: binary('add', local('i', 'f32'), local('var', 'f32')) }] },
      ifStmt(binary('gt', local('i', 'f32'), constant('f32', 10)), [{ kind: 'store', buffer: 'y0', index: 'i', value: local('i', 'f32') }], [
        { kind: 'store', buffer: 'y0', index: 'i', value: selectExpr(binary('eq', indexValue('i'), constant('i32', 2)), constant('f32', -40), unary('neg', local('i', 'f32'))) }]),
    ] satisfies Stmt[] }],
}

describe('text', () => {
  test('a row softmax reads like code that a person wrote', () => {
    expect(renderWgsl(softmaxRows('rows', 128), { origins: ['encoder/Softmax_3'] }).code).toBe(`// softmax_rowsx128 · encoder/Softmax_3
@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read_write> y0: array<f32>;
struct Params { rows: i32 }
@group(0) @binding(2) var<uniform> params: Params;
var<private> special_bits = vec2<u32>(0x7f800000u, 0x7fc00000u);
fn infinity() -> f32 { return bitcast<f32>(special_bits.x); }

@compute @workgroup_size(64)
fn softmax_rowsx128(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let point = i32((group.y * groups.x + group.x) * 64u + local);
  if (point >= params.rows) { return; }
  let i = point;
  let base: i32 = i * 128;
  var m: f32 = -infinity();
  for (var j: i32 = 0; j < 128; j++) {
    m = max(m, x0[base + j]);
  }
  var s: f32 = 0f;
  for (var j: i32 = 0; j < 128; j++) {
    s = s + exp(x0[base + j] - m);
  }
  for (var j: i32 = 0; j < 128; j++) {
    y0[base + j] = exp(x0[base + j] - m) / s;
  }
}
`)
  })

  test('groups cover every iteration and never exceed 65535 in a dimension', () => {
    const kernel = renderWgsl(mapKernel('neg', [['x0', 'float32']], 'float32', unary('neg', load('x0', ['i']))))
    expect(groups(kernel, { n: 0 })).toEqual([0, 0, 1])
    expect(groups(kernel, { n: 1 })).toEqual([1, 1, 1])
    expect(groups(kernel, { n: 65 })).toEqual([2, 1, 1])
    expect(groups(kernel, { n: 65535 * 64 })).toEqual([65535, 1, 1])
    expect(groups(kernel, { n: 65535 * 64 + 1 })).toEqual([65535, 2, 1])
    expect(groups(renderWgsl(tiledMatmul('m', 8, 8)), { m: 260 })).toEqual([2, 1, 1])
    expect(renderWgsl(fibonacci).workgroups).toEqual([1, 1, 1])
  })

  test('bindings are the buffers in order, then the parameters, then the fault cell where data gives indices', () => {
    expect(renderWgsl(gather).bindings).toEqual([
      { kind: 'buffer', binding: 0, name: 'x0', access: 'read' }, { kind: 'buffer', binding: 1, name: 'x1', access: 'read' }, { kind: 'buffer', binding: 2, name: 'y0', access: 'read_write' },
      { kind: 'params', binding: 3, names: ['n'] }, { kind: 'fault', binding: 4 },
    ])
  })

  test('names from outside become identifiers that are no words of the language', () => {
    const evil = 'fn }; @compute\n*/ '
    const body: Stmt[] = [{ kind: 'for', variable: 'loop', lo: 0, hi: evil, step: 1, parallel: true, body: [
      { kind: 'let', name: 'loop', type: 'f32', value: load('var', ['loop']) }, { kind: 'store', buffer: 'f32', index: 'loop', value: local('loop', 'f32') }] }]
    const { code } = renderWgsl({ name: evil, params: [evil], buffers: [{ name: 'var', dtype: 'float32', length: evil, role: 'in' }, { name: 'f32', dtype: 'float32', length: evil, role: 'out' }], body }, { origins: [evil] })
    expect(code.split('\n').slice(1).join('\n')).not.toContain('};')
    expect(code).toContain('let loop_1 = point;')
    expect(code).toContain('let loop_2: f32 = var_1[loop_1];')
    expect(code).toContain('f32_1[loop_1] = loop_2;')
  })

  test('a dtype that WGSL lacks is refused by name', () => {
    for (const dtype of ['float64', 'int64', 'uint64'] as const) {
      expect(() => renderWgsl(mapKernel('copy', [['x0', dtype]], dtype, load('x0', ['i'])))).toThrowError(expect.objectContaining({ code: 'unsupported-dtype' }) as Error)
    }
  })
})

describe.skipIf(device === undefined)(`on a WebGPU device (${why})`, () => {
  const gpu = device as GPUDevice

  async function expectSame(kernel: Kernel, inputs: readonly TensorStorage[], length: number, params: Record<string, number>, tolerance: number): Promise<void> {
    const { dtype } = kernel.buffers.at(-1) as { dtype: DType }
    const got = allocate(dtype, length), want = allocate(dtype, length)
    await runKernel(gpu, renderWgsl(kernel), [...inputs, got], params)
    interpretKernel(kernel, params, Object.fromEntries(kernel.buffers.map((b, i) => [b.name, inputs[i] ?? want])))
    for (let i = 0; i < length; i++) {
      const g = got[i] as number, w = want[i] as number
      expect(Object.is(g, w) || Math.abs(g - w) <= tolerance * Math.max(Math.abs(w), 1e-6), `${kernel.name} at ${inputs.map((x) => x[i]).join(', ')}: ${g} is not ${w}`).toBe(true)
    }
  }

  test('an elementwise, a row and a matmul kernel give what the interpreter gives', async () => {
    const x = Float32Array.from({ length: 96 }, (_, i) => Math.sin(i * 7.3)), w = Float32Array.from({ length: 48 }, (_, i) => Math.cos(i * 1.9))
    await expectSame(tiledMatmul('m', 'k', 'n'), [x, w], 32, { m: 8, k: 12, n: 4 }, 1e-5)
    await expectSame(softmaxRows('r', 12), [x], 96, { r: 8 }, 1e-5)
    await expectSame(fibonacci, [], 9, { n: 9 }, 0)
    const gelu = binary('mul', load('x0', ['i']), binary('add', constant('f32', 0.5), binary('mul', constant('f32', 0.5), unary('erf', binary('mul', load('x0', ['i']), constant('f32', Math.SQRT1_2))))))
    await expectSame(mapKernel('gelu', [['x0', 'float32']], 'float32', gelu), [x], 96, { n: 96 }, 2e-6)
  })

  test('integer operations give what the interpreter gives, also for divisors of 0', async () => {
    const ints = [0, 1, -1, 2, 7, -7, 31, 1000, -128, 65536, 2147483647, -2147483648]
    for (const type of ['i32', 'u32'] as const) {
      const array = type === 'i32' ? Int32Array : Uint32Array
      const a = array.from(ints.flatMap((x) => ints.map(() => x))), b = array.from(ints.flatMap(() => ints))
      for (const op of binariesOf(type)) {
        const kernel = binaryKernel(op, type)
        if (kernel.buffers.at(-1)?.dtype !== 'bool') await expectSame(kernel, [a, b], a.length, { n: a.length }, 0)
      }
      for (const op of unariesOf(type)) {
        const kernel = unaryKernel(op, type)
        if (kernel.buffers.at(-1)?.dtype !== 'bool') await expectSame(kernel, [b], b.length, { n: b.length }, 0)
      }
    }
  })

  test('every operation on floats compiles and is near the interpreter at common values', async () => {
    const x = Float32Array.from([-2.5, -1.5, -0.75, -0.5, -0.1, 0.1, 0.25, 0.5, 0.9, 1, 1.5, 2.5, 3])
    for (const op of unariesOf('f32')) {
      const kernel = unaryKernel(op, 'f32')
      if (kernel.buffers.at(-1)?.dtype === 'bool') continue
      const inside = ['asin', 'acos', 'atanh'].includes(op) ? x.map((v) => v / 4) : op === 'acosh' ? x.map((v) => 1 + Math.abs(v)) : ['sqrt', 'rsqrt', 'log', 'log1p'].includes(op) ? x.map(Math.abs) : x
      await expectSame(kernel, [inside], x.length, { n: x.length }, 1e-3)
    }
    const a = Float32Array.from([...x].flatMap((v) => [...x].map(() => v))), b = Float32Array.from([...x].flatMap(() => [...x]))
    for (const op of binariesOf('f32')) {
      const kernel = binaryKernel(op, 'f32')
      if (kernel.buffers.at(-1)?.dtype !== 'bool') await expectSame(kernel, op === 'pow' ? [a.map(Math.abs), b] : [a, b], a.length, { n: a.length }, 1e-3)
    }
    for (const dtype of ['float16', 'bfloat16'] as const) await expectSame(mapKernel(`narrow_${dtype}`, [['x0', 'float32']], 'float32', narrow(dtype, load('x0', ['i']))), [x], x.length, { n: x.length }, 0)
    for (const to of ['i32', 'u32'] as const) await expectSame(castKernel('f32', to), [x], x.length, { n: x.length }, 0)
  })

  test('every form of index gives what the interpreter gives, also below zero', async () => {
    const i: Dim = ['+', 'i', -9]
    const indices: readonly Dim[] = [['floordiv', 'i', 4], ['mod', 'i', 4], ['floordiv', i, 4], ['mod', i, 3], ['min', 'i', 3, 7], ['max', i, -3], ['eq', 'i', 4], ['lt', i, ['*', -1, 'i']], ['select', ['lt', 'i', 5], ['*', 3, i], ['mod', ['*', -1, 'i'], 'n']]]
    for (const index of indices) await expectSame(mapKernel('index', [], 'int32', indexValue(index)), [], 20, { n: 20 }, 0)
  })

  test('an index outside its extent is told in the fault cell', async () => {
    const run = (at: number): Promise<Int32Array | undefined> => runKernel(gpu, renderWgsl(gather), [Float32Array.of(1, 2, 3), Int32Array.of(at), new Float32Array(1)], { n: 1 })
    expect([...(await run(-3) ?? [])]).toEqual([0, 0, 0, 0])
    expect([...(await run(3) ?? [])]).toEqual([1, 3, 3, 0])
    expect([...(await run(-4) ?? [])]).toEqual([1, -4, 3, 0])
  })

  test('the device finds no error in a kernel of every statement', async () => {
    for (const kernel of [fibonacci, gather, tiledMatmul(8, 8, 8)]) expect(await compileErrors(gpu, renderWgsl(kernel).code)).toEqual([])
  })
})

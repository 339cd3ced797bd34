import { describe, expect, it } from 'vitest'
import type { DType, HostTensor } from '../../../src/base/dtype.js'
import { compile } from '../../../src/compile.js'
import { fromNumbers, hostTensor, seededTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { interpret } from '../../../src/ir/interpret.js'
import { load } from '../../../src/runtime/session.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { DATA_TYPE, errorOf, model, node, port, tensorAttribute, type onnx } from './onnx-models.js'

/** TensorProto.DataType. */
const TYPE: Readonly<Record<string, number>> = { float32: 1, int32: 6, float8e4m3fn: 17, float8e4m3fnuz: 18, float8e5m2: 19, float8e5m2fnuz: 20, uint4: 21, int4: 22, float4e2m1: 23, float8e8m0: 24, uint2: 25, int2: 26 }

const signOf = (c: number): number => (c > 127 ? -1 : 1)
/** A float of sign, exponent and mantissa by its definition. */
const plain = (exponent: number, bias: number, c: number): number => {
  const mantissa = 7 - exponent, e = (c & 127) >> mantissa, f = (c & (2 ** mantissa - 1)) / 2 ** mantissa
  return signOf(c) * (e === 0 ? f * 2 ** (1 - bias) : (1 + f) * 2 ** (e - bias))
}
const FORMATS: Readonly<Record<string, (code: number) => number>> = {
  float8e4m3fn: (c) => ((c & 127) === 127 ? NaN : plain(4, 7, c)),
  float8e4m3fnuz: (c) => (c === 128 ? NaN : plain(4, 8, c)),
  float8e5m2: (c) => ((c & 127) > 124 ? NaN : (c & 127) === 124 ? signOf(c) * Infinity : plain(5, 15, c)),
  float8e5m2fnuz: (c) => (c === 128 ? NaN : plain(5, 16, c)),
  float8e8m0: (c) => (c === 255 ? NaN : 2 ** (c - 127)),
}

/** Expects these elements, exactly, of the references and of programs for js and wasm that are compiled once. */
async function expectExactly(bytes: Uint8Array, cases: readonly { readonly x: HostTensor; readonly y: readonly number[] }[]): Promise<void> {
  const graph = importOnnxSync(bytes)
  const sessions = await Promise.all((['js', 'wasm'] as const).map(async (target) => load((await compile(graph, { target })).data)))
  for (const { x, y } of cases) {
    for (const found of [interpret(graph, { x }), ...await Promise.all(sessions.map((s) => s.run({ x })))]) expect(Array.from(toNumbers(found['y'] as HostTensor), (v) => v + 0)).toEqual(y.map((v) => v + 0))
  }
  for (const s of sessions) s.dispose()
}

const cast = (from: string, to: string, shape: readonly (number | string)[]): Uint8Array => model({ inputs: [port('x', shape, TYPE[from])], nodes: [node('Cast', ['x'], ['y'], { to: TYPE[to] as number })], opset: 25 })
const initializer = (name: string, { dtype, shape, data }: HostTensor): Parameters<typeof model>[0]['initializers'] => [{ name, dataType: TYPE[dtype] as number, dims: [...shape], rawData: new Uint8Array((data as Uint8Array).slice().buffer) }]
/** Elements of a packed tensor, as stored. */
const fields = ({ data }: HostTensor, bits: number, count: number): number[] => Array.from({ length: count }, (_, i) => (((data as Uint8Array)[(i * bits) >> 3] as number) >> ((i * bits) & 7)) & (2 ** bits - 1))
const signed = (field: number, bits: number): number => (field >= 2 ** (bits - 1) ? field - 2 ** bits : field)

describe('Elements narrower than 16 bits', () => {
  it.each(Object.entries(FORMATS))('every code of %s is the number that the format says', async (dtype, valueOf) => {
    const codes = Array.from({ length: 256 }, (_, i) => i)
    await expectExactly(cast(dtype, 'float32', ['n']), [{ x: { dtype: dtype as DType, shape: [256], data: Uint8Array.from(codes) }, y: codes.map(valueOf) }])
  })

  it('every code of float4e2m1 is its number', async () => {
    const half = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    await expectExactly(cast('float4e2m1', 'float32', ['n']), [{ x: { dtype: 'float4e2m1', shape: [16], data: Uint8Array.from({ length: 8 }, (_, i) => 2 * i + ((2 * i + 1) << 4)) }, y: [...half, ...half.map((v) => -v)] }])
  })

  it.each([['int4', 4], ['uint4', 4], ['int2', 2], ['uint2', 2]] as const)('%s comes out of its bytes and takes the low bits of wider integers, any number of them', async (dtype, bits) => {
    const number = (field: number): number => (dtype.startsWith('u') ? field : signed(field, bits)), out = cast(dtype, 'int32', ['n', 1]), back = cast('int32', dtype, ['n', 1])
    const counts = [1, 4, 7, 18]
    await expectExactly(out, counts.map((n) => { const x = seededTensor(dtype, [n, 1], n, [-8, 8]); return { x, y: fields(x, bits, n).map(number) } }))
    await expectExactly(back, counts.map((n) => { const x = seededTensor('int32', [n, 1], n, [-100, 100]); return { x, y: Array.from(x.data as Int32Array, (v) => number(((v % 2 ** bits) + 2 ** bits) % 2 ** bits)) } }))
  })

  it('bits of the last byte that no element has are zero', () => {
    const { y } = interpret(importOnnxSync(cast('int32', 'int4', ['n'])), { x: fromNumbers('int32', [3], [-1, -1, -1]) })
    expect(Array.from(y?.data as Uint8Array)).toEqual([0xff, 0x0f])
  })

  it('a float becomes the nearest int4, halves the even one', async () => {
    await expectExactly(cast('float32', 'int4', [7]), [{ x: fromNumbers('float32', [7], [0.5, 1.5, 2.5, -0.5, -1.5, 6.6, -7.9]), y: [0, 2, 2, 0, -2, 7, -8] }])
  })

  it('weights of int4 in blocks with zero points multiply as the numbers that they stand for', async () => {
    const depth = 8, columns = 3, size = 4, scale = [0.5, 2, 1, 0.25, 4, 1]
    const weight = seededTensor('int4', [depth, columns], 1, [-8, 8]), zeros = seededTensor('int4', [depth / size, columns], 2, [-8, 8]), scales = hostTensor('float32', [depth / size, columns], Float32Array.from(scale))
    const bytes = model({
      inputs: [port('x', ['n', depth])], initializers: [initializer('w', weight), initializer('s', scales), initializer('z', zeros)].flatMap((list) => list ?? []), opset: 21,
      nodes: [node('DequantizeLinear', ['w', 's', 'z'], ['d'], { axis: 0, block_size: size }), node('MatMul', ['x', 'd'], ['y'])],
    })
    const w = fields(weight, 4, depth * columns).map((f) => signed(f, 4)), z = fields(zeros, 4, 6).map((f) => signed(f, 4)), x = seededTensor('int32', [2, depth], 3, [-9, 9])
    const product = (r: number, c: number): number => Array.from({ length: depth }, (_, k) => { const b = Math.floor(k / size) * columns + c; return Number(x.data[r * depth + k]) * ((w[k * columns + c] as number) - (z[b] as number)) * (scale[b] as number) }).reduce((a, b) => a + b, 0)
    await expectExactly(bytes, [{ x: fromNumbers('float32', [2, depth], Array.from(x.data as Int32Array)), y: [0, 1].flatMap((r) => [0, 1, 2].map((c) => product(r, c))) }])
  })

  it.each(Object.entries(FORMATS).filter(([dtype]) => dtype !== 'float8e8m0'))('a float becomes the nearest %s, ties the even code, what is beyond the greatest', async (dtype, valueOf) => {
    const finite = Array.from({ length: 128 }, (_, c) => valueOf(c)).filter(Number.isFinite), greatest = finite.at(-1) as number
    const between = finite.slice(1).flatMap((v, i) => { const low = finite[i] as number, middle = (low + v) / 2; return [low, middle, middle * (1 + 2 ** -20), middle * (1 - 2 ** -20)] })
    const x = [...between, greatest, greatest * 4, Infinity].flatMap((v) => [v, -v]), nearest = (v: number): number => {
      const size = Math.abs(v), at = finite.findLastIndex((f) => f <= size), low = finite[at] as number, high = finite[at + 1]
      const over = high === undefined ? 0 : size - low - (high - size)
      return Math.sign(v) * (over > 0 || (over === 0 && at % 2 === 1 && high !== undefined) ? high ?? low : low)
    }
    await expectExactly(cast('float32', dtype, ['n']), [{ x: fromNumbers('float32', [x.length], x), y: x.map(nearest) }, { x: fromNumbers('float32', [1], [NaN]), y: [NaN] }])
  })

  it('without saturation, what is beyond the greatest is an infinity or no number', async () => {
    const beyond = fromNumbers('float32', [3], [1e6, -Infinity, NaN])
    for (const [dtype, y] of [['float8e4m3fn', [NaN, NaN, NaN]], ['float8e5m2', [Infinity, -Infinity, NaN]], ['float8e5m2fnuz', [NaN, NaN, NaN]]] as const) {
      await expectExactly(model({ inputs: [port('x', ['n'])], nodes: [node('Cast', ['x'], ['y'], { to: TYPE[dtype] as number, saturate: 0 })], opset: 25 }), [{ x: beyond, y }])
    }
  })

  it.each([['up', [2 ** -127, 0.25, 2, 4, 2 ** 127, NaN]], ['down', [2 ** -127, 0.25, 1, 2, 2 ** 127, NaN]], ['nearest', [2 ** -127, 0.25, 2, 2, 2 ** 127, NaN]]] as const)('powers of two are rounded %s', async (mode, y) => {
    await expectExactly(model({ inputs: [port('x', ['n'])], nodes: [node('Cast', ['x'], ['y'], { to: 24, round_mode: mode })], opset: 25 }), [{ x: fromNumbers('float32', [6], [0, 0.25, 1.5, 2.5, Infinity, NaN]), y }])
  })

  describe.each(['int2', 'uint2', 'int4', 'uint4', 'float4e2m1', 'float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'float8e8m0'] as const)('of %s are moved:', (dtype) => {
    const list = (name: string, ...numbers: number[]) => ({ name, dataType: DATA_TYPE.INT64, dims: [numbers.length], int64Data: numbers })
    /** What the code 0 stands for. */
    const zero = dtype === 'float8e8m0' ? 2 ** -127 : 0
    const given = (n: number): HostTensor => seededTensor(dtype, [n, 3], n + 1, [0, 3])
    const rowsOf = (x: HostTensor): number[][] => Array.from({ length: x.shape[0] as number }, (_, i) => Array.from(toNumbers(x)).slice(3 * i, 3 * i + 3))
    const moves: Readonly<Record<string, { readonly nodes: readonly onnx.INodeProto[]; readonly initializers?: readonly onnx.ITensorProto[]; readonly y: (rows: readonly (readonly number[])[]) => readonly number[] }>> = {
      'Transpose': { nodes: [node('Transpose', ['x'], ['y'])], y: (rows) => [0, 1, 2].flatMap((c) => rows.map((row) => row[c] as number)) },
      'Reshape and Unsqueeze': { nodes: [node('Reshape', ['x', 'shape'], ['flat']), node('Unsqueeze', ['flat', 'axis'], ['y'])], initializers: [list('shape', -1), list('axis', 0)], y: (rows) => rows.flat() },
      'Slice, backwards': { nodes: [node('Slice', ['x', 'from', 'to', 'axis', 'step'], ['y'])], initializers: [list('from', 2), list('to', 0), list('axis', 1), list('step', -1)], y: (rows) => rows.flatMap((row) => [row[2] as number, row[1] as number]) },
      'Split and Concat': { nodes: [node('Split', ['x', 'sizes'], ['a', 'b'], { axis: 1 }), node('Identity', ['b'], ['c']), node('Concat', ['c', 'a', 'c'], ['y'], { axis: 1 })], initializers: [list('sizes', 1, 2)], y: (rows) => rows.flatMap(([a, b, c]) => [b, c, a, b, c] as number[]) },
      'Gather': { nodes: [node('Gather', ['x', 'at'], ['y'], { axis: 1 })], initializers: [list('at', 1, 1, -3, 2)], y: (rows) => rows.flatMap(([a, b, c]) => [b, b, a, c] as number[]) },
      'Flatten and Expand': { nodes: [node('Flatten', ['x'], ['flat'], { axis: 0 }), node('Expand', ['flat', 'shape'], ['y'])], initializers: [list('shape', 2, 1)], y: (rows) => [...rows.flat(), ...rows.flat()] },
      'Where and Compress': {
        nodes: [node('Transpose', ['x'], ['t']), node('Transpose', ['t'], ['same']), node('Gather', ['x', 'at'], ['first'], { axis: 1 }), node('Where', ['mask', 'same', 'first'], ['w']), node('Compress', ['w', 'mask'], ['y'], { axis: 1 })],
        initializers: [list('at', 0), { name: 'mask', dataType: DATA_TYPE.BOOL, dims: [3], rawData: Uint8Array.of(0, 1, 1) }], y: (rows) => rows.flatMap(([, b, c]) => [b, c] as number[]),
      },
      'ReverseSequence, Trilu and CenterCropPad': {
        nodes: [node('ReverseSequence', ['x', 'lengths'], ['r'], { batch_axis: 1, time_axis: 0 }), node('CenterCropPad', ['r', 'two'], ['c'], { axes: [1] }), node('Trilu', ['c'], ['y'], { upper: 0 })],
        initializers: [list('lengths', 1, 1, 1), list('two', 2)],
        y: (rows) => rows.flatMap(([a, b], i) => [a, i > 0 ? b : zero] as number[]),
      },
      'TensorScatter': { nodes: [node('Gather', ['x', 'at'], ['update'], { axis: 1 }), node('TensorScatter', ['x', 'update'], ['y'], { axis: 1 })], initializers: [list('at', 2)], y: (rows) => rows.flatMap(([, b, c]) => [c, b, c] as number[]) },
      'Pad, with the code 0': { nodes: [node('Pad', ['x', 'pads'], ['y'])], initializers: [list('pads', 0, 1, 0, 0)], y: (rows) => rows.flatMap((row) => [zero, ...row]) },
    }
    it.each(Object.keys(moves))('%s', async (name) => {
      const { nodes, initializers = [], y } = moves[name] as (typeof moves)[string]
      await expectExactly(model({ inputs: [port('x', ['n', 3], TYPE[dtype])], nodes, initializers, opset: 25 }), [5, 1, 8].map((n) => ({ x: given(n), y: y(rowsOf(given(n))) })))
    })
  })

  it('of two types are not put together', async () => {
    expect(await errorOf(() => importOnnxSync(model({ inputs: [port('a', [2], 22), port('b', [2], 21)], nodes: [node('Concat', ['a', 'b'], ['y'], { axis: 0 })], opset: 25 })))).toMatchObject({ code: 'dtype-mismatch' })
  })

  it('fill a shape', () => {
    const value = tensorAttribute({ dataType: 22, dims: [1], rawData: Uint8Array.of(0x0d) }), shape = { name: 'shape', dataType: DATA_TYPE.INT64, dims: [1], int64Data: [3] }
    expect(interpret(importOnnxSync(model({ initializers: [shape], nodes: [node('ConstantOfShape', ['shape'], ['y'], { value })], opset: 25 })), {})['y']).toEqual({ dtype: 'int4', shape: [3], data: Uint8Array.of(0xdd, 0x0d) })
  })

  it('that are weights are moved while compiling, and stored as they were', async () => {
    const size = 64, w = seededTensor('int4', [size, size], 4, [-8, 8]), x = fromNumbers('float32', [1, size], Array.from({ length: size }, (_, i) => (i % 7) - 3))
    const scale = { name: 'scale', dataType: 1, dims: [1], floatData: [0.5] }, bytes = (nodes: readonly onnx.INodeProto[], weight: string): Uint8Array => model({
      inputs: [port('x', [1, size])], initializers: [...initializer('w', w) ?? [], scale], opset: 21, nodes: [...nodes, node('DequantizeLinear', [weight, 'scale'], ['d']), node('MatMul', ['x', 'd'], ['y'])],
    })
    const number = fields(w, 4, size * size).map((f) => signed(f, 4) / 2), turned = bytes([node('Transpose', ['w'], ['t'])], 't')
    await expectExactly(turned, [{ x, y: Array.from({ length: size }, (_, c) => Array.from({ length: size }, (__, k) => (x.data[k] as number) * (number[c * size + k] as number)).reduce((a, b) => a + b, 0)) }])
    const [plain, moved] = await Promise.all([bytes([], 'w'), turned].map(async (b) => (await compile(importOnnxSync(b), { target: 'wasm' })).encode().length)) as [number, number]
    expect(moved).toBeLessThan(plain + 1024)
  })
})

import { describe, expect, it } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, randomIntegers } from './microsoft-models.js'
import { headOf, merged, plainAttention } from './plain-attention.js'
import { DATA_TYPE, errorOf, floatAttribute, port, type onnx } from './onnx-models.js'

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
type Eight = 'uint8' | 'int8'
const TYPE = { uint8: DATA_TYPE.UINT8, int8: DATA_TYPE.INT8 }, LOW = { uint8: 0, int8: -128 }

/** Scales are powers of two and zero points small, so that all arithmetic but the last rounding is exact. */
const A = { scale: 0.5, zero: 3 }, B = { scale: 0.25, zero: 7 }, Y = { scale: 2, zero: 5 }
const parameters = (dtype: Eight): onnx.ITensorProto[] => Object.entries({ a: A, b: B, y: Y }).flatMap(([name, { scale, zero }]) => [initializer(`${name}s`, hostTensor('float32', [], [scale])), initializer(`${name}z`, hostTensor(dtype, [], [zero]))])
const real = (x: number, { scale, zero } = A): number => (x - zero) * scale
const toEven = (x: number): number => { const low = Math.floor(x); return x - low > 0.5 || (x - low === 0.5 && low % 2 !== 0) ? low + 1 : low }
const rounded = (x: number, dtype: Eight, { scale, zero } = Y): number => Math.min(LOW[dtype] + 255, Math.max(LOW[dtype], toEven(x / scale) + zero))
const integers = (dtype: Eight, ...shape: readonly number[]): HostTensor => randomIntegers(dtype, shape, LOW[dtype], LOW[dtype] + 256)

describe.each<Eight>(['uint8', 'int8'])('Layers from %s to as much', (dtype) => {
  const type = TYPE[dtype]

  it.each([['QLinearAdd', (a: number, b: number) => a + b], ['QLinearMul', (a: number, b: number) => a * b]] as const)('%s, which broadcasts', async (op, f) => {
    const bytes = modelOf({ inputs: [port('a', ['n', 3, 5], type), port('b', [3, 1], type)], initializers: parameters(dtype), nodes: [microsoft(op, ['a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'])] })
    await expectEverywhere(bytes, [2, 1].map((n) => ({ a: integers(dtype, n, 3, 5), b: integers(dtype, 3, 1) })), (feeds) => {
      const b = numbersOf(feeds, 'b')
      return { y: numbersOf(feeds, 'a').map((x, i) => rounded(f(real(x), real(b[Math.floor(i / 5) % 3] as number, B)), dtype)) }
    })
  })

  it.each([['QLinearLeakyRelu', { alpha: floatAttribute(0.25) }, (x: number) => (x < 0 ? 0.25 * x : x)], ['QLinearSigmoid', {}, (x: number) => 1 / (1 + Math.exp(-x))]] as const)('%s', async (op, attributes, f) => {
    const out = { scale: 1 / 128, zero: 5 }, to = op === 'QLinearSigmoid' ? out : Y
    const bytes = modelOf({ inputs: [port('a', ['n', 7], type)], initializers: [...parameters(dtype), initializer('out', hostTensor('float32', [], [out.scale]))], nodes: [microsoft(op, ['a', 'as', 'az', to === out ? 'out' : 'ys', 'yz'], ['y'], attributes)] })
    await expectEverywhere(bytes, [{ a: integers(dtype, 3, 7) }], (feeds) => ({ y: numbersOf(feeds, 'a').map((x) => rounded(f(real(x)), dtype, to)) }))
  })

  it('pools: global, windowed with padding, channels last', async () => {
    const pool = (op: string, shape: readonly (number | string)[], attributes: Parameters<typeof microsoft>[3]): Uint8Array => modelOf({ inputs: [port('a', shape, type)], initializers: parameters(dtype), nodes: [microsoft(op, ['a', 'as', 'az', 'bs', 'bz'], ['y'], attributes)] })
    const mean = (list: readonly number[]): number => rounded(list.reduce((sum, x) => sum + real(x), 0) / list.length, dtype, B)
    await expectEverywhere(pool('QLinearGlobalAveragePool', ['n', 3, 4, 'w'], {}), [{ a: integers(dtype, 2, 3, 4, 4) }], (f) => ({ y: range(6).map((c) => mean(numbersOf(f, 'a').slice(c * 16, c * 16 + 16))) }))
    await expectEverywhere(pool('QLinearGlobalAveragePool', ['n', 4, 4, 3], { channels_last: 1 }), [{ a: integers(dtype, 2, 4, 4, 3) }], (f) => ({ y: range(6).map((c) => mean(range(16).map((i) => numbersOf(f, 'a')[(Math.floor(c / 3) * 16 + i) * 3 + c % 3] as number))) }))
    // Windows of two along the last axis, one step apart, with one element of padding before.
    await expectEverywhere(pool('QLinearAveragePool', ['n', 1, 1, 4], { kernel_shape: [1, 2], pads: [0, 1, 0, 0] }), [{ a: integers(dtype, 3, 1, 1, 4) }], (f) => {
      const x = numbersOf(f, 'a')
      return { y: x.map((v, i) => mean(i % 4 === 0 ? [v] : [x[i - 1] as number, v])) }
    })
    await expectEverywhere(pool('QLinearAveragePool', ['n', 4, 1, 2], { kernel_shape: [2, 1], strides: [2, 1], channels_last: 1 }), [{ a: integers(dtype, 1, 4, 1, 2) }], (f) => {
      const x = numbersOf(f, 'a')
      return { y: [[0, 2], [1, 3], [4, 6], [5, 7]].map((at) => mean(at.map((i) => x[i] as number))) }
    })
    const largest = modelOf({ inputs: [port('a', ['n', 4, 1, 2], type)], nodes: [microsoft('NhwcMaxPool', ['a'], ['y'], { kernel_shape: [2, 1], strides: [2, 1] })] })
    await expectEverywhere(largest, [{ a: integers(dtype, 1, 4, 1, 2) }], (f) => { const x = numbersOf(f, 'a'); return { y: [[0, 2], [1, 3], [4, 6], [5, 7]].map((at) => Math.max(...at.map((i) => x[i] as number))) } })
  })

  it('QLinearConcat, QLinearWhere and QLinearReduceMean', async () => {
    const inputs = [port('a', ['n', 4], type), port('b', ['n', 4], type)], feeds = { a: integers(dtype, 3, 4), b: integers(dtype, 3, 4) }, at = (f: typeof feeds, n: 'a' | 'b', i: number, of = { a: A, b: B }[n]): number => real(numbersOf(f, n)[i] as number, of)
    const joined = modelOf({ inputs, initializers: parameters(dtype), nodes: [microsoft('QLinearConcat', ['ys', 'yz', 'a', 'as', 'az', 'b', 'bs', 'bz'], ['y'], { axis: 1 })] })
    await expectEverywhere(joined, [feeds], () => ({ y: range(24).map((i) => rounded(at(feeds, i % 8 < 4 ? 'a' : 'b', Math.floor(i / 8) * 4 + i % 4), dtype)) }))
    const chosen = modelOf({ inputs: [port('c', ['n', 1], DATA_TYPE.BOOL), ...inputs], initializers: parameters(dtype), nodes: [microsoft('QLinearWhere', ['c', 'a', 'as', 'az', 'b', 'bs', 'bz', 'ys', 'yz'])] })
    await expectEverywhere(chosen, [{ ...feeds, c: hostTensor('bool', [3, 1], [1, 0, 1]) }], () => ({ y: range(12).map((i) => rounded(at(feeds, i >= 4 && i < 8 ? 'b' : 'a', i), dtype)) }))
    const means = modelOf({ inputs, initializers: parameters(dtype), nodes: [microsoft('QLinearReduceMean', ['a', 'as', 'az', 'ys', 'yz'], ['y'], { axes: [1], keepdims: 0 })] })
    await expectEverywhere(means, [feeds], () => ({ y: range(3).map((r) => rounded(range(4).reduce((sum, i) => sum + at(feeds, 'a', r * 4 + i), 0) / 4, dtype)) }))
  })

  it('QLinearSoftmax along one axis, or as before opset 13 along all from one on', async () => {
    const out = { scale: 1 / 256, zero: LOW[dtype] }
    for (const [opset, groups] of [[13, (i: number) => i % 2 + Math.floor(i / 6) * 2], [12, (i: number) => Math.floor(i / 6)]] as const) {
      const bytes = modelOf({ inputs: [port('a', ['n', 3, 2], type)], initializers: [...parameters(dtype), initializer('s', hostTensor('float32', [], [out.scale])), initializer('z', hostTensor(dtype, [], [out.zero]))], nodes: [microsoft('QLinearSoftmax', ['a', 'as', 'az', 's', 'z'], ['y'], { axis: 1, opset })] })
      await expectEverywhere(bytes, [{ a: randomIntegers(dtype, [2, 3, 2], 0, 9) }], (f) => {
        const powers = numbersOf(f, 'a').map((x) => Math.exp(real(x)))
        return { y: powers.map((e, i) => rounded(e / powers.reduce((sum, v, j) => sum + (groups(j) === groups(i) ? v : 0), 0), dtype, out)) }
      })
    }
  })
})

describe('Products of 8-bit integers', () => {
  const K = 5, N = 3, w = integers('int8', K, N), scales = hostTensor('float32', [N], [0.5, 0.25, 2]), zeros = integers('int8', N), bias = random(N)
  const weights = [initializer('w', w), initializer('ws', scales), initializer('wz', zeros), initializer('bias', bias)]
  /** Row `m` of integers, each less `zero`, times column `n` of the weights, each less their zero. */
  const sum = (x: readonly number[], m: number, n: number, zero: number): number => range(K).reduce((total, k) => total + ((x[m * K + k] as number) - zero) * ((toNumbers(w)[k * N + n] as number) - (toNumbers(zeros)[n] as number)), 0)
  const cells = (rows: number): (readonly [number, number])[] => range(rows).flatMap((m) => range(N).map((n) => [m, n] as const))
  const scaleOf = (n: number): number => toNumbers(scales)[n] as number, biasOf = (n: number): number => toNumbers(bias)[n] as number

  it('MatMulIntegerToFloat with a scale and a zero point for each column', async () => {
    const bytes = modelOf({ inputs: [port('a', ['m', K], TYPE.uint8)], initializers: [...parameters('uint8'), ...weights], nodes: [microsoft('MatMulIntegerToFloat', ['a', 'w', 'as', 'ws', 'az', 'wz', 'bias'])] })
    await expectEverywhere(bytes, [{ a: integers('uint8', 4, K) }, { a: integers('uint8', 1, K) }], (f) => ({ y: cells(numbersOf(f, 'a').length / K).map(([m, n]) => sum(numbersOf(f, 'a'), m, n, A.zero) * A.scale * scaleOf(n) + biasOf(n)) }))
  })

  it('DynamicQuantizeMatMul, which rounds its first factor over its own range', async () => {
    const bytes = modelOf({ inputs: [port('a', ['m', K])], initializers: weights, nodes: [microsoft('DynamicQuantizeMatMul', ['a', 'w', 'ws', 'wz', 'bias'])] })
    // From -127 to 128 one step is 1, and 127 stands for 0.
    const a = hostTensor('float32', [2, K], [-127, 128, 0.5, 1.5, 3, 7.25, -2, 90, 0, -100])
    await expectEverywhere(bytes, [{ a }], () => ({ y: cells(2).map(([m, n]) => sum(Array.from(toNumbers(a), (v) => toEven(v) + 127), m, n, 127) * scaleOf(n) + biasOf(n)) }))
  })

  it('QGemm to real numbers and to integers', async () => {
    const c = randomIntegers('int32', [N], -500, 500), turned = hostTensor('int8', [N, K], range(N * K).map((i) => toNumbers(w)[i % K * N + Math.floor(i / K)] as number))
    const gemm = (transposed: boolean, out: boolean): Uint8Array => modelOf({ inputs: [port('a', ['m', K], TYPE.uint8)], initializers: [...parameters('uint8'), ...weights, initializer('c', c), initializer('t', turned)], nodes: [microsoft('QGemm', ['a', 'as', 'az', transposed ? 't' : 'w', 'ws', 'wz', 'c', ...(out ? ['ys', 'yz'] : [])], ['y'], { transB: transposed ? 1 : 0, alpha: floatAttribute(0.125) })] })
    const value = (x: readonly number[], m: number, n: number): number => (sum(x, m, n, A.zero) + (toNumbers(c)[n] as number)) * 0.125 * A.scale * scaleOf(n)
    for (const transposed of [false, true]) for (const out of [false, true]) {
      await expectEverywhere(gemm(transposed, out), [{ a: integers('uint8', 3, K) }], (f) => ({ y: cells(3).map(([m, n]) => { const y = value(numbersOf(f, 'a'), m, n); return out ? rounded(y, 'uint8') : y }) }))
    }
  })

  it('QAttention, under a mask', async () => {
    const heads = 2, size = 2, hidden = heads * size, own = integers('int8', K, 3 * hidden), offsets = random(3 * hidden)
    const bytes = modelOf({
      inputs: [port('x', ['b', 's', K], TYPE.uint8), port('m', ['b', 's'], DATA_TYPE.INT32)],
      initializers: [initializer('w', own), initializer('offsets', offsets), initializer('xs', hostTensor('float32', [], [1 / 128])), initializer('ws', hostTensor('float32', [], [1 / 64])), initializer('xz', hostTensor('uint8', [], [128])), initializer('wz', hostTensor('int8', [], [3]))],
      nodes: [microsoft('QAttention', ['x', 'w', 'offsets', 'xs', 'ws', 'm', 'xz', 'wz'], ['y'], { num_heads: heads })],
    })
    await expectEverywhere(bytes, [{ x: integers('uint8', 2, 3, K), m: hostTensor('int32', [2, 3], [1, 1, 0, 0, 1, 1]) }], (f) => {
      const x = numbersOf(f, 'x'), m = numbersOf(f, 'm'), width = 3 * hidden
      const packed = range(6).flatMap((r) => range(width).map((c) => range(K).reduce((total, k) => total + ((x[r * K + k] as number) - 128) * ((toNumbers(own)[k * width + c] as number) - 3), 0) / 8192 + (toNumbers(offsets)[c] as number)))
      return { y: merged([0, 1].map((n) => range(heads).map((h) => {
        const [q, k, v] = [0, 1, 2].map((part) => headOf(packed, 3, width, n, part * hidden + h * size, size)) as [number[][], number[][], number[][]]
        return plainAttention({ q, k, v, scale: Math.SQRT1_2, score: (s, _, j) => s + (m[n * 3 + j] === 1 ? 0 : -10000) })
      }))) }
    })
  })

  it('refuses channels last in QLinearConv, and a scale per row, in one line', async () => {
    const conv = modelOf({ inputs: [port('a', [1, 3, 3, 2], TYPE.uint8), port('w', [2, 2, 1, 1], TYPE.uint8)], initializers: parameters('uint8'), nodes: [microsoft('QLinearConv', ['a', 'as', 'az', 'w', 'bs', 'bz', 'ys', 'yz'], ['y'], { channels_last: 1 })] })
    expect(await errorOf(() => importOnnxSync(conv))).toMatchObject({ code: 'unsupported-op', what: 'QLinearConv with channels last is not supported' })
    const rows = modelOf({ inputs: [port('a', [N, K], TYPE.uint8)], initializers: weights, nodes: [microsoft('MatMulIntegerToFloat', ['a', 'w', 'ws', 'ws'])] })
    expect(await errorOf(() => importOnnxSync(rows))).toMatchObject({ code: 'unsupported-op' })
  })
})

describe('QuantizeLinear and DequantizeLinear of com.microsoft', () => {
  it('take a scale for each index of an axis', async () => {
    const bytes = modelOf({
      inputs: [port('x', ['n', 2])], initializers: [initializer('s', hostTensor('float32', [2], [0.5, 2])), initializer('z', hostTensor('uint8', [2], [1, 100]))], outputs: ['q', 'y'],
      nodes: [microsoft('QuantizeLinear', ['x', 's', 'z'], ['q'], { axis: 1 }), microsoft('DequantizeLinear', ['q', 's', 'z'], ['y'], { axis: 1 })],
    })
    await expectEverywhere(bytes, [{ x: hostTensor('float32', [2, 2], [0.75, -7, -9, 400]) }], () => ({ q: [3, 96, 0, 255], y: [1, -8, -0.5, 310] }))
  })
})

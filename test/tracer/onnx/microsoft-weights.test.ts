import { describe, it, expect } from 'vitest'
import type { HostTensor } from '../../../src/base/dtype.js'
import { hostTensor, toNumbers } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { expectEverywhere, initializer, microsoft, modelOf, numbersOf, random, randomIntegers } from './microsoft-models.js'
import { DATA_TYPE, errorOf, port } from './onnx-models.js'

/** The element `i` of a row of packed integers, the first in the low bits. */
const packedAt = (bytes: ArrayLike<number>, start: number, i: number, bits: number): number => ((bytes[start + Math.floor(i * bits / 8)] as number) >> (i * bits % 8)) & (2 ** bits - 1)

interface Weights { readonly bits: number; readonly size: number; readonly rows: number; readonly depth: number; readonly packed: HostTensor; readonly scales: HostTensor; readonly zeros: HostTensor | undefined }

/** The weight at row `n` and column `k`, by the op's definition. */
function weightAt({ bits, size, depth, packed, scales, zeros }: Weights, n: number, k: number): number {
  const blocks = Math.ceil(depth / size), block = Math.floor(k / size), zeroBytes = Math.ceil(blocks * bits / 8)
  const zero = zeros === undefined ? 2 ** (bits - 1) : zeros.dtype === 'uint8' ? packedAt(zeros.data as Uint8Array, n * zeroBytes, block, bits) : toNumbers(zeros)[n * blocks + block] as number
  return (packedAt(packed.data as Uint8Array, n * blocks * size * bits / 8, k, bits) - zero) * (toNumbers(scales)[n * blocks + block] as number)
}

function weights(bits: number, size: number, rows: number, depth: number, zeros: 'none' | 'packed' | 'float'): Weights {
  const blocks = Math.ceil(depth / size)
  return {
    bits, size, rows, depth, packed: randomIntegers('uint8', [rows, blocks, size * bits / 8], 0, 256), scales: random(rows, blocks),
    zeros: zeros === 'none' ? undefined : zeros === 'packed' ? randomIntegers('uint8', [rows, Math.ceil(blocks * bits / 8)], 0, 256) : random(rows, blocks),
  }
}

const product = ({ bits, size, rows, depth, packed, scales, zeros }: Weights, bias: HostTensor | undefined): Uint8Array => modelOf({
  inputs: [port('x', ['batch', 's', depth])],
  initializers: [initializer('w', packed), initializer('scales', scales), ...(zeros === undefined ? [] : [initializer('zeros', zeros)]), ...(bias === undefined ? [] : [initializer('bias', bias)])],
  nodes: [microsoft('MatMulNBits', ['x', 'w', 'scales', zeros === undefined ? '' : 'zeros', '', bias === undefined ? '' : 'bias'], ['y'], { N: rows, K: depth, bits, block_size: size, accuracy_level: 4 })],
})

describe('MatMulNBits', () => {
  it.each([
    [2, 16, 5, 40, 'packed', false], [2, 32, 3, 64, 'none', true], [4, 32, 7, 70, 'packed', true], [4, 16, 5, 33, 'none', false], [4, 32, 3, 96, 'float', false], [4, 32, 70, 96, 'packed', false], [2, 16, 96, 64, 'none', true], [8, 16, 4, 40, 'packed', true], [8, 32, 5, 32, 'none', false],
  ] as const)('multiplies by weights of %i bits in blocks of %i', async (bits, size, rows, depth, zeros, biased) => {
    const w = weights(bits, size, rows, depth, zeros), bias = biased ? random(rows) : undefined
    await expectEverywhere(product(w, bias), [{ x: random(2, 3, depth) }, { x: random(1, 1, depth) }], (feeds) => {
      const x = numbersOf(feeds, 'x')
      const row = (m: number): number[] => Array.from({ length: rows }, (_, n) => Array.from({ length: depth }, (__, k) => (x[m * depth + k] as number) * weightAt(w, n, k)).reduce((a, b) => a + b, 0) + (bias === undefined ? 0 : toNumbers(bias)[n] as number))
      return { y: Array.from({ length: x.length / depth }, (_, m) => row(m)).flat() }
    })
  })

  it('refuses what it cannot do, in one line', async () => {
    const w = weights(4, 16, 2, 16, 'none')
    const refused = (attributes: Parameters<typeof microsoft>[3], inputs: readonly string[] = ['x', 'w', 'scales']): Promise<{ readonly what: string; readonly code: string }> => errorOf(() => importOnnxSync(modelOf({
      inputs: [port('x', [1, 16])], initializers: [initializer('w', w.packed), initializer('scales', w.scales), initializer('order', hostTensor('int32', [16], Array(16).fill(0)))],
      nodes: [microsoft('MatMulNBits', inputs, ['y'], { N: 2, K: 16, block_size: 16, ...attributes })],
    })))
    expect(await refused({ bits: 3 })).toMatchObject({ code: 'unsupported-op', what: 'MatMulNBits with bits = 3 is not supported' })
    expect(await refused({}, ['x', 'w', 'scales', '', 'order'])).toMatchObject({ code: 'unsupported-op', what: 'MatMulNBits with g_idx is not supported' })
    expect(await refused({ weight_prepacked: 1 })).toMatchObject({ code: 'unsupported-op' })
  })
})

describe('MatMulBnb4', () => {
  it('looks up quantiles, the first of a byte in its high bits, in blocks that go on over rows', async () => {
    // Two rows of three elements in blocks of 4: nibbles 0 15 7 | 8 14 0.
    const bytes = modelOf({
      inputs: [port('x', ['n', 3])], initializers: [initializer('w', hostTensor('uint8', [3], [0x0f, 0x78, 0xe0])), initializer('s', hostTensor('float32', [2], [2, 10]))],
      nodes: [microsoft('MatMulBnb4', ['x', 'w', 's'], ['y'], { K: 3, N: 2, block_size: 4, quant_type: 1 })],
    })
    const rows = [[-2, 2, 0], [2 * 0.07958029955625534, 7.229568362236023, -10]]
    await expectEverywhere(bytes, [{ x: hostTensor('float32', [2, 3], [1, 2, 3, 0.5, 0, 1]) }], () => ({ y: [[1, 2, 3], [0.5, 0, 1]].flatMap((x) => rows.map((w) => x.reduce((sum, v, i) => sum + v * (w[i] as number), 0))) }))
  })
})

describe('GatherBlockQuantized', () => {
  it.each([[2, 16, 'none'], [4, 32, 'packed'], [4, 16, 'none'], [8, 16, 'packed']] as const)('gathers rows of %i bits in blocks of %i', async (bits, size, zeros) => {
    const depth = 2 * size, w = weights(bits, size, 6, depth, zeros)
    const bytes = modelOf({
      inputs: [port('i', ['a', 'b'], DATA_TYPE.INT64)],
      initializers: [initializer('w', { ...w.packed, shape: [6, depth * bits / 8] }), initializer('s', w.scales), ...(w.zeros === undefined ? [] : [initializer('z', w.zeros)])],
      nodes: [microsoft('GatherBlockQuantized', ['w', 'i', 's', ...(w.zeros === undefined ? [] : ['z'])], ['y'], { bits, block_size: size })],
    })
    await expectEverywhere(bytes, [{ i: hostTensor('int64', [2, 2], [0, 5, 3, -1]) }, { i: hostTensor('int64', [1, 1], [2]) }], (feeds) => ({ y: numbersOf(feeds, 'i').flatMap((i) => Array.from({ length: depth }, (_, k) => weightAt(w, (i + 6) % 6, k))) }))
  })

  it('takes nibbles with a sign, whose default zero is 0', async () => {
    const bytes = modelOf({
      inputs: [port('i', [2], DATA_TYPE.INT32)], initializers: [{ name: 'w', dataType: 22, dims: [2, 4], rawData: Uint8Array.from([0x21, 0xf8, 0x70, 0x9a]) }, initializer('s', hostTensor('float32', [2, 1], [0.5, 2]))],
      nodes: [microsoft('GatherBlockQuantized', ['w', 'i', 's'], ['y'], { block_size: 16 })],
    })
    await expectEverywhere(bytes, [{ i: hostTensor('int32', [2], [1, 0]) }], () => ({ y: [0, 14, -12, -14, 0.5, 1, -4, -0.5] }))
  })
})

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/ir/host-tensor.js'
import { importOnnxSync } from '../../../src/tracer/onnx/index.js'
import { DATA_TYPE, errorOf, model, node, port } from './onnx-models.js'

const relu = model({ inputs: [port('x', [2])], nodes: [node('Relu', ['x'], ['y'])] })
const text = (s: string): Uint8Array => new TextEncoder().encode(s)

function randomBytes(seed: number, length: number): Uint8Array {
  const random = seededRandom(seed)
  return Uint8Array.from({ length }, () => Math.floor(random() * 256))
}

describe('bytes that are no model', () => {
  test.each<readonly [string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /empty/],
    ['a text file', text('hello, this is a text file about models\n'), /text.*hello/],
    ['a web page', text('<!doctype html><title>404</title>'), /web page/],
    ['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), /git lfs pull/],
    ['a zip', Uint8Array.of(0x50, 0x4b, 3, 4, 20, 0, 0, 0), /zip.*\n.*unzip/],
    ['gzip data', gzipSync(relu), /gzip.*\n.*gunzip it first/],
    ['a compiled program', text('INGT\u0001\0\0\0'), /load\(\)/],
  ])('%s is refused as not-onnx with a hint', async (_, bytes, message) => {
    const error = await errorOf(() => importOnnxSync(bytes))
    expect(error.code).toBe('not-onnx')
    expect(error.message).toMatch(message)
    expect(error.hint).toBeDefined()
  })

  test('random bytes are refused, whatever they are', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const error = await errorOf(() => importOnnxSync(randomBytes(seed, 16 + seed * 7)))
      expect(['not-onnx', 'onnx-invalid', 'unsupported-ir-version']).toContain(error.code)
    }
  })

  test('a model cut anywhere is refused', async () => {
    for (let length = 2; length < relu.length; length++) {
      // A cut between fields of the model itself may leave a whole graph and lose the opset only.
      expect(['onnx-invalid', 'unsupported-opset'], `cut at ${length}`).toContain((await errorOf(() => importOnnxSync(relu.slice(0, length)))).code)
    }
  })

  test('a model with any one byte changed imports or is refused by an IngotError', async () => {
    for (let at = 0; at < relu.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const bytes = relu.slice()
        bytes[at] = (bytes[at] ?? 0) ^ flip
        await Promise.resolve().then(() => importOnnxSync(bytes)).catch((error: unknown) => expect(error).toHaveProperty('code'))
      }
    }
  })

  test('a length that promises gigabytes is refused before anything is allocated', async () => {
    const bytes = Uint8Array.of(8, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 7, 1, 2, 3)
    expect(await errorOf(() => importOnnxSync(bytes))).toMatchObject({ code: 'onnx-invalid' })
  })

  test('messages nested without end are refused', async () => {
    let nested = new Uint8Array(0)
    const wrap = (tag: number, inner: Uint8Array): Uint8Array<ArrayBuffer> => {
      const length: number[] = []
      for (let n = inner.length; ; n >>>= 7) { if (n < 128) { length.push(n); break } length.push((n & 127) | 128) }
      return Uint8Array.from([tag, ...length, ...inner])
    }
    for (let i = 0; i < 500; i++) nested = wrap(0x0a, wrap(0x2a, wrap(0x32, nested)))
    const error = await errorOf(() => importOnnxSync(Uint8Array.from([8, 8, ...wrap(0x3a, nested)])))
    expect(error).toMatchObject({ code: 'onnx-invalid' })
    expect(error.message).toMatch(/nested/)
  })
})

describe('models that cannot be', () => {
  const f = [port('x', [2])]

  test('a cycle is refused and its nodes are named', async () => {
    const nodes = [node('Relu', ['x'], ['z']), node('Add', ['z', 'b'], ['a'], {}, { name: 'first' }), node('Neg', ['a'], ['b'], {}, { name: 'second' }), node('Abs', ['b'], ['y'])]
    const error = await errorOf(() => importOnnxSync(model({ inputs: f, nodes })))
    expect(error.code).toBe('onnx-cycle')
    expect(error.message).toMatch(/first → second → first|second → first → second/)
  })

  test('nodes out of order are sorted', () => {
    const graph = importOnnxSync(model({ inputs: f, nodes: [node('Relu', ['z'], ['y']), node('Neg', ['x'], ['z'])] }))
    expect(graph.nodes.map((n) => n.op)).toEqual(['neg', 'relu'])
  })

  test('a missing initialiser is named with the node that reads it', async () => {
    const error = await errorOf(() => importOnnxSync(model({ inputs: f, nodes: [node('Add', ['x', 'w'], ['y'], {}, { name: 'adder' })] })))
    expect(error).toMatchObject({ code: 'onnx-missing-value', where: { origin: 'adder', op: 'Add' } })
    expect(error.message).toContain("'w'")
  })

  test('an output that nothing defines is refused', async () => {
    expect(await errorOf(() => importOnnxSync(model({ inputs: f, nodes: [node('Relu', ['x'], ['z'])] })))).toMatchObject({ code: 'onnx-missing-value' })
  })

  test.each<readonly [string, Parameters<typeof model>[0]]>([
    ['two nodes', { inputs: f, nodes: [node('Relu', ['x'], ['y']), node('Neg', ['x'], ['y'])] }],
    ['a node and an input', { inputs: f, nodes: [node('Relu', ['x'], ['x'])], outputs: ['x'] }],
    ['two inputs', { inputs: [...f, ...f], nodes: [node('Relu', ['x'], ['y'])] }],
    ['two initialisers', { initializers: [{ name: 'w', dims: [1], dataType: 1, floatData: [1] }, { name: 'w', dims: [1], dataType: 1, floatData: [2] }], nodes: [node('Relu', ['w'], ['y'])] }],
  ])('a value defined twice by %s is refused', async (_, parts) => {
    expect((await errorOf(() => importOnnxSync(model(parts)))).code).toBe('onnx-duplicate-value')
  })

  test.each([-1, -(2 ** 40), 2 ** 31, 2 ** 60])('an input of extent %i is refused', async (extent) => {
    const error = await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2, extent])], nodes: [node('Relu', ['x'], ['y'])] })))
    expect(error).toMatchObject({ code: 'onnx-bad-dim', where: { origin: 'x' } })
    expect(error.message).toContain(String(extent))
  })

  test('an input of more elements than any memory holds is refused', async () => {
    const error = await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2 ** 30, 2 ** 30])], nodes: [node('Relu', ['x'], ['y'])] })))
    expect(error.code).toBe('onnx-bad-dim')
  })

  test.each([[-3], [2 ** 40], [2 ** 30, 2 ** 30]])('an initialiser of shape [%i, …] is refused before it is allocated', async (...dims) => {
    const bytes = model({ initializers: [{ name: 'w', dims, dataType: 1, floatData: [1] }], nodes: [node('Relu', ['w'], ['y'])] })
    expect((await errorOf(() => importOnnxSync(bytes))).code).toBe('onnx-bad-dim')
  })

  test('an initialiser whose bytes do not fill its shape is refused', async () => {
    const bytes = model({ initializers: [{ name: 'w', dims: [1000, 1000], dataType: 1, rawData: new Uint8Array(12) }], nodes: [node('Relu', ['w'], ['y'])] })
    const error = await errorOf(() => importOnnxSync(bytes))
    expect(error.code).toBe('onnx-invalid')
    expect(error.message).toMatch(/'w'.*4000000 bytes.*12/)
  })
})

describe('models that are beyond Ingot', () => {
  test('all unknown ops are listed at once with opset, and the first is located', async () => {
    const nodes = [node('Relu', ['x'], ['a']), node('NoSuchOp', ['a'], ['b'], {}, { name: 'n1' }), node('NoSuchOp', ['b'], ['c']), node('Other', ['c'], ['y'], {}, { domain: 'my.domain' })]
    const error = await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2])], nodes, opset: 18, more: { opsetImport: [{ version: 18 }, { domain: 'my.domain', version: 3 }] } })))
    expect(error).toMatchObject({ code: 'unsupported-op', where: { origin: 'n1', op: 'NoSuchOp', opset: 18 } })
    expect(error.message).toMatch(/2 ops.*NoSuchOp \(opset 18\) ×2, my\.domain\.Other \(opset 3\)/)
  })

  test('an unsupported dtype is named with node, op and opset', async () => {
    const error = await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2], DATA_TYPE.STRING)], nodes: [node('Relu', ['x'], ['y'], {}, { name: 'r' })] })))
    expect(error).toMatchObject({ code: 'unsupported-dtype', where: { origin: 'r', op: 'Relu', opset: 17, dtype: 'string' } })
  })

  test('complex tensors are an unsupported dtype', async () => {
    expect(await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2], DATA_TYPE.COMPLEX64)], nodes: [node('Relu', ['x'], ['y'])] })))).toMatchObject({ code: 'unsupported-dtype' })
  })

  test('a newer opset is refused where a node uses it, and ignored where none does', async () => {
    const parts = { inputs: [port('x', [2])], nodes: [node('Relu', ['x'], ['y'])] }
    expect((await errorOf(() => importOnnxSync(model({ ...parts, opset: 999 })))).code).toBe('unsupported-opset')
    expect(importOnnxSync(model({ ...parts, more: { opsetImport: [{ version: 17 }, { domain: 'com.nobody', version: 999 }] } })).nodes).toHaveLength(1)
  })

  test.each([0, 2, 14, 99])('IR version %i is refused', async (irVersion) => {
    expect((await errorOf(() => importOnnxSync(model({ irVersion, inputs: [port('x', [2])], nodes: [node('Relu', ['x'], ['y'])] })))).code).toBe('unsupported-ir-version')
  })

  test('a sequence input is an unsupported type', async () => {
    const input = { name: 'x', type: { sequenceType: { elemType: { tensorType: { elemType: 1 } } } } }
    expect((await errorOf(() => importOnnxSync(model({ inputs: [input], nodes: [node('Relu', ['x'], ['y'])] })))).code).toBe('unsupported-type')
  })

  test('an attribute that the op does not have is refused', async () => {
    const error = await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2])], nodes: [node('Relu', ['x'], ['y'], { axis: 1 })] })))
    expect(error).toMatchObject({ code: 'bad-attribute', where: { op: 'Relu' } })
    expect(error.message).toContain('axis')
  })

  test('too many inputs are refused', async () => {
    expect((await errorOf(() => importOnnxSync(model({ inputs: [port('x', [2])], nodes: [node('Relu', ['x', 'x'], ['y'])] })))).code).toBe('onnx-invalid')
  })

  test('megabytes of random bytes are refused within a second', async () => {
    const bytes = randomBytes(1000, 1 << 22)
    bytes.set([8, 8], 0)
    const began = performance.now()
    await errorOf(() => importOnnxSync(bytes))
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DTYPES, elementCount, storageOf, type DType, type HostTensor } from '../../src/base/dtype.js'
import { IngotError } from '../../src/base/error.js'
import { fromNumbers, hostTensor, tensorsEqual } from '../../src/ir/host-tensor.js'
import { readSafetensors, writeSafetensors } from '../../src/tracer/safetensors.js'

/** A file of a header, as text or value, and data. */
function file(header: unknown, data: readonly number[] = [], length?: number | bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const out = new Uint8Array(8 + json.length + data.length)
  new DataView(out.buffer).setBigUint64(0, BigInt(length ?? json.length), true)
  out.set(json, 8)
  out.set(data, 8 + json.length)
  return out
}

function errorOf(run: () => unknown): IngotError {
  try {
    run()
  } catch (error) {
    if (error instanceof IngotError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const entry = (dtype: unknown, shape: unknown, data_offsets: unknown): unknown => ({ dtype, shape, data_offsets })

describe('reading a safetensors file', () => {
  it('gives tensors and metadata as the format describes them', () => {
    const { tensors, metadata } = readSafetensors(file({
      __metadata__: { format: 'pt' }, a: entry('U8', [2, 2], [0, 4]), b: entry('F32', [], [4, 8]), c: entry('I16', [3, 0], [8, 8]),
    }, [1, 2, 3, 255, 0, 0, 0xc0, 0x3f]))
    expect([...tensors]).toEqual([
      ['a', { dtype: 'uint8', shape: [2, 2], data: Uint8Array.of(1, 2, 3, 255) }],
      ['b', { dtype: 'float32', shape: [], data: Float32Array.of(1.5) }],
      ['c', { dtype: 'int16', shape: [3, 0], data: new Int16Array(0) }],
    ])
    expect(metadata).toEqual({ format: 'pt' })
  })

  it.each([
    ['F64', 'float64', 8], ['F32', 'float32', 4], ['F16', 'float16', 2], ['BF16', 'bfloat16', 2], ['I64', 'int64', 8], ['I32', 'int32', 4], ['I16', 'int16', 2], ['I8', 'int8', 1],
    ['U8', 'uint8', 1], ['U16', 'uint16', 2], ['U32', 'uint32', 4], ['U64', 'uint64', 8], ['BOOL', 'bool', 1], ['F8_E4M3', 'float8e4m3fn', 1], ['F8_E5M2', 'float8e5m2', 1],
  ] as const)('%s is %s of %i bytes', (wire, dtype, size) => {
    const bytes = Array.from({ length: 2 * size }, (_, i) => (wire === 'BOOL' ? i % 2 : 7 * i + 1))
    const tensor = readSafetensors(file({ x: entry(wire, [2], [0, 2 * size]) }, bytes)).tensors.get('x')
    expect(tensor).toEqual({ dtype, shape: [2], data: storageOf(dtype, Uint8Array.from(bytes)) })
  })

  it('takes tensors in any order, padding after the header, and names that objects have of their own', () => {
    const { tensors } = readSafetensors(file(`${JSON.stringify({ constructor: entry('U8', [1], [1, 2]) }).slice(0, -1)},"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   `, [5, 6]))
    expect([...tensors.keys()].sort()).toEqual(['__proto__', 'constructor'])
    expect(tensors.get('__proto__')?.data).toEqual(Uint8Array.of(5))
  })

  it('copies where elements are not aligned and only there', () => {
    const aligned = writeSafetensors([['x', fromNumbers('float32', [2], [1, 2])]])
    const shifted = new Uint8Array(aligned.length + 1)
    shifted.set(aligned, 1)
    expect(readSafetensors(aligned).tensors.get('x')?.data).toMatchObject({ buffer: aligned.buffer })
    const moved = readSafetensors(shifted.subarray(1)).tensors.get('x')?.data as Float32Array
    expect(Array.from(moved)).toEqual([1, 2])
    expect(moved.buffer).not.toBe(shifted.buffer)
  })

  it('takes a file without tensors', () => {
    expect(readSafetensors(file({}))).toEqual({ tensors: new Map(), metadata: {} })
  })
})

describe('a safetensors file is refused, with what is wrong,', () => {
  const good = entry('U8', [2], [0, 2])
  it.each<[string, Uint8Array, RegExp]>([
    ['that is shorter than a length', new Uint8Array(7), /7 bytes/],
    ['whose header is longer than the file', file({ x: good }, [1, 2], 500), /500 bytes/],
    ['whose header is absurdly long', file({ x: good }, [1, 2], 2n ** 64n - 1n), /100000000 are allowed/],
    ['with an empty header', file('', [1, 2]), /brace/],
    ['whose header starts with something else', file(' {}'), /brace/],
    ['whose header is no JSON', file('{"x":'), /no JSON/],
    ['whose header is no UTF-8', (() => { const f = file('{"xx":1}'); f[10] = 0xff; return f })(), /UTF-8/],
    ['with a name twice', file('{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0078":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', [1, 2]), /'x' twice/],
    ['with a field twice', file('{"x":{"dtype":"U8","shape":[1],"shape":[2],"data_offsets":[0,2]}}', [1, 2]), /'shape' twice/],
    ['with an entry that is no object', file({ x: 3 }), /'x': it is described by no object/],
    ['with a dtype that nobody knows', file({ x: entry('F4', [2], [0, 2]) }, [1, 2]), /its dtype is "F4"/],
    ['with a dtype that objects have', file({ x: entry('toString', [2], [0, 2]) }, [1, 2]), /its dtype is "toString"/],
    ['without a dtype', file({ x: entry(undefined, [2], [0, 2]) }, [1, 2]), /its dtype is undefined/],
    ['with a shape that is no list', file({ x: entry('U8', 2, [0, 2]) }, [1, 2]), /its shape is 2/],
    ['with a negative extent', file({ x: entry('U8', [-1, -2], [0, 2]) }, [1, 2]), /its shape is \[-1,-2\]/],
    ['with a broken extent', file({ x: entry('U8', [1.5], [0, 2]) }, [1, 2]), /its shape is \[1.5\]/],
    ['with extents beyond all counting', file({ x: entry('U8', [2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1], [0, 2]) }, [1, 2]), /takes 7/],
    ['with one offset', file({ x: entry('U8', [2], [2]) }, [1, 2]), /data_offsets are \[2\]/],
    ['with three offsets', file({ x: entry('U8', [2], [0, 2, 2]) }, [1, 2]), /data_offsets/],
    ['whose offsets run backwards', file({ x: entry('U8', [2], [2, 0]) }, [1, 2]), /data_offsets are \[2,0\]/],
    ['with a range beyond the file', file({ x: entry('U8', [3], [0, 3]) }, [1, 2]), /ends at byte 3 of the 2/],
    ['whose shape does not fit its range', file({ x: entry('F32', [2], [0, 2]) }, [1, 2]), /takes 8 bytes, and it has 2/],
    ['with ranges that overlap', file({ x: good, y: entry('U8', [2], [1, 3]) }, [1, 2, 3]), /'y': it starts at byte 1/],
    ['with one range for two tensors', file({ x: good, y: good }, [1, 2]), /inside another/],
    ['with a hole', file({ x: entry('U8', [1], [0, 1]), y: entry('U8', [1], [2, 3]) }, [1, 2, 3]), /'y': the 1 bytes of data before it/],
    ['with an empty tensor inside another', file({ x: entry('U8', [3], [0, 3]), y: entry('U8', [0], [1, 1]) }, [1, 2, 3]), /'y': it starts at byte 1/],
    ['with bytes at its end', file({ x: good }, [1, 2, 3]), /last 1 bytes/],
    ['with data and no tensors', file({}, [1]), /last 1 bytes/],
    ['with truth values that are neither', file({ x: entry('BOOL', [2], [0, 2]) }, [1, 2]), /other than 0 and 1/],
    ['with metadata that is no object', file({ __metadata__: [] }), /no object/],
    ['with metadata that is no text', file({ __metadata__: { a: 1 } }), /at 'a'/],
  ])('%s', (_, bytes, message) => {
    const error = errorOf(() => readSafetensors(bytes))
    expect(error.code).toBe('safetensors-damaged')
    expect(error.message).toMatch(message)
  })
})

describe('writing a safetensors file', () => {
  it('refuses what the format has no room for', () => {
    const x = fromNumbers('float32', [1], [1])
    expect(errorOf(() => writeSafetensors([['__metadata__', x]])).code).toBe('bad-tensor')
    expect(errorOf(() => writeSafetensors([['x', x], ['x', x]])).code).toBe('bad-tensor')
    expect(errorOf(() => writeSafetensors([['x', { ...x, shape: [2] }]])).code).toBe('bad-tensor')
    expect(errorOf(() => writeSafetensors([['x', hostTensor('string', [1], ['a'])]])).code).toBe('unsupported-dtype')
  })

  it('gives the same bytes for the same tensors in another order, every tensor aligned', () => {
    const tensors: [string, HostTensor][] = [['a', fromNumbers('uint8', [3], [1, 2, 3])], ['b', fromNumbers('float64', [1], [4])], ['c', fromNumbers('float16', [1], [5])]]
    const bytes = writeSafetensors(tensors), { tensors: read } = readSafetensors(bytes)
    expect(writeSafetensors([...tensors].reverse())).toEqual(bytes)
    for (const { data } of read.values()) expect((data as Uint8Array).buffer).toBe(bytes.buffer)
  })
})

const WRITABLE = (Object.keys(DTYPES) as DType[]).filter((t) => t !== 'string' && DTYPES[t].bits >= 8 && !/fnuz|e8m0/.test(t))

const anyTensor = fc.record({ dtype: fc.constantFrom(...WRITABLE), shape: fc.array(fc.nat(4), { maxLength: 4 }), seed: fc.nat(255) }).map(({ dtype, shape, seed }): HostTensor => {
  const bytes = Uint8Array.from({ length: (elementCount(shape) * DTYPES[dtype].bits) / 8 }, (_, i) => (dtype === 'bool' ? (i ^ seed) & 1 : i * 31 + seed))
  return { dtype, shape, data: storageOf(dtype, bytes) }
})

const anyFile = fc.record({
  tensors: fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary' }).filter((s) => s !== '__metadata__'), anyTensor), { selector: ([name]) => name, maxLength: 8 }),
  metadata: fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 4 }),
})

describe('any tensors', () => {
  it('come back as they were written', () => {
    fc.assert(fc.property(anyFile, ({ tensors, metadata }) => {
      const read = readSafetensors(writeSafetensors(tensors, metadata))
      expect([...read.tensors.keys()].sort()).toEqual(tensors.map(([name]) => name).sort())
      for (const [name, tensor] of tensors) expect(tensorsEqual(read.tensors.get(name) ?? { dtype: 'string', shape: [], data: [] }, tensor), name).toBe(true)
      expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort())
    }), { numRuns: 300, seed: 1 })
  })

  it('whose file is cut short are never read', () => {
    fc.assert(fc.property(anyFile, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), ({ tensors, metadata }, part) => {
      const bytes = writeSafetensors(tensors, metadata)
      expect(errorOf(() => readSafetensors(bytes.subarray(0, Math.floor(part * bytes.length)))).code).toBe('safetensors-damaged')
    }), { numRuns: 300, seed: 2 })
  })

  it('whose file has other bytes somewhere are read as tensors or refused, never anything else', () => {
    let refused = 0, taken = 0
    fc.assert(fc.property(anyFile, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), ({ tensors, metadata }, changes) => {
      const bytes = writeSafetensors(tensors, metadata)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      try {
        for (const { dtype, shape, data } of readSafetensors(bytes).tensors.values()) expect(data).toHaveLength(elementCount(shape) * (dtype === 'string' ? 0 : 1))
        taken++
      } catch (error) {
        if (!(error instanceof IngotError) || error.code !== 'safetensors-damaged') throw error
        refused++
      }
    }), { numRuns: 1000, seed: 3 })
    expect(Math.min(refused, taken)).toBeGreaterThan(50)
  })
})

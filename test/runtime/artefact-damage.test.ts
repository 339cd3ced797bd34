import { assert, property, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { IngotError } from '../../src/base/error.js'
import { decodeProgram } from '../../src/runtime/decode.js'
import { encodeProgram } from '../../src/runtime/encode.js'
import { FORMAT_VERSION, type ProgramData, type ProgramHeader } from '../../src/runtime/format.js'
import { load } from '../../src/runtime/session.js'
import { errorOf } from './expect-code.js'
import { asWasm } from './as-wasm.js'
import { gatherTwo, preparedFactor, scaleAdd } from './sample-programs.js'

/** Decodes what may be damaged: an equal program, or an IngotError about reading artefacts. */
const refusedOrEqual = (bytes: Uint8Array, program: ProgramData): void => {
  let decoded: ProgramData
  try {
    decoded = decodeProgram(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(IngotError)
    expect(['not-ingot', 'artefact-version', 'artefact-damaged']).toContain((error as IngotError).code)
    return
  }
  expect(decoded).toEqual(program)
}

test('every flipped bit is found, or does not matter', () => {
  for (const program of [gatherTwo(), asWasm(preparedFactor())]) {
    const bytes = encodeProgram(program)
    for (let i = 0; i < bytes.length; i++) for (let bit = 0; bit < 8; bit++) {
      bytes[i] = (bytes[i] ?? 0) ^ (1 << bit)
      refusedOrEqual(bytes, program)
      bytes[i] = (bytes[i] ?? 0) ^ (1 << bit)
    }
  }
}, 60_000)

test('a file cut anywhere is refused', async () => {
  for (const program of [scaleAdd(), asWasm(preparedFactor())]) {
    const bytes = encodeProgram(program)
    for (let length = 0; length < bytes.length; length++) await errorOf(length < 4 ? 'not-ingot' : 'artefact-damaged', () => decodeProgram(bytes.slice(0, length)))
  }
})

test('arbitrary bytes after the magic are refused', () => {
  assert(property(uint8Array({ maxLength: 300 }), (tail) => {
    const bytes = Uint8Array.of(0x49, 0x4e, 0x47, 0x54, FORMAT_VERSION, 0, 0, 0, ...tail)
    expect(() => decodeProgram(bytes)).toThrow(IngotError)
  }), { seed: 11, numRuns: 500 })
})

type Path = readonly (string | number)[]

/** Every place in a JSON value. */
function paths(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at]
  return [at, ...Object.entries(value).flatMap(([key, inner]) => paths(inner, [...at, Array.isArray(value) ? Number(key) : key]))]
}

function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return by
  if (Array.isArray(value)) return value.map((item, i) => (i === key ? replaced(item, rest, by) : item))
  return Object.fromEntries(Object.entries(value as object).map(([k, v]) => [k, k === key ? replaced(v, rest, by) : v]))
}

let deep: unknown = 1
for (let i = 0; i < 5000; i++) deep = ['+', deep, 1]
const HOSTILE: readonly unknown[] = [null, true, -1, 0.5, 2 ** 31, 2 ** 52, 1e300, '', 'nowhere', '__proto__', 'constructor', [], {}, [[]], ['+'], ['constructor', 1], ['*', 2 ** 30, 2 ** 30], ['floordiv', 1, 0], deep, 1, 7]

/** Loads and, where that goes, runs; whatever happens has to be an IngotError or a result. */
async function survive(program: ProgramData, feeds: Record<string, never[]>): Promise<void> {
  try {
    using session = await load(program, { maxMemory: 1e6 })
    session.runSync(feeds)
  } catch (error) {
    if (!(error instanceof IngotError)) throw error
  }
}

test.each([['static', gatherTwo(), { ids: [0, 1] }], ['symbolic', scaleAdd(), { x: [[1, 2, 3]], z: [[1, 2, 3]] }], ['preparing', asWasm(preparedFactor()), { x: [[1, 2, 3]] }]] as const)('no value in any field of a %s header does more than raise an IngotError', async (_, program, feeds) => {
  for (const path of paths(program.header)) {
    // The body of a kernel is its renderer's to refuse.
    if (path.includes('body')) continue
    for (const value of HOSTILE) {
      const start = performance.now()
      await survive({ ...program, header: replaced(program.header, path, value) as ProgramHeader }, feeds as never)
      expect(performance.now() - start).toBeLessThan(1000)
    }
  }
}, 60_000)

test('the same values in a real file with right digests are refused or load', () => {
  for (const path of paths(gatherTwo().header)) {
    for (const value of HOSTILE.filter((v) => v !== deep)) {
      const program = { ...gatherTwo(), header: replaced(gatherTwo().header, path, value) as ProgramHeader }
      if (path.length === 0 && (typeof value !== 'object' || value === null)) continue
      refusedOrEqual(encodeProgram(program), program)
    }
  }
})

const damage: Record<string, readonly [Path, unknown, string]> = {
  'an unknown target': [['target'], 'cuda', 'target'],
  'an unknown dtype': [['buffers', 1, 'dtype'], 'float31', 'buffers[1].dtype'],
  'a buffer of strings': [['buffers', 1, 'dtype'], 'string', 'buffers[1].dtype'],
  'a symbol that is not declared': [['buffers', 1, 'length'], 'batch', 'buffers[1].length'],
  'an expression without operands': [['buffers', 1, 'length'], ['+'], 'buffers[1].length'],
  'an expression nested without end': [['buffers', 1, 'length'], deep, 'buffers[1].length'],
  'a length below zero': [['buffers', 1, 'length'], -4, 'buffers[1].length'],
  'an offset that is no multiple of 64': [['buffers', 1, 'offset'], 8, 'buffers[1].offset'],
  'an offset far outside': [['buffers', 1, 'offset'], 2 ** 40, 'buffers'],
  'an alias of nothing': [['buffers', 2, 'alias'], 9, 'buffers[2].alias'],
  'a lifetime that ends before it starts': [['buffers', 1, 'last'], -1, 'buffers[1].last'],
  'a port of no buffer': [['inputs', 0, 'buffer'], 3, 'inputs[0].buffer'],
  'an input in constant memory': [['inputs', 0], { name: 'ids', dtype: 'float32', shape: [3], buffer: 0 }, 'inputs[0].buffer'],
  'a port of another dtype than its buffer': [['outputs', 0, 'dtype'], 'int32', 'outputs[0].dtype'],
  'a port larger than its buffer': [['outputs', 0, 'shape'], [3], 'outputs[0]'],
  'a rank of sixty-five': [['outputs', 0, 'shape'], new Array(65).fill(1), 'outputs[0].shape'],
  'a kernel that is not there': [['steps', 0, 'kernel'], 1, 'steps[0].kernel'],
  'a step with a buffer too few': [['steps', 0, 'buffers'], [0, 1], 'steps[0].buffers'],
  'a step with a buffer of another dtype': [['steps', 0, 'buffers', 1], 0, 'steps[0].buffers[1]'],
  'a step with a parameter too many': [['steps', 0, 'params'], [1], 'steps[0].params'],
  'a constant that reaches out of its section': [['constants', 0, 'offset'], 64, 'constants[0]'],
  'a constant of other bytes than its buffer': [['constants', 0, 'bytes'], 8, 'constants[0].bytes'],
  'a constant without a value': [['constants'], [], 'buffers[0]'],
  'a target without its section': [['target'], 'wasm', 'kernels[0].code'],
}

test.each(Object.entries(damage))('%s is refused, and the field named', async (_, [path, value, field]) => {
  const header = replaced({ ...gatherTwo().header, buffers: gatherTwo().header.buffers.map((b, i) => (i === 2 ? { ...b, ...(path.includes('alias') && { alias: 0 }) } : b)) }, path, value) as ProgramHeader
  const error = await errorOf('artefact-damaged', async () => { using session = await load({ ...gatherTwo(), header }); session.runSync({ ids: [0, 1] }) })
  expect(error.message).toContain(field)
})

const preparing: Record<string, readonly [Path, unknown, string]> = {
  'no steps at all': [['prepare'], undefined, 'buffers[3]'],
  'less memory than buffers reach to': [['prepare', 'bytes'], 192, 'buffers[6].offset'],
  'more memory than all buffers take': [['prepare', 'bytes'], 2 ** 30, 'prepare.bytes'],
  'a buffer in the constants section': [['buffers', 6, 'offset'], 0, 'buffers[6].offset'],
  'a buffer without a place': [['buffers', 6, 'offset'], undefined, 'buffers[6].offset'],
  'a buffer of an extent that is not known': [['buffers', 3, 'length'], 'batch', 'buffers[3].offset'],
  'a kernel that is not there': [['prepare', 'steps', 0, 'kernel'], 2, 'prepare.steps[0]'],
  'a buffer that is not there': [['prepare', 'steps', 1, 'buffers', 1], 9, 'prepare.steps[1].buffers'],
  'a buffer of runs': [['prepare', 'steps', 1, 'buffers', 2], 1, 'prepare.steps[1].buffers'],
  'a parameter that is no number': [['prepare', 'steps', 1, 'params'], ['batch'], 'prepare.steps[1]'],
  'a raw constant in the constants section': [['prepare', 'raw', 0, 'buffer'], 2, 'prepare.raw[0].buffer'],
  'raw constants in another order than that of steps': [['buffers', 4, 'first'], 1, 'buffers[4].last'],
  'a raw constant that comes after all steps': [['buffers', 5], { dtype: 'float32', length: 3, place: 'constant', offset: 128, first: 2, last: 2 }, 'prepare.raw[1].buffer'],
  'a raw constant of other bytes than its buffer': [['buffers', 5, 'length'], 2, 'raw section'],
  'a target that prepares nothing': [['target'], 'js', 'kernels[0].code'],
  'an input in memory for all runs': [['inputs', 0, 'buffer'], 6, 'inputs[0].buffer'],
}

test.each(Object.entries(preparing))('%s in what is prepared is refused, and the field named', async (_, [path, value, field]) => {
  const program = asWasm(preparedFactor()), header = replaced(program.header, path, value) as ProgramHeader
  const error = await errorOf('artefact-damaged', async () => { using session = await load({ ...program, header }); session.runSync({ x: [[1, 2, 3]] }) })
  expect(error.message).toContain(field)
})

test('raw constants that are not there, or of other bytes than their place, are refused', async () => {
  const program = asWasm(preparedFactor()), { raw1, ...others } = program.sections
  await errorOf('artefact-damaged', () => load({ ...program, sections: others }))
  await errorOf('artefact-damaged', () => load({ ...program, sections: { ...others, raw1: raw1?.subarray(4) as Uint8Array } }))
  await errorOf('artefact-damaged', () => load(preparedFactor()))
})

test('aliases that lead back to themselves are refused, however long the way', async () => {
  const { header, sections } = scaleAdd()
  const buffers = Array.from({ length: 50_000 }, (_, i) => ({ dtype: 'float32' as const, length: 1, place: 'arena' as const, first: 0, last: 0, alias: (i + 1) % 50_000 }))
  await errorOf('artefact-damaged', () => load({ header: { ...header, buffers, constants: [], steps: [] }, sections }))
})

test('an alias beyond the end of what it shares is refused when the extents are known', async () => {
  const { header, sections } = scaleAdd()
  for (const aliasOffset of [8, 2, ['+', 'batch', 8], ['*', -4, 'batch']] as const) {
    using session = await load({ header: { ...header, buffers: header.buffers.map((b, i) => (i === 6 ? { ...b, aliasOffset } : b)) }, sections })
    const error = await Promise.resolve().then(() => session.runSync({ x: [[1, 2, 3]], z: [[1, 2, 3]] })).catch((e: unknown) => e)
    expect(['artefact-damaged', 'constraint-violated']).toContain((error as IngotError).code)
  }
})

test('a section table that lies is refused', async () => {
  // same length of text, so that only the table changes; the header's digest is made right again
  const bytes = encodeProgram(gatherTwo())
  const length = new DataView(bytes.buffer).getUint32(8, true)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + length))) as { readonly sections: readonly Record<string, unknown>[] }
  const { digest } = await import('../../src/runtime/digest.js')
  for (const change of [{ offset: 64 }, { offset: 1 }, { offset: -64 }, { bytes: 13 }, { bytes: 1e15 }, { bytes: 11 }, { digest: '0' }, { digest: 7 }, { name: 3 }, { offset: null }]) {
    const rest = new TextEncoder().encode(JSON.stringify({ ...header, digest: undefined, sections: [{ ...header.sections[0], ...change }] }).slice(1))
    const start = new TextEncoder().encode(`{"digest":"${digest(rest)}",`)
    const body = Math.ceil((12 + start.length + rest.length) / 64) * 64
    const out = new Uint8Array(body + 12)
    out.set(bytes.subarray(0, 8))
    new DataView(out.buffer).setUint32(8, start.length + rest.length, true)
    out.set(start, 12)
    out.set(rest, 12 + start.length)
    out.set(bytes.subarray(-12), body)
    const error = await errorOf('artefact-damaged', () => decodeProgram(out))
    // Fields may be compared with the table before sections are read.
    expect(error.message).toMatch(/sections\[0\]|constants\[0\]/)
  }
})

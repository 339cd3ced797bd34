import { expect, test } from 'vitest'
import { decodeProgram } from '../../src/runtime/decode.js'
import { digest } from '../../src/runtime/digest.js'
import { encodeProgram } from '../../src/runtime/encode.js'
import type { ProgramData } from '../../src/runtime/format.js'
import { errorOf } from './expect-code.js'
import { gatherTwo, identity, scaleAdd } from './sample-programs.js'

const PROGRAMS: Record<string, ProgramData> = {
  symbolic: scaleAdd(), static: gatherTwo(), 'without sections': identity('float32', []),
  'with graph text and odd names': identity('int8', [2], { name: 'ü "\\ 💡 \ud800', graph: 'graph (x) {\n}' }),
  'with an empty section and all kinds of sections': { header: gatherTwo().header, sections: { ...gatherTwo().sections, wasm: new Uint8Array(0), wgsl: Uint8Array.of(1, 2, 3) } },
}

test.each(Object.entries(PROGRAMS))('a program %s comes back from its bytes as it was', (_, program) => {
  expect(decodeProgram(encodeProgram(program))).toEqual(program)
})

test('a negative zero in a kernel keeps its sign', () => {
  const program = identity('float32', [1], { kernels: [{ name: 'k', code: { params: [], buffers: [], body: [{ value: -0 }] } }] })
  const code = decodeProgram(encodeProgram(program)).header.kernels[0]?.code as { readonly body: readonly { readonly value: number }[] }
  expect(Object.is(code.body[0]?.value, -0)).toBe(true)
})

const reversed = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(reversed) : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).reverse().map(([k, v]) => [k, reversed(v)])) : value

test('the same program gives the same bytes, in whatever order its keys were made', () => {
  const program = scaleAdd()
  expect(encodeProgram({ header: reversed(program.header) as ProgramData['header'], sections: program.sections })).toEqual(encodeProgram(program))
})

test('the head of the file is readable: magic, version, lengths, JSON', () => {
  const bytes = encodeProgram(gatherTwo())
  const view = new DataView(bytes.buffer)
  expect(new TextDecoder().decode(bytes.subarray(0, 4))).toBe('INGT')
  expect(view.getUint32(4, true)).toBe(2)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(12, 12 + view.getUint32(8, true)))) as Record<string, unknown>
  expect(Object.keys(header).slice(0, 3)).toEqual(['digest', 'name', 'target'])
})

test('sections lie at multiples of 64 and are not copied', () => {
  const bytes = encodeProgram(gatherTwo())
  const { constants } = decodeProgram(bytes).sections
  expect((constants?.byteOffset ?? 1) % 64).toBe(0)
  expect(constants?.buffer).toBe(bytes.buffer)
})

test('bytes from an odd address are read all the same', () => {
  const bytes = encodeProgram(gatherTwo())
  for (const shift of [1, 3, 4, 7]) {
    const moved = new Uint8Array(bytes.length + shift)
    moved.set(bytes, shift)
    expect(decodeProgram(moved.subarray(shift))).toEqual(gatherTwo())
  }
})

test('keys and sections that a later writer adds are kept or passed over', () => {
  const program = { header: { ...gatherTwo().header, mood: 'good' }, sections: gatherTwo().sections }
  expect(decodeProgram(encodeProgram(program))).toEqual(program)
})

test('a later version is refused with both versions', async () => {
  const bytes = encodeProgram(gatherTwo())
  new DataView(bytes.buffer).setUint32(4, 3, true)
  const error = await errorOf('artefact-version', () => decodeProgram(bytes))
  expect(error.message).toContain('format version 3, this runtime reads version 2')
})

test('what is no artefact is told apart from what is a damaged one', async () => {
  for (const bytes of [new Uint8Array(0), Uint8Array.of(8, 9, 18, 7, 112), new TextEncoder().encode('ING')]) await errorOf('not-ingot', () => decodeProgram(bytes))
  for (const bytes of [new TextEncoder().encode('INGT'), encodeProgram(gatherTwo()).subarray(0, 100)]) await errorOf('artefact-damaged', () => decodeProgram(bytes))
})

test('every changed bit and every pair of swapped words changes the digest', () => {
  const bytes = Uint8Array.from({ length: 77 }, (_, i) => Math.imul(i + 1, 193) & 255)
  const seen = new Set([digest(bytes)])
  for (let i = 0; i < bytes.length; i++) for (let bit = 0; bit < 8; bit++) {
    const changed = bytes.slice()
    changed[i] = (changed[i] ?? 0) ^ (1 << bit)
    seen.add(digest(changed))
  }
  for (let i = 0; i < 18; i++) for (let j = i + 1; j < 18; j++) {
    const words = new Uint32Array(bytes.slice(0, 76).buffer)
    ;[words[i], words[j]] = [words[j] as number, words[i] as number]
    seen.add(digest(new Uint8Array(words.buffer)))
  }
  expect(seen.size).toBe(1 + 77 * 8 + (18 * 17) / 2)
  expect(digest(new Uint8Array(4))).not.toBe(digest(new Uint8Array(8)))
})

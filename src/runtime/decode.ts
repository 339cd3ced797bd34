/** `.ingot` bytes → Program. The layout is described in `encode.ts`; whatever is read is checked before it is used. */
import { IngotError } from '../base/error.js'
import { digest } from './digest.js'
import { FORMAT_VERSION, type ProgramData, type SectionName } from './format.js'
import { array, damaged, object, size, text, validateProgram } from './validate.js'

/** Bytes of `{"digest":"…16 digits…",`, which the digest does not cover. */
const PREFIX_BYTES = 29

/** A range of an artefact that its reader needs next: the section `name` of `program`, which has those before it, or, where there is none, what comes before the sections. */
export interface Wanted { readonly from: number; readonly bytes: number; readonly name?: SectionName; readonly program?: ProgramData }

/**
 * Reads an artefact. Sections are views of `bytes` where it starts at a multiple of 8 within its ArrayBuffer, so do not
 * change it afterwards; else the whole is copied once. Throws `not-ingot`, `artefact-version` or `artefact-damaged`, nothing else.
 */
export function decodeProgram(bytes: Uint8Array): ProgramData {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes), steps = decoding()
  let step = steps.next()
  while (!step.done) step = steps.next(aligned.subarray(step.value.from, step.value.from + step.value.bytes))
  return step.value
}

/**
 * Reads an artefact from start to end, range by range: answer each with its bytes, aligned to 8, or as many as there are.
 * Throws as `decodeProgram` does.
 */
export function* decoding(digestOf: (bytes: Uint8Array) => string = digest): Generator<Wanted, ProgramData, Uint8Array> {
  const start = yield { from: 0, bytes: 12 }
  const [magic, version, bytes] = new Uint32Array(start.buffer, start.byteOffset, start.length >>> 2)
  if (magic !== MAGIC) throw new IngotError('not-ingot', 'this is no Ingot artefact', { hint: 'ingot compile model.onnx makes one' })
  if (bytes === undefined) damaged('the file', cut(start.length))
  if (version !== FORMAT_VERSION) {
    throw new IngotError('artefact-version', `the artefact has format version ${version}, this runtime reads version ${FORMAT_VERSION}`, { hint: 'compile the model again with this ingot, or load it with a newer one' })
  }
  const found = yield { from: 12, bytes }
  if (found.length < bytes) damaged('the file', cut(12 + found.length))
  const { digest: _, sections: table, ...rest } = readHeader(found)
  array(object({ name: text, offset: size, bytes: size, digest: text }))(table, 'sections')
  const entries = table as readonly SectionEntry[], lengths = entries.map(({ name, bytes: length }) => [name, { length }])
  const program: ProgramData = { header: validateProgram(rest, Object.fromEntries(lengths)), sections: {} }
  yield* readSections(entries, program, Math.ceil((12 + bytes) / 64) * 64, digestOf)
  return program
}

/** INGT. */
const MAGIC = 0x54474e49

const cut = (bytes: number): string => `ends after ${bytes} bytes`

function readHeader(bytes: Uint8Array): Record<string, unknown> {
  if (String.fromCharCode(...bytes.subarray(0, PREFIX_BYTES)) !== `{"digest":"${digest(bytes.subarray(PREFIX_BYTES))}",`) damaged('the header', 'does not match its digest')
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    object({})(header, 'the header')
    return header as Record<string, unknown>
  } catch (cause) {
    return damaged('the header', `is no JSON in UTF-8: ${cause}`, cause)
  }
}

interface SectionEntry { readonly name: SectionName; readonly offset: number; readonly bytes: number; readonly digest: string }

function* readSections(table: readonly SectionEntry[], program: ProgramData, body: number, digestOf: (bytes: Uint8Array) => string): Generator<Wanted, void, Uint8Array> {
  const sections: Partial<Record<SectionName, Uint8Array>> = program.sections
  let end = 0
  for (const [i, { name, offset, bytes, digest: wanted }] of table.entries()) {
    const field = `sections[${i}] "${name}"`
    if (offset % 64 !== 0 || offset < end || sections[name]) damaged(field)
    end = offset + bytes
    const content = yield { from: body + offset, bytes, name, program }
    if (content.length < bytes) damaged(field, cut(content.length))
    if (digestOf(content) !== wanted) damaged(field, 'does not match its digest')
    // Those of other names may come with later writers of this version; they are not needed to run.
    sections[name] = content
  }
}

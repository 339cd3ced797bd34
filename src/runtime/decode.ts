/** `.ingot` bytes → Program. The layout is described in `encode.ts`; whatever is read is checked before it is used. */
import { IngotError } from '../base/error.js'
import { digest } from './digest.js'
import { FORMAT_VERSION, type ProgramData, type SectionName } from './format.js'
import { array, damaged, integer, object, text, validateProgram } from './validate.js'

/** Bytes of `{"digest":"…16 digits…",`, which the digest does not cover. */
const PREFIX_BYTES = 29

const latin = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/**
 * Reads an artefact. Sections are views of `bytes` where it starts at a multiple of 8 within its ArrayBuffer, so do not
 * change it afterwards; else the whole is copied once. Throws `not-ingot`, `artefact-version` or `artefact-damaged`, nothing else.
 */
export function decodeProgram(bytes: Uint8Array): ProgramData {
  if (latin(bytes.subarray(0, 4)) !== 'INGT') {
    throw new IngotError('not-ingot', `these ${bytes.length} bytes are no Ingot artefact: they do not start with INGT`, { hint: 'compile an ONNX model first: ingot compile model.onnx' })
  }
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  const length = aligned.length, cut = `ends after ${length} bytes`
  if (length < 12) damaged('the file', cut)
  const view = new DataView(aligned.buffer, aligned.byteOffset)
  const version = view.getUint32(4, true)
  if (version !== FORMAT_VERSION) {
    throw new IngotError('artefact-version', `the artefact has format version ${version}, this runtime reads version ${FORMAT_VERSION}`, { hint: 'compile the model with the version of ingot that loads it' })
  }
  const end = 12 + view.getUint32(8, true)
  if (end > length) damaged('the file', cut)
  const { digest: _, sections: table, ...header } = readHeader(aligned.subarray(12, end))
  const sections = readSections(table, aligned, Math.ceil(end / 64) * 64)
  return { header: validateProgram(header, sections), sections }
}

function readHeader(bytes: Uint8Array): Record<string, unknown> {
  if (latin(bytes.subarray(0, PREFIX_BYTES)) !== `{"digest":"${digest(bytes.subarray(PREFIX_BYTES))}",`) damaged('the header', 'does not match its digest')
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    object({})(header, 'the header')
    return header as Record<string, unknown>
  } catch (cause) {
    return damaged('the header', `is no JSON in UTF-8: ${cause}`, cause)
  }
}

interface SectionEntry { readonly name: string; readonly offset: number; readonly bytes: number; readonly digest: string }

function readSections(table: unknown, bytes: Uint8Array, body: number): ProgramData['sections'] {
  const sections: Partial<Record<SectionName, Uint8Array>> = {}
  const inFile = integer(0, bytes.length + 1)
  array(object({ name: text, offset: inFile, bytes: inFile, digest: text }))(table, 'sections')
  let end = 0
  ;(table as readonly SectionEntry[]).forEach((entry, i) => {
    const start = body + entry.offset, field = `sections[${i}] "${entry.name}"`
    if (entry.offset % 64 !== 0 || entry.offset < end || start + entry.bytes > bytes.length) damaged(field)
    end = entry.offset + entry.bytes
    const content = bytes.subarray(start, body + end)
    if (digest(content) !== entry.digest) damaged(field, 'does not match its digest')
    // Those of other names may come with later writers of this version; they are not needed to run.
    sections[entry.name as SectionName] = content
  })
  return sections
}

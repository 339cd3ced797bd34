/** `.ingot` bytes → Program. The layout is described in `encode.ts`; whatever is read is checked before it is used. */
import { IngotError } from '../base/error.js'
import { digest } from './digest.js'
import { FORMAT_VERSION, type ProgramData, type SectionName } from './format.js'
import { damaged, index, list, record, text, validateProgram } from './validate.js'

/** Bytes of `{"digest":"…16 digits…",`, which the digest does not cover. */
const PREFIX_BYTES = 29

/**
 * Reads an artefact. Sections are views of `bytes` where it starts at a multiple of 8 within its ArrayBuffer, so do not
 * change it afterwards; else the whole is copied once. Throws `not-ingot`, `artefact-version` or `artefact-damaged`, nothing else.
 */
export function decodeProgram(bytes: Uint8Array): ProgramData {
  if (bytes.length < 4 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'INGT') {
    throw new IngotError('not-ingot', `these ${bytes.length} bytes are not an Ingot artefact: they do not start with "INGT"`, { hint: 'an ONNX model has to be compiled first: ingot compile model.onnx -o model.ingot' })
  }
  if (bytes.length < 12) damaged('file', `ends after ${bytes.length} bytes`)
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  const view = new DataView(aligned.buffer, aligned.byteOffset)
  const version = view.getUint32(4, true)
  if (version !== FORMAT_VERSION) {
    throw new IngotError('artefact-version', `the artefact has format version ${version}, this runtime reads version ${FORMAT_VERSION}`, {
      hint: version > FORMAT_VERSION ? 'update ingot where the artefact is loaded, or compile it with the version in use there' : 'compile the model again with this version of ingot',
    })
  }
  const headerEnd = 12 + view.getUint32(8, true)
  if (headerEnd > aligned.length) damaged('file', `ends within the header: ${aligned.length} of at least ${headerEnd} bytes`)
  const header = readHeader(aligned.subarray(12, headerEnd))
  const sections = readSections(header['sections'], aligned, Math.ceil(headerEnd / 64) * 64)
  const { digest: _, sections: __, ...rest } = header
  return { header: validateProgram(rest, sections), sections }
}

function readHeader(bytes: Uint8Array): Record<string, unknown> {
  const prefix = String.fromCharCode(...bytes.subarray(0, PREFIX_BYTES))
  if (prefix !== `{"digest":"${digest(bytes.subarray(PREFIX_BYTES))}",`) damaged('header', 'does not match its digest')
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    damaged('header', `is not JSON in UTF-8: ${String(cause)}`)
  }
  return record(parsed, 'header')
}

function readSections(table: unknown, bytes: Uint8Array, body: number): ProgramData['sections'] {
  const sections: Partial<Record<SectionName, Uint8Array>> = {}
  let end = 0
  list(table, 'sections').forEach((value, i) => {
    const field = `sections[${i}]`
    const entry = record(value, field)
    const name = text(entry['name'], `${field}.name`)
    const offset = index(entry['offset'], `${field}.offset`, bytes.length + 1)
    const size = index(entry['bytes'], `${field}.bytes`, bytes.length + 1)
    if (offset % 64 !== 0 || offset < end) damaged(`${field}.offset`, `${offset} is not the next multiple of 64`)
    end = offset + size
    if (body + end > bytes.length) damaged(`${field}`, `"${name}" ends at byte ${body + end}, the file at ${bytes.length}`)
    const content = bytes.subarray(body + offset, body + end)
    if (digest(content) !== entry['digest']) damaged(`${field}`, `"${name}" does not match its digest`)
    // Sections of other names may come with later writers of this version; they are not needed to run.
    if (name === 'constants' || name === 'wasm' || name === 'wgsl') sections[name] = content
  })
  return sections
}

/** `.ingot` bytes → Program. The layout is described in `encode.ts`; whatever is read is checked before it is used. */
import { IngotError } from '../base/error.js'
import { digest } from './digest.js'
import { FORMAT_VERSION, type ProgramData, type SectionName } from './format.js'
import { array, damaged, integer, object, text, validateProgram } from './validate.js'

/** Bytes of `{"digest":"…16 digits…",`, which the digest does not cover. */
const PREFIX_BYTES = 29

/**
 * Reads an artefact. Sections are views of `bytes` where it starts at a multiple of 8 within its ArrayBuffer, so do not
 * change it afterwards; else the whole is copied once. Throws `not-ingot`, `artefact-version` or `artefact-damaged`, nothing else.
 */
export function decodeProgram(bytes: Uint8Array): ProgramData {
  if (bytes.length < 4 || String.fromCharCode(...bytes.subarray(0, 4)) !== 'INGT') {
    throw new IngotError('not-ingot', `these ${bytes.length} bytes are no Ingot artefact: they do not start with INGT`, { hint: 'compile an ONNX model first: ingot compile model.onnx' })
  }
  if (bytes.length < 12) damaged('file', `ends after ${bytes.length} bytes`)
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  const view = new DataView(aligned.buffer, aligned.byteOffset)
  const version = view.getUint32(4, true)
  if (version !== FORMAT_VERSION) {
    throw new IngotError('artefact-version', `the artefact has format version ${version}, this runtime reads version ${FORMAT_VERSION}`, {
      hint: 'compile the model with the version of ingot that loads it',
    })
  }
  const headerEnd = 12 + view.getUint32(8, true)
  if (headerEnd > aligned.length) damaged('file', `ends after ${aligned.length} of at least ${headerEnd} bytes`)
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
  object({})(parsed, 'header')
  return parsed as Record<string, unknown>
}

interface SectionEntry { readonly name: string; readonly offset: number; readonly bytes: number; readonly digest: string }

function readSections(table: unknown, bytes: Uint8Array, body: number): ProgramData['sections'] {
  const sections: Partial<Record<SectionName, Uint8Array>> = {}
  const inFile = integer(0, bytes.length + 1)
  array(object({ name: text, offset: inFile, bytes: inFile, digest: text }))(table, 'sections')
  let end = 0
  ;(table as readonly SectionEntry[]).forEach((entry, i) => {
    const start = body + entry.offset
    if (entry.offset % 64 !== 0 || entry.offset < end || start + entry.bytes > bytes.length) damaged(`sections[${i}]`, `lies at byte ${start} with ${entry.bytes} bytes, where it cannot; the file has ${bytes.length}`)
    end = entry.offset + entry.bytes
    const content = bytes.subarray(start, start + entry.bytes)
    if (digest(content) !== entry.digest) damaged(`sections[${i}]`, `"${entry.name}" does not match its digest`)
    // Sections of other names may come with later writers of this version; they are not needed to run.
    if (entry.name === 'constants' || entry.name === 'wasm' || entry.name === 'wgsl') sections[entry.name] = content
  })
  return sections
}

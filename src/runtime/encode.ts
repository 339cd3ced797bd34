/**
 * Program → `.ingot` bytes: magic `INGT`, u32 version, u32 header bytes (little-endian), the header as UTF-8 JSON, then the
 * sections, each from a multiple of 64. The JSON starts with the digest of all of it that follows; `sections` gives each
 * section's name, offset from the first multiple of 64 after the header, bytes and digest. Raw constants are sections each, so
 * that each is known to be whole before a step reads it.
 */
import { IngotError } from '../base/error.js'
import { digest } from './digest.js'
import { FORMAT_VERSION, type ProgramData, type SectionName } from './format.js'

/** Small sections first, so that the start of a file is readable and weights come last. */
const SECTION_ORDER: readonly SectionName[] = ['wasm', 'wasm-relaxed', 'wgsl', 'host', 'constants']
/** Key order of the header: what a person wants to see first stands first; other keys follow in alphabetical order, the graph's text last. */
const FIRST_KEYS = ['name', 'target', 'producer', 'inputs', 'outputs', 'symbols', 'constraints', 'sections', 'constants', 'prepare', 'buffers', 'steps', 'kernels']

const align64 = (n: number): number => Math.ceil(n / 64) * 64

/** JSON with sorted keys, -0 kept and non-finite numbers refused; `JSON.stringify` drops the sign and writes null. */
function writeJson(value: unknown, out: string[]): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new IngotError('internal', `a program's header holds ${value}, which JSON cannot`)
    out.push(Object.is(value, -0) ? '-0' : String(value))
  } else if (Array.isArray(value)) {
    out.push('[')
    value.forEach((item, i) => { if (i > 0) out.push(','); writeJson(item, out) })
    out.push(']')
  } else if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value).filter((key) => (value as Record<string, unknown>)[key] !== undefined).sort()
    writeObject(value as Record<string, unknown>, keys, out)
  } else out.push(JSON.stringify(value) ?? 'null')
}

function writeObject(value: Record<string, unknown>, keys: readonly string[], out: string[]): void {
  out.push('{')
  keys.forEach((key, i) => { out.push(`${i > 0 ? ',' : ''}${JSON.stringify(key)}:`); writeJson(value[key], out) })
  out.push('}')
}

/** The bytes of a program. The same program gives the same bytes, whatever the order in which its objects' keys were made. */
export function encodeProgram(program: ProgramData): Uint8Array<ArrayBuffer> {
  const sections: { name: SectionName; offset: number; bytes: number; digest: string }[] = []
  let bodyBytes = 0
  for (const name of [...SECTION_ORDER, ...(program.header.prepare?.raw ?? []).map((_, i): SectionName => `raw${i}`)]) {
    const content = program.sections[name]
    if (content === undefined) continue
    sections.push({ name, offset: bodyBytes, bytes: content.length, digest: digest(content) })
    bodyBytes = align64(bodyBytes + content.length)
  }
  const header: Record<string, unknown> = { ...program.header, sections }
  const others = Object.keys(header).filter((key) => header[key] !== undefined && key !== 'graph' && key !== 'digest' && !FIRST_KEYS.includes(key)).sort()
  const text: string[] = []
  writeObject(header, [...FIRST_KEYS.filter((key) => key in header), ...others, ...(header['graph'] === undefined ? [] : ['graph'])], text)
  const rest = new TextEncoder().encode(text.join('').slice(1))
  const start = new TextEncoder().encode(`{"digest":"${digest(rest)}",`)
  const headerBytes = start.length + rest.length
  const body = align64(12 + headerBytes)
  const out = new Uint8Array(body + (sections.at(-1) === undefined ? 0 : (sections.at(-1)?.offset ?? 0) + (sections.at(-1)?.bytes ?? 0)))
  const view = new DataView(out.buffer)
  out.set([0x49, 0x4e, 0x47, 0x54])
  view.setUint32(4, FORMAT_VERSION, true)
  view.setUint32(8, headerBytes, true)
  out.set(start, 12)
  out.set(rest, 12 + start.length)
  for (const { name, offset } of sections) out.set(program.sections[name] ?? [], body + offset)
  return out
}

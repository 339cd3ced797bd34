/**
 * Safetensors files: 8 bytes with the length of a JSON header, the header, then the tensors' bytes, little-endian and
 * row-major, without gaps. Source: the format's description in huggingface/safetensors (README, "Format").
 */
import { bytesOf, DTYPES, elementCount, storageBytes, type DType, type HostTensor } from '../base/dtype.js'
import { IngotError } from '../base/error.js'

/** What a file holds. */
export interface Safetensors {
  /** Tensors by name, in the order of the header. */
  readonly tensors: Map<string, HostTensor>
  /** The header's `__metadata__`; empty where there is none. */
  readonly metadata: Readonly<Record<string, string>>
}

const DTYPE_OF: Readonly<Record<string, DType>> = {
  F64: 'float64', F32: 'float32', F16: 'float16', BF16: 'bfloat16', I64: 'int64', I32: 'int32', I16: 'int16', I8: 'int8',
  U8: 'uint8', U16: 'uint16', U32: 'uint32', U64: 'uint64', BOOL: 'bool', F8_E4M3: 'float8e4m3fn', F8_E5M2: 'float8e5m2',
}
const NAME_OF: ReadonlyMap<DType, string> = new Map(Object.entries(DTYPE_OF).map(([name, dtype]) => [dtype, name]))

const METADATA = '__metadata__'
/** The format's own limit: a longer header is taken for an attack or damage. */
const MAX_HEADER_BYTES = 100_000_000
const OPENING_BRACE = 0x7b

interface Entry { readonly name: string; readonly dtype: DType; readonly shape: readonly number[]; readonly begin: number; readonly end: number }

/**
 * Reads a file from its bytes, which must not change afterwards: tensors are views of them where their alignment allows, else copies.
 * Throws `safetensors-damaged` for anything that the format does not allow, naming the tensor where it is about one.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const { header, data } = split(bytes)
  const metadata = metadataOf(header)
  const entries = Object.entries(header).filter(([name]) => name !== METADATA).map(([name, value]) => entryOf(name, value, data.length))
  checkCoverage(entries, data.length)
  return { tensors: new Map(entries.map((e) => [e.name, tensorOf(e, data)])), metadata }
}

function damaged(what: string, name?: string, hint?: string): IngotError {
  return new IngotError('safetensors-damaged', name === undefined ? what : `tensor '${name}': ${what}`, {
    hint: hint ?? 'the file is damaged, truncated or no safetensors file; fetch it again', ...(name !== undefined && { where: { origin: name } }),
  })
}

function split(bytes: Uint8Array): { readonly header: Readonly<Record<string, unknown>>; readonly data: Uint8Array } {
  if (bytes.length < 8) throw damaged(`the file has ${bytes.length} bytes, and the length of its header alone takes 8`)
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true))
  if (length > MAX_HEADER_BYTES) throw damaged(`the header would have ${length} bytes, and ${MAX_HEADER_BYTES} are allowed`)
  if (length > bytes.length - 8) throw damaged(`the header has ${length} bytes, and the file only ${bytes.length - 8} after its length`)
  if (bytes[8] !== OPENING_BRACE || length === 0) throw damaged('the header does not start with a brace')
  return { header: parseHeader(bytes.subarray(8, 8 + length)), data: bytes.subarray(8 + length) }
}

function parseHeader(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const header: unknown = JSON.parse(text)
    refuseDuplicateKeys(text)
    if (isRecord(header)) return header
  } catch (cause) {
    if (cause instanceof IngotError) throw cause
    throw damaged(`the header is no JSON in UTF-8: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  throw damaged('the header is no JSON object')
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** JSON.parse takes the last of equal keys. `text` is known to be JSON, so a string before a colon is a key of the innermost object. */
function refuseDuplicateKeys(text: string): void {
  const objects: Set<string>[] = []
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g
  for (let m = tokens.exec(text); m !== null; m = tokens.exec(text)) {
    const [token, colon] = m
    if (token === '{') objects.push(new Set())
    else if (token === '}') objects.pop()
    else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, -colon.length)) as string
      if (objects.at(-1)?.has(key) === true) throw damaged(`the header has the key '${key}' twice`)
      objects.at(-1)?.add(key)
    }
  }
}

function metadataOf(header: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  if (!Object.hasOwn(header, METADATA)) return {}
  const metadata = header[METADATA]
  if (!isRecord(metadata)) throw damaged(`${METADATA} is no object`)
  for (const [key, value] of Object.entries(metadata)) if (typeof value !== 'string') throw damaged(`${METADATA} has a value at '${key}' that is no text`)
  return metadata as Readonly<Record<string, string>>
}

/** Integers that are not negative; JSON has minus zero too. */
function naturals(value: unknown): readonly number[] | undefined {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0) ? (value as readonly number[]).map((n) => n + 0) : undefined
}

function entryOf(name: string, value: unknown, dataBytes: number): Entry {
  if (!isRecord(value)) throw damaged('it is described by no object', name)
  const { dtype: wire, shape: extents, data_offsets: offsets } = value
  const dtype = typeof wire === 'string' && Object.hasOwn(DTYPE_OF, wire) ? DTYPE_OF[wire] : undefined
  if (dtype === undefined) throw damaged(`its dtype is ${JSON.stringify(wire)}`, name, `dtypes that can be read are ${Object.keys(DTYPE_OF).join(', ')}`)
  const shape = naturals(extents)
  if (shape === undefined) throw damaged(`its shape is ${JSON.stringify(extents)}, no list of extents`, name)
  const [begin, end, ...rest] = naturals(offsets) ?? []
  if (begin === undefined || end === undefined || rest.length > 0 || begin > end) throw damaged(`its data_offsets are ${JSON.stringify(offsets)}, no begin and end`, name)
  if (end > dataBytes) throw damaged(`it ends at byte ${end} of the ${dataBytes} bytes of data`, name)
  const wanted = storageBytes(dtype, elementCount(shape))
  if (wanted !== end - begin) throw damaged(`${wire as string} of shape [${shape.join(', ')}] takes ${wanted} bytes, and it has ${end - begin}`, name)
  return { name, dtype, shape, begin, end }
}

/** Ranges must follow each other and end with the data: nothing is shared, nothing is hidden. */
function checkCoverage(entries: readonly Entry[], dataBytes: number): void {
  let at = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < at) throw damaged(`it starts at byte ${begin} of the data, inside another that ends at ${at}`, name)
    if (begin > at) throw damaged(`the ${begin - at} bytes of data before it belong to no tensor`, name)
    at = end
  }
  if (at !== dataBytes) throw damaged(`the last ${dataBytes - at} bytes of the file belong to no tensor`)
}

function tensorOf({ name, dtype, shape, begin, end }: Entry, data: Uint8Array): HostTensor {
  const { array } = DTYPES[dtype]
  const bytes = data.subarray(begin, end)
  if (dtype === 'bool' && bytes.some((b) => b > 1)) throw damaged('it is of truth values, and has bytes other than 0 and 1', name)
  if (array === null) throw damaged(`its dtype is ${dtype}`, name)
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
  return { dtype, shape, data: new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / array.BYTES_PER_ELEMENT) }
}

/**
 * The bytes of a file with the given tensors. Wider elements come first, and the header is padded, so that every tensor is aligned to its elements; the
 * same tensors give the same bytes in whatever order they come. Throws `unsupported-dtype` for dtypes that the format lacks and `bad-tensor` for a
 * tensor whose elements do not fit its shape, or that is called `__metadata__`.
 */
export function writeSafetensors(tensors: Iterable<readonly [string, HostTensor]>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const list = [...tensors].sort(([a, x], [b, y]) => DTYPES[y.dtype].bits - DTYPES[x.dtype].bits || (a < b ? -1 : a > b ? 1 : 0))
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [[METADATA, metadata]] : []
  let at = 0
  for (const [name, tensor] of list) {
    const bytes = bytesToWrite(name, tensor)
    entries.push([name, { dtype: NAME_OF.get(tensor.dtype), shape: tensor.shape, data_offsets: [at, at + bytes] }])
    at += bytes
  }
  if (new Set(list.map(([name]) => name)).size < list.length) throw new IngotError('bad-tensor', 'two tensors have the same name')
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const start = 8 + Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(start + at)
  new DataView(out.buffer).setBigUint64(0, BigInt(start - 8), true)
  out.fill(0x20, 8, start)
  out.set(json, 8)
  let to = start
  for (const [, { data }] of list) { out.set(bytesOf(data), to); to += bytesOf(data).length }
  return out
}

function bytesToWrite(name: string, { dtype, shape, data }: HostTensor): number {
  const where = { origin: name, dtype }
  if (name === METADATA) throw new IngotError('bad-tensor', `a tensor cannot be called ${METADATA}`, { where })
  if (!NAME_OF.has(dtype)) throw new IngotError('unsupported-dtype', `safetensors files have no ${dtype}`, { where, hint: 'cast it' })
  const bytes = bytesOf(data).length, wanted = storageBytes(dtype, elementCount(shape))
  if (bytes !== wanted) throw new IngotError('bad-tensor', `${dtype}[${shape.join(', ')}] takes ${wanted} bytes, and has ${bytes}`, { where })
  return bytes
}

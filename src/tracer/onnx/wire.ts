/** Decodes protobuf messages by the field tables of `schema.ts`. Bytes are views of the input; nothing is compiled at run time. */
import protobuf from 'protobufjs/minimal.js'
import { SCHEMA, type Message, type MessageName, type ScalarKind } from './schema.js'

type Reader = InstanceType<typeof protobuf.Reader>
interface FieldPlan { readonly name: string; readonly kind: string; readonly repeated: boolean }
interface MessagePlan { readonly byNumber: ReadonlyMap<number, FieldPlan>; readonly lists: readonly string[] }
type Fields = Record<string, unknown>

/** Messages nested deeper than this are refused: no real model comes near, and the stack is finite. */
const MAX_DEPTH = 200

const SCALAR_WIRE: Readonly<Record<ScalarKind, number>> = { int: 0, exact: 0, unsigned: 0, enum: 0, float: 5, double: 1, text: 2, bytes: 2 }
const isScalar = (kind: string): kind is ScalarKind => Object.hasOwn(SCALAR_WIRE, kind)

const PLANS: ReadonlyMap<string, MessagePlan> = new Map(Object.entries(SCHEMA).map(([message, fields]) => {
  const byNumber = new Map(Object.entries(fields).map(([number, field]): [number, FieldPlan] => {
    const [name, kind, label] = field as readonly [string, string, string?]
    return [Number(number), { name, kind, repeated: label === 'repeated' }]
  }))
  return [message, { byNumber, lists: [...byNumber.values()].filter((f) => f.repeated).map((f) => f.name) }]
}))

/** A fault in the bytes: what is wrong, and how many bytes had been read by then. */
export class WireError extends Error {
  readonly at: number
  constructor(what: string, at: number) { super(what); this.at = at }
}

/** Decodes `bytes` as one message of type `name`; throws `WireError` where they are none. */
export function decodeMessage<N extends MessageName>(name: N, bytes: Uint8Array): Message<N> {
  const reader = new protobuf.Reader(bytes)
  try {
    return decodeInto(reader, name, bytes.length, 0) as Message<N>
  } catch (error) {
    if (error instanceof WireError) throw error
    throw new WireError(error instanceof Error ? error.message : String(error), reader.pos)
  }
}

function decodeInto(reader: Reader, name: string, end: number, depth: number): Fields {
  if (depth > MAX_DEPTH) throw new WireError(`messages are nested more than ${MAX_DEPTH} deep`, reader.pos)
  const plan = PLANS.get(name) as MessagePlan
  const out: Fields = {}
  for (const list of plan.lists) out[list] = []
  while (reader.pos < end) {
    const tag = reader.uint32()
    const field = plan.byNumber.get(tag >>> 3)
    const wire = tag & 7
    if (tag >>> 3 === 0 || wire === 3 || wire === 4) throw new WireError(`${name} has a field of number ${tag >>> 3} and wire type ${wire}`, reader.pos)
    if (field === undefined) reader.skipType(wire)
    else readField(reader, out, field, wire, name, depth)
    if (reader.pos > end) throw new WireError(`${name} runs past its end`, reader.pos)
  }
  return out
}

function readField(reader: Reader, out: Fields, field: FieldPlan, wire: number, message: string, depth: number): void {
  const { name, kind, repeated } = field
  const scalar = isScalar(kind)
  const wanted = scalar ? SCALAR_WIRE[kind] : 2
  if (wire !== wanted && !(repeated && wire === 2)) throw new WireError(`${message}.${name} has wire type ${wire}, not ${wanted}`, reader.pos)
  if (scalar && wanted !== 2 && wire === 2) { out[name] = readPacked(reader, kind, out[name] as ArrayLike<unknown>); return }
  const value = scalar ? readScalar(reader, kind) : decodeNested(reader, kind, depth)
  if (!repeated) { out[name] = value; return }
  if (!Array.isArray(out[name])) out[name] = Array.from(out[name] as ArrayLike<number>)
  ;(out[name] as unknown[]).push(value)
}

function readLength(reader: Reader): number {
  const length = reader.uint32()
  if (length > reader.len - reader.pos) throw new WireError(`a field of ${length} bytes starts where only ${reader.len - reader.pos} are left`, reader.pos)
  return reader.pos + length
}

function decodeNested(reader: Reader, kind: string, depth: number): Fields {
  return decodeInto(reader, kind, readLength(reader), depth + 1)
}

/** Packed floats become typed arrays at once: weights in float_data are large. */
function readPacked(reader: Reader, kind: ScalarKind, before: ArrayLike<unknown>): ArrayLike<unknown> {
  const end = readLength(reader)
  if (before.length === 0 && (kind === 'float' || kind === 'double')) {
    const size = kind === 'float' ? 4 : 8
    if ((end - reader.pos) % size !== 0) throw new WireError(`packed ${kind}s take ${end - reader.pos} bytes, no multiple of ${size}`, reader.pos)
    const copy = new Uint8Array(reader.buf.subarray(reader.pos, end))
    reader.pos = end
    return kind === 'float' ? new Float32Array(copy.buffer) : new Float64Array(copy.buffer)
  }
  const list: unknown[] = Array.isArray(before) ? before : Array.from(before)
  while (reader.pos < end) list.push(readScalar(reader, kind))
  if (reader.pos > end) throw new WireError('packed values run past their end', reader.pos)
  return list
}

function readScalar(reader: Reader, kind: ScalarKind): unknown {
  switch (kind) {
    case 'int': return Number(readVarint(reader))
    case 'exact': return readVarint(reader)
    case 'unsigned': return BigInt.asUintN(64, readVarint(reader))
    case 'enum': return reader.int32()
    case 'float': return reader.float()
    case 'double': return reader.double()
    case 'text': return reader.string()
    case 'bytes': { const end = readLength(reader); const view = reader.buf.subarray(reader.pos, end); reader.pos = end; return view }
  }
}

/** A 64-bit varint, exactly. */
function readVarint(reader: Reader): bigint {
  const { buf, len } = reader
  let low = 0, high = 0
  for (let i = 0; i < 10; i++) {
    if (reader.pos >= len) throw new WireError('the bytes end inside a number', reader.pos)
    const byte = buf[reader.pos++] as number
    if (i < 4) low += (byte & 127) * 2 ** (7 * i)
    else high += (byte & 127) * 2 ** (7 * (i - 4))
    if (byte < 128) return high === 0 ? BigInt(low) : BigInt.asIntN(64, BigInt(low) + (BigInt(high) << 28n))
  }
  throw new WireError('a number takes more than 10 bytes', reader.pos)
}

/** Encodes protobuf messages by the field tables of `schema.ts`, in order of field numbers, so equal messages give equal bytes. */
import protobuf from 'protobufjs/minimal.js'
import { SCHEMA, type DraftMessage, type MessageName, type ScalarKind } from './schema.js'

type Writer = InstanceType<typeof protobuf.Writer>
type Fields = Readonly<Record<string, unknown>>

/** Wire types of onnx.proto: varint, 64 bits, length-delimited, 32 bits. Repeated numbers are not packed there. */
const WIRE: Readonly<Record<ScalarKind, number>> = { int: 0, exact: 0, unsigned: 0, enum: 0, float: 5, double: 1, text: 2, bytes: 2 }

/** Bytes in order; long ones are the caller's, so that weights are copied once, at the end. */
interface Chunks { readonly list: Uint8Array[]; size: number }

/** The bytes of a message of type `name`. Fields that are absent, and lists that are empty, are not written. */
export function encodeMessage<N extends MessageName>(name: N, message: DraftMessage<N>): Uint8Array {
  const { list, size } = chunksOf(name, message)
  const out = new Uint8Array(size)
  let at = 0
  for (const chunk of list) { out.set(chunk, at); at += chunk.length }
  return out
}

function chunksOf(name: MessageName, message: Fields): Chunks {
  const out: Chunks = { list: [], size: 0 }
  let writer = new protobuf.Writer()
  const push = (chunk: Uint8Array): void => { if (chunk.length > 0) { out.list.push(chunk); out.size += chunk.length } }
  const flush = (): void => { push(writer.finish()); writer = new protobuf.Writer() }
  for (const [number, [field, kind, label]] of Object.entries(SCHEMA[name]) as unknown as [string, readonly [string, string, string?]][]) {
    const value = message[field]
    if (value === undefined) continue
    for (const one of label === 'repeated' ? Array.from(value as ArrayLike<unknown>) : [value]) {
      writer.uint32((Number(number) << 3) | (WIRE[kind as ScalarKind] ?? 2))
      if (kind === 'bytes') {
        writer.uint32((one as Uint8Array).length)
        flush()
        push(one as Uint8Array)
      } else if (Object.hasOwn(SCHEMA, kind)) {
        const inner = chunksOf(kind as MessageName, one as Fields)
        writer.uint32(inner.size)
        flush()
        for (const chunk of inner.list) push(chunk)
      } else writeScalar(writer, kind as ScalarKind, one)
    }
  }
  flush()
  return out
}

function writeScalar(writer: Writer, kind: ScalarKind, value: unknown): void {
  switch (kind) {
    case 'int': writer.int64(value as number); break
    case 'exact': case 'unsigned': writer.int64(halves(value as bigint)); break
    case 'enum': writer.int32(value as number); break
    case 'float': writer.float(value as number); break
    case 'double': writer.double(value as number); break
    case 'text': writer.string(value as string); break
    case 'bytes': break
  }
}

/** A 64-bit integer as protobufjs takes it: two signed halves. */
function halves(value: bigint): Parameters<Writer['int64']>[0] {
  const low = Number(BigInt.asIntN(32, value)), high = Number(BigInt.asIntN(32, value >> 32n))
  return { low, high, unsigned: false } as Parameters<Writer['int64']>[0]
}

/** Attributes of one ONNX node, read by name with a type check; remembers which were read, so that the rest can be refused. */
import type { HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { ATTRIBUTE_TYPES, type Message } from './schema.js'
import { denseFromSparse, tensorFromProto, type ExternalReader } from './tensor.js'

type Attribute = Message<'AttributeProto'>

/** Attributes that say nothing about results. */
const HARMLESS: ReadonlySet<string> = new Set(['consumed_inputs', 'is_test', 'seed'])

/** Reads attributes; every reader gives `absent` where the node has none of that name, and throws `bad-attribute` on another type. */
export class AttributeReader {
  readonly #attributes: ReadonlyMap<string, Attribute>
  readonly #external: ExternalReader | undefined
  readonly #read = new Set<string>()

  constructor(attributes: ReadonlyMap<string, Attribute>, external: ExternalReader | undefined) {
    this.#attributes = attributes
    this.#external = external
  }

  has(name: string): boolean { return this.#attributes.has(name) }

  int<T = number>(name: string, absent: T): number | T { const a = this.#get(name, 2); return a === undefined ? absent : Number(a.i ?? 0n) }
  bool(name: string, absent: boolean): boolean { return this.int(name, absent ? 1 : 0) !== 0 }
  float(name: string, absent: number): number { return this.#get(name, 1)?.f ?? absent }
  string(name: string, absent: string): string { const a = this.#get(name, 3); return a === undefined ? absent : text(a.s) }
  ints<T = readonly number[]>(name: string, absent: T): readonly number[] | T { const a = this.#get(name, 7); return a === undefined ? absent : a.ints.map(Number) }
  floats<T = readonly number[]>(name: string, absent: T): readonly number[] | T { const a = this.#get(name, 6); return a === undefined ? absent : Array.from(a.floats) }
  strings<T = readonly string[]>(name: string, absent: T): readonly string[] | T { const a = this.#get(name, 8); return a === undefined ? absent : a.strings.map(text) }
  /** Exact integers. */
  bigints(name: string): readonly bigint[] | undefined { const a = this.#get(name, 7); return a?.ints }
  bigint(name: string): bigint | undefined { const a = this.#get(name, 2); return a === undefined ? undefined : (a.i ?? 0n) }
  graph(name: string): Message<'GraphProto'> | undefined { return this.#get(name, 5)?.g }

  tensor(name: string): HostTensor | undefined {
    const t = this.#get(name, 4)?.t
    return t === undefined ? undefined : tensorFromProto(t, this.#external)
  }

  sparseTensor(name: string): HostTensor | undefined {
    const t = this.#get(name, 11)?.sparseTensor
    return t === undefined ? undefined : denseFromSparse(t, this.#external)
  }

  /** Takes an attribute as seen, whatever it says. */
  ignore(...names: readonly string[]): void { for (const n of names) this.#read.add(n) }

  /** Throws `bad-attribute` where the node has attributes that nobody has read. */
  refuseUnread(): void {
    const unread = [...this.#attributes.keys()].filter((n) => !this.#read.has(n) && !HARMLESS.has(n))
    if (unread.length > 0) throw new IngotError('bad-attribute', `unknown attribute${unread.length > 1 ? 's' : ''} ${unread.join(', ')}`, { hint: 'the op has no such attribute in this opset' })
  }

  #get(name: string, type: number): Attribute | undefined {
    this.#read.add(name)
    const attribute = this.#attributes.get(name)
    if (attribute === undefined) return undefined
    const found = attribute.type ?? guessType(attribute)
    // An empty list may carry the type of another list: exporters disagree there.
    if (found !== type && !(found === 0 || isEmptyList(attribute))) {
      throw new IngotError('bad-attribute', `attribute ${name} is of type ${ATTRIBUTE_TYPES[found] ?? found}, not ${ATTRIBUTE_TYPES[type] ?? type}`)
    }
    return attribute
  }
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes ?? new Uint8Array(0))

function isEmptyList(a: Attribute): boolean {
  return (a.type ?? 0) >= 6 && a.floats.length + a.ints.length + a.strings.length + a.tensors.length + a.graphs.length === 0
}

/** The type of an attribute of the first IR versions, which did not write it down. */
function guessType(a: Attribute): number {
  if (a.f !== undefined) return 1
  if (a.i !== undefined) return 2
  if (a.s !== undefined) return 3
  if (a.t !== undefined) return 4
  if (a.g !== undefined) return 5
  if (a.floats.length > 0) return 6
  return a.ints.length > 0 ? 7 : a.strings.length > 0 ? 8 : 0
}

/** The ONNX graph being written: names, nodes, initialisers and the values of dims. */
import type { DType, HostTensor } from '../../base/dtype.js'
import { bytesOf } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { SymbolDecl, Value } from '../../ir/graph.js'
import { integerTensor } from '../../ir/integer-elements.js'
import type { DraftMessage } from '../onnx/schema.js'
import type { AttributeDrafts } from './attributes.js'
import { tensorDraft } from './tensor-draft.js'

/** A value of the ONNX graph. */
export interface Ref { readonly name: string; readonly dtype: DType }

/** A protobuf message, and so a model without external data, ends at 2 GB. Some room is kept for all that is no weight. */
const MAX_WEIGHT_BYTES = 2 ** 31 - 2 ** 24

/** Grows an ONNX graph node by node. */
export class GraphWriter {
  readonly opset: number
  readonly inputs: readonly Value[]
  readonly symbols: ReadonlyMap<string, SymbolDecl>
  readonly nodes: DraftMessage<'NodeProto'>[] = []
  readonly initializers: DraftMessage<'TensorProto'>[] = []
  /** int64 vectors of one element that hold the value of a dim, by the dim's key. */
  readonly dimValues = new Map<string, Ref>()
  /** Where the values of symbols are that were measured. */
  readonly measured = new Map<string, { readonly ref: Ref; readonly index: number }>()
  readonly #names = new Set<string>()
  readonly #nodeNames = new Set<string>()
  readonly #counts = new Map<string, number>()
  readonly #refs = new Map<Value, Ref>()
  readonly #small = new Map<string, Ref>()
  #weightBytes = 0

  constructor(opset: number, inputs: readonly Value[], symbols: readonly SymbolDecl[]) {
    this.opset = opset
    this.inputs = inputs
    this.symbols = new Map(symbols.map((s) => [s.name, s]))
  }

  /** Takes a name for itself; false where it is taken. */
  reserve(name: string): boolean {
    if (this.#names.has(name)) return false
    this.#names.add(name)
    return true
  }

  /** A value name not used yet, as near to `wish` as can be. */
  name(wish: string): string { return this.#unique(this.#names, wish || 'value') }

  /** What `value` is called from now on. */
  bind(value: Value, ref: Ref): void { this.#refs.set(value, ref) }

  /** The value in the ONNX graph; a constant becomes an initialiser when it is first asked for. */
  ref(value: Value): Ref {
    const known = this.#refs.get(value)
    if (known !== undefined) return known
    if (value.data === undefined) throw new IngotError('onnx-missing-value', `%${value.name} is used and not defined`, { where: { origin: value.name } })
    const ref = this.initializer(value.data, value.name)
    this.bind(value, ref)
    return ref
  }

  /** Adds an initialiser. Throws `memory-limit` where the model would pass protobuf's 2 GB. */
  initializer(tensor: HostTensor, wish: string): Ref {
    this.#weightBytes += bytesOf(tensor.data).length
    if (this.#weightBytes > MAX_WEIGHT_BYTES) {
      throw new IngotError('memory-limit', `the constants up to '${wish}' take ${this.#weightBytes} bytes, and an ONNX file holds less than 2 GB`, { where: { origin: wish }, hint: 'export parts of the graph, or weights in 16 bits' })
    }
    const ref = { name: this.name(wish), dtype: tensor.dtype }
    this.initializers.push(tensorDraft(tensor, ref.name))
    return ref
  }

  /** A small constant of our own making; equal ones are shared. */
  constant(tensor: HostTensor, wish: string): Ref {
    const key = `${tensor.dtype} [${tensor.shape.join()}] ${bytesOf(tensor.data).join()}`
    let ref = this.#small.get(key)
    if (ref === undefined) this.#small.set(key, ref = this.initializer(tensor, wish))
    return ref
  }

  /** A constant int64 vector. */
  ints(list: readonly number[]): Ref {
    return this.constant(integerTensor({ dtype: 'int64', shape: [list.length] }, list), 'ints')
  }

  /** Adds a node whose results are called `outputs`; '' leaves out one that nobody wants. */
  node(opType: string, inputs: readonly (Ref | null)[], outputs: readonly string[], attributes: AttributeDrafts, origin: string): void {
    const given = inputs.slice(0, inputs.findLastIndex((r) => r !== null) + 1)
    this.nodes.push({
      opType, name: this.#unique(this.#nodeNames, origin || opType), input: given.map((r) => r?.name ?? ''), output: outputs,
      attribute: Object.entries(attributes).map(([name, draft]) => ({ name, ...draft })),
    })
  }

  #unique(taken: Set<string>, wish: string): string {
    let name = wish, k = this.#counts.get(wish) ?? 0
    while (taken.has(name)) name = `${wish}_${++k}`
    if (k > 0) this.#counts.set(wish, k)
    taken.add(name)
    return name
  }
}

/** What an importer rule sees: one ONNX node with its values, and ways to write our nodes in its place. */
import type { DType, HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { dimsOf, type GraphBuilder, type InputSources } from '../../ir/build.js'
import { visitSymbols, type Dim } from '../../base/dim.js'
import { tensorOf, type Attrs, type Graph, type Value } from '../../ir/graph.js'
import { fromNumbers } from '../../ir/host-tensor.js'
import type { AttributeReader } from './attributes.js'
import { describeItem, isSequence, isTensor, type Item, type Sequence } from './items.js'
import { decided } from './rules/bounds.js'
import type { Message } from './schema.js'

/** Replays one ONNX node; gives its outputs in order (fewer than the node names is an error, undefined for one that cannot be had, an error for one that nobody may read). */
export type Rule = (call: NodeCall) => Item | readonly (Item | IngotError | undefined)[]
/** A rule and the first opset of its domain that it is right for. */
export interface VersionedRule { readonly since: number; readonly rule: Rule }
/** Rules by ONNX op name. */
export type RuleTable = Readonly<Record<string, readonly VersionedRule[]>>

/** One rule for all opsets; it may still read `call.opset`. */
export const always = (rule: Rule): readonly VersionedRule[] => [{ since: 1, rule }]
/** One rule from the given opset on. */
export const since = (opset: number, rule: Rule): readonly VersionedRule[] => [{ since: opset, rule }]

export interface NodeCallParts {
  readonly opType: string
  readonly domain: string
  readonly opset: number
  readonly origin: string
  readonly inputs: readonly (Item | null)[]
  /** Names of the outputs; '' for one that nobody wants. */
  readonly outputs: readonly string[]
  readonly attrs: AttributeReader
  readonly builder: GraphBuilder
  /** Symbols that may stand for negative numbers: elements of inputs, or of what was computed, rather than extents. */
  readonly signed: Set<string>
  /** What values of types narrower than a byte, or of 8-bit floats, were packed from (see `rules/narrow.ts`). */
  readonly codes: Map<Value, Value>
  /** Replays a nested graph in place, with values for its inputs, and gives its outputs. */
  readonly inline: (graph: Message<'GraphProto'>, inputs: readonly Item[]) => readonly Item[]
  /** A nested graph without inputs as a graph of its own, for an attribute. */
  readonly nested: (graph: Message<'GraphProto'>) => Graph
  /** Counts the nodes without a seed that draw random numbers. */
  readonly nextRandom: () => number
}

/** One ONNX node being replayed. */
export class NodeCall {
  readonly opType: string
  /** The op's domain; the default one is ''. `opset` is one of it. */
  readonly domain: string
  readonly opset: number
  readonly origin: string
  readonly inputs: readonly (Item | null)[]
  readonly attrs: AttributeReader
  readonly #parts: NodeCallParts

  constructor(parts: NodeCallParts) {
    this.opType = parts.opType
    this.domain = parts.domain
    this.opset = parts.opset
    this.origin = parts.origin
    this.inputs = parts.inputs
    this.attrs = parts.attrs
    this.#parts = parts
  }

  /** What values of narrow types were packed from. */
  get codes(): Map<Value, Value> { return this.#parts.codes }

  /** The same node with other values for its inputs; `part` of its outputs is what its nodes are named after. */
  withInputs(inputs: readonly (Item | null)[], part: string): NodeCall {
    return new NodeCall({ ...this.#parts, inputs, outputs: this.#parts.outputs.map((name) => (name === '' ? '' : `${name}.${part}`)) })
  }

  get outputCount(): number { return this.#parts.outputs.length }

  /** True where somebody may read output `i`. */
  wants(i: number): boolean { return (this.#parts.outputs[i] ?? '') !== '' }

  /** Name of output `i`. */
  outputName(i: number): string { return this.#parts.outputs[i] || this.opType }

  /** Checks the number of inputs; the first `least` must be given. */
  arity(least: number, most: number = least): void {
    const given = this.inputs.length
    if (given < least || given > most) this.fail('onnx-invalid', `${this.opType} takes ${least === most ? least : `${least} to ${most}`} inputs, not ${given}`)
    for (let i = 0; i < least; i++) this.item(i)
  }

  /** Input `i`, which must be given and a tensor. */
  input(i: number): Value { return this.tensor(this.item(i), `input ${i}`) }

  /** Input `i`, a tensor, or null where it is not given. */
  optional(i: number): Value | null { return this.inputs[i] == null ? null : this.input(i) }

  /** Input `i`, which must be given. */
  item(i: number): Item { return this.inputs[i] ?? this.fail('onnx-invalid', `input ${i} of ${this.opType} is missing`) }

  /** Input `i`, which must be a sequence. */
  sequence(i: number): Sequence {
    const item = this.item(i)
    return isSequence(item) ? item : this.fail('unsupported-type', `input ${i} of ${this.opType} is ${describeItem(item)}, not a sequence`)
  }

  /** `item`, which must be a tensor; `what` it is of the node says the error. */
  tensor(item: Item | undefined, what: string): Value {
    if (item === undefined) return this.fail('onnx-invalid', `${what} of ${this.opType} is missing`)
    return isTensor(item) ? item : this.fail('unsupported-type', `${what} of ${this.opType} is ${describeItem(item)}, not a tensor`)
  }

  /** dtype of input `i`. */
  dtype(i: number): DType { return tensorOf(this.input(i)).dtype }
  /** Shape of input `i`. */
  shape(i: number): readonly Dim[] { return tensorOf(this.input(i)).shape }

  /** Elements of integer input `i` as dims. */
  dims(i: number, what: string): readonly Dim[] { return this.elements(this.input(i), `${what} (input %${this.input(i).name})`) }

  /**
   * Elements of an integer value as dims; those that are only known while running become symbols that are measured then. A count of what there is, which
   * bears the name `counted`, cannot be negative. Throws `shape-not-static`, saying `what` it is, where there are too many.
   */
  elements(value: Value, what: string, counted?: string): readonly Dim[] {
    const known = dimsOf(value), { builder, signed } = this.#parts, found = known ?? builder.measure(value, this.origin, counted)
    if (found === undefined) return this.fail('shape-not-static', `${what} is only known while running`, 'it must be a constant, come from shapes, or be a tensor of few integers')
    if (known === undefined && counted === undefined) for (const s of found) signed.add(s as string)
    return found.map((d) => decided(this, d))
  }

  /** Like `dims`, as numbers. */
  numbers(i: number, what: string): readonly number[] {
    return this.dims(i, what).map((d) => (typeof d === 'number' ? d : this.fail('shape-not-static', `${what} (input %${this.input(i).name}) must be known while compiling`)))
  }

  /** Elements of constant input `i`; undefined where it is no constant. */
  constantOf(i: number): HostTensor | undefined { return this.optional(i)?.data }

  /** Axis `axis` counted from the front; throws `bad-attribute` where it lies outside. */
  axis(axis: number, rank: number): number {
    const front = axis < 0 ? axis + rank : axis
    return front >= 0 && front < Math.max(rank, 1) ? front : this.fail('bad-attribute', `axis ${axis} is outside a tensor of rank ${rank}`)
  }

  /** Axes counted from the front, each once, ascending. */
  axes(axes: readonly number[], rank: number): number[] {
    const out = [...new Set(axes.map((a) => this.axis(a, rank)))].sort((a, b) => a - b)
    return out.length === axes.length ? out : this.fail('bad-attribute', `the axes [${axes.join(', ')}] name one axis twice`)
  }

  /** True where the dim may be negative: it depends on elements of an input. */
  mayBeNegative(dim: Dim): boolean {
    if (typeof dim === 'number') return dim < 0
    let signed = false
    visitSymbols(dim, (s) => { signed ||= this.#parts.signed.has(s) })
    return signed
  }

  /** Adds a node in between; gives its only result. */
  add(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): Value {
    return this.#parts.builder.add1(op, inputs, attrs, { origin: this.origin, names: [`${this.#parts.outputs[0] || this.opType}.${op}`] })
  }

  /** Adds a node in between; gives all its results. */
  addAll(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): readonly Value[] {
    return this.#parts.builder.add(op, inputs, attrs, { origin: this.origin })
  }

  /** Adds the node whose result is output `i` of the ONNX node, and bears its name. */
  emit(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}, i = 0): Value {
    return this.#parts.builder.add1(op, inputs, attrs, { origin: this.origin, names: [this.#parts.outputs[i] || op] })
  }

  /** Adds the node whose results are the outputs of the ONNX node. */
  emitAll(op: string, inputs: readonly (Value | null)[], attrs: Attrs = {}): readonly Value[] {
    return this.#parts.builder.add(op, inputs, attrs, { origin: this.origin, names: this.#parts.outputs.map((n) => n || op) })
  }

  /** A constant. */
  constant(tensor: HostTensor, name = `${this.#parts.outputs[0] || this.opType}.constant`): Value { return this.#parts.builder.constant(tensor, name) }

  /** A constant scalar of a dtype. */
  scalar(dtype: DType, number: number): Value { return this.constant(fromNumbers(dtype, [], [number])) }

  /** Takes two dims to be equal (or `a` ≤ `b`). */
  assume(a: Dim, b: Dim, why: string, kind: 'eq' | 'le' = 'eq'): void { this.#parts.builder.assume(a, b, `${why} (${this.origin})`, kind) }

  /** The model's inputs that decide what `value` is. */
  sourcesOf(value: Value): InputSources { return this.#parts.builder.sourcesOf(value) }

  /** Replays a nested graph in place, with values for its inputs; gives its outputs. */
  inline(graph: Message<'GraphProto'>, inputs: readonly Item[] = []): readonly Item[] { return this.#parts.inline(graph, inputs) }

  /** A nested graph without inputs as a graph of its own, which uses values of the one around it. */
  nested(graph: Message<'GraphProto'>): Graph { return this.#parts.nested(graph) }

  /** The number of this node among those that draw random numbers without a seed. */
  nextRandom(): number { return this.#parts.nextRandom() }

  /** Throws an error; the importer adds node, op and opset to it. */
  fail(code: IngotError['code'], what: string, hint?: string): never {
    throw new IngotError(code, what, hint === undefined ? {} : { hint })
  }
}

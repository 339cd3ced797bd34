/** What an export rule sees: one node of ours, and ways to write ONNX nodes in its place. */
import type { DType, HostTensor } from '../../base/dtype.js'
import { IngotError, type ErrorCode } from '../../base/error.js'
import type { Dim } from '../../ir/dims.js'
import { tensorOf, type Attrs, type Node, type Value } from '../../ir/graph.js'
import { fromNumbers } from '../../ir/host-tensor.js'
import type { TensorType } from '../../ir/types.js'
import { numberOfDType } from '../onnx/tensor.js'
import { int, type AttributeDrafts } from './attributes.js'
import { dimVector } from './dim-values.js'
import type { GraphWriter, Ref } from './graph-writer.js'
import { computedType, isTypedInput } from './type-support.js'

/** Writes the ONNX nodes that stand for one of ours; must name every result by `result` or `results`. */
export type Rule = (e: NodeExport) => void
/** Rules by op name. */
export type RuleTable = Readonly<Record<string, Rule>>

/** A rule that sees the node's attributes typed as its op's record has them. */
export const rule = <A>(write: (e: NodeExport, attrs: A) => void): Rule => (e) => { write(e, e.node.attrs as Attrs & A) }

/** One node being written. */
export class NodeExport {
  readonly writer: GraphWriter
  readonly node: Node
  /** Names that the results must have. */
  readonly #outputs: readonly string[]

  constructor(writer: GraphWriter, node: Node, outputs: readonly string[]) {
    this.writer = writer
    this.node = node
    this.#outputs = outputs
  }

  get opset(): number { return this.writer.opset }

  /** Input `i`, which must be given. */
  input(i: number): Ref { return this.optional(i) ?? this.fail('bad-attribute', `input ${i} is required but not given`) }
  /** Input `i`, or null. */
  optional(i: number): Ref | null {
    const value = this.node.inputs[i] ?? null
    return value === null ? null : this.writer.ref(value)
  }
  /** All inputs, null where one is not given. */
  inputs(): readonly (Ref | null)[] { return this.node.inputs.map((_, i) => this.optional(i)) }

  /** Type of input `i`. */
  type(i: number): TensorType { return tensorOf(this.node.inputs[i] ?? this.fail('bad-attribute', `input ${i} is required but not given`)) }
  /** Type of result `i`. */
  resultType(i = 0): TensorType { return tensorOf(this.node.outputs[i] as Value) }

  /** True where a float attribute says `n` well enough for the elements of input 0: float64 ones see that it is rounded to float32. */
  holds(n: number): boolean { return this.type(0).dtype !== 'float64' || Math.fround(n) === n }

  /** Adds a node in between; its result has the type of its first input unless `dtype` says otherwise. */
  add(opType: string, inputs: readonly (Ref | null)[], attributes: AttributeDrafts = {}, dtype?: DType): Ref {
    const name = this.writer.name(`${this.#outputs[0]}.${opType}`)
    return this.#write(opType, inputs, name, attributes, dtype)
  }

  /** Adds the node that gives the only result. */
  result(opType: string, inputs: readonly (Ref | null)[], attributes: AttributeDrafts = {}): void {
    this.#write(opType, inputs, this.#outputs[0] ?? '', attributes, this.resultType().dtype)
  }

  /** Adds the node that gives all results, of which the first has the type of the first input; between casts where ONNX wants another type. */
  results(opType: string, inputs: readonly (Ref | null)[], attributes: AttributeDrafts = {}): void {
    const own = this.resultType().dtype, wide = this.#typeFor(opType, own)
    const narrows = (i: number): boolean => wide !== own && this.resultType(i).dtype === own
    const names = this.#outputs.map((n, i) => (narrows(i) ? this.writer.name(`${n}.${wide}`) : n))
    this.writer.node(opType, this.#widened(opType, inputs, own, wide), names, attributes, this.node.origin)
    names.forEach((name, i) => { if (narrows(i)) this.#cast({ name, dtype: wide }, own, this.#outputs[i] ?? '') })
  }

  /** Adds the node that gives result `i`, as it is. */
  resultAt(i: number, opType: string, inputs: readonly (Ref | null)[], attributes: AttributeDrafts = {}): void {
    this.writer.node(opType, inputs, [this.#outputs[i] ?? ''], attributes, this.node.origin)
  }

  /** Adds a node that gives the result second, as MaxPool gives indices. */
  secondResult(opType: string, inputs: readonly Ref[], attributes: AttributeDrafts = {}): void {
    const own = inputs[0]?.dtype ?? 'float32', wide = this.#typeFor(opType, own)
    this.writer.node(opType, this.#widened(opType, inputs, own, wide), [this.writer.name(`${this.#outputs[0]}.${opType}`), this.#outputs[0] ?? ''], attributes, this.node.origin)
  }

  /** `x` in another element type. */
  cast(x: Ref, to: DType): Ref { return x.dtype === to ? x : this.#cast(x, to, this.writer.name(`${x.name}.${to}`)) }

  /** A constant. */
  constant(tensor: HostTensor): Ref { return this.writer.constant(tensor, 'constant') }
  /** A constant scalar. */
  scalar(dtype: DType, number: number): Ref { return this.constant(fromNumbers(dtype, [], [number])) }
  /** A constant int64 vector. */
  ints(list: readonly number[]): Ref { return this.writer.ints(list) }
  /** Dims as an int64 vector. */
  dims(dims: readonly Dim[]): Ref { return dimVector(this.writer, dims) }

  /** Throws an error that names the node. */
  fail(code: ErrorCode, what: string, hint?: string): never {
    throw new IngotError(code, what, { where: { op: this.node.op, origin: this.node.origin }, ...(hint !== undefined && { hint }) })
  }

  #write(opType: string, inputs: readonly (Ref | null)[], name: string, attributes: AttributeDrafts, dtype?: DType): Ref {
    const typed = inputs.find((r, i) => r !== null && isTypedInput(opType, i))?.dtype
    const wide = typed === undefined ? undefined : this.#typeFor(opType, typed)
    const result = dtype ?? typed ?? 'float32'
    if (typed === undefined || wide === undefined || typed === wide) {
      this.writer.node(opType, inputs, [name], attributes, this.node.origin)
      return { name, dtype: result }
    }
    // A result of another type than the operands', a truth value or an index, is no wider for wider operands.
    const narrows = result === typed
    const inner = narrows ? this.writer.name(`${name}.${wide}`) : name
    this.writer.node(opType, this.#widened(opType, inputs, typed, wide), [inner], attributes, this.node.origin)
    return narrows ? this.#cast({ name: inner, dtype: wide }, result, name) : { name, dtype: result }
  }

  #typeFor(opType: string, dtype: DType): DType {
    return computedType(opType, dtype, this.opset) ?? this.fail('unsupported-dtype', `ONNX has no ${opType} of ${dtype}`, 'cast the input before')
  }

  #widened(opType: string, inputs: readonly (Ref | null)[], own: DType, wide: DType): readonly (Ref | null)[] {
    return own === wide ? inputs : inputs.map((r, i) => (r !== null && r.dtype === own && isTypedInput(opType, i) ? this.cast(r, wide) : r))
  }

  #cast(x: Ref, to: DType, name: string): Ref {
    this.writer.node('Cast', [x], [name], { to: int(numberOfDType(to)) }, this.node.origin)
    return { name, dtype: to }
  }
}

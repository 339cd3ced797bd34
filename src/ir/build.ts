/**
 * GraphBuilder: the one way in which graphs come to be. Importers, the tracer and passes add nodes through it, so there is
 * one path for shape rules, shape arithmetic and errors: `add` runs the op's `infer`, evaluates small constant results at
 * once, and carries the elements of small integer tensors as dims.
 */
import { elementCount, type HostTensor } from '../base/dtype.js'
import { invariant, IngotError } from '../base/error.js'
import { visitSymbols } from '../base/dim.js'
import { dimKey, isStatic, sub, type Dim } from './dims.js'
import { printDim } from './dims-text.js'
import { integerTensor, SYMBOLIC_ELEMENTS } from './integer-elements.js'
import type { Attrs, Constraint, Graph, GraphOutput, GraphStage, Node, SymbolDecl, SymbolSource, Value } from './graph.js'
import type { ConcreteType, InferContext, Op } from './op.js'
import { getOp } from './ops/index.js'
import { noteRecipe } from './recipe.js'
import { tensorType, type TensorType, type ValueType } from './types.js'
export { dimsOf, integerTensor } from './integer-elements.js'

/** Constants up to this many elements are evaluated while a graph is built; larger ones wait for fold-constants. */
const EAGER_ELEMENTS = 1024

export interface BuilderOptions {
  readonly name: string
  readonly stage: GraphStage
  /** The builder of the graph around a nested graph: shares names, symbols and constraints. */
  readonly outer?: GraphBuilder
}

export interface AddOptions {
  readonly origin: string
  /** Wished names of the results; made unique. */
  readonly names?: readonly (string | undefined)[]
  /** False keeps the node even where its result could be evaluated now. */
  readonly evaluate?: boolean
}

/** Graph inputs that something depends on: on their elements, or on their extents. */
export interface InputSources { readonly elements: readonly Value[]; readonly extents: readonly Value[] }

export class GraphBuilder {
  readonly name: string
  readonly stage: GraphStage
  readonly #outer: GraphBuilder | undefined
  readonly #names: Set<string>
  /** Per wish the last number that `uniqueName` appended, so that many equal wishes stay linear. */
  readonly #taken: Map<string, number>
  readonly #symbols: Map<string, SymbolDecl>
  readonly #constraints: Map<string, Constraint>
  /** The symbols of values that were measured in this graph. */
  readonly #measured = new Map<Value, readonly Dim[]>()
  readonly #inputs: Value[] = []
  readonly #nodes: Node[] = []
  readonly #outputs: GraphOutput[] = []

  constructor(options: BuilderOptions) {
    this.name = options.name
    this.stage = options.stage
    this.#outer = options.outer
    this.#names = options.outer === undefined ? new Set() : options.outer.#names
    this.#taken = options.outer === undefined ? new Map() : options.outer.#taken
    this.#symbols = options.outer === undefined ? new Map() : options.outer.#symbols
    this.#constraints = options.outer === undefined ? new Map() : options.outer.#constraints
  }

  /** A name not used yet, as near to `wish` as can be. */
  uniqueName(wish: string): string {
    let name = wish
    let k = this.#taken.get(wish) ?? 0
    while (this.#names.has(name)) name = `${wish}_${++k}`
    if (k > 0) this.#taken.set(wish, k)
    this.#names.add(name)
    return name
  }

  /** Keeps `name` from being handed out. For passes, which must not take the name of a value they will keep. */
  reserveName(name: string): void { this.#names.add(name) }

  /** Lets `name` be handed out again, because the value that bore it is going. */
  releaseName(name: string): void { this.#names.delete(name) }

  /** Declares a symbol; declaring it twice keeps the first source and, for extents, records that both must agree. */
  symbol(name: string, source: SymbolSource): Dim {
    if (!this.#symbols.has(name)) this.#symbols.set(name, { name, source })
    return name
  }

  /** True where the symbol has been declared. */
  hasSymbol(name: string): boolean { return this.#symbols.has(name) }

  /** Adds a graph input. `dims` gives the elements of an integer input as symbols. */
  input(name: string, type: ValueType, dims?: readonly Dim[]): Value {
    const value: Value = { name: this.uniqueName(name), type, ...(dims !== undefined && { dims }) }
    this.#inputs.push(value)
    return value
  }

  /** A constant value. */
  constant(tensor: HostTensor, name = 'c'): Value {
    return { name: this.uniqueName(name), type: tensorType(tensor.dtype, tensor.shape), data: tensor }
  }

  /** Takes `a` and `b` to be equal (or `a` ≤ `b`); throws `shape-mismatch` when that is known to be false. */
  assume(a: Dim, b: Dim, why: string, kind: 'eq' | 'le' = 'eq'): void {
    const difference = sub(a, b)
    if (typeof difference === 'number' && (kind === 'eq' ? difference === 0 : difference <= 0)) return
    if (typeof difference === 'number') throw new IngotError('shape-mismatch', `${printDim(a)} must ${kind === 'eq' ? 'equal' : 'not exceed'} ${printDim(b)}: ${why}`)
    const key = `${kind} ${dimKey(a)} ${dimKey(b)}`
    if (!this.#constraints.has(key)) this.#constraints.set(key, { kind, a, b, why })
  }

  /** Adds one node and returns its results: constants where they could be evaluated now. Errors of `infer` gain `origin` and op. */
  add(opName: string, inputs: readonly (Value | null)[], attrs: Attrs, options: AddOptions): readonly Value[] {
    const op = getOp(opName)
    const types = withPlace(opName, options.origin, () => op.infer({ inputs, attrs }, this.#inferContext(options.origin)))
    const folded = options.evaluate === false ? undefined : evaluate(op, inputs, attrs, types)
    if (folded !== undefined) return folded.map((tensor, i) => this.constant(tensor, options.names?.[i] ?? opName))
    const outputs = types.map((type, i): Value => {
      const dims = i === 0 && types.length === 1 ? symbolicElements(op, inputs, attrs, type) : undefined
      return { name: this.uniqueName(options.names?.[i] ?? opName), type, ...(dims !== undefined && { dims }) }
    })
    const only = outputs[0]
    if (options.evaluate !== false && outputs.length === 1 && only?.dims !== undefined && isStatic(only.dims)) {
      return [{ ...only, data: integerTensor(only.type as TensorType, only.dims) }]
    }
    this.#nodes.push({ op: opName, inputs, attrs, outputs, origin: options.origin })
    return outputs
  }

  /** Adds one single-result node. */
  add1(opName: string, inputs: readonly (Value | null)[], attrs: Attrs, options: AddOptions): Value {
    const [value] = this.add(opName, inputs, attrs, options)
    invariant(value !== undefined, `${opName} has no result`)
    return value
  }

  /**
   * The elements of a small integer value as symbols that it gives their values while running; the same ones each time. `undefined` where it is none.
   * The node bears `origin`; symbols are named as near to `wish` as can be.
   */
  measure(value: Value, origin: string, wish = value.name): readonly Dim[] | undefined {
    const known = this.#measuredBefore(value)
    if (known !== undefined || value.type.kind !== 'tensor') return known
    const { dtype, shape } = value.type
    if ((dtype !== 'int64' && dtype !== 'int32') || !isStatic(shape) || elementCount(shape) > SYMBOLIC_ELEMENTS) return undefined
    const symbols = Array.from({ length: elementCount(shape) }, (_, i) => this.#newSymbol(shape.length === 0 ? wish : `${wish}[${i}]`))
    this.add1('measure', [value], { symbols }, { origin, names: [`${value.name}.measured`] })
    this.#measured.set(value, symbols)
    return symbols
  }

  #measuredBefore(value: Value): readonly Dim[] | undefined { return this.#measured.get(value) ?? (this.#outer === undefined ? undefined : this.#outer.#measuredBefore(value)) }

  #newSymbol(wish: string): string {
    let name = wish
    while (this.#symbols.has(name)) name += '_'
    this.#symbols.set(name, { name, source: { kind: 'measured' } })
    return name
  }

  /** Appends a finished node as it is (its values' names must be known to be unique). For passes that keep nodes. */
  keep(node: Node): void { for (const v of node.outputs) this.#names.add(v.name); this.#nodes.push(node) }

  /** Takes an existing value as a graph input. For passes. */
  keepInput(value: Value): void { this.#names.add(value.name); this.#inputs.push(value) }

  /** Takes over declarations of the graph that a pass rewrites. */
  keepDeclarations(graph: Graph): void {
    for (const s of graph.symbols) this.#symbols.set(s.name, s)
    for (const c of graph.constraints) this.#constraints.set(`${c.kind} ${dimKey(c.a)} ${dimKey(c.b)}`, c)
  }

  /** Adds a graph output. */
  output(name: string, value: Value): void { this.#outputs.push({ name, value }) }

  /** The graph inputs whose elements `value` is made of, and those of whose extents, as far as it is not known yet; of the graph around a nested one too. */
  sourcesOf(value: Value): InputSources {
    const elements = new Set<Value>(), extents = new Set<Value>(), seen = new Set<Value>(), makers = this.#makers(), root = this.#root()
    const visit = (v: Value): void => {
      if (v.data !== undefined || seen.has(v)) return
      seen.add(v)
      for (const d of v.dims ?? []) visitSymbols(d, (name) => {
        const source = this.#symbols.get(name)?.source, input = source === undefined || source.kind === 'measured' ? undefined : root.#inputs[source.input]
        if (input !== undefined) (source?.kind === 'element' ? elements : extents).add(input)
      })
      if (v.dims === undefined && root.#inputs.includes(v)) elements.add(v)
      if (v.dims === undefined) for (const x of makers.get(v)?.inputs ?? []) if (x !== null) visit(x)
    }
    visit(value)
    return { elements: [...elements], extents: [...extents] }
  }

  #root(): GraphBuilder { return this.#outer === undefined ? this : this.#outer.#root() }

  /** Nodes by their results, those of the graphs around too. */
  #makers(): Map<Value, Node> {
    const makers = this.#outer === undefined ? new Map<Value, Node>() : this.#outer.#makers()
    for (const n of this.#nodes) for (const v of n.outputs) makers.set(v, n)
    return makers
  }

  /** The finished graph. */
  finish(): Graph {
    return {
      name: this.name, stage: this.stage,
      symbols: this.#outer === undefined ? [...this.#symbols.values()] : [],
      constraints: this.#outer === undefined ? [...this.#constraints.values()] : [],
      inputs: this.#inputs, nodes: this.#nodes, outputs: this.#outputs,
    }
  }

  #inferContext(origin: string): InferContext {
    return { assume: (a, b, why, kind) => this.assume(a, b, `${why} (${origin})`, kind) }
  }
}

function withPlace<T>(op: string, origin: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof IngotError) || error.where.op !== undefined) throw error
    throw new IngotError(error.code, error.what, { where: { ...error.where, op, origin }, ...(error.hint !== undefined && { hint: error.hint }), cause: error })
  }
}

function symbolicElements(op: Op, inputs: readonly (Value | null)[], attrs: Attrs, type: ValueType): readonly Dim[] | undefined {
  if (op.symbolic === undefined || type.kind !== 'tensor' || !isStatic(type.shape)) return undefined
  if (elementCount(type.shape) > SYMBOLIC_ELEMENTS || !['int64', 'int32', 'bool'].includes(type.dtype)) return undefined
  return op.symbolic({ inputs, attrs }, type)
}

/** The results of an op on constant inputs, when they are small enough to be worth having now. */
function evaluate(op: Op, inputs: readonly (Value | null)[], attrs: Attrs, types: readonly ValueType[]): HostTensor[] | undefined {
  if (inputs.some((v) => v !== null && v.data === undefined)) return undefined
  return evaluateConstant(op, inputs, attrs, types, EAGER_ELEMENTS)
}

/** The results of a foldable op whose given inputs are all constants, with a note of what they were made of (see recipe.ts); undefined where it cannot or should not be folded. */
export function evaluateConstant(op: Op, inputs: readonly (Value | null)[], attrs: Attrs, types: readonly ValueType[], maxElements: number): HostTensor[] | undefined {
  if (op.pattern === 'opaque' || Object.values(op.attrs).includes('graph')) return undefined
  const outputs: ConcreteType[] = []
  for (const t of types) {
    if (t.kind !== 'tensor' || !isStatic(t.shape) || elementCount(t.shape) > maxElements) return undefined
    outputs.push({ dtype: t.dtype, shape: t.shape })
  }
  for (const [name, kind] of Object.entries(op.attrs)) {
    if (kind === 'dim' && typeof attrs[name] !== 'number') return undefined
    if (kind === 'dims' && !isStatic(attrs[name] as readonly Dim[])) return undefined
  }
  const results = op.reference({ inputs: inputs.map((v) => v?.data ?? null), attrs, outputs })
  noteRecipe(results, op.name, inputs, attrs)
  return results
}

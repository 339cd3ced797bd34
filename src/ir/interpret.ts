/**
 * Runs graphs by the ops' references: slow, obviously right, and what every pass and every target is measured against.
 */
import { visitSymbols } from '../base/dim.js'
import { elementCount, storageBytes, DTYPES, type HostTensor } from '../base/dtype.js'
import { invariant, IngotError } from '../base/error.js'
import type { Dim } from './dims.js'
import { bindSymbols, checkConstraints, valueOf, type Feeds } from './feeds.js'
import { isGraph, type Attr, type Attrs, type Graph, type Node, type Value } from './graph.js'
import { toNumbers } from './host-tensor.js'
import type { AttrSchema, ConcreteType } from './op.js'
import { getOp } from './ops/index.js'
import { capturedBy, substitute, usedBy } from './rewrite.js'
import { SymbolSubstitution } from './substitute-symbols.js'
import { printType, tensorType, type ValueType } from './types.js'

export { bindSymbols } from './feeds.js'

export interface InterpretOptions {
  /** Sees every result of a node of the graph itself (not of nested ones), in execution order. */
  readonly onValue?: (value: Value, tensor: HostTensor) => void
}

/** The tensors that live values have, and what the symbols are. */
interface Frame { readonly symbols: Map<string, number>; readonly tensors: Map<Value, HostTensor> }

/**
 * The outputs of `graph`, by name, for one tensor per input name. Throws what `bindSymbols` does for feeds that do not fit, and what references
 * throw (`index-out-of-range`) with the node's origin. Values are let go after their last use.
 */
export function interpret(graph: Graph, feeds: Feeds, options: InterpretOptions = {}): Record<string, HostTensor> {
  const frame: Frame = { symbols: bindSymbols(graph, feeds), tensors: new Map() }
  for (const input of graph.inputs) {
    // As plain data: elements of a class's tensor may be behind a getter, which references that spread a tensor would lose.
    const { dtype, shape, data } = feeds[input.name] as HostTensor
    frame.tensors.set(input, { dtype, shape, data })
  }
  const dying = lastUses(graph)
  for (const node of graph.nodes) {
    const results = runNode(node, frame)
    node.outputs.forEach((value, i) => {
      const tensor = results[i] as HostTensor
      options.onValue?.(value, tensor)
      frame.tensors.set(value, tensor)
    })
    if (node.op === 'measure') readSymbols(node, graph, frame)
    for (const value of dying.get(node) ?? []) frame.tensors.delete(value)
  }
  return Object.fromEntries(graph.outputs.map((o) => [o.name, read(o.value, frame)]))
}

/** Gives the symbols that `node` measures their values. */
function readSymbols(node: Node, graph: Graph, { symbols, tensors }: Frame): void {
  const names = node.attrs['symbols'] as readonly string[], elements = toNumbers(tensors.get(node.outputs[0] as Value) as HostTensor)
  names.forEach((name, i) => symbols.set(name, elements[i] as number))
  checkConstraints(graph, symbols, names)
}

/** For each node, the values that nobody needs once it has run. */
function lastUses(graph: Graph): Map<Node, Value[]> {
  const seen = new Set<Value>(graph.outputs.map((o) => o.value))
  const dying = new Map<Node, Value[]>()
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i] as Node
    const last: Value[] = []
    for (const v of [...usedBy(node), ...node.outputs]) if (!seen.has(v)) { seen.add(v); last.push(v) }
    dying.set(node, last)
  }
  return dying
}

function read(value: Value, frame: Frame): HostTensor {
  const tensor = value.data ?? frame.tensors.get(value)
  invariant(tensor !== undefined, `%${value.name} is used and not defined`)
  return tensor
}

function runNode(node: Node, frame: Frame): HostTensor[] {
  const op = getOp(node.op)
  const inputs = node.inputs.map((v) => (v === null ? null : read(v, frame)))
  const attrs = concreteAttrs(node, op.attrs, frame)
  const outputs = concreteTypes(node, inputs, attrs, frame)
  const results = withOrigin(node, () => op.reference({ inputs, attrs, outputs }))
  invariant(results.length === outputs.length, `the reference of ${node.op} gave ${results.length} results, not ${outputs.length}`)
  results.forEach((tensor, i) => checkResult(node, tensor, outputs[i] as ConcreteType))
  return results
}

/** The attributes with extents as numbers and nested graphs closed; the same object where there are neither. */
function concreteAttrs(node: Node, schema: AttrSchema, frame: Frame): Attrs {
  let out: Record<string, Attr> | undefined
  for (const [name, attr] of Object.entries(node.attrs)) {
    const kind = schema[name]
    if (kind === 'dim') (out ??= { ...node.attrs })[name] = concreteDim(attr as Dim, frame)
    else if (kind === 'dims') (out ??= { ...node.attrs })[name] = (attr as readonly Dim[]).map((d) => concreteDim(d, frame))
    else if (isGraph(attr)) (out ??= { ...node.attrs })[name] = close(attr, frame)
  }
  return out ?? node.attrs
}

function concreteDim(dim: Dim, frame: Frame): number {
  const n = valueOf(dim, frame.symbols)
  if (!Number.isNaN(n)) return n
  visitSymbols(dim, (s) => invariant(frame.symbols.has(s), `the symbol '${s}' has no value`))
  throw new IngotError('constraint-violated', 'an extent divides by zero')
}

/** The nested graph with all that it takes from outside, values and symbols, as constants. */
function close(graph: Graph, frame: Frame): Graph {
  const values = new Map<Value, Value>()
  for (const v of capturedBy(graph)) {
    const data = v.data === undefined ? frame.tensors.get(v) : undefined
    if (data !== undefined) values.set(v, { name: v.name, type: tensorType(data.dtype, data.shape), data })
  }
  return new SymbolSubstitution((s) => frame.symbols.get(s)).graph(substitute(graph, values))
}

/** The types of a node's results in numbers; where the declared ones hold symbols without a value, by asking `infer` about the tensors at hand. */
function concreteTypes(node: Node, inputs: readonly (HostTensor | null)[], attrs: Node['attrs'], frame: Frame): ConcreteType[] {
  let types: readonly ValueType[] = node.outputs.map((v) => v.type)
  if (types.some((t) => t.kind === 'tensor' && t.shape.some((d) => typeof d !== 'number' && Number.isNaN(valueOf(d, frame.symbols))))) {
    const values = inputs.map((t, i): Value | null => (t === null ? null : { name: String(i), type: tensorType(t.dtype, t.shape), data: t }))
    types = withOrigin(node, () => getOp(node.op).infer({ inputs: values, attrs }, { assume: () => undefined }))
  }
  return types.map((type) => {
    if (type.kind !== 'tensor') throw new IngotError('unsupported-type', `the interpreter runs tensors, not ${printType(type)}`, { where: { origin: node.origin, op: node.op } })
    const shape = type.shape.map((d) => concreteDim(d, frame))
    const negative = shape.find((n) => n < 0)
    if (negative !== undefined) throw new IngotError('constraint-violated', `${printType(type)} would have the extent ${negative}`, { where: { origin: node.origin, op: node.op } })
    return { dtype: type.dtype, shape }
  })
}

function checkResult(node: Node, tensor: HostTensor, type: ConcreteType): void {
  const count = elementCount(type.shape)
  const stored = DTYPES[type.dtype].bits < 8 && type.dtype !== 'string' ? storageBytes(type.dtype, count) : count
  invariant(
    tensor.dtype === type.dtype && tensor.shape.length === type.shape.length && tensor.shape.every((d, i) => d === type.shape[i]) && tensor.data.length === stored,
    `the reference of ${node.op} gave ${tensor.dtype}[${tensor.shape.join(', ')}] with ${tensor.data.length} elements, not ${type.dtype}[${type.shape.join(', ')}] (${node.origin})`,
  )
}

function withOrigin<T>(node: Node, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof IngotError) || error.where.origin !== undefined || error.code === 'internal') throw error
    throw new IngotError(error.code, error.what, { where: { origin: node.origin, op: node.op }, ...(error.hint !== undefined && { hint: error.hint }), cause: error })
  }
}

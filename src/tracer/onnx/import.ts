/**
 * Replays a decoded ONNX model through the GraphBuilder. Imports twice where an integer input turns out not to give
 * shapes, so that only symbols which something depends on are declared.
 */
import type { HostTensor } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { GraphBuilder } from '../../ir/build.js'
import type { Graph, InputShapes, Value } from '../../ir/graph.js'
import { AttributeReader } from './attributes.js'
import { NodeCall } from './call.js'
import { fixedTensor, type FixedValue } from './fixed-inputs.js'
import { FunctionTable, type OnnxFunction } from './functions.js'
import { describeItem, isTensor, portsOf, type Item } from './items.js'
import { nodeName, sortNodes } from './order.js'
import { domainName, opsetsOf, refuseUnsupported, ruleFor, type Opsets } from './opsets.js'
import { declareInputs } from './ports.js'
import type { Message } from './schema.js'
import { refuseLengths, spreadInput, type Lengths } from './spread-inputs.js'
import { denseFromSparse, tensorFromProto, type ExternalReader } from './tensor.js'
import { usedSymbols } from '../../ir/used-symbols.js'

type NodeProto = Message<'NodeProto'>
type GraphProto = Message<'GraphProto'>
type Attributes = ReadonlyMap<string, Message<'AttributeProto'>>

export interface ImportOptions {
  readonly external?: ExternalReader
  /** Initialisers that are graph inputs too (IR 3 lists them all) become inputs instead of constants. */
  readonly overridableInitializers?: boolean
  /** Inputs fixed to a value: they become constants and are no longer inputs. */
  readonly constants?: Readonly<Record<string, FixedValue>>
  /** Extents fixed by input name, so that what depends on them is decided here. */
  readonly shapes?: InputShapes
  /** How many tensors sequence inputs hold, and whether optional ones hold anything. */
  readonly lengths?: Lengths
  /** Names of the results to keep; all where absent. */
  readonly outputs?: readonly string[]
}

/** Functions that call functions may multiply without end: a model may not grow beyond this many nodes, or nest deeper than this. */
const MAX_NODES = 1_000_000, MAX_DEPTH = 100

/** A graph at stage `traced` that computes what the model does. Throws the importer's errors, each naming node, op and opset. */
export function importModel(model: Message<'ModelProto'>, options: ImportOptions = {}): Graph {
  const functions = new FunctionTable(model.functions)
  const opsets = opsetsOf(model.opsetImport)
  refuseUnsupported(model.graph?.node ?? [], opsets, functions)
  if (functions.expandedNodes(model.graph?.node ?? []) > MAX_NODES) throw tooLarge()
  const first = importOnce(model, opsets, functions, options, () => true)
  const used = usedSymbols(first)
  const idle = first.symbols.filter((s) => s.source.kind === 'element' && !used.has(s.name))
  if (idle.length === 0) return first
  const wanted = new Set(first.symbols.flatMap((s) => (s.source.kind === 'element' && used.has(s.name) ? [s.source.input] : [])))
  return importOnce(model, opsets, functions, options, (input) => wanted.has(input))
}

function tooLarge(): IngotError {
  return new IngotError('onnx-invalid', `inlining functions gives more than ${MAX_NODES} nodes or ${MAX_DEPTH} levels`, { hint: 'the model is damaged, or made to exhaust memory' })
}

interface Replay {
  readonly builder: GraphBuilder
  readonly functions: FunctionTable
  readonly options: ImportOptions
  readonly signed: Set<string>
  readonly codes: Map<Value, Value>
  /** Nodes replayed so far, and those of them that draw random numbers without a seed. */
  readonly count: { nodes: number; randoms: number }
}

/** Names in force: those of one graph or function body, then those of the graphs around it. */
interface Scope {
  /** null for an optional input that a function's call leaves out. */
  readonly values: Map<string, Item | null>
  /** Why a name that a node defines has no value. */
  readonly refused: Map<string, IngotError>
  readonly outer: Scope | undefined
  readonly opsets: Opsets
  /** Attributes of the function call that the scope is the body of; undefined elsewhere. */
  readonly attributes: Attributes | undefined
  /** Functions being inlined, outermost first. */
  readonly calls: readonly OnnxFunction[]
  readonly prefix: string
}

function importOnce(model: Message<'ModelProto'>, opsets: Opsets, functions: FunctionTable, options: ImportOptions, wantsElements: (input: number) => boolean): Graph {
  const graph = model.graph as GraphProto
  const replay: Replay = { builder: new GraphBuilder({ name: graph.name || 'main', stage: 'traced' }), functions, options, signed: new Set(), codes: new Map(), count: { nodes: 0, randoms: 0 } }
  const scope: Scope = { values: new Map(), refused: new Map(), outer: undefined, opsets, attributes: undefined, calls: [], prefix: '' }
  const initialised = new Set([...graph.initializer.map((t) => t.name ?? ''), ...graph.sparseInitializer.map((t) => t.values?.name ?? '')])
  const overridable = options.overridableInitializers === true
  const fixed = options.constants ?? {}
  refuseLengths(graph.input, options.lengths)
  const inputs = graph.input.filter((v) => (overridable || !initialised.has(v.name ?? '')) && !Object.hasOwn(fixed, v.name ?? '')).map((v) => spreadInput(v, options.lengths))
  const ports = inputs.flatMap((i) => i.ports)
  refuseTwice([...Object.keys(fixed), ...ports.map((v) => v.name ?? '')], 'graph inputs')
  fixInputs(replay, scope, graph, fixed)
  const declared = declareInputs(replay.builder, ports, wantsElements, replay.signed, options.shapes)
  for (const { name, ports: own, item } of inputs) scope.values.set(name, item(declared.splice(0, own.length)))
  if (graph.output.length === 0) throw new IngotError('onnx-invalid', 'the graph has no outputs', { hint: 'the file may be truncated' })
  addInitializers(replay, scope, graph)
  replayNodes(replay, scope, graph.node)
  const outputs = resultsOf(graph, options.outputs).flatMap((name) => portsOf(name, outputItem(scope, name)))
  refuseTwice(outputs.map((o) => o.name), 'graph outputs')
  if (outputs.length === 0) throw new IngotError('unsupported-type', 'the graph gives no tensor: its outputs are empty sequences or optionals that hold nothing', { hint: 'a program must have an output' })
  for (const { name, value } of outputs) replay.builder.output(name, value)
  return replay.builder.finish()
}

function fixInputs(replay: Replay, scope: Scope, graph: GraphProto, fixed: Readonly<Record<string, FixedValue>>): void {
  for (const [name, value] of Object.entries(fixed)) scope.values.set(name, replay.builder.constant(fixedTensor(graph.input, name, value), name))
}

/** The results of the graph that are wanted, in its order. */
function resultsOf(graph: GraphProto, wanted: readonly string[] | undefined): readonly string[] {
  const all = graph.output.map((o) => o.name ?? ''), unknown = wanted?.find((name) => !all.includes(name))
  if (unknown !== undefined || wanted?.length === 0) throw new IngotError('bad-option', unknown === undefined ? 'no result is kept' : `the model has no result '${unknown}' to keep`, { hint: `its results are ${all.map((name) => `'${name}'`).join(', ')}` })
  return wanted === undefined ? all : all.filter((name) => wanted.includes(name))
}

function refuseTwice(names: readonly string[], what: string): void {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) throw new IngotError('onnx-duplicate-value', `two ${what} are called '${name}'`, { where: { origin: name }, hint: 'names of values must be unique in a graph' })
    seen.add(name)
  }
}

function addInitializers(replay: Replay, scope: Scope, graph: GraphProto): void {
  const { external } = replay.options
  refuseTwice([...graph.initializer.map((t) => t.name ?? ''), ...graph.sparseInitializer.map((t) => t.values?.name ?? '')], 'initialisers')
  const add = (name: string, tensor: () => HostTensor): void => {
    if (!scope.values.has(name)) scope.values.set(name, replay.builder.constant(tensor(), name || 'initializer'))
  }
  for (const t of graph.initializer) add(t.name ?? '', () => tensorFromProto(t, external))
  for (const s of graph.sparseInitializer) add(s.values?.name ?? '', () => denseFromSparse(s, external))
}

/** What a name stands for; undefined where it stands for nothing. Throws why it was refused. */
function lookUp(scope: Scope | undefined, name: string): Item | null | undefined {
  for (let s = scope; s !== undefined; s = s.outer) {
    const value = s.values.get(name)
    if (value !== undefined) return value
    const refused = s.refused.get(name)
    if (refused !== undefined) throw refused
  }
  return undefined
}

/** Why one of the node's inputs has no value. */
const refusalOf = (scope: Scope, node: NodeProto): IngotError | undefined => node.input.map((name) => scope.refused.get(name)).find((e) => e !== undefined)

function outputItem(scope: Scope, name: string): Item {
  const value = lookUp(scope, name)
  if (value == null) throw new IngotError('onnx-missing-value', `the graph output '${name}' is defined by no node`, { where: { origin: name }, hint: 'a node was lost from the model, or the file is truncated' })
  return value
}

function replayNodes(replay: Replay, scope: Scope, nodes: readonly NodeProto[]): void {
  replay.count.nodes += nodes.length
  if (replay.count.nodes > MAX_NODES || scope.calls.length > MAX_DEPTH) throw tooLarge()
  for (const { node, index } of sortNodes(nodes, (name) => scope.values.has(name) || lookUp(scope.outer, name) !== undefined)) {
    const origin = scope.prefix + nodeName(node, index), refusal = refusalOf(scope, node)
    if (refusal !== undefined) {
      for (const name of node.output) scope.refused.set(name, refusal)
      continue
    }
    const results = replayNode(replay, scope, node, origin)
    node.output.forEach((name, i) => {
      const value = results[i]
      if (name === '') return
      if (value === undefined) throw new IngotError('unsupported-op', `output ${i} ('${name}') of ${node.opType} is not supported`, { where: { origin, op: node.opType ?? '' } })
      if (value instanceof IngotError) scope.refused.set(name, new IngotError(value.code, `output ${i} ('${name}') of ${node.opType} cannot be had: ${value.what}`, { where: { ...value.where, origin, op: node.opType ?? '' }, ...(value.hint !== undefined && { hint: value.hint }) }))
      else scope.values.set(name, value)
    })
  }
}

function replayNode(replay: Replay, scope: Scope, node: NodeProto, origin: string): readonly (Item | IngotError | undefined)[] {
  const domain = domainName(node.domain)
  const attributes = attributesOf(node, scope.attributes)
  const inputs = node.input.map((name) => (name === '' ? null : lookUp(scope, name) ?? null))
  const body = replay.functions.find(domain, node.opType ?? '', node.overload ?? '')
  if (body !== undefined) return inlineFunction(replay, scope, body, inputs, attributes, origin)
  const { rule, opset } = ruleFor(node, scope.opsets, origin)
  const attrs = new AttributeReader(attributes, replay.options.external)
  const call = new NodeCall({
    opType: node.opType ?? '', domain, opset, origin, inputs: trimmed(inputs), outputs: node.output, attrs, builder: replay.builder, signed: replay.signed, codes: replay.codes,
    inline: (graph, values) => inlineGraph(replay, scope, graph, origin, values),
    nested: (graph) => nestGraph(replay, scope, graph, origin),
    nextRandom: () => replay.count.randoms++,
  })
  return withPlace(node, opset, origin, inputs, () => {
    const results = rule(call)
    attrs.refuseUnread()
    return Array.isArray(results) ? results : [results as Item]
  })
}

/** Inputs without the absent ones at the end. */
function trimmed(inputs: readonly (Item | null)[]): readonly (Item | null)[] {
  return inputs.slice(0, inputs.findLastIndex((v) => v !== null) + 1)
}

function attributesOf(node: NodeProto, ofCall: Attributes | undefined): Attributes {
  const out = new Map<string, Message<'AttributeProto'>>()
  for (const a of node.attribute) {
    const reference = a.refAttrName ?? ''
    const given = reference === '' ? a : ofCall?.get(reference)
    if (given !== undefined) out.set(a.name ?? '', given)
  }
  return out
}

function inlineFunction(replay: Replay, scope: Scope, body: OnnxFunction, inputs: readonly (Item | null)[], attributes: Attributes, origin: string): readonly (Item | undefined)[] {
  const { proto } = body
  if (scope.calls.includes(body)) {
    throw new IngotError('recursive-function', `function ${body.label} calls itself: ${[...scope.calls.slice(scope.calls.indexOf(body)), body].map((f) => f.label).join(' → ')}`, { where: { origin }, hint: 'model-local functions must not be recursive' })
  }
  if (inputs.length > proto.input.length) throw new IngotError('onnx-invalid', `function ${body.label} takes ${proto.input.length} inputs, not ${inputs.length}`, { where: { origin, op: proto.name ?? '' } })
  const defaults = proto.attributeProto.map((a): [string, Message<'AttributeProto'>] => [a.name ?? '', a])
  const inner: Scope = {
    values: new Map(proto.input.map((name, i) => [name, inputs[i] ?? null])), refused: new Map(),
    outer: undefined, opsets: opsetsOf(proto.opsetImport), attributes: new Map([...defaults, ...attributes]), calls: [...scope.calls, body], prefix: `${origin}/`,
  }
  replayNodes(replay, inner, proto.node)
  return proto.output.map((name) => lookUp(inner, name) ?? undefined)
}

function inlineGraph(replay: Replay, scope: Scope, graph: GraphProto, origin: string, inputs: readonly Item[]): readonly Item[] {
  if (graph.input.length !== inputs.length) throw new IngotError('onnx-invalid', `the graph '${graph.name || 'nested'}' takes ${graph.input.length} inputs, not ${inputs.length}`, { where: { origin } })
  const inner: Scope = { ...scope, values: new Map(inputs.map((value, i) => [graph.input[i]?.name ?? '', value])), refused: new Map(), outer: scope, prefix: `${origin}/` }
  refuseUnsupported(graph.node, scope.opsets, replay.functions)
  addInitializers(replay, inner, graph)
  replayNodes(replay, inner, graph.node)
  return graph.output.map((o) => outputItem(inner, o.name ?? ''))
}

function nestGraph(replay: Replay, scope: Scope, graph: GraphProto, origin: string): Graph {
  const builder = new GraphBuilder({ name: graph.name || 'nested', stage: 'traced', outer: replay.builder })
  inlineGraph({ ...replay, builder }, scope, graph, origin, []).forEach((item, i) => {
    const name = graph.output[i]?.name || `result_${i}`
    if (!isTensor(item)) throw new IngotError('shape-not-static', `'${name}' is ${describeItem(item)}, and what is decided while running gives tensors only`, { where: { origin } })
    builder.output(name, item)
  })
  return builder.finish()
}

/** Errors of rules and of `infer` gain the ONNX op, its opset and node, and the dtype of the first input. */
function withPlace<T>(node: NodeProto, opset: number, origin: string, inputs: readonly (Item | null)[], run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof IngotError) || error.where.opset !== undefined) throw error
    const [first] = inputs, type = first != null && isTensor(first) ? first.type : undefined
    const dtype = error.where.dtype ?? (type?.kind === 'tensor' ? type.dtype : undefined)
    throw new IngotError(error.code, error.what, {
      where: { origin, op: node.opType ?? '', opset, ...(dtype !== undefined && { dtype }) }, ...(error.hint !== undefined && { hint: error.hint }), cause: error,
    })
  }
}

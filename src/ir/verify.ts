/**
 * Checks that a graph is one: SSA, types as `infer` says, attributes as the op's schema says, symbols declared, and what its
 * stage promises. Passes run it after themselves in tests and in debugging; rules are named in `verify-context.ts`.
 */
import { visitSymbols } from '../base/dim.js'
import { bytesOf, DTYPES, elementCount, storageBytes } from '../base/dtype.js'
import { isStatic, type Dim } from './dims.js'
import { nestedGraphs, type Graph, type GraphStage, type Node, type SymbolDecl, type Value } from './graph.js'
import { walkNodes } from './rewrite.js'
import { printType, type ValueType } from './types.js'
import { broken, inScope, type VerifyContext } from './verify-context.js'
import { verifyNodeLayout, verifyOrder, verifyPortLayout } from './verify-layout.js'
import { verifyNode } from './verify-node.js'
import { atLeast, verifyStage } from './verify-stage.js'

/** Throws `verify-graph`, naming rule and node, unless `graph` keeps every rule of `stage` (its own by default). */
export function verifyGraph(graph: Graph, stage: GraphStage = graph.stage): void {
  if (!atLeast(graph.stage, stage)) broken('stage-order', `its stage is ${graph.stage}, not ${stage}`, graph)
  verifyBody({ graph, stage, symbols: new Set(), constraints: graph.constraints, names: new Map(), scope: new Set(), outer: undefined })
}

function verifyBody(context: VerifyContext): void {
  const { graph } = context
  for (const symbol of graph.symbols) declare(symbol, context)
  for (const c of graph.constraints) for (const d of [c.a, c.b]) verifyDim(d, 'an assumption', context)
  verifyPortNames(graph.inputs, 'inputs', graph)
  verifyPortNames(graph.outputs, 'outputs', graph)
  verifyPortLayout(graph)
  for (const input of graph.inputs) {
    if (input.data !== undefined) broken('constant', `the input %${input.name} has constant data`, graph)
    define(input, context)
  }
  for (const node of graph.nodes) {
    for (const v of node.inputs) if (v !== null) verifyUse(v, context, node)
    verifyNode(node, context)
    verifyNested(node, context)
    verifyStage(node, context)
    verifyNodeLayout(node, context)
    for (const v of node.outputs) {
      if (v.data !== undefined) broken('constant', `%${v.name} has constant data and is a result of a node too`, graph, node)
      define(v, context, node)
    }
  }
  for (const o of graph.outputs) verifyUse(o.value, context)
}

function verifyNested(node: Node, context: VerifyContext): void {
  for (const nested of nestedGraphs(node)) {
    if (nested.symbols.length > 0) broken('symbol-declared', `the nested graph '${nested.name}' declares symbols`, context.graph, node)
    verifyBody({ ...context, graph: nested, constraints: [...context.constraints, ...nested.constraints], scope: new Set(), outer: context })
  }
}

function declare(symbol: SymbolDecl, { graph, symbols }: VerifyContext): void {
  const { name, source } = symbol
  if (symbols.has(name)) broken('symbol-declared', `the symbol '${name}' is declared twice`, graph)
  if (source.kind === 'measured') {
    let makers = 0
    walkNodes(graph, (n) => { if (n.op === 'measure' && (n.attrs['symbols'] as readonly string[]).includes(name)) makers++ })
    if (makers !== 1) broken('symbol-source', `'${name}' is measured by ${makers} nodes`, graph)
    symbols.add(name)
    return
  }
  const input = graph.inputs[source.input]
  if (input === undefined || input.type.kind !== 'tensor') return broken('symbol-source', `'${name}' comes from input ${source.input}, which is no tensor input`, graph)
  const { dtype, shape } = input.type
  if (source.kind === 'extent') {
    if (source.axis < 0 || source.axis >= shape.length) broken('symbol-source', `'${name}' comes from axis ${source.axis} of ${printType(input.type)}`, graph)
  } else {
    const integer = ['int', 'uint', 'bool'].includes(DTYPES[dtype].kind)
    if (!integer || !isStatic(shape) || source.index < 0 || source.index >= elementCount(shape)) broken('symbol-source', `'${name}' comes from element ${source.index} of ${printType(input.type)}`, graph)
  }
  symbols.add(name)
}

function verifyPortNames(ports: readonly { readonly name: string }[], what: string, graph: Graph): void {
  const seen = new Set<string>()
  for (const { name } of ports) {
    if (seen.has(name)) broken('port-name', `two ${what} are named '${name}'`, graph)
    seen.add(name)
  }
}

function verifyUse(value: Value, context: VerifyContext, node?: Node): void {
  const { graph, names } = context
  if (value.data === undefined) {
    if (!inScope(context, value)) broken('defined-before-use', `%${value.name} is used and not defined before`, graph, node)
    return
  }
  if (names.get(value.name) === value) return
  claimName(value, context, node)
  verifyType(value.type, value, context, node)
  verifyElements(value, context, node)
  verifyOrder(value, context, node)
  const { type, data } = value
  const fits = type.kind === 'tensor' && type.dtype === data.dtype && isStatic(type.shape) && type.shape.length === data.shape.length && type.shape.every((d, i) => d === data.shape[i])
  if (!fits) broken('constant', `%${value.name} is ${printType(type)} and its data ${data.dtype}[${data.shape.join(', ')}]`, graph, node)
  const count = elementCount(data.shape)
  const whole = data.dtype === 'string' ? data.data.length === count : bytesOf(data.data).length === storageBytes(data.dtype, count)
  if (!whole) broken('constant', `%${value.name} has ${data.data.length} elements, not the ${count} of ${printType(type)}`, graph, node)
}

function define(value: Value, context: VerifyContext, node?: Node): void {
  if (context.names.get(value.name) === value) broken('single-definition', `%${value.name} is defined twice`, context.graph, node)
  claimName(value, context, node)
  verifyType(value.type, value, context, node)
  verifyElements(value, context, node)
  verifyOrder(value, context, node)
  context.scope.add(value)
}

function claimName(value: Value, { names, graph }: VerifyContext, node?: Node): void {
  if (names.has(value.name)) broken('unique-name', `two values are named %${value.name}`, graph, node)
  names.set(value.name, value)
}

function verifyType(type: ValueType, value: Value, context: VerifyContext, node?: Node): void {
  switch (type.kind) {
    case 'tensor': for (const d of type.shape) verifyDim(d, `the type of %${value.name}`, context, node); break
    case 'map': verifyType(type.value, value, context, node); break
    default: verifyType(type.element, value, context, node)
  }
}

function verifyDim(dim: Dim, what: string, { symbols, graph }: VerifyContext, node?: Node): void {
  visitSymbols(dim, (s) => { if (!symbols.has(s)) broken('symbol-declared', `${what} speaks of '${s}', which is not declared`, graph, node) })
  if (typeof dim === 'number' && !Number.isSafeInteger(dim)) broken('symbol-declared', `${what} has the extent ${dim}`, graph, node)
}

/** Elements as dims: one for each element of an integer tensor of known shape. */
function verifyElements(value: Value, { graph }: VerifyContext, node?: Node): void {
  if (value.dims === undefined) return
  const { type } = value
  const fits = type.kind === 'tensor' && ['int', 'uint', 'bool'].includes(DTYPES[type.dtype].kind) && isStatic(type.shape) && elementCount(type.shape) === value.dims.length
  if (!fits) broken('elements', `%${value.name} is ${printType(type)} and has ${value.dims.length} elements known`, graph, node)
}

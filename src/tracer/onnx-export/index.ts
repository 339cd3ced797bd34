/** Graph → ONNX file, so that other runtimes can run and check what Ingot traced or imported. */
import { IngotError } from '../../base/error.js'
import type { Graph, Node, Value } from '../../ir/graph.js'
import { printType } from '../../ir/types.js'
import { NEWEST_OPSET } from '../onnx/opsets.js'
import { encodeMessage } from '../onnx/encode.js'
import type { DraftMessage } from '../onnx/schema.js'
import { GraphWriter, type Ref } from './graph-writer.js'
import { NodeExport } from './node-export.js'
import { portDraft } from './ports.js'
import { EXPORT_RULES } from './rules/index.js'

/** The oldest opset that has all that is written. */
const OLDEST_OPSET = 21

/** The IR version that came with an opset (onnx's Versioning.md); the least that fits, so that most runtimes read it. */
const irVersionOf = (opset: number): number => (opset <= 22 ? 10 : opset === 23 ? 11 : opset === 24 ? 12 : 13)

export interface ToOnnxOptions {
  /** Opset of the default domain, 21 (the default) or later; newer ones have single nodes for more of our ops. */
  readonly opset?: number
  /** producer_name in the file; `ingot` by default. */
  readonly producer?: string
}

/**
 * The bytes of an ONNX model that computes what `graph` does: symbols are dim_params, constants are initialisers, shape arithmetic is written as nodes.
 * Takes graphs before fusion. Attributes that are floats in ONNX are rounded to float32. Throws `wrong-stage` for a fused graph, `unsupported-op` naming
 * the node for an op that ONNX has no nodes for, `unsupported-dtype`, `memory-limit` where the file would pass 2 GB, and `bad-option`.
 */
export function toOnnx(graph: Graph, options: ToOnnxOptions = {}): Uint8Array {
  const opset = options.opset ?? OLDEST_OPSET
  if (!Number.isInteger(opset) || opset < OLDEST_OPSET || opset > NEWEST_OPSET) {
    throw new IngotError('bad-option', `opset is ${opset}; ${OLDEST_OPSET} to ${NEWEST_OPSET} can be written`)
  }
  if (graph.stage === 'fused') {
    throw new IngotError('wrong-stage', `'${graph.name}' is fused, and ONNX has no fused nodes`, { hint: 'export the graph as it is before the pass fuse: runPasses(graph, DEFAULT_PIPELINE without fuse)' })
  }
  return encodeMessage('ModelProto', {
    irVersion: irVersionOf(opset), producerName: options.producer ?? 'ingot', graph: graphDraft(graph, opset), opsetImport: [{ domain: '', version: opset }],
  })
}

function graphDraft(graph: Graph, opset: number): DraftMessage<'GraphProto'> {
  const writer = new GraphWriter(opset, graph.inputs, graph.symbols)
  const input = graph.inputs.map((value) => {
    reservePort(writer, value.name, 'inputs')
    const port = portDraft(value.name, value.type)
    writer.bind(value, { name: value.name, dtype: dtypeOfPort(value) })
    return port
  })
  const results = outputNames(graph, writer)
  for (const node of graph.nodes) writeNode(writer, node, results)
  for (const { name, value } of graph.outputs) {
    const ref = writer.ref(value)
    if (ref.name !== name) writer.node('Identity', [ref], [name], {}, `output/${name}`)
  }
  return { name: graph.name || 'main', node: writer.nodes, initializer: writer.initializers, input, output: graph.outputs.map((o) => portDraft(o.name, o.value.type)) }
}

const dtypeOfPort = (value: Value): Ref['dtype'] => (value.type.kind === 'tensor' ? value.type.dtype : 'float32')

function reservePort(writer: GraphWriter, name: string, where: string): void {
  if (name === '') throw new IngotError('bad-option', `one of the ${where} has an empty name, which in ONNX stands for no value`, { hint: 'name the inputs and outputs' })
  if (!writer.reserve(name)) throw new IngotError('onnx-duplicate-value', `'${name}' would be the name of two values among inputs and outputs`, { where: { origin: name }, hint: 'ONNX has one name for one value; rename an output' })
}

/** Names of outputs are taken first. A node's result that is an output bears the output's name; anything else gets there by Identity. */
function outputNames(graph: Graph, writer: GraphWriter): ReadonlyMap<Value, string> {
  const made = new Set(graph.nodes.flatMap((n) => n.outputs))
  const names = new Map<Value, string>()
  for (const { name, value } of graph.outputs) {
    // An input that is an output under its own name is both.
    if (graph.inputs.includes(value) && value.name === name) continue
    reservePort(writer, name, 'outputs')
    if (made.has(value) && !names.has(value)) names.set(value, name)
  }
  return names
}

function writeNode(writer: GraphWriter, node: Node, results: ReadonlyMap<Value, string>): void {
  const write = Object.hasOwn(EXPORT_RULES, node.op) ? EXPORT_RULES[node.op] : undefined
  if (write === undefined) throw unsupported(node)
  const refs = node.outputs.map((value): Ref => {
    if (value.type.kind !== 'tensor') throw new IngotError('unsupported-type', `%${value.name} is ${printType(value.type)}, and only tensors can be exported`, { where: { op: node.op, origin: node.origin } })
    return { name: results.get(value) ?? writer.name(value.name), dtype: value.type.dtype }
  })
  write(new NodeExport(writer, node, refs.map((r) => r.name)))
  node.outputs.forEach((value, i) => { writer.bind(value, refs[i] as Ref) })
}

function unsupported(node: Node): IngotError {
  const bookkeeping = /^(autograd|version|view)\.|_$/.test(node.op)
  return new IngotError('unsupported-op', `ONNX has nothing for ${node.op}`, {
    where: { op: node.op, origin: node.origin },
    hint: bookkeeping ? 'strip bookkeeping first: runPasses(graph, [\'functionalize\', \'strip-autograd\', \'strip-version\'])' : 'export a graph without this node',
  })
}

/** What the export tests share: graphs of one node, and a look at the file by a decoder that shares nothing with Ingot. */
import { onnx } from 'onnx-proto'
import { isStatic } from '../../../src/ir/dims.js'
import type { HostTensor } from '../../../src/base/dtype.js'
import { GraphBuilder } from '../../../src/ir/build.js'
import type { Attrs, Graph, Value } from '../../../src/ir/graph.js'
import { interpret } from '../../../src/ir/interpret.js'
import { importOnnxSync, toOnnx, type ToOnnxOptions } from '../../../src/tracer/onnx/index.js'
import { tensorType } from '../../../src/ir/types.js'
import type { SampleCase } from '../../ir/ops/sample-cases.js'

/** One node on inputs of the given values; its results are the outputs `y0`, `y1`, … */
export function oneNode(op: string, inputs: readonly (Value | null)[], attrs: Attrs): Graph {
  const builder = new GraphBuilder({ name: op, stage: 'canonical' })
  inputs.forEach((v) => { if (v !== null) builder.keepInput(v) })
  builder.add(op, inputs, attrs, { origin: `the ${op}`, evaluate: false }).forEach((v, i) => { builder.output(`y${i}`, v) })
  return builder.finish()
}

/** The sample as a graph, and what feeds it. */
export function graphOfCase(c: SampleCase): { readonly graph: Graph; readonly feeds: Record<string, HostTensor> } {
  const values = c.tensors.map((t, i): Value | null => (t === null ? null : { name: `x${i}`, type: tensorType(t.dtype, t.shape) }))
  const feeds = Object.fromEntries(c.tensors.flatMap((t, i): [string, HostTensor][] => (t === null ? [] : [[`x${i}`, t]])))
  return { graph: oneNode(c.op.name, values, c.attrs as Attrs), feeds }
}

/** Outputs of the graph after a way through a file. */
export function throughFile(graph: Graph, feeds: Readonly<Record<string, HostTensor>>, options: ToOnnxOptions = {}): Record<string, HostTensor> {
  const bytes = toOnnx(graph, options)
  expectSane(bytes, graph)
  return interpret(importOnnxSync(bytes), feeds)
}

/** The model as onnx-proto reads it. */
export const decoded = (bytes: Uint8Array): onnx.ModelProto => onnx.ModelProto.decode(bytes)

/** Throws where the file breaks a rule of ONNX: one name for one value, nodes in order, typed ports, one opset. */
export function expectSane(bytes: Uint8Array, source: Graph): void {
  const { graph, opsetImport, irVersion } = decoded(bytes)
  const fail = (what: string): never => { throw new Error(what) }
  if (graph === null || graph === undefined) return fail('no graph')
  if (opsetImport.length !== 1 || Number(opsetImport[0]?.version) < 21 || Number(irVersion) < 10) fail('opset or IR version')
  const known = new Set<string>()
  const define = (name: string | null | undefined): void => { if (!name || known.has(name)) fail(`the name '${name}' is empty or taken`); known.add(name as string) }
  graph.input?.forEach((v) => { define(v.name) })
  graph.initializer?.forEach((t) => { define(t.name) })
  const nodes = new Set<string>()
  for (const node of graph.node ?? []) {
    for (const name of node.input ?? []) if (name !== '' && !known.has(name)) fail(`${node.name} reads '${name}', which is not there yet`)
    node.output?.forEach(define)
    if (!node.name || nodes.has(node.name)) fail(`two nodes are called '${node.name}'`)
    nodes.add(node.name as string)
    for (const a of node.attribute ?? []) if (!a.name || !a.type) fail(`an attribute of ${node.name} has no name or type`)
  }
  for (const port of [...graph.input ?? [], ...graph.output ?? []]) {
    if (!known.has(port.name ?? '')) fail(`the output '${port.name}' is not defined`)
    if (!port.type?.tensorType?.elemType || !port.type.tensorType.shape) fail(`'${port.name}' has no type`)
  }
  const shapes = [...source.inputs, ...source.outputs.map((o) => o.value)].map((v) => (v.type.kind === 'tensor' ? v.type.shape : []))
  ;[...graph.input ?? [], ...graph.output ?? []].forEach((port, i) => {
    const dim = port.type?.tensorType?.shape?.dim ?? [], shape = shapes[i] ?? []
    if (dim.length !== shape.length || (isStatic(shape) && dim.some((d, k) => Number(d.dimValue) !== shape[k]))) fail(`'${port.name}' has another shape`)
  })
}

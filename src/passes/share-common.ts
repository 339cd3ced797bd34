/**
 * Goal: what is computed twice from the same values is computed once; equal constants become one.
 *
 *   %a = exp(%x)
 *   %b = exp(%x)                    ⇒   %a = exp(%x)
 *   %c = add(%a, %b)                    %c = add(%a, %a)
 *
 * Does not: look through commutativity, merge opaque ops (a recurrence, a random draw) or nodes with nested graphs, or
 * share a nested graph's nodes with another nested graph. Values of the graphs around a nested one are shared with it.
 * Stage: any but fused; stage unchanged. Preserves bits. Idempotent. Linear in nodes and in bytes of constants.
 */
import { bytesOf, type HostTensor } from '../base/dtype.js'
import { dimKey } from '../ir/dims.js'
import { isGraph, isHostTensor, nestedGraphs, type Attr, type Graph, type Node, type Value } from '../ir/graph.js'
import { tensorsEqual } from '../ir/host-tensor.js'
import { getOp } from '../ir/ops/index.js'
import { mapNested } from '../ir/rewrite.js'
import type { Pass } from './pass.js'

export const shareCommon: Pass = {
  name: 'share-common',
  doc: 'Computes equal things once.',
  needs: 'traced',
  preserves: 'bits',
  run: (graph) => shareIn(graph, { values: new Map(), ids: new Map(), constants: new Map(), tensors: [] }, new Map()),
}

interface Shared {
  /** What takes a value's place. */
  readonly values: Map<Value, Value>
  readonly ids: Map<Value, number>
  /** Constants by a cheap hash. */
  readonly constants: Map<string, Value[]>
  readonly tensors: HostTensor[]
}

/** `known` maps the key of each node seen so far (in this graph and those around it) to its results. */
function shareIn(graph: Graph, shared: Shared, known: Map<string, readonly Value[]>): Graph {
  const nodes: Node[] = []
  let changed = false
  for (const old of graph.nodes) {
    const inputs = old.inputs.map((v) => (v === null ? null : representative(v, shared)))
    const same = inputs.every((v, i) => v === old.inputs[i])
    const node = mapNested(same ? old : { ...old, inputs }, (g) => shareIn(g, shared, new Map(known)))
    changed ||= node !== old
    const key = keyOf(node, shared)
    const first = key === undefined ? undefined : known.get(key)
    if (first === undefined) {
      nodes.push(node)
      if (key !== undefined) known.set(key, node.outputs)
      continue
    }
    changed = true
    node.outputs.forEach((v, i) => shared.values.set(v, first[i] ?? v))
  }
  const outputs = graph.outputs.map((o) => {
    const value = representative(o.value, shared)
    changed ||= value !== o.value
    return value === o.value ? o : { name: o.name, value }
  })
  return changed ? { ...graph, nodes, outputs } : graph
}

function keyOf(node: Node, shared: Shared): string | undefined {
  if (getOp(node.op).pattern === 'opaque' || nestedGraphs(node).length > 0) return undefined
  const inputs = node.inputs.map((v) => (v === null ? '-' : idOf(v, shared)))
  return `${node.op}(${inputs.join(',')}){${Object.keys(node.attrs).sort().map((k) => `${k}=${attrKey(node.attrs[k] as Attr, shared)}`).join(';')}}${node.outputs.length}`
}

function attrKey(attr: Attr, shared: Shared): string {
  if (isGraph(attr)) return 'graph'
  if (isHostTensor(attr)) return `t${tensorId(attr, shared)}`
  if (typeof attr === 'number') return Object.is(attr, -0) ? '-0' : String(attr)
  if (Array.isArray(attr)) return `[${(attr as readonly Attr[]).map((a) => attrKey(a, shared)).join(',')}]`
  return typeof attr === 'object' ? dimKey(attr as Parameters<typeof dimKey>[0]) : `${typeof attr}:${String(attr)}`
}

function tensorId(tensor: HostTensor, shared: Shared): number {
  const at = shared.tensors.findIndex((t) => tensorsEqual(t, tensor))
  return at >= 0 ? at : shared.tensors.push(tensor) - 1
}

function idOf(value: Value, shared: Shared): number {
  let id = shared.ids.get(value)
  if (id === undefined) shared.ids.set(value, (id = shared.ids.size))
  return id
}

/** The value to use for `value`: its earlier equal, or itself. */
function representative(value: Value, shared: Shared): Value {
  const known = shared.values.get(value)
  if (known !== undefined) return known
  if (value.data === undefined) return value
  const tensor = value.data
  const key = `${tensor.dtype}[${tensor.shape.join()}]${sampleHash(tensor)}`
  const bucket = shared.constants.get(key) ?? []
  shared.constants.set(key, bucket)
  const equal = bucket.find((v) => v.data !== undefined && tensorsEqual(v.data, tensor)) ?? value
  if (equal === value) bucket.push(value)
  shared.values.set(value, equal)
  return equal
}

/** A hash of up to 64 bytes spread over the tensor: equal tensors have equal hashes, most others do not. */
function sampleHash(tensor: HostTensor): number {
  if (tensor.dtype === 'string') return tensor.data.length
  const bytes = bytesOf(tensor.data)
  const step = Math.max(1, Math.floor(bytes.length / 64))
  let hash = 2166136261
  for (let i = 0; i < bytes.length; i += step) hash = Math.imul(hash ^ (bytes[i] ?? 0), 16777619)
  return hash >>> 0
}

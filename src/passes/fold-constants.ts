/**
 * Goal: what can be computed while compiling is. Nodes whose inputs are all constants become constants, and small integer
 * tensors whose elements are known as extents become `dims_tensor`s, which need no inputs: shape arithmetic disappears.
 *
 *   %n = gather{axis: 0}(%shape, 0)      ⇒   %n = dims_tensor{dims: [batch]}()
 *   %c = add(2, 3)                           (a constant, 5)
 *
 * Does not: make constants of more than 4 KiB that are over four times as large as what they are computed from (a `range`
 * or an `expand` is cheaper to run than to ship), unless they are read by a sum of products (those are weights, which targets pack and transform
 * ahead) or repeat one element and have at most 64 KiB; fold opaque ops or control flow.
 * Stage: inference ⇒ canonical. Preserves bits (constants are evaluated by the ops' references). Idempotent.
 */
import { elementCount, storageBytes, type HostTensor } from '../base/dtype.js'
import { evaluateConstant } from '../ir/build.js'
import { isStatic, type Dim } from '../ir/dims.js'
import { tensorOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { integerTensor, SYMBOLIC_ELEMENTS } from '../ir/integer-elements.js'
import type { Op } from '../ir/op.js'
import { getOp } from '../ir/ops/index.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rule } from './rewriter.js'

const FREE_BYTES = 4096, FREE_REPEATED_BYTES = 65536
const GROWTH = 4
/** The bytes of an element of any dtype, at most. */
const ONE_ELEMENT = 16

export const foldConstants: Pass = {
  name: 'fold-constants',
  doc: 'Computes what depends on constants and extents alone.',
  needs: 'inference',
  ensures: 'canonical',
  preserves: 'bits',
  run: (graph) => rewriteNodes(graph, foldNode(weightsOf(graph))),
}

/** Names of values that sums of products read, as they are, or through nodes that only move elements or have nothing but constants to work on. */
function weightsOf(graph: Graph): ReadonlySet<string> {
  const names = new Set<string>(), fixed = new Set<Value>()
  for (const { inputs, outputs } of graph.nodes) if (inputs.every((v) => v === null || v.data !== undefined || fixed.has(v))) for (const v of outputs) fixed.add(v)
  for (const node of graph.nodes.toReversed()) {
    const { pattern } = getOp(node.op)
    const leads = node.outputs.some((v) => names.has(v.name) && (['alias', 'injective'].includes(pattern) || fixed.has(v)))
    if (pattern === 'contraction' || leads) for (const v of node.inputs) if (v !== null) names.add(v.name)
  }
  return names
}

const foldNode = (weights: ReadonlySet<string>): Rule => (node, rewriting) => {
  const op = getOp(node.op)
  const dims = node.op === 'dims_tensor' ? undefined : elementsOf(op, node)
  const [only] = node.outputs
  if (dims !== undefined && only !== undefined) {
    const { dtype, shape } = tensorOf(only)
    if (isStatic(dims)) return constants(node, [integerTensor({ dtype, shape }, dims)], rewriting)
    if (dtype === 'bool') return undefined
    return rewriting.replace(node, 'dims_tensor', [], { dims, shape: shape as readonly number[], dtype })
  }
  if (node.inputs.some((v) => v !== null && v.data === undefined) || tooLarge(node, weights)) return undefined
  const results = evaluateConstant(op, node.inputs, node.attrs, node.outputs.map((v) => v.type), Infinity)
  return results === undefined ? undefined : constants(node, results, rewriting)
}

function constants(node: Node, tensors: readonly HostTensor[], rewriting: Parameters<Rule>[1]): readonly Value[] {
  for (const v of node.outputs) rewriting.builder.releaseName(v.name)
  return tensors.map((t, i) => rewriting.constant(t, node.outputs[i]?.name))
}

/** The elements of a node's only result as dims: those it had, or those its inputs now give. */
function elementsOf(op: Op, node: Node): readonly Dim[] | undefined {
  const [only] = node.outputs
  if (only === undefined || node.outputs.length > 1 || only.type.kind !== 'tensor' || op.pattern === 'opaque') return undefined
  if (only.dims !== undefined) return only.dims
  const { dtype, shape } = only.type
  if (op.symbolic === undefined || !['int64', 'int32', 'bool'].includes(dtype) || !isStatic(shape) || elementCount(shape) > SYMBOLIC_ELEMENTS) return undefined
  return op.symbolic(node, only.type)
}

function tooLarge({ inputs, outputs }: Node, weights: ReadonlySet<string>): boolean {
  const bytes = (values: readonly (Value | null)[]): number =>
    values.reduce((sum, v) => sum + (v?.type.kind === 'tensor' && isStatic(v.type.shape) ? storageBytes(v.type.dtype, elementCount(v.type.shape)) : 0), 0)
  const source = bytes(inputs), out = bytes(outputs)
  if (outputs.some((v) => weights.has(v.name)) || (source <= ONE_ELEMENT && out <= FREE_REPEATED_BYTES)) return false
  return out > FREE_BYTES && out > GROWTH * source
}

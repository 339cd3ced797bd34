/** The verifier's rule `layout`: where values may carry a memory order, and what a node needs of those of its tensors. */
import { isGraph, type Graph, type Node, type Value } from './graph.js'
import { reshapedOrder, sameLayout } from './layout.js'
import { getOp } from './ops/index.js'
import { broken, type VerifyContext } from './verify-context.js'

/** Ports are row-major: the runtime copies them as they are. */
export function verifyPortLayout(graph: Graph): void {
  for (const v of [...graph.inputs, ...graph.outputs.map((o) => o.value)]) {
    if (v.order !== undefined) broken('layout', `%${v.name} is a port and has the order [${v.order.join(', ')}]`, graph)
  }
}

/** An order is a permutation of the axes of a tensor, in a graph of stage fused. */
export function verifyOrder(value: Value, { graph, stage }: VerifyContext, node?: Node): void {
  const { order, type } = value
  if (order === undefined) return
  const fits = stage === 'fused' && type.kind === 'tensor' && order.length === type.shape.length && type.shape.every((_, i) => order.includes(i))
  if (!fits) broken('layout', `%${value.name} has the order [${order.join(', ')}], which ${stage === 'fused' ? 'does not name every axis once' : `has no place in stage ${stage}`}`, graph, node)
}

/** Nodes whose kernels are made from a compute take any orders; the rest is row-major, and an alias must be the same memory. */
export function verifyNodeLayout(node: Node, { graph }: VerifyContext): void {
  const values = [...node.inputs, ...node.outputs].filter((v): v is Value => v !== null)
  if (values.every((v) => v.order === undefined)) return
  const op = getOp(node.op)
  if (op.pattern === 'alias') {
    const [from] = node.inputs, [to] = node.outputs
    if (from?.type.kind !== 'tensor' || to?.type.kind !== 'tensor') return
    const kept = reshapedOrder(from.type.shape, from.order, to.type.shape)
    if (kept === undefined || !sameLayout(to.type.shape, kept.order, to.order)) broken('layout', `%${to.name} cannot be the memory of %${from.name} under another shape`, graph, node)
  } else if (!takesAnyOrder(node)) broken('layout', `${node.op} takes row-major tensors only`, graph, node)
}

/** True for nodes that are lowered from a compute, in which indices are logical. */
export function takesAnyOrder(node: Node): boolean {
  const op = getOp(node.op), body = node.attrs['body']
  return op.compute !== undefined || op.scalar !== undefined || (node.op === 'fused' && body !== undefined && isGraph(body))
}

/** The verifier's rules that come with a stage. */
import { visitSymbols } from '../base/dim.js'
import { elementCount } from '../base/dtype.js'
import { dimsEqual, product, shapesEqual, type Dim } from './dims.js'
import { nestedGraphs, STAGES, tensorOf, type Attr, type Graph, type GraphStage, type Node, type Value } from './graph.js'
import { getOp } from './ops/index.js'
import type { Pattern } from './op.js'
import { usedBy } from './rewrite.js'
import { broken, type VerifyContext } from './verify-context.js'

/** The most nodes a fused body may have. */
export const MAX_FUSED_NODES = 32

/** True where `stage` promises what `wanted` does. */
export function atLeast(stage: GraphStage, wanted: GraphStage): boolean {
  return STAGES.indexOf(stage) >= STAGES.indexOf(wanted)
}

/** Rules inference-op, declared-dims and the fused ones, as far as the stage has them. */
export function verifyStage(node: Node, context: VerifyContext): void {
  const { stage, graph } = context
  if (atLeast(stage, 'inference') && /^(autograd|version|view)\.|_$/.test(node.op)) {
    broken('inference-op', `${node.op} has no place in stage ${stage}`, graph, node)
  }
  if (atLeast(stage, 'canonical')) verifyDeclaredDims(node, context)
  if (node.op === 'fused') {
    if (!atLeast(stage, 'fused')) broken('fused-node', `a fused node has no place in stage ${stage}`, graph, node)
    for (const body of nestedGraphs(node)) verifyFused(body, node, context)
  }
}

/** Attributes and elements too speak of declared symbols only; for types that holds at every stage. */
function verifyDeclaredDims(node: Node, { symbols, graph }: VerifyContext): void {
  const check = (dim: Dim, what: string): void => visitSymbols(dim, (s) => { if (!symbols.has(s)) broken('declared-dims', `${what} speaks of '${s}', which is not declared`, graph, node) })
  for (const [name, kind] of Object.entries(getOp(node.op).attrs)) {
    const attr = node.attrs[name] as Attr
    if (kind === 'dim') check(attr as Dim, `the attribute '${name}'`)
    if (kind === 'dims') for (const d of attr as readonly Dim[]) check(d, `the attribute '${name}'`)
  }
  for (const v of node.outputs) for (const d of v.dims ?? []) check(d, `%${v.name}`)
}

function verifyFused(body: Graph, node: Node, { graph }: VerifyContext): void {
  if (body.nodes.length === 0 || body.nodes.length > MAX_FUSED_NODES) broken('fused-size', `a body has 1 to ${MAX_FUSED_NODES} nodes, this has ${body.nodes.length}`, graph, node)
  if (body.outputs.length !== 1) broken('fused-closed', `a body has one output, this has ${body.outputs.length}`, graph, node)
  if (body.inputs.length !== node.inputs.length || node.inputs.includes(null)) broken('fused-closed', `the body has ${body.inputs.length} inputs, the node ${node.inputs.length}`, graph, node)
  const inside = new Set<Value>([...body.inputs, ...body.nodes.flatMap((n) => n.outputs)])
  for (const v of [...body.nodes.flatMap((n) => [...usedBy(n)]), ...body.outputs.map((o) => o.value)]) {
    if (inside.has(v)) continue
    if (v.data === undefined) broken('fused-closed', `the body uses %${v.name} from outside`, graph, node)
    if (elementCount(v.data.shape) !== 1) broken('fused-closed', `the constant %${v.name} has more than one element and must be an input`, graph, node)
  }
  verifyAnchor(body, node, graph)
}

function verifyAnchor(body: Graph, node: Node, graph: Graph): void {
  let anchor: Node | undefined
  const after = new Set<Value>()
  for (const inner of body.nodes) {
    const { pattern } = getOp(inner.op)
    const isAnchor = pattern === 'contraction' || pattern === 'reduction' || pattern === 'joining'
    if (pattern === 'opaque') broken('fused-node', `${inner.op} cannot be fused`, graph, node)
    if (isAnchor && anchor !== undefined) broken('fused-anchor', `the body has two anchors, ${anchor.op} and ${inner.op}`, graph, node)
    if (isAnchor) {
      anchor = inner
      for (const v of inner.outputs) after.add(v)
    } else if (anchor !== undefined && inner.inputs.some((v) => v !== null && after.has(v))) {
      const [result] = inner.outputs, anchored = inner.inputs.find((v) => v !== null && after.has(v))
      if (result === undefined || anchored == null || !follows(pattern, tensorOf(result).shape, tensorOf(anchored).shape)) {
        broken('fused-anchor', `${inner.op} after ${anchor.op} must be elementwise on its shape, or move all of it`, graph, node)
      }
      for (const v of inner.outputs) after.add(v)
    }
  }
}

/** Whether a node may take up the result of an anchor, of shape `from`. */
function follows(pattern: Pattern, to: readonly Dim[], from: readonly Dim[]): boolean {
  if (pattern === 'elementwise') return shapesEqual(to, from)
  return pattern === 'alias' || (pattern === 'injective' && dimsEqual(product(to), product(from)))
}

/**
 * Goal: choices between graphs become straight code, which every target can run.
 *
 *   %y = cond(%p) {then: {return %a = relu(%x)}, else: {return %x}}   ⇒   %a = relu(%x)
 *                                                                         %y = where(%p, %a, %x)
 *
 * Both branches are computed and the wanted one is picked, element by element: right because nodes change nothing but their results.
 * A branch that is known while compiling is taken alone.
 * Does not: merge branches that read or write at computed indices, which may lie outside where the branch is not taken; nor
 * results that are no tensors. Those `cond`s stay.
 * Stage: traced or later; stage unchanged. Preserves bits. Idempotent.
 */
import { isGraph, shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { toNumbers } from '../ir/host-tensor.js'
import { walkNodes } from '../ir/rewrite.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting } from './rewriter.js'

export const mergeBranches: Pass = {
  name: 'merge-branches',
  doc: 'Turns choices between graphs into straight code: both branches are computed, and the wanted results picked.',
  needs: 'traced',
  preserves: 'bits',
  run: (graph) => rewriteNodes(graph, (node, rewriting) => (node.op === 'cond' ? merge(node, rewriting) : undefined)),
}

/** Origins of the choices that are made while running, in graph order. */
export function openChoices(graph: Graph): string[] {
  const origins: string[] = []
  walkNodes(graph, (node) => { if (node.op === 'cond' && node.inputs[0]?.data === undefined) origins.push(node.origin) })
  return origins
}

function merge(node: Node, rewriting: Rewriting): readonly Value[] | undefined {
  const [predicate] = node.inputs, { then, else: other } = node.attrs
  if (predicate === null || predicate === undefined || then === undefined || other === undefined || !isGraph(then) || !isGraph(other)) return undefined
  if (predicate.data !== undefined) return inline(toNumbers(predicate.data)[0] !== 0 ? then : other, rewriting)
  if (!isMergeable(then) || !isMergeable(other)) return undefined
  const yes = inline(then, rewriting), no = inline(other, rewriting)
  const scalar = shapeOf(predicate).length === 0 ? predicate : rewriting.add('reshape', [predicate], { shape: [] }, node.origin)
  return yes.map((value, i) => {
    const alternative = no[i] as Value
    return value === alternative ? value : rewriting.add('where', [scalar, value, alternative], {}, node.origin)
  })
}

function inline(graph: Graph, { builder }: Rewriting): readonly Value[] {
  for (const node of graph.nodes) builder.keep(node)
  return graph.outputs.map((o) => o.value)
}

/** Inputs that hold indices, by op; those of other ops may be anything. */
const INDICES: Readonly<Record<string, number>> = { gather: 1, gather_elements: 1, gather_nd: 1, scatter_elements: 1, scatter_nd: 1 }

function isMergeable(graph: Graph): boolean {
  let mergeable = graph.outputs.every((o) => o.value.type.kind === 'tensor')
  walkNodes(graph, (node) => { mergeable &&= node.op !== 'while_loop' && node.op !== 'cond' && staysInside(node) })
  return mergeable
}

/** Whether a node reads and writes inside its tensors whatever it is fed: it has no indices, or constant ones that are seen to fit. */
function staysInside({ op, inputs, attrs }: Node): boolean {
  const at = INDICES[op], into = inputs[0], data = at === undefined ? undefined : inputs[at]?.data
  if (at === undefined) return true
  const extent = op === 'gather' && into != null ? shapeOf(into)[attrs['axis'] as number] : undefined
  return data !== undefined && typeof extent === 'number' && toNumbers(data).every((i) => i >= -extent && i < extent)
}

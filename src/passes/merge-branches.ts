/**
 * Goal: choices between graphs become straight code, which every target can run.
 *
 *   %y = cond(%p) {then: {return %a = relu(%x)}, else: {return %x}}   ⇒   %a = relu(%x)
 *                                                                         %y = where(%p, %a, %x)
 *
 * Both branches are computed and the wanted one is picked, element by element: right because nodes change nothing but their results.
 * A branch that is known while compiling is taken alone.
 * Constant indices must then lie inside their axes whichever branch is taken: a constraint, where extents are symbols.
 * Does not: merge branches that read or write at computed indices, which may lie outside where the branch is not taken; nor
 * results that are no tensors. Those `cond`s stay.
 * Stage: traced or later; stage unchanged. Preserves bits. Idempotent.
 */
import type { Dim } from '../ir/dims.js'
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
  for (const branch of [then, other]) assumeInside(branch, rewriting)
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

/** Whether a node reads and writes inside its tensors whatever it is fed: it has no indices, or constant ones along one axis. */
function staysInside({ op, inputs }: Node): boolean {
  const at = INDICES[op]
  return at === undefined || (op === 'gather' && inputs[at]?.data !== undefined)
}

function assumeInside(graph: Graph, { builder }: Rewriting): void {
  walkNodes(graph, ({ op, inputs: [into, indices], attrs, origin }) => {
    if (op !== 'gather' || into == null || indices?.data === undefined) return
    const extent = shapeOf(into)[attrs['axis'] as number] as Dim
    const least = Math.max(...Array.from(toNumbers(indices.data), (i) => (i < 0 ? -i : i + 1)))
    if (least > 0) builder.assume(least, extent, `an index lies inside its axis (${origin})`, 'le')
  })
}

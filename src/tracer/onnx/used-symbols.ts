/** Which symbols a finished graph depends on. */
import { visitSymbols, type Dim } from '../../base/dim.js'
import type { Graph } from '../../ir/graph.js'
import { getOp } from '../../ir/ops/index.js'
import type { ValueType } from '../../ir/types.js'

/** Symbols in types, attributes and constraints; known elements of values alone do not count. */
export function usedSymbols(graph: Graph): Set<string> {
  const out = new Set<string>()
  const visit = (d: Dim): void => visitSymbols(d, (s) => out.add(s))
  const visitType = (t: ValueType): void => { if (t.kind === 'tensor') t.shape.forEach(visit) }
  graph.inputs.forEach((v) => visitType(v.type))
  graph.outputs.forEach((o) => visitType(o.value.type))
  for (const c of graph.constraints) { visit(c.a); visit(c.b) }
  for (const node of graph.nodes) {
    node.outputs.forEach((v) => visitType(v.type))
    for (const [name, kind] of Object.entries(getOp(node.op).attrs)) {
      if (kind === 'dim') visit(node.attrs[name] as Dim)
      else if (kind === 'dims') (node.attrs[name] as readonly Dim[]).forEach(visit)
    }
  }
  return out
}

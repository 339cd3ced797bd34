/** Which symbols graphs and their pieces speak of; known elements of values alone do not count. */
import { visitSymbols, type Dim } from '../base/dim.js'
import { isGraph, type Constraint, type Graph, type Node } from './graph.js'
import { getOp } from './ops/index.js'
import type { ValueType } from './types.js'

type Visit = (symbol: string) => void

/** Symbols in a tensor's extents. */
export function visitTypeSymbols(type: ValueType, visit: Visit): void {
  if (type.kind === 'tensor') for (const d of type.shape) visitSymbols(d, visit)
}

/** Symbols in the types of a node's results and in its attributes, nested graphs among them. */
export function visitNodeSymbols(node: Node, visit: Visit): void {
  const { attrs: kinds } = getOp(node.op)
  for (const v of node.outputs) visitTypeSymbols(v.type, visit)
  for (const [name, attr] of Object.entries(node.attrs)) {
    if (isGraph(attr)) for (const inner of attr.nodes) visitNodeSymbols(inner, visit)
    else if (kinds[name] === 'dim') visitSymbols(attr as Dim, visit)
    else if (kinds[name] === 'dims') for (const d of attr as readonly Dim[]) visitSymbols(d, visit)
  }
}

/** Symbols in an assumption. */
export function visitConstraintSymbols({ a, b }: Constraint, visit: Visit): void {
  visitSymbols(a, visit)
  visitSymbols(b, visit)
}

/** Symbols in types, attributes and constraints. */
export function usedSymbols(graph: Graph): Set<string> {
  const out = new Set<string>(), note: Visit = (s) => { out.add(s) }
  for (const v of graph.inputs) visitTypeSymbols(v.type, note)
  for (const o of graph.outputs) visitTypeSymbols(o.value.type, note)
  for (const c of graph.constraints) visitConstraintSymbols(c, note)
  for (const n of graph.nodes) visitNodeSymbols(n, note)
  return out
}

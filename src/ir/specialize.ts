/** Graphs with their dims rewritten: what binding shapes, and running nested graphs, is made of. */
import { isStatic, substituteDim, type Dim } from './dims.js'
import { isGraph, type Attr, type Graph, type Node, type Value } from './graph.js'
import { OPS } from './ops/index.js'
import type { ValueType } from './types.js'

/** `type` with every extent replaced. */
export function mapTypeDims(type: ValueType, change: (dim: Dim) => Dim): ValueType {
  switch (type.kind) {
    case 'tensor': return isStatic(type.shape) ? type : { ...type, shape: type.shape.map(change) }
    case 'map': return { ...type, value: mapTypeDims(type.value, change) }
    default: return { ...type, element: mapTypeDims(type.element, change) }
  }
}

/**
 * `graph` with each symbol that `replace` knows replaced, in types, elements, attributes, constraints and nested graphs; declarations of
 * replaced symbols go, and constraints that then hold by themselves do too. `values` gives replacements for values from outside (captured ones)
 * and receives those of all values inside.
 */
export function substituteSymbols(graph: Graph, replace: (symbol: string) => Dim | undefined, values: Map<Value, Value> = new Map()): Graph {
  const change = (dim: Dim): Dim => substituteDim(dim, replace)
  const define = (value: Value): Value => {
    const next: Value = { ...value, type: mapTypeDims(value.type, change), ...(value.dims !== undefined && { dims: value.dims.map(change) }) }
    values.set(value, next)
    return next
  }
  const use = (value: Value): Value => values.get(value) ?? value
  const inputs = graph.inputs.map(define)
  const nodes = graph.nodes.map((node): Node => ({
    ...node,
    inputs: node.inputs.map((v) => (v === null ? null : use(v))),
    attrs: mapAttrDims(node, change, (nested) => substituteSymbols(nested, replace, values)),
    outputs: node.outputs.map(define),
  }))
  return {
    ...graph,
    symbols: graph.symbols.filter((s) => replace(s.name) === undefined),
    constraints: graph.constraints
      .map((c) => ({ ...c, a: change(c.a), b: change(c.b) }))
      .filter((c) => !(typeof c.a === 'number' && typeof c.b === 'number' && (c.kind === 'eq' ? c.a === c.b : c.a <= c.b))),
    inputs, nodes,
    outputs: graph.outputs.map((o) => ({ name: o.name, value: use(o.value) })),
  }
}

/** The attributes of `node` with `dim` and `dims` attributes and nested graphs replaced; the same object where there are none. */
export function mapAttrDims(node: Node, change: (dim: Dim) => Dim, changeGraph: (graph: Graph) => Graph): Node['attrs'] {
  const schema = OPS.get(node.op)?.attrs ?? {}
  let out: Record<string, Attr> | undefined
  for (const [name, attr] of Object.entries(node.attrs)) {
    const kind = schema[name]
    if (kind === 'dim') (out ??= { ...node.attrs })[name] = change(attr as Dim)
    else if (kind === 'dims') (out ??= { ...node.attrs })[name] = (attr as readonly Dim[]).map(change)
    else if (isGraph(attr)) (out ??= { ...node.attrs })[name] = changeGraph(attr)
  }
  return out ?? node.attrs
}

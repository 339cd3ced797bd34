/** Replaces symbols by other dims everywhere in a graph or node: types, known elements, attributes, nested graphs. */
import { dimsOf } from './integer-elements.js'
import { substituteDim, type Dim } from './dims.js'
import { isGraph, type Attr, type Attrs, type Graph, type Node, type Value } from './graph.js'
import { getOp } from './ops/index.js'
import type { ValueType } from './types.js'

export type ReplaceSymbol = (symbol: string) => Dim | undefined

/** Rewrites values and remembers them, so that uses stay uses of the same value. */
export class SymbolSubstitution {
  readonly #values = new Map<Value, Value>()
  readonly #replace: ReplaceSymbol

  constructor(replace: ReplaceSymbol) { this.#replace = replace }

  /** `dim` with the symbols replaced. */
  dim(dim: Dim): Dim { return substituteDim(dim, this.#replace) }

  /** The same for a dim of an attribute of amounts, which may be negative. */
  protected amount(dim: Dim): Dim { return this.dim(dim) }

  /** `type` with the symbols replaced. */
  type(type: ValueType): ValueType {
    switch (type.kind) {
      case 'tensor': return { ...type, shape: type.shape.map((d) => this.dim(d)) }
      case 'map': return { ...type, value: this.type(type.value) }
      case 'sequence': case 'optional': return { ...type, element: this.type(type.element) }
    }
  }

  /** The rewritten value; the same object each time it is asked for. */
  value(value: Value): Value {
    let out = this.#values.get(value)
    if (out === undefined) {
      const dims = value.data === undefined ? dimsOf(value)?.map((d) => this.dim(d)) : value.dims
      out = { ...value, type: this.type(value.type), ...(dims !== undefined && { dims }) }
      this.#values.set(value, out)
    }
    return out
  }

  /** The node over rewritten values. */
  node(node: Node): Node {
    return { ...node, inputs: node.inputs.map((v) => (v === null ? null : this.value(v))), attrs: this.#attrs(node), outputs: node.outputs.map((v) => this.value(v)) }
  }

  /** The graph over rewritten values; declarations and constraints are left to the caller. */
  graph(graph: Graph): Graph {
    return {
      ...graph,
      inputs: graph.inputs.map((v) => this.value(v)),
      nodes: graph.nodes.map((n) => this.node(n)),
      outputs: graph.outputs.map((o) => ({ ...o, value: this.value(o.value) })),
    }
  }

  #attrs(node: Node): Attrs {
    const { attrs: kinds, amounts = [] } = getOp(node.op)
    const one = (name: string, attr: Attr): Attr => {
      if (isGraph(attr)) return this.graph(attr)
      const dim = (d: Dim): Dim => (amounts.includes(name) ? this.amount(d) : this.dim(d))
      if (kinds[name] === 'dim') return dim(attr as Dim)
      if (kinds[name] === 'dims') return (attr as readonly Dim[]).map(dim)
      return attr
    }
    return Object.fromEntries(Object.entries(node.attrs).map(([name, attr]) => [name, one(name, attr)]))
  }
}

/**
 * Goal: a graph in which no value is written to after it was made, so that the passes after it may rename, share and
 * reorder freely.
 *
 *   %y = relu(%x)                   ⇒   %y = relu(%x)
 *
 * The op records that exist are all pure: each result is a new value, so there is nothing to rewrite yet. The pass proves
 * it: every value must be defined once, and before it is used.
 * Does not: strip bookkeeping (strip-autograd, strip-version).
 * Stage: traced; stage unchanged. Preserves bits. Idempotent.
 */
import { IngotError } from '../base/error.js'
import { nestedGraphs, type Graph, type Value } from '../ir/graph.js'
import type { Pass } from './pass.js'

export const functionalize: Pass = {
  name: 'functionalize',
  doc: 'Proves that no value is written to after it was made.',
  needs: 'traced',
  preserves: 'bits',
  run(graph) {
    checkDefinedOnce(graph, new Set())
    return graph
  },
}

function checkDefinedOnce(graph: Graph, defined: Set<Value>): void {
  const define = (value: Value, origin: string): void => {
    if (defined.has(value) || value.data !== undefined) throw new IngotError('verify-graph', `%${value.name} is written to a second time`, { where: { origin } })
    defined.add(value)
  }
  for (const value of graph.inputs) define(value, graph.name)
  for (const node of graph.nodes) {
    for (const v of node.inputs) {
      if (v !== null && v.data === undefined && !defined.has(v)) throw new IngotError('verify-graph', `%${v.name} is used before it is defined`, { where: { op: node.op, origin: node.origin } })
    }
    for (const nested of nestedGraphs(node)) checkDefinedOnce(nested, defined)
    for (const v of node.outputs) define(v, node.origin)
  }
}

/** What the verifier's parts share: where they are, what is in scope, and how a broken rule is reported. */
import { IngotError } from '../base/error.js'
import { dimsEqual, mul, sub, type Dim } from './dims.js'
import type { Constraint, Graph, GraphStage, Node, Value } from './graph.js'
import type { ValueType } from './types.js'

/** Every rule that the verifier holds graphs to; an error names the rule and the node. */
export type Rule =
  // SSA
  | 'unique-name' | 'single-definition' | 'defined-before-use' | 'constant'
  // ports and symbols
  | 'port-name' | 'symbol-declared' | 'symbol-source' | 'elements'
  // ops
  | 'known-op' | 'attribute' | 'result-type'
  // stages
  | 'layout' | 'stage-order' | 'inference-op' | 'declared-dims' | 'fused-closed' | 'fused-anchor' | 'fused-size' | 'fused-node'

/** The state of one verification; nested graphs share all but `scope` and `graph`. */
export interface VerifyContext {
  readonly graph: Graph
  readonly stage: GraphStage
  readonly symbols: Set<string>
  readonly constraints: readonly Constraint[]
  /** Every value seen so far, by name, here and in nested graphs. */
  readonly names: Map<string, Value>
  /** Values that can be used here; those of the graphs around come by `outer`. */
  readonly scope: Set<Value>
  readonly outer: VerifyContext | undefined
}

/** Reports a broken rule: `verify-graph`, naming rule, node and graph. */
export function broken(rule: Rule, what: string, graph: Graph, node?: Node, cause?: unknown): never {
  throw new IngotError('verify-graph', `graph '${graph.name}' breaks the rule ${rule}: ${what}`, {
    ...(node !== undefined && { where: { op: node.op, origin: node.origin } }),
    ...(cause !== undefined && { cause }),
  })
}

/** True where `value` may be used: defined in this graph or one around it. */
export function inScope(context: VerifyContext | undefined, value: Value): boolean {
  return context !== undefined && (context.scope.has(value) || inScope(context.outer, value))
}

/** True when the types are equal as data, or given one of the graph's assumptions. */
export function typesAgree(a: ValueType, b: ValueType, constraints: readonly Constraint[]): boolean {
  if (a.kind === 'tensor') {
    return b.kind === 'tensor' && a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => dimsAgree(d, b.shape[i] as Dim, constraints))
  }
  if (a.kind === 'map') return b.kind === 'map' && a.key === b.key && typesAgree(a.value, b.value, constraints)
  return a.kind === b.kind && typesAgree(a.element, b.element, constraints)
}

function dimsAgree(a: Dim, b: Dim, constraints: readonly Constraint[]): boolean {
  if (dimsEqual(a, b)) return true
  const difference = sub(a, b)
  if (typeof difference === 'number') return difference === 0
  return constraints.some((c) => c.kind === 'eq' && (dimsEqual(difference, sub(c.a, c.b)) || dimsEqual(mul(-1, difference), sub(c.a, c.b))))
}

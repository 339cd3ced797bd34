/**
 * Goal: graphs with extents that are only known while running become graphs whose extents are all known when they begin.
 *
 *   %n = reduce_sum(%mask)                        part 0: … return n = %n, p = %places
 *   %m = measure(%n) {symbols = ["n"]}      ⇒
 *   %s = slice(%places) {sizes = [n]}             part 1: (p, symbols: int64[1]) … %s = slice(%p) {sizes = [n]} …
 *
 * A node belongs to the first part in which all that it reads and all symbols that it speaks of are known. Values that a later part needs
 * are results of one part and inputs of others; a part takes the values of its symbols as one more input. Measured symbols
 * that nothing speaks of are dropped, and what was only there to measure them.
 * Not a pass from graph to graph: `compile` runs it before the others and puts each part through all of them. Preserves bits.
 */
import type { Constraint, Graph, GraphOutput, Node, Value } from '../ir/graph.js'
import { outputValues, substitute, usedBy, withoutDeadNodes } from '../ir/rewrite.js'
import { usedSymbols, visitConstraintSymbols, visitNodeSymbols, visitTypeSymbols } from '../ir/used-symbols.js'
import { withFedSymbols } from './fed-symbols.js'

/** One part: its graph, the values of the whole that its inputs are, and those that its outputs are; where it has `symbols`, one more input holds their values. */
export interface GraphPart { readonly graph: Graph; readonly takes: readonly Value[]; readonly gives: readonly Value[]; readonly symbols: readonly string[] }

/** A symbol that has the value of an element of what a part gives, or of an input. */
export interface MeasuredElement { readonly symbol: string; readonly value: Value; readonly index: number }

/** `graph` is the whole without what measured symbols. */
export interface SplitGraph { readonly graph: Graph; readonly parts: readonly GraphPart[]; readonly measured: readonly MeasuredElement[] }

/** True where some extent is only known while running. */
export const isMeasuring = (graph: Graph): boolean => graph.symbols.some((s) => s.source.kind === 'measured')

const isMeasure = (node: Node): boolean => node.op === 'measure'
const symbolsOf = (measure: Node): readonly string[] => measure.attrs['symbols'] as readonly string[]

/** Cuts `graph`, of a stage before `fused`, into parts in the order in which they have to run. */
export function splitParts(graph: Graph): SplitGraph {
  const given = new Map(graph.nodes.filter(isMeasure).map((n) => [n.outputs[0] as Value, n.inputs[0] as Value]))
  const live = withoutIdle(substitute(graph, given))
  const measured = live.nodes.filter(isMeasure).flatMap((n) => symbolsOf(n).map((symbol, index) => ({ symbol, value: n.inputs[0] as Value, index })))
  const whole = { ...live, nodes: live.nodes.filter((n) => !isMeasure(n)) }
  return { graph: whole, measured, parts: partsOf(whole, levelsOf(whole, measured), measured) }
}

/** `graph` without measured symbols that nothing speaks of, and without the nodes that only they needed; nothing reads what measures give. */
function withoutIdle(graph: Graph): Graph {
  const used = usedSymbols(graph), idle = new Set(graph.nodes.filter((n) => isMeasure(n) && symbolsOf(n).every((s) => !used.has(s))))
  if (idle.size === 0) return graph
  const gone = new Set([...idle].flatMap(symbolsOf))
  return withoutIdle(withoutDeadNodes({ ...graph, nodes: graph.nodes.filter((n) => !idle.has(n)), symbols: graph.symbols.filter((s) => !gone.has(s.name)) }))
}

interface Levels { readonly nodes: ReadonlyMap<Node, number>; readonly values: ReadonlyMap<Value, number>; readonly symbols: ReadonlyMap<string, number>; readonly last: number }

/** The number of the part that each node, value and symbol is first known in. */
function levelsOf(graph: Graph, measured: readonly MeasuredElement[]): Levels {
  const nodes = new Map<Node, number>(), values = new Map<Value, number>(), symbols = new Map<string, number>(graph.symbols.flatMap((s) => (s.source.kind === 'measured' ? [] : [[s.name, 0]])))
  const due = new Map<Value, MeasuredElement[]>()
  for (const m of measured) due.set(m.value, [...(due.get(m.value) ?? []), m])
  // What is measured of inputs is known before the first part.
  for (const v of graph.inputs) for (const m of due.get(v) ?? []) symbols.set(m.symbol, 0)
  let last = 0
  for (const node of graph.nodes) {
    let level = 0
    for (const v of usedBy(node)) level = Math.max(level, values.get(v) ?? 0)
    visitNodeSymbols(node, (s) => { level = Math.max(level, symbols.get(s) ?? 0) })
    nodes.set(node, level)
    last = Math.max(last, level)
    for (const v of node.outputs) {
      values.set(v, level)
      for (const m of due.get(v) ?? []) symbols.set(m.symbol, level + 1)
    }
  }
  return { nodes, values, symbols, last }
}

function partsOf(graph: Graph, levels: Levels, measured: readonly MeasuredElement[]): GraphPart[] {
  const owner = sunk(graph, levels), outputs = outputValues(graph), fed = new Set(graph.inputs), made = new Map(graph.nodes.flatMap((n) => n.outputs.map((v) => [v, n] as const)))
  // Nodes without operands are made anew wherever they are used, which moves nothing.
  const nodes: Node[][] = Array.from({ length: levels.last + 1 }, () => [])
  for (const n of graph.nodes) for (const level of owner.get(n) ?? []) nodes[level]?.push(n)
  const needs = nodes.map((own) => { const inside = new Set(own.flatMap((n) => n.outputs)); return new Set(own.flatMap((n) => [...usedBy(n)]).filter((v) => v.data === undefined && !inside.has(v))) })
  const wanted = new Set([...needs.flatMap((s) => [...s]), ...measured.map((m) => m.value), ...outputs])
  const constraints = (level: number): Constraint[] => graph.constraints.filter((c) => {
    let own = 0
    visitConstraintSymbols(c, (symbol) => { own = Math.max(own, levels.symbols.get(symbol) ?? 0) })
    return own === level
  })
  return nodes.flatMap((own, level): GraphPart[] => {
    const inside = new Set(own.flatMap((n) => n.outputs))
    // Results that no node makes are given by the first part.
    const through = level === 0 ? [...outputs].filter((v) => !made.has(v)) : []
    const gives = [...[...inside].filter((v) => wanted.has(v) && owner.get(made.get(v) as Node)?.at(0) === level), ...through]
    const takes = [...new Set([...(needs[level] as ReadonlySet<Value>), ...through])].filter((v) => fed.has(v) || made.has(v))
    return gives.length === 0 ? [] : [partOf(graph, level, own, takes, gives, constraints(level))]
  })
}

/** The parts that each node is in: its own, or for one that reads nothing but constants, those in which it is used. */
function sunk(graph: Graph, { nodes }: Levels): ReadonlyMap<Node, readonly number[]> {
  const owner = new Map<Node, readonly number[]>(), users = new Map<Value, Set<number>>(), outputs = outputValues(graph)
  for (const node of [...graph.nodes].reverse()) {
    const own = nodes.get(node) as number, used = [...usedBy(node)].filter((v) => v.data === undefined)
    const uses = new Set(node.outputs.flatMap((v) => [...(users.get(v) ?? [])]))
    const floats = used.length === 0 && uses.size > 0 && node.outputs.every((v) => !outputs.has(v))
    const parts = floats ? [...uses].sort((a, b) => a - b) : [own]
    owner.set(node, parts)
    for (const v of used) users.set(v, new Set([...(users.get(v) ?? []), ...parts]))
  }
  return owner
}

function partOf(graph: Graph, level: number, nodes: readonly Node[], takes: readonly Value[], gives: readonly Value[], constraints: readonly Constraint[]): GraphPart {
  const used = new Set<string>(), note = (s: string): void => { used.add(s) }
  for (const v of takes) visitTypeSymbols(v.type, note)
  for (const n of nodes) visitNodeSymbols(n, note)
  for (const c of constraints) visitConstraintSymbols(c, note)
  const symbols = graph.symbols.filter((s) => used.has(s.name)).map((s) => s.name)
  // Elements that are known are written into attributes already, and inputs would be checked against them.
  const inputs = takes.map((v): Value => ({ name: v.name, type: v.type })), outputs = gives.map((value): GraphOutput => ({ name: value.name, value }))
  const part = substitute({ ...graph, name: `${graph.name}.part${level}`, constraints, nodes, inputs, outputs }, new Map(takes.map((v, i) => [v, inputs[i] as Value])))
  return { graph: withFedSymbols(part, symbols), takes, gives, symbols }
}

import { describe, expect, it } from 'vitest'
import type { Graph, Node, Value } from '../../src/ir/graph.js'
import { parseGraph } from '../../src/ir/parse.js'
import { capturedBy, definersOf, mapGraphs, substitute, usedBy, usersOf, walkNodes, withNodes, withoutDeadNodes } from '../../src/ir/rewrite.js'
import './probe-op.js'

const GRAPH = parseGraph(`graph @g stage=inference (x: float32[2]) -> (y: float32[2]) {
  const %k: float32[2] = [1, 2]
  %a: float32[2] = neg(%x) @ "a"
  %b: float32[2] = add(%a, %a) @ "b"
  %dead: float32[2] = add(%b, %k) @ "dead"
  %c: float32[2] = probe(%b) {graph = graph @inner stage=inference (p: float32[2]) -> (o: float32[2]) {
    %m: float32[2] = add(%p, %a) @ "m"
    %lost: float32[2] = neg(%x) @ "lost"
    return o = %m
  }} @ "c"
  return y = %c
}`)
const [A, B, DEAD, C] = GRAPH.nodes as [Node, Node, Node, Node]
const out = (node: Node): Value => node.outputs[0] as Value
const [X] = GRAPH.inputs as [Value]
const inner = (graph: Graph): Graph => graph.nodes.find((n) => n.origin === 'c')?.attrs['graph'] as Graph
const origins = (graph: Graph): string[] => graph.nodes.map((n) => n.origin)

describe('rewriting', () => {
  it('finds users, each once, those in nested graphs by the node that holds them', () => {
    const users = usersOf(GRAPH)
    expect(users.get(out(A))?.map((n) => n.origin)).toEqual(['b', 'c'])
    expect(users.get(X)?.map((n) => n.origin)).toEqual(['a', 'c'])
    expect(users.has(out(C))).toBe(false)
    expect([...usedBy(C)].map((v) => v.name).sort()).toEqual(['a', 'b', 'x'])
    expect(definersOf(GRAPH).get(out(B))).toBe(B)
  })

  it('knows what a nested graph takes from outside', () => {
    expect([...capturedBy(inner(GRAPH))].map((v) => v.name).sort()).toEqual(['a', 'x'])
  })

  it('substitutes everywhere, nested graphs and outputs included, along chains', () => {
    const after = substitute(GRAPH, new Map([[out(C), out(B)], [out(B), out(A)], [out(A), X]]))
    expect(after.outputs[0]?.value).toBe(X)
    expect(after.nodes[1]?.inputs).toEqual([X, X])
    expect(inner(after).nodes[0]?.inputs[1]).toBe(X)
    expect(GRAPH.outputs[0]?.value).toBe(out(C))
  })

  it('gives back the same objects where nothing changes', () => {
    expect(substitute(GRAPH, new Map())).toBe(GRAPH)
    expect(substitute(GRAPH, new Map([[out(DEAD), X]]))).toBe(GRAPH)
    const after = substitute(GRAPH, new Map([[out(B), out(A)]]))
    expect(after.nodes[0]).toBe(A)
    expect(mapGraphs(GRAPH, (g) => g)).toBe(GRAPH)
    const clean = withoutDeadNodes(GRAPH)
    expect(withoutDeadNodes(clean)).toBe(clean)
  })

  it('drops dead nodes, nested ones too, and what only they used, but keeps what it is told to', () => {
    const after = withoutDeadNodes(GRAPH)
    expect(origins(after)).toEqual(['a', 'b', 'c'])
    expect(origins(inner(after))).toEqual(['m'])
    expect(origins(withoutDeadNodes(GRAPH, (n) => n.origin === 'dead'))).toEqual(['a', 'b', 'dead', 'c'])
    expect(origins(withoutDeadNodes({ ...GRAPH, outputs: [] }))).toEqual([])
  })

  it('walks nodes in execution order, a node before those inside it', () => {
    const seen: string[] = []
    walkNodes(GRAPH, (node, graph) => seen.push(`${graph.name}.${node.origin}`))
    expect(seen).toEqual(['g.a', 'g.b', 'g.dead', 'g.c', 'inner.m', 'inner.lost'])
  })

  it('changes nested graphs before the graphs around them', () => {
    const seen: string[] = []
    const after = mapGraphs(GRAPH, (g) => { seen.push(g.name); return withNodes(g, g.nodes.filter((n) => n.origin !== 'lost')) })
    expect(seen).toEqual(['inner', 'g'])
    expect(origins(inner(after))).toEqual(['m'])
  })
})

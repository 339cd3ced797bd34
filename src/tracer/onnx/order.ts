/** The order in which the nodes of an ONNX graph can be replayed, and what stands in its way. */
import { IngotError } from '../../base/error.js'
import type { Message } from './schema.js'

type NodeProto = Message<'NodeProto'>

/** How errors and origins call a node: its name, or its op and place in the list. */
export function nodeName(node: NodeProto, index: number): string {
  return node.name !== undefined && node.name !== '' ? node.name : `${node.opType ?? '?'}_${index}`
}

/** A node and its place in the model's list. */
export interface Placed { readonly node: NodeProto; readonly index: number }

/**
 * Nodes so that each stands after those whose results it reads; the given order is kept where it is right. `known` tells
 * names that exist before any node. Throws `onnx-missing-value`, `onnx-duplicate-value` or `onnx-cycle`.
 */
export function sortNodes(nodes: readonly NodeProto[], known: (name: string) => boolean): Placed[] {
  const maker = makersOf(nodes, known)
  const reads = nodes.map((node, index) => readsOf(node, index, maker, known))
  const waiting = reads.map((r) => r.size)
  const readers: number[][] = nodes.map(() => [])
  reads.forEach((r, i) => { for (const m of r) readers[m]?.push(i) })
  if (waiting.every((_, i) => [...(reads[i] as Set<number>)].every((m) => m < i))) return nodes.map((node, index) => ({ node, index }))
  const ready = waiting.flatMap((w, i) => (w === 0 ? [i] : []))
  const order: number[] = []
  for (let at = 0; at < ready.length; at++) {
    const i = ready[at] as number
    order.push(i)
    for (const r of readers[i] ?? []) {
      waiting[r] = (waiting[r] ?? 0) - 1
      if (waiting[r] === 0) ready.push(r)
    }
  }
  if (order.length < nodes.length) throw cycleError(nodes, reads, waiting)
  return order.map((index) => ({ node: nodes[index] as NodeProto, index }))
}

function makersOf(nodes: readonly NodeProto[], known: (name: string) => boolean): Map<string, number> {
  const maker = new Map<string, number>()
  nodes.forEach((node, index) => {
    for (const output of node.output) {
      if (output === '') continue
      if (maker.has(output) || known(output)) {
        const other = maker.get(output)
        const first = other === undefined ? 'an input or initialiser' : `node ${nodeName(nodes[other] as NodeProto, other)}`
        throw new IngotError('onnx-duplicate-value', `the value '${output}' is defined twice: by ${first} and by node ${nodeName(node, index)}`, { where: { origin: nodeName(node, index), op: node.opType ?? '' }, hint: 'names of values must be unique in a graph' })
      }
      maker.set(output, index)
    }
  })
  return maker
}

function readsOf(node: NodeProto, index: number, maker: ReadonlyMap<string, number>, known: (name: string) => boolean): Set<number> {
  const out = new Set<number>()
  const inner = node.attribute.flatMap((a) => [...(a.g === undefined ? [] : [a.g]), ...a.graphs])
  for (const name of [...node.input, ...inner.flatMap((g) => [...freeNames(g)])]) {
    const m = maker.get(name)
    if (m !== undefined) out.add(m)
    else if (name !== '' && !known(name) && node.input.includes(name)) {
      throw new IngotError('onnx-missing-value', `node ${nodeName(node, index)} reads '${name}', which nothing defines`, {
        where: { origin: nodeName(node, index), op: node.opType ?? '' }, hint: 'an initialiser, input or node was lost from the model',
      })
    }
  }
  return out
}

/** Names that a nested graph reads from the graphs around it. */
function freeNames(graph: Message<'GraphProto'>): Set<string> {
  const own = new Set([...graph.input.map((v) => v.name), ...graph.initializer.map((t) => t.name), ...graph.node.flatMap((n) => n.output)])
  const out = new Set<string>()
  const read = (name: string | undefined): void => { if (name !== undefined && name !== '' && !own.has(name)) out.add(name) }
  for (const n of graph.node) {
    n.input.forEach(read)
    for (const a of n.attribute) for (const g of [...(a.g === undefined ? [] : [a.g]), ...a.graphs]) freeNames(g).forEach(read)
  }
  graph.output.forEach((o) => read(o.name))
  return out
}

function cycleError(nodes: readonly NodeProto[], reads: readonly ReadonlySet<number>[], waiting: readonly number[]): IngotError {
  const left = (i: number): boolean => (waiting[i] as number) > 0
  const path: number[] = []
  let at = waiting.findIndex((w) => w > 0)
  while (!path.includes(at)) {
    path.push(at)
    at = [...(reads[at] as ReadonlySet<number>)].find(left) as number
  }
  const names = path.slice(path.indexOf(at)).reverse().map((i) => nodeName(nodes[i] as NodeProto, i))
  const shown = names.length > 8 ? [...names.slice(0, 8), `… ${names.length - 8} more`] : names
  return new IngotError('onnx-cycle', `the graph has a cycle: ${[...shown, names[0]].join(' → ')}`, { where: { origin: names[0] ?? '' }, hint: 'a node may not depend on its own result; a recurrence must be a Loop, a Scan or an LSTM' })
}

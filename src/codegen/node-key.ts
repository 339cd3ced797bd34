/**
 * What a node's kernel depends on, as text: nodes alike in op, attributes, types, small constants and in which of their
 * inputs are the same value get the same key, whatever their values are called. Layers that repeat are lowered once.
 */
import type { HostTensor } from '../base/dtype.js'
import { isGraph, isHostTensor, type Attr, type Graph, type Node, type Value } from '../ir/graph.js'
import { VISIBLE_ELEMENTS } from './node-compute.js'

/** The key of a node; its symbols must have canonical names for nodes with other symbols to get the same. */
export function nodeKey(node: Node): string {
  const numbers = new Map<Value, number>()
  const parts: string[] = []
  writeNode(node, numbers, parts)
  return parts.join(' ')
}

function writeNode(node: Node, numbers: Map<Value, number>, parts: string[]): void {
  parts.push(node.op, '(')
  for (const v of node.inputs) parts.push(v === null ? 'null' : valueText(v, numbers))
  parts.push(')')
  for (const [name, attr] of Object.entries(node.attrs)) {
    parts.push(name)
    if (isGraph(attr)) writeGraph(attr, numbers, parts)
    else parts.push(attributeText(attr))
  }
  parts.push('->')
  for (const v of node.outputs) parts.push(valueText(v, numbers))
}

function writeGraph(graph: Graph, numbers: Map<Value, number>, parts: string[]): void {
  parts.push('{')
  for (const v of graph.inputs) parts.push(valueText(v, numbers))
  for (const n of graph.nodes) { parts.push(';'); writeNode(n, numbers, parts) }
  parts.push('return')
  for (const o of graph.outputs) parts.push(valueText(o.value, numbers))
  parts.push('}')
}

/** A value's number and, where it comes up first, all that a kernel may know of it. */
function valueText(value: Value, numbers: Map<Value, number>): string {
  const known = numbers.get(value)
  if (known !== undefined) return `%${known}`
  const number = numbers.size
  numbers.set(value, number)
  const { type, data, dims, order } = value
  return `%${number}:${JSON.stringify(type)}${data === undefined ? '' : data.data.length <= VISIBLE_ELEMENTS ? tensorText(data) : '=constant'}${dims === undefined ? '' : JSON.stringify(dims)}${order === undefined ? '' : `order${order.join()}`}`
}

function attributeText(attr: Exclude<Attr, Graph>): string {
  if (isHostTensor(attr)) return tensorText(attr)
  // JSON has no words for infinities, NaN and -0.
  return JSON.stringify(attr, (_, x: unknown) => (typeof x === 'number' ? numberText(x) : x))
}

const numberText = (x: number | bigint | string): string => (Object.is(x, -0) ? '-0' : String(x))

function tensorText(tensor: HostTensor): string {
  return `${tensor.dtype}[${tensor.shape.join()}]=${JSON.stringify(Array.from(tensor.data as ArrayLike<number | bigint | string>, numberText))}`
}

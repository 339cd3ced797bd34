/** Queries, keys and values of an attention as recognise-attention finds them: before they were scaled, transposed or repeated. */
import { dimsEqual, mul, type Dim } from '../ir/dims.js'
import { shapeOf, type Node, type Value } from '../ir/graph.js'
import { splatOf } from './constants.js'
import type { Rewriting } from './rewriter.js'

/** A tensor of rank 4 whose axes `layout` names: batch, head, row, element. */
export interface Operand {
  readonly layout: string
  readonly shape: readonly Dim[]
  /** What its elements are still to be multiplied by. */
  readonly scale: number
  /** The tensor in the new graph. */
  readonly place: (rewriting: Rewriting, origin: string) => Value
}

/** `value` without products and quotients by constants: what is left, and their factor. With `only`, those that nothing else uses. */
export function scaledBy(value: Value, rewriting: Rewriting, only = false): { readonly value: Value; readonly factor: number } {
  const node = rewriting.producer(value), [a, b] = node?.inputs ?? []
  if (node === undefined || a == null || b == null || (node.op !== 'mul' && node.op !== 'div')) return { value, factor: 1 }
  const pairs: readonly (readonly [Value, Value])[] = node.op === 'mul' ? [[a, b], [b, a]] : [[a, b]]
  for (const [x, constant] of pairs) {
    const known = splatOf(constant)
    if (known === undefined || !Number.isFinite(known) || known === 0 || shapeOf(x).length !== shapeOf(value).length || !shapeOf(x).every((d, i) => dimsEqual(d, shapeOf(value)[i] as Dim))) continue
    if (only && rewriting.uses(value) !== 1) break
    const inner = scaledBy(x, rewriting, only)
    return { value: inner.value, factor: inner.factor * (node.op === 'mul' ? known : 1 / known) }
  }
  return { value, factor: 1 }
}

/** The operand that `value` is; `last` names its last two axes, `nd` or `dn`. */
export function operandOf(value: Value, last: string, rewriting: Rewriting): Operand | undefined {
  const rank = shapeOf(value).length
  return rank === 4 ? stripped(value, `bh${last}`, 1, rewriting) : rank === 3 ? withHeadAxis(stripped(value, `b${last}`, 1, rewriting)) : undefined
}

function stripped(value: Value, layout: string, scale: number, rewriting: Rewriting): Operand {
  const { value: x, factor } = scaledBy(value, rewriting), node = rewriting.producer(x), source = node?.inputs[0] ?? undefined
  if (node?.op === 'transpose' && source !== undefined) {
    const before = [...layout]
    for (const [i, p] of (node.attrs['perm'] as readonly number[]).entries()) before[p] = layout[i] as string
    return stripped(source, before.join(''), scale * factor, rewriting)
  }
  const single = node?.op === 'reshape' ? repeatedHeads(node, layout, rewriting) : undefined
  if (single === undefined) return { layout, shape: shapeOf(x), scale: scale * factor, place: () => x }
  // Reshapes of reshapes are one: where the heads came from such a tensor, it is read itself.
  const producer = rewriting.producer(single.value), inner = producer?.op === 'reshape' ? (producer.inputs[0] ?? undefined) : undefined
  if (inner !== undefined && shapeOf(inner).length === 4 && shapeOf(inner).every((d, i) => dimsEqual(d, single.shape[i] as Dim))) return stripped(inner, layout, scale * factor, rewriting)
  return { layout, shape: single.shape, scale: scale * factor, place: (r, origin) => r.add('reshape', [single.value], { shape: single.shape }, origin) }
}

/** The heads that a reshape of an expanded tensor repeats: [b, h, 1, n, d] → [b, h, g, n, d] → [b, h·g, n, d]. */
function repeatedHeads(reshape: Node, layout: string, rewriting: Rewriting): { readonly value: Value; readonly shape: readonly Dim[] } | undefined {
  const wide = reshape.inputs[0] ?? undefined, expand = wide === undefined ? undefined : rewriting.producer(wide), value = expand?.inputs[0] ?? undefined
  const at = layout.indexOf('h'), to = shapeOf(reshape.outputs[0] as Value)
  if (wide === undefined || value === undefined || expand?.op !== 'expand' || at < 0 || shapeOf(value).length !== 5 || shapeOf(wide).length !== 5) return undefined
  const from = shapeOf(value), repeated = shapeOf(wide)
  const fits = from.every((d, i) => (i === at + 1 ? d === 1 : dimsEqual(d, repeated[i] as Dim))) && to.length === 4
    && to.every((d, i) => dimsEqual(d, i < at ? repeated[i] as Dim : i === at ? mul(repeated[at] as Dim, repeated[at + 1] as Dim) : repeated[i + 1] as Dim))
  return fits ? { value, shape: from.filter((_, i) => i !== at + 1) } : undefined
}

/** A tensor of rank 3 with an axis of one head. */
function withHeadAxis(operand: Operand): Operand {
  const at = operand.layout.indexOf('b') + 1, insert = <T>(list: readonly T[], x: T): T[] => [...list.slice(0, at), x, ...list.slice(at)]
  const shape = insert<Dim>(operand.shape, 1)
  return { ...operand, layout: insert([...operand.layout], 'h').join(''), shape, place: (r, origin) => r.add('reshape', [operand.place(r, origin)], { shape }, origin) }
}

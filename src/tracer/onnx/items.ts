/**
 * What a name in an ONNX graph can stand for while it is imported: a tensor, a sequence of tensors or an optional that holds nothing. Graphs have
 * tensors only: a sequence is the list of those in it, an optional that holds something is what it holds, and no node is written for either.
 */
import type { DType } from '../../base/dtype.js'
import type { Value } from '../../ir/graph.js'

/** Tensors of one dtype, whose shapes may differ. */
export interface Sequence { readonly kind: 'sequence'; readonly dtype: DType; readonly elements: readonly Value[] }
/** An optional that holds nothing. */
export interface Nothing { readonly kind: 'nothing' }
export type Item = Value | Sequence | Nothing

/** The optional that holds nothing. */
export const NOTHING: Nothing = { kind: 'nothing' }

/** Tensors in a sequence at most, as each costs nodes: a model made to exhaust memory is refused. */
export const MAX_LENGTH = 10_000

export const isTensor = (item: Item): item is Value => !('kind' in item)
export const isSequence = (item: Item): item is Sequence => 'kind' in item && item.kind === 'sequence'

/** `a sequence of 3 tensors`, for errors. */
export function describeItem(item: Item): string {
  if (isTensor(item)) return 'a tensor'
  if (!isSequence(item)) return 'an optional that holds nothing'
  return `a sequence of ${item.elements.length === 1 ? '1 tensor' : `${item.elements.length} tensors`}`
}

/** The tensors that an item consists of as ports: a tensor bears the item's name, those of a sequence `name.0`, `name.1`, and so on. */
export function portsOf(name: string, item: Item): readonly { readonly name: string; readonly value: Value }[] {
  if (isTensor(item)) return [{ name, value: item }]
  return isSequence(item) ? item.elements.map((value, i) => ({ name: elementName(name, i), value })) : []
}

/** The port of element `i` of the sequence `name`. */
export const elementName = (name: string, i: number): string => `${name}.${i}`

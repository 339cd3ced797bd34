/**
 * Graph inputs that are sequences or optionals. Ports are tensors, so the caller says how many there are: those of a sequence become the inputs
 * `x.0`, `x.1`, and so on; an optional that holds a tensor is that tensor, under its own name.
 */
import { IngotError } from '../../base/error.js'
import type { Value } from '../../ir/graph.js'
import { elementName, MAX_LENGTH, NOTHING, type Item } from './items.js'
import type { Message } from './schema.js'
import { dtypeOfNumber } from './tensor.js'

type ValueInfo = Message<'ValueInfoProto'>
type TypeProto = Message<'TypeProto'>

/** By name of a sequence or optional input, how many tensors it holds: 1 for an optional with a tensor, null for an optional that holds nothing. */
export type Lengths = Readonly<Record<string, number | null>>

/** A graph input as tensors, and what it is once they are declared. */
export interface SpreadInput { readonly name: string; readonly ports: readonly ValueInfo[]; readonly item: (declared: readonly Value[]) => Item }

/** Throws `bad-option` where `lengths` names an input that is neither a sequence nor an optional, or says something that no length is. */
export function refuseLengths(inputs: readonly ValueInfo[], lengths: Lengths = {}): void {
  for (const [name, length] of Object.entries(lengths)) {
    const type = inputs.find((v) => v.name === name)?.type, optional = type?.optionalType !== undefined
    if (type?.sequenceType === undefined && !optional) throw new IngotError('bad-option', `a length is given for '${name}', which is no sequence or optional among the model's inputs`, { hint: `its inputs are ${inputs.map((v) => `'${v.name}'`).join(', ')}` })
    if (length === null ? !optional : !Number.isInteger(length) || length < 0 || length > MAX_LENGTH) throw new IngotError('bad-option', `the length of '${name}' is ${length}; it must be an integer from 0 to ${MAX_LENGTH}`, { where: { origin: name } })
  }
}

/** `info` as the tensors that it consists of. Throws `unsupported-type` where `lengths` does not say how many those are, and for what does not consist of tensors. */
export function spreadInput(info: ValueInfo, lengths: Lengths = {}): SpreadInput {
  const name = info.name ?? '', held = info.type?.optionalType?.elemType, type = held ?? info.type
  if (held === undefined && type?.sequenceType === undefined) return { name, ports: [info], item: ([value]) => value as Value }
  const length = Object.hasOwn(lengths, name) ? lengths[name] : undefined
  if (length === undefined) {
    const [what, otherwise] = held === undefined ? ['a sequence', ''] : ['an optional', `, or --length ${name}=none where it holds nothing`]
    throw new IngotError('unsupported-type', `input '${name}' is ${what}, and how many tensors it holds must be known while compiling`, { where: { origin: name }, hint: `say --length ${name}=${type?.tensorType === undefined ? 3 : 1}${otherwise}, or give the option \`lengths\`` })
  }
  if (length === null) return { name, ports: [], item: () => NOTHING }
  return type?.tensorType === undefined ? sequence(type, name, length) : present({ ...info, type }, name, length)
}

function present(info: ValueInfo, name: string, length: number): SpreadInput {
  if (length !== 1) throw new IngotError('bad-option', `the length of '${name}' is ${length}; an optional tensor has 1, or none`, { where: { origin: name } })
  return { name, ports: [info], item: ([value]) => value as Value }
}

/** Elements may differ in shape, so that extents are named alike in none of them. */
function sequence(type: TypeProto | undefined, name: string, length: number): SpreadInput {
  const tensor = type?.sequenceType?.elemType?.tensorType
  if (tensor === undefined) throw new IngotError('unsupported-type', `input '${name}' consists of other things than tensors; only tensors are supported as inputs`, { where: { origin: name } })
  const shape = tensor.shape === undefined ? {} : { shape: { dim: tensor.shape.dim.map((d) => (d.dimValue === undefined ? {} : d)) } }
  const dtype = dtypeOfNumber(tensor.elemType ?? 0, `input '${name}'`)
  return {
    name, ports: Array.from({ length }, (_, i) => ({ name: elementName(name, i), metadataProps: [], type: { tensorType: { ...tensor, ...shape } } })),
    item: (elements) => ({ kind: 'sequence', dtype, elements }),
  }
}

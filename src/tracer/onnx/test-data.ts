/** Recorded inputs and outputs beside a model, as ONNX's tests have them: `input_0.pb` holds a TensorProto, or a SequenceProto or OptionalProto where the model's port is one. */
import type { HostTensor } from '../../base/dtype.js'
import type { InputShapes } from '../../ir/graph.js'
import { decodeChecked, decodeModel } from './decode.js'
import { elementName } from './items.js'
import type { Message } from './schema.js'
import type { Lengths } from './spread-inputs.js'
import { tensorFromProto } from './tensor.js'
import { decodeMessage } from './wire.js'

/** Decodes a serialised TensorProto. */
export function decodeTensorProto(bytes: Uint8Array): HostTensor {
  return tensorFromProto(decodeChecked('the tensor', () => decodeMessage('TensorProto', bytes)))
}

/** Decodes a serialised SequenceProto of tensors. */
export function decodeSequenceProto(bytes: Uint8Array): HostTensor[] {
  return decodeChecked('the sequence', () => decodeMessage('SequenceProto', bytes)).tensorValues.map((t) => tensorFromProto(t))
}

/** Decodes a serialised OptionalProto of a tensor or of a sequence of tensors; null where it is empty. */
export function decodeOptionalProto(bytes: Uint8Array): HostTensor | HostTensor[] | null {
  const proto = decodeChecked('the optional', () => decodeMessage('OptionalProto', bytes))
  if (proto.tensorValue !== undefined) return tensorFromProto(proto.tensorValue)
  return proto.sequenceValue === undefined ? null : proto.sequenceValue.tensorValues.map((t) => tensorFromProto(t))
}

/** Tensors by port, those of a sequence `x` as `x.0`, `x.1`, and so on; for importing the model with as many, lengths, and shapes that declare their ranks. */
export interface Recorded { readonly tensors: Readonly<Record<string, HostTensor>>; readonly lengths: Lengths; readonly shapes: InputShapes }

/** What the files of a model's inputs or outputs hold, which are in the order of its ports, initialisers not counted; undefined for one that there is none of. */
export function decodeRecorded(model: Uint8Array, kind: 'input' | 'output', files: readonly (Uint8Array | undefined)[]): Recorded {
  const tensors: Record<string, HostTensor> = {}, lengths: Record<string, number | null> = {}, shapes: Record<string, readonly null[]> = {}
  const { graph } = decodeModel(model), initialised = new Set(graph?.initializer.map((t) => t.name))
  for (const [k, { name = '', type }] of graph?.[kind].filter((v) => kind === 'output' || !initialised.has(v.name)).entries() ?? []) {
    const bytes = files[k], value = bytes === undefined ? undefined : decodeAs(type, bytes)
    if (value === undefined) continue
    if (type?.sequenceType !== undefined || type?.optionalType !== undefined) lengths[name] = value === null ? null : Array.isArray(value) ? value.length : 1
    if (!Array.isArray(value)) { if (value !== null) tensors[name] = value; continue }
    value.forEach((tensor, i) => {
      tensors[elementName(name, i)] = tensor
      shapes[elementName(name, i)] = tensor.shape.map(() => null)
    })
  }
  return { tensors, lengths, shapes }
}

function decodeAs(type: Message<'TypeProto'> | undefined, bytes: Uint8Array): HostTensor | HostTensor[] | null {
  if (type?.optionalType !== undefined) return decodeOptionalProto(bytes)
  return type?.sequenceType !== undefined ? decodeSequenceProto(bytes) : decodeTensorProto(bytes)
}

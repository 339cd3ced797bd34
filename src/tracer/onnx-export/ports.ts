/** Graph inputs and outputs as ONNX value infos; dims as dim_value or, in words, as dim_param. */
import type { Dim } from '../../ir/dims.js'
import { parseDim, printDim } from '../../ir/dims-text.js'
import { IngotError } from '../../base/error.js'
import type { TensorType, ValueType } from '../../ir/types.js'
import { printType } from '../../ir/types.js'
import type { DraftMessage } from '../onnx/schema.js'
import { numberOfDType } from '../onnx/tensor.js'

/** The value info of a port. Throws `unsupported-type` for what is no tensor. */
export function portDraft(name: string, type: ValueType): DraftMessage<'ValueInfoProto'> {
  const { dtype, shape } = tensorTypeOf(name, type)
  const dim = shape.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: typeof d === 'string' ? symbolText(d) : printDim(d) }))
  return { name, type: { tensorType: { elemType: numberOfDType(dtype), shape: { dim } } } }
}

function tensorTypeOf(name: string, type: ValueType): TensorType {
  if (type.kind === 'tensor') return type
  throw new IngotError('unsupported-type', `'${name}' is ${printType(type)}, and only tensors can be exported`, { where: { origin: name } })
}

/** A symbol as it is; in back quotes where it would be read as something else, as an expression or as no name. */
function symbolText(symbol: string): string {
  return symbol !== '?' && (isName(symbol) || readsAs(symbol) === undefined) ? symbol : printDim(symbol)
}

const isName = (text: string): boolean => /^[A-Za-z_$][\w$.]*$/.test(text)

function readsAs(text: string): Dim | undefined {
  try {
    return parseDim(text)
  } catch {
    return undefined
  }
}

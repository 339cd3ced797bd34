/** HostTensor → TensorProto: little-endian raw bytes, which are views of the tensor's. */
import { bytesOf, type HostTensor } from '../../base/dtype.js'
import type { DraftMessage } from '../onnx/schema.js'
import { numberOfDType } from '../onnx/tensor.js'

/** A tensor to be written; strings stand in a field of their own. */
export function tensorDraft(tensor: HostTensor, name?: string): DraftMessage<'TensorProto'> {
  const { dtype, shape, data } = tensor
  return {
    dims: shape, dataType: numberOfDType(dtype), ...(name !== undefined && { name }),
    ...(ArrayBuffer.isView(data) ? { rawData: bytesOf(data) } : { stringData: data.map((s) => new TextEncoder().encode(s)) }),
  }
}

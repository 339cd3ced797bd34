/** Elements of float tensors as doubles, for references that accumulate in double whatever the dtype. */
import type { HostTensor } from '../../base/dtype.js'
import { toNumbers } from '../host-tensor.js'

/** The elements as doubles, to read only. 16-bit floats are decoded. */
export function floatElements(tensor: HostTensor): Float64Array {
  if (tensor.data instanceof Float64Array) return tensor.data
  return tensor.data instanceof Float32Array ? new Float64Array(tensor.data) : toNumbers(tensor)
}

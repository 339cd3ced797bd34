/** Extents as elements. */
import type { Dim } from '../../../base/dim.js'
import type { DType } from '../../../base/dtype.js'
import type { Value } from '../../../ir/graph.js'
import type { NodeCall } from '../call.js'
import { castTo } from './compose.js'

/** A dim as a scalar of a dtype: a constant where it is a number. */
export function dimAsScalar(call: NodeCall, dim: Dim, dtype: DType): Value {
  return typeof dim === 'number' ? call.scalar(dtype, dim) : castTo(call, call.add('dims_tensor', [], { dims: [dim], shape: [], dtype: 'int64' }), dtype)
}

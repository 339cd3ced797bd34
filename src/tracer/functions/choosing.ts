/** Choosing between values. */
import { apply1 } from '../dispatch.js'
import { asOperand, promoted, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'

/** Elements of `a` where `condition` holds, else of `b`; the three broadcast. Source: torch.where. */
export function where(condition: Tensor, a: TensorOrScalar, b: TensorOrScalar): Tensor {
  const [x, y] = promoted([a, b])
  return apply1('where', [asOperand(condition, 'bool'), x ?? null, y ?? null])
}

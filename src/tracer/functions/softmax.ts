/** Softmax and what is computed with it along an axis. */
import { apply1 } from '../dispatch.js'
import { asOperand, floatType } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'

/** exp(self) over its sum along an axis. Source: torch.softmax. */
export function softmax(self: Tensor, dim: number): Tensor { return apply1('softmax', [asOperand(self, floatType(self.dtype))], { axis: axisOf(dim, self.shape.length) }) }

/** The logarithm of softmax. Source: torch.log_softmax. */
export function logSoftmax(self: Tensor, dim: number): Tensor { return apply1('log_softmax', [asOperand(self, floatType(self.dtype))], { axis: axisOf(dim, self.shape.length) }) }

/** The position of the greatest element along an axis, or among all; of several the first. Source: torch.argmax. */
export function argmax(self: Tensor, dim?: number | null, options: { readonly keepdim?: boolean } = {}): Tensor {
  const x = dim === undefined || dim === null ? self.reshape(-1) : self
  return apply1('argmax', [x], { axis: axisOf(dim ?? 0, x.shape.length), keepdims: options.keepdim === true, select_last: false })
}

/** Softmax and what is computed with it along an axis. */
import type { DType } from '../../base/dtype.js'
import { apply1 } from '../dispatch.js'
import { asOperand, floatType } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'
import { reshape } from './movement.js'
import { neg } from './pointwise.js'

export interface SoftmaxOptions {
  /** What to compute in. */
  readonly dtype?: DType
}

function along(op: string, self: Tensor, dim: number, options: SoftmaxOptions): Tensor {
  const x = asOperand(self, options.dtype ?? floatType(self.dtype)) as Tensor, axis = axisOf(dim, self.shape.length)
  // A single number is a row of its own.
  return self.shape.length === 0 ? reshape(apply1(op, [reshape(x, 1)], { axis }), []) : apply1(op, [x], { axis })
}

/** exp(self) over its sum along an axis. Source: torch.softmax. */
export function softmax(self: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor { return along('softmax', self, dim, options) }

/** The logarithm of softmax. Source: torch.log_softmax. */
export function logSoftmax(self: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor { return along('log_softmax', self, dim, options) }

/** softmax of -self. Source: torch.nn.functional.softmin. */
export function softmin(self: Tensor, dim: number): Tensor { return softmax(neg(self), dim) }

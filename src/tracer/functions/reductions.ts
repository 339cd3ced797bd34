/** Reductions over axes: one, several, or all where none is given. */
import { DTYPES, type DType } from '../../base/dtype.js'
import { apply1 } from '../dispatch.js'
import { asOperand } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { axesOf } from './axes.js'

export interface ReduceOptions {
  /** Leaves reduced axes with an extent of 1. */
  readonly keepdim?: boolean
  /** What to compute in. */
  readonly dtype?: DType
}

function reduce(op: string, x: Tensor, dim: number | readonly number[] | null | undefined, options: ReduceOptions, dtype: DType): Tensor {
  return apply1(op, [asOperand(x, options.dtype ?? dtype)], { axes: axesOf(dim, x.shape.length), keepdims: options.keepdim === true })
}

/** The sum; of integers and bools in int64. Source: torch.sum. */
export function sum(self: Tensor, dim?: number | readonly number[] | null, options: ReduceOptions = {}): Tensor {
  return reduce('reduce_sum', self, dim, options, DTYPES[self.dtype].kind === 'float' ? self.dtype : 'int64')
}

/** The mean of floats. Source: torch.mean. */
export function mean(self: Tensor, dim?: number | readonly number[] | null, options: ReduceOptions = {}): Tensor {
  return reduce('reduce_mean', self, dim, options, self.dtype)
}

/** Reductions over axes: one, several, or all where none is given. */
import { DTYPES, type DType } from '../../base/dtype.js'
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { countOf, dims } from '../extents.js'
import { asOperand, floatType, promotedPair } from '../promotion.js'
import { writeOut } from '../inplace.js'
import type { Tensor } from '../tensor.js'
import { axesOf, axisOf } from './axes.js'
import { isnan } from './logic.js'

/** One axis, several, or all. */
export type ReducedAxes = number | readonly number[] | null

export interface KeepOptions {
  /** Leaves reduced axes with an extent of 1. */
  readonly keepdim?: boolean
}
export interface ReduceOptions extends KeepOptions {
  /** What to compute in. */
  readonly dtype?: DType
  /** A tensor to write the result to, of its shape. */
  readonly out?: Tensor
}
export interface SpreadOptions extends KeepOptions {
  /** What is taken off the count that squares are divided by; 1 unless given. */
  readonly correction?: number
}

function reduce(op: string, x: Tensor, dim: ReducedAxes | undefined, options: ReduceOptions, dtype: DType): Tensor {
  const compute = (): Tensor => apply1(op, [asOperand(x, options.dtype ?? dtype)], { axes: axesOf(dim, x.shape.length), keepdims: options.keepdim === true })
  return options.out === undefined ? compute() : writeOut(options.out, [x], compute)
}

const summable = (dtype: DType): DType => (DTYPES[dtype].kind === 'float' ? dtype : 'int64')

/** The sum; of integers and bools in int64. Source: torch.sum. */
export function sum(self: Tensor, dim?: ReducedAxes, options: ReduceOptions = {}): Tensor { return reduce('reduce_sum', self, dim, options, summable(self.dtype)) }

/** The sum without NaN. Source: torch.nansum. */
export function nansum(self: Tensor, dim?: ReducedAxes, options: ReduceOptions = {}): Tensor {
  return sum(apply1('where', [isnan(self), asOperand(0, self.dtype), self]), dim, options)
}

/** The product; of integers and bools in int64. Source: torch.prod. */
export function prod(self: Tensor, dim?: ReducedAxes, options: ReduceOptions = {}): Tensor { return reduce('reduce_prod', self, dim, options, summable(self.dtype)) }

/** The mean of floats. Throws `unsupported-dtype` for others unless a float dtype is given. Source: torch.mean. */
export function mean(self: Tensor, dim?: ReducedAxes, options: ReduceOptions = {}): Tensor {
  const dtype = options.dtype ?? self.dtype
  if (DTYPES[dtype].kind !== 'float') throw callError('unsupported-dtype', `the mean of ${dtype} would be no ${dtype}`, { where: { dtype }, hint: "pass { dtype: 'float32' }" })
  return reduce('reduce_mean', self, dim, options, self.dtype)
}

function extreme(op: string, x: Tensor, dim: ReducedAxes | undefined, options: KeepOptions): Tensor {
  const axes = axesOf(dim, x.shape.length)
  if (axes.some((a) => x.shape[a] === 0)) throw callError('shape-mismatch', `there is no extreme among the elements of [${x.shape.join(', ')}] along an axis without any`)
  return reduce(op, x, dim, options, x.dtype)
}

/** The greatest element; NaN if one is. Source: torch.amax. */
export function amax(self: Tensor, dim?: ReducedAxes, options: KeepOptions = {}): Tensor { return extreme('reduce_max', self, dim, options) }

/** The least element; NaN if one is. Source: torch.amin. */
export function amin(self: Tensor, dim?: ReducedAxes, options: KeepOptions = {}): Tensor { return extreme('reduce_min', self, dim, options) }

/** The least and the greatest element. Source: torch.aminmax. */
export function aminmax(self: Tensor, dim?: ReducedAxes, options: KeepOptions = {}): { readonly min: Tensor; readonly max: Tensor } {
  return { min: amin(self, dim, options), max: amax(self, dim, options) }
}

/** True where no element is zero. Source: torch.all. */
export function all(self: Tensor, dim?: ReducedAxes, options: KeepOptions = {}): Tensor { return reduce('reduce_min', self, dim, options, 'bool') }

/** True where an element is not zero. Source: torch.any. */
export function any(self: Tensor, dim?: ReducedAxes, options: KeepOptions = {}): Tensor { return reduce('reduce_max', self, dim, options, 'bool') }

/** How many elements are not zero. Source: torch.count_nonzero. */
export function countNonzero(self: Tensor, dim?: ReducedAxes): Tensor { return sum(apply1('ne', promotedPair(self, 0, self.dtype)), dim) }

/** The logarithm of the sum of exponentials, without overflow. Source: torch.logsumexp. */
export function logsumexp(self: Tensor, dim: ReducedAxes, options: KeepOptions = {}): Tensor { return reduce('reduce_log_sum_exp', self, dim, options, floatType(self.dtype)) }

/** The mean squared distance from the mean. Source: torch.var. */
function variance(self: Tensor, dim?: ReducedAxes, { keepdim = false, correction = 1 }: SpreadOptions = {}): Tensor {
  const axes = axesOf(dim, self.shape.length)
  const centred = apply1('sub', [self, mean(self, axes, { keepdim: true })])
  const squares = apply1('reduce_sum_square', [centred], { axes, keepdims: keepdim })
  const count = dims.max(0, dims.sub(countOf(axes.map((a) => self.shape[a] as number)), correction))
  return apply1('div', promotedPair(squares, count, self.dtype))
}

export { variance as var }

/** The root of the variance. Source: torch.std. */
export function std(self: Tensor, dim?: ReducedAxes, options: SpreadOptions = {}): Tensor { return apply1('sqrt', [variance(self, dim, options)]) }

/** The p-norm: 2 by default; 1, any number, or an infinity. Source: torch.linalg.vector_norm. */
export function norm(self: Tensor, p = 2, dim?: ReducedAxes, options: ReduceOptions = {}): Tensor {
  const dtype = floatType(options.dtype ?? self.dtype)
  if (p === 1 || p === 2) return reduce(p === 1 ? 'reduce_l1' : 'reduce_l2', self, dim, options, dtype)
  const size = apply1('abs', [asOperand(self, dtype)])
  if (p === Infinity) return amax(size, dim, options)
  if (p === -Infinity) return amin(size, dim, options)
  if (p === 0) return asOperand(sum(apply1('ne', promotedPair(self, 0, self.dtype)), dim, options), dtype) as Tensor
  return apply1('pow', promotedPair(sum(apply1('pow', promotedPair(size, p)), dim, options), 1 / p))
}

/** The sum of all elements up to each along an axis; of integers and bools in int64. Source: torch.cumsum. */
export function cumsum(self: Tensor, dim: number, options: { readonly dtype?: DType } = {}): Tensor {
  const x = asOperand(self, options.dtype ?? summable(self.dtype)) as Tensor
  if (self.shape.length === 0) return apply1('mul', promotedPair(x, 1))
  return apply1('cumsum', [x], { axis: axisOf(dim, self.shape.length), exclusive: false, reverse: false })
}

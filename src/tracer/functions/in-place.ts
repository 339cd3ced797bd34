/** Operations that change their first operand and return it. */
import { applyInPlace, overwriteInPlace, reshapeInPlace } from '../inplace.js'
import { constantOf, isScalar, type Scalar, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { add, div, mul, pow, sub } from './arithmetic.js'
import { select } from './movement.js'
import { exchanged, squeezed, unsqueezed } from './rearranged.js'

const others = (x: TensorOrScalar): readonly Exclude<TensorOrScalar, Scalar>[] => (isScalar(x) ? [] : [x])

/** self += alpha * other. */
export function add_(self: Tensor, other: TensorOrScalar, options: { readonly alpha?: number } = {}): Tensor { return applyInPlace(self, others(other), (x) => add(x, other, options)) }

/** self -= alpha * other. */
export function sub_(self: Tensor, other: TensorOrScalar, options: { readonly alpha?: number } = {}): Tensor { return applyInPlace(self, others(other), (x) => sub(x, other, options)) }

/** self *= other. */
export function mul_(self: Tensor, other: TensorOrScalar): Tensor { return applyInPlace(self, others(other), (x) => mul(x, other)) }

/** self /= other. */
export function div_(self: Tensor, other: TensorOrScalar, options: { readonly roundingMode?: 'trunc' | 'floor' } = {}): Tensor { return applyInPlace(self, others(other), (x) => div(x, other, options)) }

/** self **= exponent. */
export function pow_(self: Tensor, exponent: TensorOrScalar): Tensor { return applyInPlace(self, others(exponent), (x) => pow(x, exponent)) }

/** Sets every element to `value`. */
export function fill_(self: Tensor, value: TensorOrScalar): Tensor { return overwriteInPlace(self, isScalar(value) ? constantOf(value, self.dtype) : value) }

/** Sets every element to zero. */
export function zero_(self: Tensor): Tensor { return fill_(self, 0) }

/** Takes over the elements of `source`, broadcast and cast. Source: torch.Tensor.copy_. */
export function copy_(self: Tensor, source: Tensor): Tensor { return overwriteInPlace(self, source) }

/** Sets what `select(0, index)` sees: `self[index] = value` in Python. */
export function setItem(self: Tensor, index: number, value: TensorOrScalar): Tensor {
  fill_(select(self, 0, index), value)
  return self
}

/** Exchanges two axes in place. */
export function transpose_(self: Tensor, dim0: number, dim1: number): Tensor { return reshapeInPlace(self, 'transpose', { perm: exchanged(self, dim0, dim1) }) }

/** Adds an axis of extent 1 in place. */
export function unsqueeze_(self: Tensor, dim: number): Tensor { return reshapeInPlace(self, 'reshape', { shape: unsqueezed(self, dim) }) }

/** Drops axes of extent 1 in place. */
export function squeeze_(self: Tensor, dim?: number | readonly number[]): Tensor { return reshapeInPlace(self, 'reshape', { shape: squeezed(self, dim) }) }

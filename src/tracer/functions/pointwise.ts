/** Functions of each element. Those of real numbers compute integers as float32. */
import { apply1 } from '../dispatch.js'
import type { DType } from '../../base/dtype.js'
import { asOperand, floatType } from '../promotion.js'
import type { Tensor } from '../tensor.js'

function ofFloats(op: string, x: Tensor): Tensor {
  return apply1(op, [asOperand(x, floatType(x.dtype))])
}

/** -self. Source: torch.neg. */
export function neg(self: Tensor): Tensor { return apply1('neg', [self]) }

/** e to the power of self. Source: torch.exp. */
export function exp(self: Tensor): Tensor { return ofFloats('exp', self) }

/** The natural logarithm. Source: torch.log. */
export function log(self: Tensor): Tensor { return ofFloats('log', self) }

/** The square root. Source: torch.sqrt. */
export function sqrt(self: Tensor): Tensor { return ofFloats('sqrt', self) }

/** The hyperbolic tangent. Source: torch.tanh. */
export function tanh(self: Tensor): Tensor { return ofFloats('tanh', self) }

/** 1 / (1 + exp(-self)). Source: torch.sigmoid. */
export function sigmoid(self: Tensor): Tensor { return ofFloats('sigmoid', self) }

/** The greater of self and zero. Source: torch.relu. */
export function relu(self: Tensor): Tensor { return apply1('relu', [self]) }

/** The elements in another dtype; the tensor itself where it has that. Source: torch.Tensor.to. */
export function to(self: Tensor, dtype: DType): Tensor { return self.dtype === dtype ? self : apply1('cast', [self], { to: dtype }) }

/** A copy, with history. Outside inference mode the clone of an inference tensor is a normal tensor. Source: torch.clone. */
export function clone(self: Tensor): Tensor { return apply1('cast', [self], { to: self.dtype }) }

/** The tensor itself where its elements lie in row-major order, else a copy. Source: torch.Tensor.contiguous. */
export function contiguous(self: Tensor): Tensor { return self.isContiguous() ? self : clone(self) }

/** Truth values and bits of each element. */
import { DTYPES, type DType } from '../../base/dtype.js'
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { asOperand, promotedPair, resultType, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'

const truth = (op: string, a: Tensor, b: TensorOrScalar): Tensor => apply1(op, promotedPair(a, b, 'bool'))

/** Bools have one bit, and ops of their own. */
function bits(name: string, op: string, ofBools: string | null, a: Tensor, b: TensorOrScalar): Tensor {
  const dtype: DType = resultType(a, b)
  if (DTYPES[dtype].kind === 'float' || (dtype === 'bool' && ofBools === null)) throw callError('unsupported-dtype', `${name} is of integers${ofBools === null ? '' : ' and bools'}, not ${dtype}`, { where: { dtype } })
  return apply1(dtype === 'bool' && ofBools !== null ? ofBools : op, promotedPair(a, b, dtype))
}

/** True where neither is zero. Source: torch.logical_and. */
export function logicalAnd(self: Tensor, other: TensorOrScalar): Tensor { return truth('logical_and', self, other) }

/** True where one is not zero. Source: torch.logical_or. */
export function logicalOr(self: Tensor, other: TensorOrScalar): Tensor { return truth('logical_or', self, other) }

/** True where exactly one is not zero. Source: torch.logical_xor. */
export function logicalXor(self: Tensor, other: TensorOrScalar): Tensor { return truth('logical_xor', self, other) }

/** True where self is zero. Source: torch.logical_not. */
export function logicalNot(self: Tensor): Tensor { return apply1('logical_not', [asOperand(self, 'bool')]) }

/** The bits set in both. Source: torch.bitwise_and. */
export function bitwiseAnd(self: Tensor, other: TensorOrScalar): Tensor { return bits('bitwiseAnd', 'bitwise_and', 'logical_and', self, other) }

/** The bits set in either. Source: torch.bitwise_or. */
export function bitwiseOr(self: Tensor, other: TensorOrScalar): Tensor { return bits('bitwiseOr', 'bitwise_or', 'logical_or', self, other) }

/** The bits set in exactly one. Source: torch.bitwise_xor. */
export function bitwiseXor(self: Tensor, other: TensorOrScalar): Tensor { return bits('bitwiseXor', 'bitwise_xor', 'logical_xor', self, other) }

/** self shifted left, zeros entering. Source: torch.bitwise_left_shift. */
export function bitwiseLeftShift(self: Tensor, other: TensorOrScalar): Tensor { return bits('bitwiseLeftShift', 'shift_left', null, self, other) }

/** self shifted right; negative integers stay negative. Source: torch.bitwise_right_shift. */
export function bitwiseRightShift(self: Tensor, other: TensorOrScalar): Tensor { return bits('bitwiseRightShift', 'shift_right', null, self, other) }

/** Every bit inverted; of bools the opposite. Source: torch.bitwise_not. */
export function bitwiseNot(self: Tensor): Tensor { return apply1(self.dtype === 'bool' ? 'logical_not' : 'bitwise_not', [self]) }

function ofFloats(op: string, x: Tensor, attrs: { readonly detect_negative: boolean; readonly detect_positive: boolean } | Record<string, never> = {}): Tensor {
  // Integers are neither NaN nor infinite.
  return DTYPES[x.dtype].kind === 'float' ? apply1(op, [x], attrs) : apply1('ne', [x, x])
}

/** True where self is NaN. Source: torch.isnan. */
export function isnan(self: Tensor): Tensor { return ofFloats('isnan', self) }

/** True where self is infinite. Source: torch.isinf. */
export function isinf(self: Tensor): Tensor { return ofFloats('isinf', self, { detect_negative: true, detect_positive: true }) }

/** True where self is infinity. Source: torch.isposinf. */
export function isposinf(self: Tensor): Tensor { return ofFloats('isinf', self, { detect_negative: false, detect_positive: true }) }

/** True where self is minus infinity. Source: torch.isneginf. */
export function isneginf(self: Tensor): Tensor { return ofFloats('isinf', self, { detect_negative: true, detect_positive: false }) }

/** True where self is neither infinite nor NaN. Source: torch.isfinite. */
export function isfinite(self: Tensor): Tensor { return logicalNot(logicalOr(isnan(self), isinf(self))) }

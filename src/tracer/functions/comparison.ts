/** Comparisons element by element: tensors of bools. */
import { DTYPES } from '../../base/dtype.js'
import { apply1 } from '../dispatch.js'
import { promotedPair, resultType, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { isfinite, isnan, logicalAnd, logicalOr } from './logic.js'
import { all } from './reductions.js'

/** Bools are ordered as 0 and 1. */
function ordered(op: string, a: Tensor, b: TensorOrScalar): Tensor {
  const dtype = resultType(a, b)
  return apply1(op, promotedPair(a, b, dtype === 'bool' ? 'uint8' : dtype))
}

/** self == other. Source: torch.eq. */
export function eq(self: Tensor, other: TensorOrScalar): Tensor { return apply1('eq', promotedPair(self, other)) }

/** self != other. Source: torch.ne. */
export function ne(self: Tensor, other: TensorOrScalar): Tensor { return apply1('ne', promotedPair(self, other)) }

/** self < other. Source: torch.lt. */
export function lt(self: Tensor, other: TensorOrScalar): Tensor { return ordered('lt', self, other) }

/** self <= other. Source: torch.le. */
export function le(self: Tensor, other: TensorOrScalar): Tensor { return ordered('le', self, other) }

/** self > other. Source: torch.gt. */
export function gt(self: Tensor, other: TensorOrScalar): Tensor { return ordered('gt', self, other) }

/** self >= other. Source: torch.ge. */
export function ge(self: Tensor, other: TensorOrScalar): Tensor { return ordered('ge', self, other) }

export interface CloseOptions {
  /** Allowed difference relative to the other element; 1e-5 unless given. */
  readonly rtol?: number
  /** Allowed difference beside that; 1e-8 unless given. */
  readonly atol?: number
  /** Counts two NaN as close. */
  readonly equalNan?: boolean
}

/** True where |self - other| is at most atol + rtol |other|, and where both are the same infinity. Source: torch.isclose. */
export function isclose(self: Tensor, other: Tensor, { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {}): Tensor {
  const given = resultType(self, other), [a, b] = promotedPair(self, other, DTYPES[given].kind === 'float' ? given : 'float64') as readonly [Tensor, Tensor]
  const distance = apply1('abs', [apply1('sub', [a, b])])
  const allowed = apply1('add', promotedPair(apply1('mul', promotedPair(apply1('abs', [b]), rtol)), atol))
  const near = logicalAnd(isfinite(b), apply1('le', [distance, allowed]))
  const close = logicalOr(apply1('eq', [a, b]), near)
  return equalNan ? logicalOr(close, logicalAnd(isnan(a), isnan(b))) : close
}

/** Whether all elements are close. Reads elements, so it cannot be traced. Source: torch.allclose. */
export function allclose(self: Tensor, other: Tensor, options: CloseOptions = {}): boolean { return all(isclose(self, other, options)).item() === true }

/** Whether both have the same shape and elements. Reads elements, so it cannot be traced. Source: torch.equal. */
export function equal(self: Tensor, other: Tensor): boolean {
  if (self.shape.length !== other.shape.length || self.shape.some((d, i) => d !== other.shape[i])) return false
  return all(eq(self, other)).item() === true
}

/** Comparisons element by element: tensors of bools. */
import { apply1 } from '../dispatch.js'
import { promoted, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'

/** self == other. Source: torch.eq. */
export function eq(self: Tensor, other: TensorOrScalar): Tensor { return apply1('eq', promoted([self, other])) }

/** self != other. Source: torch.ne. */
export function ne(self: Tensor, other: TensorOrScalar): Tensor { return apply1('ne', promoted([self, other])) }

/** self < other. Source: torch.lt. */
export function lt(self: Tensor, other: TensorOrScalar): Tensor { return apply1('lt', promoted([self, other])) }

/** self <= other. Source: torch.le. */
export function le(self: Tensor, other: TensorOrScalar): Tensor { return apply1('le', promoted([self, other])) }

/** self > other. Source: torch.gt. */
export function gt(self: Tensor, other: TensorOrScalar): Tensor { return apply1('gt', promoted([self, other])) }

/** self >= other. Source: torch.ge. */
export function ge(self: Tensor, other: TensorOrScalar): Tensor { return apply1('ge', promoted([self, other])) }

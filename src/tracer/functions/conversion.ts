/** The same elements in other dtypes and other memory. */
import type { DType } from '../../base/dtype.js'
import { apply1 } from '../dispatch.js'
import type { Tensor } from '../tensor.js'

/** The elements in another dtype; the tensor itself where it has that. Source: torch.Tensor.to. */
export function to(self: Tensor, dtype: DType): Tensor { return self.dtype === dtype ? self : apply1('cast', [self], { to: dtype }) }

/** The elements as float64. Source: torch.Tensor.double. */
export function double(self: Tensor): Tensor { return to(self, 'float64') }

/** The elements as float32. Source: torch.Tensor.float. */
export function float(self: Tensor): Tensor { return to(self, 'float32') }

/** The elements as float16. Source: torch.Tensor.half. */
export function half(self: Tensor): Tensor { return to(self, 'float16') }

/** The elements as bfloat16. Source: torch.Tensor.bfloat16. */
export function bfloat16(self: Tensor): Tensor { return to(self, 'bfloat16') }

/** The elements as int64. Source: torch.Tensor.long. */
export function long(self: Tensor): Tensor { return to(self, 'int64') }

/** The elements as int32. Source: torch.Tensor.int. */
export function int(self: Tensor): Tensor { return to(self, 'int32') }

/** The elements as int16. Source: torch.Tensor.short. */
export function short(self: Tensor): Tensor { return to(self, 'int16') }

/** The elements as int8. Source: torch.Tensor.char. */
export function char(self: Tensor): Tensor { return to(self, 'int8') }

/** The elements as uint8. Source: torch.Tensor.byte. */
export function byte(self: Tensor): Tensor { return to(self, 'uint8') }

/** The elements as bool. Source: torch.Tensor.bool. */
export function bool(self: Tensor): Tensor { return to(self, 'bool') }

/** The elements in the dtype of another tensor. Source: torch.Tensor.type_as. */
export function typeAs(self: Tensor, other: Tensor): Tensor { return to(self, other.dtype) }

/** A copy, with history. Outside inference mode the clone of an inference tensor is a normal tensor. Source: torch.clone. */
export function clone(self: Tensor): Tensor { return apply1('cast', [self], { to: self.dtype }) }

/** The tensor itself where its elements lie in row-major order, else a copy. Source: torch.Tensor.contiguous. */
export function contiguous(self: Tensor): Tensor { return self.isContiguous() ? self : clone(self) }

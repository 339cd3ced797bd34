/** Arithmetic on two operands, with broadcasting and type promotion, and products of matrices. */
import { apply1 } from '../dispatch.js'
import { writeOut } from '../inplace.js'
import { floatType, isScalar, promoted, resultType, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'

export interface OutOptions {
  /** A tensor to write the result to, of its shape. */
  readonly out?: Tensor
}

function binary(op: string, a: Tensor, b: TensorOrScalar, options: OutOptions, dtype = resultType(a, b)): Tensor {
  const compute = (): Tensor => apply1(op, promoted([a, b], dtype))
  return options.out === undefined ? compute() : writeOut(options.out, isScalar(b) ? [a] : [a, b], compute)
}

/** self + other. Source: torch.add. */
export function add(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('add', self, other, options) }

/** self - other. Source: torch.sub. */
export function sub(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('sub', self, other, options) }

/** self * other. Source: torch.mul. */
export function mul(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('mul', self, other, options) }

/** self / other, as floats. Source: torch.div. */
export function div(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('div', self, other, options, floatType(resultType(self, other))) }

/** self to the power of the exponent. Source: torch.pow. */
export function pow(self: Tensor, exponent: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('pow', self, exponent, options) }

/** Matrix product over the last two axes; the others broadcast. Source: torch.matmul. */
export function matmul(self: Tensor, other: Tensor): Tensor { return apply1('matmul', promoted([self, other]), { trans_a: false, trans_b: false }) }

/** self @ weightᵀ + bias, for weights of shape [out, in]. Source: torch.nn.functional.linear. */
export function linear(self: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const product = apply1('matmul', promoted([self, weight]), { trans_a: false, trans_b: true })
  return bias === null ? product : add(product, bias)
}

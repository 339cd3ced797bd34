/** Arithmetic on two operands, with broadcasting and type promotion. */
import { DTYPES } from '../../base/dtype.js'
import { apply1 } from '../dispatch.js'
import { writeOut } from '../inplace.js'
import { asOperand, floatType, isScalar, promoted, promotedPair, resultType, type Scalar, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { floor, log1p, trunc } from './pointwise.js'

export interface OutOptions {
  /** A tensor to write the result to, of its shape. */
  readonly out?: Tensor
}
export interface AlphaOptions extends OutOptions {
  /** What the second operand is multiplied by. */
  readonly alpha?: number
}
export interface DivOptions extends OutOptions {
  /** `trunc` and `floor` round the quotient, and keep integers. */
  readonly roundingMode?: 'trunc' | 'floor'
}

function binary(op: string, a: TensorOrScalar, b: TensorOrScalar, options: OutOptions, dtype = resultType(a, b)): Tensor {
  return into([a, b], options, () => apply1(op, promoted([a, b], dtype)))
}

function into(operands: readonly TensorOrScalar[], { out }: OutOptions, compute: () => Tensor): Tensor {
  return out === undefined ? compute() : writeOut(out, operands.filter((x): x is Exclude<TensorOrScalar, Scalar> => !isScalar(x)), compute)
}

const scaled = (x: TensorOrScalar, alpha: number | undefined): TensorOrScalar => (alpha === undefined || alpha === 1 ? x : apply1('mul', promoted([x, alpha])))

/** self + alpha * other. Source: torch.add. */
export function add(self: Tensor, other: TensorOrScalar, options: AlphaOptions = {}): Tensor {
  if (resultType(self, other) === 'bool') return binary('logical_or', self, other, options)
  return binary('add', self, scaled(other, options.alpha), options)
}

/** self - alpha * other. Source: torch.sub. */
export function sub(self: Tensor, other: TensorOrScalar, options: AlphaOptions = {}): Tensor { return binary('sub', self, scaled(other, options.alpha), options) }

/** other - alpha * self. Source: torch.rsub. */
export function rsub(self: Tensor, other: TensorOrScalar, options: AlphaOptions = {}): Tensor { return binary('sub', other, scaled(self, options.alpha), options) }

/** self * other. Source: torch.mul. */
export function mul(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor {
  return binary(resultType(self, other) === 'bool' ? 'logical_and' : 'mul', self, other, options)
}

/** self / other, as floats unless it is rounded. Source: torch.div. */
export function div(self: Tensor, other: TensorOrScalar, options: DivOptions = {}): Tensor {
  const dtype = resultType(self, other), mode = options.roundingMode
  if (mode === undefined) return binary('div', self, other, options, floatType(dtype))
  return into([self, other], options, () => roundedQuotient(self, other, mode))
}

function roundedQuotient(self: Tensor, other: TensorOrScalar, mode: 'trunc' | 'floor'): Tensor {
  const dtype = resultType(self, other), [a, b] = promotedPair(self, other, dtype)
  const quotient = apply1('div', [a, b])
  if (DTYPES[dtype].kind === 'float') return mode === 'trunc' ? trunc(quotient) : floor(quotient)
  if (mode === 'trunc' || DTYPES[dtype].kind === 'uint') return quotient
  // Exact division of what the floored remainder leaves.
  return apply1('div', [apply1('sub', [a, apply1('mod', [a, b])]), b])
}

/** div, by its older name. Source: torch.true_divide. */
export function trueDivide(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return div(self, other, options) }

/** The quotient, rounded down. Source: torch.floor_divide. */
export function floorDivide(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return div(self, other, { ...options, roundingMode: 'floor' }) }

/** The remainder with the sign of the divisor. Source: torch.remainder. */
export function remainder(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('mod', self, other, options) }

/** The remainder with the sign of the dividend. Source: torch.fmod. */
export function fmod(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('fmod', self, other, options) }

/** self to the power of the exponent. Source: torch.pow. */
export function pow(self: Tensor, exponent: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('pow', self, exponent, options) }

/** The greater of each pair; NaN if either is. Source: torch.maximum. */
export function maximum(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('maximum', self, other, options) }

/** The lesser of each pair; NaN if either is. Source: torch.minimum. */
export function minimum(self: Tensor, other: TensorOrScalar, options: OutOptions = {}): Tensor { return binary('minimum', self, other, options) }

/** The greater of each pair, or the one that is a number. Source: torch.fmax. */
export function fmax(self: Tensor, other: TensorOrScalar): Tensor { return numberOf('maximum', self, other) }

/** The lesser of each pair, or the one that is a number. Source: torch.fmin. */
export function fmin(self: Tensor, other: TensorOrScalar): Tensor { return numberOf('minimum', self, other) }

function numberOf(op: string, self: Tensor, other: TensorOrScalar): Tensor {
  const dtype = resultType(self, other), [a, b] = promotedPair(self, other, dtype)
  const both = apply1(op, [a, b])
  if (DTYPES[dtype].kind !== 'float') return both
  const otherwise = apply1('where', [apply1('isnan', [b]), a, both])
  return apply1('where', [apply1('isnan', [a]), b, otherwise])
}

/** self + weight * (end - self). Source: torch.lerp. */
export function lerp(self: Tensor, end: Tensor, weight: TensorOrScalar): Tensor { return add(self, mul(sub(end, self), weight)) }

/** self + value * a * b. Source: torch.addcmul. */
export function addcmul(self: Tensor, a: Tensor, b: Tensor, value = 1): Tensor { return add(self, mul(a, b), { alpha: value }) }

/** self + value * a / b. Source: torch.addcdiv. */
export function addcdiv(self: Tensor, a: Tensor, b: Tensor, value = 1): Tensor { return add(self, div(a, b), { alpha: value }) }

/** The root of self² + other². Source: torch.hypot. */
export function hypot(self: Tensor, other: TensorOrScalar): Tensor {
  const [a, b] = promotedPair(self, other, floatType(resultType(self, other)))
  return apply1('sqrt', [apply1('add', [apply1('mul', [a, a]), apply1('mul', [b, b])])])
}

/** log(exp(self) + exp(other)), without overflow. Source: torch.logaddexp. */
export function logaddexp(self: Tensor, other: TensorOrScalar): Tensor {
  const dtype = floatType(resultType(self, other)), [a, b] = promotedPair(self, other, dtype)
  const greater = apply1('maximum', [a, b]), distance = apply1('abs', [apply1('sub', [a, b])])
  const sum = add(greater, log1p(apply1('exp', [apply1('neg', [distance])])))
  // Equal infinities have no distance.
  return apply1('where', [apply1('eq', [a, b]), add(greater, Math.LN2), sum])
}

/** self * log(other), and 0 where self is 0 and other no NaN. Source: torch.xlogy. */
export function xlogy(self: Tensor, other: TensorOrScalar): Tensor {
  const dtype = floatType(resultType(self, other)), [a, b] = promotedPair(self, other, dtype)
  const isZero = apply1('logical_and', [apply1('eq', [a, asOperand(0, dtype)]), apply1('logical_not', [apply1('isnan', [b])])])
  const safe = apply1('where', [isZero, asOperand(1, dtype), b])
  return apply1('mul', [a, apply1('log', [safe])])
}

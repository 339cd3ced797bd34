/** Functions of each element. Those of real numbers compute integers as float32. */
import { DTYPES } from '../../base/dtype.js'
import { apply1 } from '../dispatch.js'
import { writeOut } from '../inplace.js'
import { asOperand, floatType, promoted, resultType, isScalar, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import type { OutOptions } from './arithmetic.js'
import { clone } from './conversion.js'

function into(x: Tensor, options: OutOptions, compute: () => Tensor): Tensor {
  return options.out === undefined ? compute() : writeOut(options.out, [x], compute)
}

function ofFloats(op: string, x: Tensor, options: OutOptions): Tensor {
  return into(x, options, () => apply1(op, [asOperand(x, floatType(x.dtype))]))
}

function ofNumbers(op: string, x: Tensor, options: OutOptions): Tensor { return into(x, options, () => apply1(op, [x])) }

/** Rounds floats; integers are whole already. */
function rounding(op: string, x: Tensor, options: OutOptions): Tensor {
  return into(x, options, () => (DTYPES[x.dtype].kind === 'float' ? apply1(op, [x]) : clone(x)))
}

/** e to the power of self. Source: torch.exp. */
export function exp(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('exp', self, options) }

/** The natural logarithm. Source: torch.log. */
export function log(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('log', self, options) }

/** The square root. Source: torch.sqrt. */
export function sqrt(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('sqrt', self, options) }

/** One over the square root. Source: torch.rsqrt. */
export function rsqrt(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('rsqrt', self, options) }

/** One over self. Source: torch.reciprocal. */
export function reciprocal(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('reciprocal', self, options) }

/** The sine of angles in radians. Source: torch.sin. */
export function sin(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('sin', self, options) }

/** The cosine of angles in radians. Source: torch.cos. */
export function cos(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('cos', self, options) }

/** The tangent of angles in radians. Source: torch.tan. */
export function tan(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('tan', self, options) }

/** The angle whose sine is self. Source: torch.asin. */
export function asin(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('asin', self, options) }

/** The angle whose cosine is self. Source: torch.acos. */
export function acos(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('acos', self, options) }

/** The angle whose tangent is self. Source: torch.atan. */
export function atan(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('atan', self, options) }

/** The hyperbolic sine. Source: torch.sinh. */
export function sinh(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('sinh', self, options) }

/** The hyperbolic cosine. Source: torch.cosh. */
export function cosh(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('cosh', self, options) }

/** The hyperbolic tangent. Source: torch.tanh. */
export function tanh(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('tanh', self, options) }

/** The inverse hyperbolic sine. Source: torch.asinh. */
export function asinh(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('asinh', self, options) }

/** The inverse hyperbolic cosine. Source: torch.acosh. */
export function acosh(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('acosh', self, options) }

/** The inverse hyperbolic tangent. Source: torch.atanh. */
export function atanh(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('atanh', self, options) }

/** The Gauss error function. Source: torch.erf. */
export function erf(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('erf', self, options) }

/** 1 / (1 + exp(-self)). Source: torch.sigmoid. */
export function sigmoid(self: Tensor, options: OutOptions = {}): Tensor { return ofFloats('sigmoid', self, options) }

/** -self; integers wrap. Source: torch.neg. */
export function neg(self: Tensor, options: OutOptions = {}): Tensor { return ofNumbers('neg', self, options) }

/** The absolute value. Source: torch.abs. */
export function abs(self: Tensor, options: OutOptions = {}): Tensor { return ofNumbers('abs', self, options) }

/** -1, 0 or 1 by the sign; NaN stays. Source: torch.sign. */
export function sign(self: Tensor, options: OutOptions = {}): Tensor { return ofNumbers('sign', self, options) }

/** The greater of self and zero. Source: torch.relu. */
export function relu(self: Tensor, options: OutOptions = {}): Tensor { return ofNumbers('relu', self, options) }

/** The greatest whole number not above self. Source: torch.floor. */
export function floor(self: Tensor, options: OutOptions = {}): Tensor { return rounding('floor', self, options) }

/** The least whole number not below self. Source: torch.ceil. */
export function ceil(self: Tensor, options: OutOptions = {}): Tensor { return rounding('ceil', self, options) }

/** The nearest whole number, halves to the even one. Source: torch.round. */
export function round(self: Tensor, options: OutOptions = {}): Tensor { return rounding('round', self, options) }

/** The whole number next to self on the way to zero. Source: torch.trunc. */
export function trunc(self: Tensor): Tensor { return apply1('mul', [sign(self), floor(abs(self))]) }

/** What trunc takes away. Source: torch.frac. */
export function frac(self: Tensor): Tensor { return apply1('sub', [self, trunc(self)]) }

/** self * self. Source: torch.square. */
export function square(self: Tensor): Tensor { return apply1('mul', [self, self]) }

/** 2 to the power of self. Source: torch.exp2. */
export function exp2(self: Tensor): Tensor { return scaledBefore('exp', self, Math.LN2) }

/** exp(self) - 1, exact near 0 too: tanh(self / 2) (exp(self) + 1). Source: torch.expm1. */
export function expm1(self: Tensor): Tensor {
  const x = asOperand(self, floatType(self.dtype))
  return apply1('mul', [scaledBefore('tanh', self, 0.5), apply1('add', promoted([apply1('exp', [x]), 1]))])
}

/** log(1 + self), exact near 0 too: up to 1 as 2 atanh(self / (2 + self)). Source: torch.log1p. */
export function log1p(self: Tensor): Tensor {
  const x = asOperand(self, floatType(self.dtype))
  const small = apply1('clip', [x], { min: -Infinity, max: 1 }), large = apply1('clip', [x], { min: 1, max: Infinity })
  const near = apply1('atanh', [apply1('div', [small, apply1('add', promoted([small, 2]))])])
  return apply1('where', [apply1('gt', promoted([x, 1])), apply1('log', [apply1('add', promoted([large, 1]))]), apply1('mul', promoted([near, 2]))])
}

/** The logarithm to base 2. Source: torch.log2. */
export function log2(self: Tensor): Tensor { return apply1('mul', promoted([log(self), Math.LOG2E])) }

/** The logarithm to base 10. Source: torch.log10. */
export function log10(self: Tensor): Tensor { return apply1('mul', promoted([log(self), Math.LOG10E])) }

/** 1 - erf(self). Source: torch.erfc. */
export function erfc(self: Tensor): Tensor { return apply1('sub', promoted([1, erf(self)], floatType(self.dtype))) }

/** log(self / (1 - self)), the inverse of sigmoid. Source: torch.logit. */
export function logit(self: Tensor): Tensor {
  const x = asOperand(self, floatType(self.dtype))
  return apply1('log', [apply1('div', [x, apply1('sub', promoted([1, x], x.dtype))])])
}

/** Angles in degrees as radians. Source: torch.deg2rad. */
export function deg2rad(self: Tensor): Tensor { return apply1('mul', promoted([asOperand(self, floatType(self.dtype)), Math.PI / 180])) }

/** Angles in radians as degrees. Source: torch.rad2deg. */
export function rad2deg(self: Tensor): Tensor { return apply1('mul', promoted([asOperand(self, floatType(self.dtype)), 180 / Math.PI])) }

function scaledBefore(op: string, x: Tensor, factor: number): Tensor {
  return apply1(op, [apply1('mul', promoted([asOperand(x, floatType(x.dtype)), factor]))])
}

/** self between two bounds, each a number, a tensor, or null for none; `max` where the lower is above it. Source: torch.clamp. */
export function clamp(self: Tensor, min: TensorOrScalar | null = null, max: TensorOrScalar | null = null): Tensor {
  const bounds = [min, max].filter((b) => b !== null), dtype = resultType(self, ...bounds)
  if (bounds.every((b) => isScalar(b))) return apply1('clip', [asOperand(self, dtype)], { min: min === null ? -Infinity : Number(min), max: max === null ? Infinity : Number(max) })
  if (min === null) return apply1('minimum', promoted([self, max ?? self], dtype))
  const raised = apply1('maximum', promoted([self, min], dtype))
  return max === null ? raised : apply1('minimum', promoted([raised, max], dtype))
}

/** self, but not below `min`. Source: torch.clamp_min. */
export function clampMin(self: Tensor, min: TensorOrScalar): Tensor { return clamp(self, min) }

/** self, but not above `max`. Source: torch.clamp_max. */
export function clampMax(self: Tensor, max: TensorOrScalar): Tensor { return clamp(self, null, max) }

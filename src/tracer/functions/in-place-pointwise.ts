/** Functions of each element that change their operand and return it. */
import { applyInPlace } from '../inplace.js'
import { isScalar, type Scalar, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { addcdiv, addcmul, floorDivide, fmod, lerp, remainder } from './arithmetic.js'
import { tril, triu } from './copies.js'
import { eq, ge, gt, le, lt, ne } from './comparison.js'
import { indexAdd, indexCopy, indexFill, maskedFill, scatter, scatterAdd } from './indexing.js'
import { bitwiseAnd, bitwiseNot, bitwiseOr, bitwiseXor, logicalAnd, logicalNot, logicalOr, logicalXor } from './logic.js'
import * as of from './pointwise.js'
import { cumsum } from './reductions.js'

const others = (...list: readonly (TensorOrScalar | null)[]): readonly Exclude<TensorOrScalar, Scalar>[] => list.filter((x): x is Exclude<TensorOrScalar, Scalar> => x !== null && !isScalar(x))
const by = (self: Tensor, other: TensorOrScalar, f: (self: Tensor, other: TensorOrScalar) => Tensor): Tensor => applyInPlace(self, others(other), (x) => f(x, other))

/** In-place `neg`. */
export function neg_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.neg(x)) }

/** In-place `abs`. */
export function abs_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.abs(x)) }

/** In-place `sign`. */
export function sign_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.sign(x)) }

/** In-place `relu`. */
export function relu_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.relu(x)) }

/** In-place `floor`. */
export function floor_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.floor(x)) }

/** In-place `ceil`. */
export function ceil_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.ceil(x)) }

/** In-place `round`. */
export function round_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.round(x)) }

/** In-place `trunc`. */
export function trunc_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.trunc(x)) }

/** In-place `frac`. */
export function frac_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.frac(x)) }

/** In-place `exp`. */
export function exp_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.exp(x)) }

/** In-place `exp2`. */
export function exp2_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.exp2(x)) }

/** In-place `expm1`. */
export function expm1_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.expm1(x)) }

/** In-place `log`. */
export function log_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.log(x)) }

/** In-place `log1p`. */
export function log1p_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.log1p(x)) }

/** In-place `log2`. */
export function log2_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.log2(x)) }

/** In-place `log10`. */
export function log10_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.log10(x)) }

/** In-place `sqrt`. */
export function sqrt_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.sqrt(x)) }

/** In-place `rsqrt`. */
export function rsqrt_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.rsqrt(x)) }

/** In-place `reciprocal`. */
export function reciprocal_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.reciprocal(x)) }

/** In-place `square`. */
export function square_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.square(x)) }

/** In-place `sin`. */
export function sin_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.sin(x)) }

/** In-place `cos`. */
export function cos_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.cos(x)) }

/** In-place `tan`. */
export function tan_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.tan(x)) }

/** In-place `asin`. */
export function asin_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.asin(x)) }

/** In-place `acos`. */
export function acos_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.acos(x)) }

/** In-place `atan`. */
export function atan_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.atan(x)) }

/** In-place `sinh`. */
export function sinh_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.sinh(x)) }

/** In-place `cosh`. */
export function cosh_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.cosh(x)) }

/** In-place `tanh`. */
export function tanh_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.tanh(x)) }

/** In-place `asinh`. */
export function asinh_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.asinh(x)) }

/** In-place `acosh`. */
export function acosh_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.acosh(x)) }

/** In-place `atanh`. */
export function atanh_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.atanh(x)) }

/** In-place `erf`. */
export function erf_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.erf(x)) }

/** In-place `erfc`. */
export function erfc_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.erfc(x)) }

/** In-place `sigmoid`. */
export function sigmoid_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.sigmoid(x)) }

/** In-place `logit`. */
export function logit_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => of.logit(x)) }

/** In-place `logicalNot`. */
export function logicalNot_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => logicalNot(x)) }

/** In-place `bitwiseNot`. */
export function bitwiseNot_(self: Tensor): Tensor { return applyInPlace(self, [], (x) => bitwiseNot(x)) }

/** In-place `remainder`. */
export function remainder_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, remainder) }

/** In-place `fmod`. */
export function fmod_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, fmod) }

/** In-place `floorDivide`. */
export function floorDivide_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, floorDivide) }

/** In-place `logicalAnd`. */
export function logicalAnd_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, logicalAnd) }

/** In-place `logicalOr`. */
export function logicalOr_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, logicalOr) }

/** In-place `logicalXor`. */
export function logicalXor_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, logicalXor) }

/** In-place `bitwiseAnd`. */
export function bitwiseAnd_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, bitwiseAnd) }

/** In-place `bitwiseOr`. */
export function bitwiseOr_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, bitwiseOr) }

/** In-place `bitwiseXor`. */
export function bitwiseXor_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, bitwiseXor) }

/** In-place `eq`. */
export function eq_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, eq) }

/** In-place `ne`. */
export function ne_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, ne) }

/** In-place `lt`. */
export function lt_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, lt) }

/** In-place `le`. */
export function le_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, le) }

/** In-place `gt`. */
export function gt_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, gt) }

/** In-place `ge`. */
export function ge_(self: Tensor, other: TensorOrScalar): Tensor { return by(self, other, ge) }

/** In-place `clamp`. */
export function clamp_(self: Tensor, min: TensorOrScalar | null = null, max: TensorOrScalar | null = null): Tensor { return applyInPlace(self, others(min, max), (x) => of.clamp(x, min, max)) }

/** In-place `clampMin`. */
export function clampMin_(self: Tensor, min: TensorOrScalar): Tensor { return clamp_(self, min) }

/** In-place `clampMax`. */
export function clampMax_(self: Tensor, max: TensorOrScalar): Tensor { return clamp_(self, null, max) }

/** In-place `lerp`. */
export function lerp_(self: Tensor, end: Tensor, weight: TensorOrScalar): Tensor { return applyInPlace(self, others(end, weight), (x) => lerp(x, end, weight)) }

/** In-place `addcmul`. */
export function addcmul_(self: Tensor, a: Tensor, b: Tensor, value = 1): Tensor { return applyInPlace(self, [a, b], (x) => addcmul(x, a, b, value)) }

/** In-place `addcdiv`. */
export function addcdiv_(self: Tensor, a: Tensor, b: Tensor, value = 1): Tensor { return applyInPlace(self, [a, b], (x) => addcdiv(x, a, b, value)) }

/** In-place `maskedFill`. */
export function maskedFill_(self: Tensor, mask: Tensor, value: TensorOrScalar): Tensor { return applyInPlace(self, others(mask, value), (x) => maskedFill(x, mask, value)) }

/** In-place `scatter`. */
export function scatter_(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar): Tensor { return applyInPlace(self, others(index, source), (x) => scatter(x, dim, index, source)) }

/** In-place `scatterAdd`. */
export function scatterAdd_(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar): Tensor { return applyInPlace(self, others(index, source), (x) => scatterAdd(x, dim, index, source)) }

/** In-place `indexAdd`. */
export function indexAdd_(self: Tensor, dim: number, index: Tensor, source: Tensor, options: { readonly alpha?: number } = {}): Tensor { return applyInPlace(self, [index, source], (x) => indexAdd(x, dim, index, source, options)) }

/** In-place `indexCopy`. */
export function indexCopy_(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor { return applyInPlace(self, [index, source], (x) => indexCopy(x, dim, index, source)) }

/** In-place `indexFill`. */
export function indexFill_(self: Tensor, dim: number, index: Tensor, value: TensorOrScalar): Tensor { return applyInPlace(self, others(index, value), (x) => indexFill(x, dim, index, value)) }

/** In-place `cumsum`. */
export function cumsum_(self: Tensor, dim: number): Tensor { return applyInPlace(self, [], (x) => cumsum(x, dim)) }

/** In-place `tril`. */
export function tril_(self: Tensor, diagonal = 0): Tensor { return applyInPlace(self, [], (x) => tril(x, diagonal)) }

/** In-place `triu`. */
export function triu_(self: Tensor, diagonal = 0): Tensor { return applyInPlace(self, [], (x) => triu(x, diagonal)) }

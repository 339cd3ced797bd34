/** Products of matrices and vectors. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { writeOut } from '../inplace.js'
import { promotedPair } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { add, mul, type OutOptions } from './arithmetic.js'
import { tensordot } from './einsum.js'
import { unsqueeze } from './movement.js'

const PLAIN = { trans_a: false, trans_b: false }

/** Throws `shape-mismatch` unless `x` has `rank` axes. */
function requireRank(x: Tensor, rank: number, name: string): void {
  if (x.shape.length !== rank) throw callError('shape-mismatch', `${name} takes tensors with ${rank === 1 ? 'one axis' : `${rank} axes`}, not [${x.shape.join(', ')}]`, { hint: 'matmul takes any' })
}

/** Matrix product over the last two axes; the others broadcast. Source: torch.matmul. */
export function matmul(self: Tensor, other: Tensor, options: OutOptions = {}): Tensor {
  const compute = (): Tensor => apply1('matmul', promotedPair(self, other), PLAIN)
  return options.out === undefined ? compute() : writeOut(options.out, [self, other], compute)
}

/** Matrix product of two matrices. Source: torch.mm. */
export function mm(self: Tensor, other: Tensor, options: OutOptions = {}): Tensor {
  for (const x of [self, other]) requireRank(x, 2, 'mm')
  return matmul(self, other, options)
}

/** Matrix products of two batches of matrices. Source: torch.bmm. */
export function bmm(self: Tensor, other: Tensor, options: OutOptions = {}): Tensor {
  for (const x of [self, other]) requireRank(x, 3, 'bmm')
  if (self.shape[0] !== other.shape[0]) throw callError('shape-mismatch', `bmm takes batches of equal size, not [${self.shape.join(', ')}] and [${other.shape.join(', ')}]`)
  return matmul(self, other, options)
}

/** Matrix times vector. Source: torch.mv. */
export function mv(self: Tensor, vector: Tensor): Tensor {
  requireRank(self, 2, 'mv')
  requireRank(vector, 1, 'mv')
  return matmul(self, vector)
}

/** Sum of the products of two vectors' elements. Source: torch.dot. */
export function dot(self: Tensor, other: Tensor): Tensor {
  for (const x of [self, other]) requireRank(x, 1, 'dot')
  return matmul(self, other)
}

/** Sums of products along the last axis of each. Source: torch.inner. */
export function inner(self: Tensor, other: Tensor): Tensor {
  if (self.shape.length === 0 || other.shape.length === 0) return mul(self, other)
  return tensordot(self, other, [[self.shape.length - 1], [other.shape.length - 1]])
}

/** Products of each element of one vector with each of another. Source: torch.outer. */
export function outer(self: Tensor, vector: Tensor): Tensor {
  for (const x of [self, vector]) requireRank(x, 1, 'outer')
  return mul(unsqueeze(self, 1), vector)
}

export interface ScaleOptions {
  /** Of the first operand. */
  readonly beta?: number
  /** Of the product. */
  readonly alpha?: number
}

function plusProduct(self: Tensor, product: Tensor, { beta = 1, alpha = 1 }: ScaleOptions): Tensor {
  const scaled = alpha === 1 ? product : mul(product, alpha)
  // What is multiplied by 0 is left out, as NaN and infinities are then not to come through.
  return beta === 0 ? scaled : add(scaled, beta === 1 ? self : mul(self, beta))
}

/** beta * self + alpha * a @ b of matrices. Source: torch.addmm. */
export function addmm(self: Tensor, a: Tensor, b: Tensor, options: ScaleOptions = {}): Tensor { return plusProduct(self, mm(a, b), options) }

/** beta * self + alpha * matrix @ vector. Source: torch.addmv. */
export function addmv(self: Tensor, matrix: Tensor, vector: Tensor, options: ScaleOptions = {}): Tensor { return plusProduct(self, mv(matrix, vector), options) }

/** beta * self + alpha * a @ b of batches of matrices. Source: torch.baddbmm. */
export function baddbmm(self: Tensor, a: Tensor, b: Tensor, options: ScaleOptions = {}): Tensor { return plusProduct(self, bmm(a, b), options) }

/** self @ weightᵀ + bias, for weights of shape [out, in]. Source: torch.nn.functional.linear. */
export function linear(self: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const product = apply1('matmul', promotedPair(self, weight), { trans_a: false, trans_b: true })
  return bias === null ? product : add(product, bias)
}

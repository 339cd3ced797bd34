/** Sums of products over named axes. */
import { einsum as planned } from '../../ir/einsum.js'
import { GradMath } from '../../ir/gradients.js'
import { callError } from '../call-error.js'
import { isTensor, withOp } from '../dispatch.js'
import { promoted } from '../promotion.js'
import { EAGER_GRADIENTS } from '../recorded-call.js'
import type { Tensor } from '../tensor.js'
import { clone } from './conversion.js'

/** The sum of products that an equation such as `bij,bjk->bik` says. Source: torch.einsum. */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const result = withOp('einsum', () => planned(new GradMath(EAGER_GRADIENTS), equation, promoted(operands)))
  // Where nothing is computed the result would be the operand itself.
  return isTensor(result) && !operands.includes(result) ? result : clone(operands[0] as Tensor)
}

/** Sums of products over the axes that each list names, or over the last (and first) `dims`. Source: torch.tensordot. */
export function tensordot(self: Tensor, other: Tensor, dims: number | readonly [readonly number[], readonly number[]] = 2): Tensor {
  const ranks = [self.shape.length, other.shape.length] as const
  const count = (n: number, from: number): readonly number[] => Array.from({ length: n }, (_, i) => from + i)
  const given = typeof dims === 'number' ? ([count(dims, ranks[0] - dims), count(dims, 0)] as const) : dims
  const axes = given.map((list, k) => list.map((a) => (a < 0 ? a + (ranks[k] ?? 0) : a)))
  const [ours = [], theirs = []] = axes
  if (ours.length !== theirs.length) throw callError('bad-attribute', `tensordot is given ${ours.length} axes of one tensor and ${theirs.length} of the other`)
  const name = (i: number): string => String.fromCharCode(i < 26 ? 97 + i : 39 + i)
  const left = count(ranks[0], 0).map(name), right = count(ranks[1], ranks[0]).map(name)
  theirs.forEach((axis, k) => { right[axis] = left[ours[k] ?? 0] ?? '' })
  const kept = [...left, ...right].filter((l, _, all) => all.indexOf(l) === all.lastIndexOf(l))
  return einsum(`${left.join('')},${right.join('')}->${kept.join('')}`, self, other)
}

/** Reading and writing elements at positions that are data, and choosing them by masks. Indices are integers of any dtype; negative ones count from the end. */
import { callError } from '../call-error.js'
import { apply1, evaluate } from '../dispatch.js'
import { dims, isSymbolic } from '../extents.js'
import { asOperand, isScalar, type TensorOrScalar } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'
import { where as choose } from './choosing.js'
import { to } from './conversion.js'
import { expand, reshape, unsqueeze } from './movement.js'

/** The dtypes that gathers and scatters take; others are cast. */
const indexed = (index: Tensor): Tensor => (index.dtype === 'int32' || index.dtype === 'int64' ? index : to(index, 'int64'))

/** Copies of the positions of an axis that an integer tensor names. Source: torch.index_select. */
export function indexSelect(self: Tensor, dim: number, index: Tensor): Tensor {
  if (index.shape.length > 1) throw callError('shape-mismatch', `indexSelect takes indices in a row, not [${index.shape.join(', ')}]`, { hint: 'gather and takeAlongDim take any' })
  return apply1('gather', [self, index.shape.length === 0 ? unsqueeze(indexed(index), 0) : indexed(index)], { axis: axisOf(dim, self.shape.length) })
}

/** For each index the element at the same place, but at that position along an axis. Source: torch.gather. */
export function gather(self: Tensor, dim: number, index: Tensor): Tensor { return apply1('gather_elements', [self, indexed(index)], { axis: axisOf(dim, self.shape.length) }) }

/** gather with indices that broadcast to the other axes; without an axis, of all elements in a row. Source: torch.take_along_dim. */
export function takeAlongDim(self: Tensor, indices: Tensor, dim: number | null = null): Tensor {
  if (dim === null || self.shape.length === 0) return gather(reshape(self, -1), 0, reshape(indices, -1))
  const axis = axisOf(dim, self.shape.length), common = commonShape(self.shape, indices.shape, axis)
  const stretch = (x: Tensor): Tensor => expand(x, common.map((d, i) => (i === axis ? (x.shape[i] as number) : d)))
  return gather(stretch(self), axis, stretch(indices))
}

function commonShape(a: readonly number[], b: readonly number[], axis: number): readonly number[] {
  if (a.length !== b.length) throw callError('shape-mismatch', `takeAlongDim takes indices with as many axes as the tensor: [${b.join(', ')}] for [${a.join(', ')}]`)
  return a.map((d, i) => (i !== axis && d === 1 ? (b[i] as number) : d))
}

/** Elements by their positions among all in a row. Source: torch.take. */
export function take(self: Tensor, index: Tensor): Tensor { return apply1('gather', [reshape(self, -1), indexed(index)], { axis: 0 }) }

function scattered(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar, reduction: string): Tensor {
  const at = indexed(index)
  const updates = isScalar(source) ? evaluate('expand', [asOperand(source, self.dtype)], { shape: at.shape }) : source
  // Of a greater source only the part beside the indices is read.
  const part = at.shape.length === updates.shape.length && updates.shape.some((d, i) => d !== at.shape[i])
    ? evaluate('slice', [updates], { axes: at.shape.map((_, i) => i), starts: at.shape.map(() => 0), steps: at.shape.map(() => 1), sizes: at.shape }) : updates
  return apply1('scatter_elements', [self, at, part], { axis: axisOf(dim, self.shape.length), reduction })
}

/** A copy with elements of `source` (or a number) written where gather would read. Source: torch.scatter. */
export function scatter(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar): Tensor { return scattered(self, dim, index, source, 'none') }

/** A copy with elements of `source` added where gather would read. Source: torch.scatter_add. */
export function scatterAdd(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar): Tensor { return scattered(self, dim, index, source, 'add') }

const REDUCTIONS: Readonly<Record<string, string | undefined>> = { sum: 'add', prod: 'mul', amax: 'max', amin: 'min' }

/** A copy with elements of `source` folded in where gather would read. Source: torch.scatter_reduce. */
export function scatterReduce(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar, reduce: 'sum' | 'prod' | 'amax' | 'amin'): Tensor {
  const reduction = REDUCTIONS[reduce]
  if (reduction === undefined) throw callError('bad-attribute', `scatterReduce folds by sum, prod, amax or amin, not ${String(reduce)}`)
  return scattered(self, dim, index, source, reduction)
}

/** The indices of whole slices along an axis, in the shape of what is written to them. */
function sliceIndices(self: Tensor, axis: number, index: Tensor): Tensor {
  const shape = self.shape.map((d, i) => (i === axis ? (index.shape[0] as number) : d))
  return expand(reshape(indexed(index), self.shape.map((_, i) => (i === axis ? -1 : 1))), shape)
}

function writtenSlices(self: Tensor, dim: number, index: Tensor, source: TensorOrScalar, reduction: string): Tensor {
  if (index.shape.length !== 1) throw callError('shape-mismatch', `the indices of slices come in a row, not as [${index.shape.join(', ')}]`)
  const axis = axisOf(dim, self.shape.length)
  return scattered(self, axis, sliceIndices(self, axis, index), source, reduction)
}

/** A copy with slices of `source`, times alpha, added at positions of an axis. Source: torch.index_add. */
export function indexAdd(self: Tensor, dim: number, index: Tensor, source: Tensor, options: { readonly alpha?: number } = {}): Tensor {
  const scaled = options.alpha === undefined ? source : apply1('mul', [source, asOperand(options.alpha, source.dtype)])
  return writtenSlices(self, dim, index, scaled, 'add')
}

/** A copy with slices of `source` written at positions of an axis. Source: torch.index_copy. */
export function indexCopy(self: Tensor, dim: number, index: Tensor, source: Tensor): Tensor { return writtenSlices(self, dim, index, source, 'none') }

/** A copy with a number written at positions of an axis. Source: torch.index_fill. */
export function indexFill(self: Tensor, dim: number, index: Tensor, value: TensorOrScalar): Tensor {
  const axis = axisOf(dim, self.shape.length), at = sliceIndices(self, axis, index)
  return scattered(self, axis, at, evaluate('expand', [asOperand(value, self.dtype)], { shape: at.shape }), 'none')
}

/** `value` where the mask is true, else self. Source: torch.masked_fill. */
export function maskedFill(self: Tensor, mask: Tensor, value: TensorOrScalar): Tensor {
  if (mask.dtype !== 'bool') throw callError('dtype-mismatch', `the mask is ${mask.dtype}, not bool`, { hint: 'compare it with ne(0)' })
  return apply1('where', [mask, asOperand(value, self.dtype), self])
}

/** self where the condition holds, else `other`. Source: torch.Tensor.where. */
export function where(self: Tensor, condition: Tensor, other: TensorOrScalar): Tensor { return choose(condition, self, other) }

/** A copy whose slice at one position of an axis is `source`. Source: torch.select_scatter. */
export function selectScatter(self: Tensor, source: Tensor, dim: number, index: number): Tensor {
  const axis = axisOf(dim, self.shape.length), extent = self.shape[axis] as number
  if (!isSymbolic(extent) && (index < -extent || index >= extent)) throw callError('index-out-of-range', `index ${index} is outside an axis of ${extent} elements`)
  const from = index < 0 ? dims.add(index, extent) : index, after = dims.sub(extent, dims.add(from, 1))
  const parts = [self.narrow(axis, 0, from), unsqueeze(to(source, self.dtype), axis), self.narrow(axis, dims.add(from, 1), after)]
  return apply1('concat', parts, { axis })
}

/** Integers as rows of zeros with a one at their number. `classes` may be left out where the elements can be read. Source: torch.nn.functional.one_hot. */
export function oneHot(self: Tensor, classes: number | null = null): Tensor {
  const depth = classes ?? Number(apply1('reduce_max', [self], { axes: self.shape.map((_, i) => i), keepdims: false }).item()) + 1
  const values = apply1('concat', [0, 1].map((n) => evaluate('reshape', [asOperand(n, 'int64')], { shape: [1] })), { axis: 0 })
  return apply1('one_hot', [self, values], { axis: self.shape.length, depth })
}

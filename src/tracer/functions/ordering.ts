/** Elements in the order of their values. Equal ones stay in the order of their positions, and NaN counts as greatest. */
import { callError } from '../call-error.js'
import { apply } from '../dispatch.js'
import type { Tensor } from '../tensor.js'
import { axisOf } from './axes.js'
import { to } from './conversion.js'
import type { ValuesAndIndices } from './extremes.js'
import { reshape, squeeze } from './movement.js'
import type { KeepOptions } from './reductions.js'

function ordered(self: Tensor, dim: number, k: number | null, largest: boolean): ValuesAndIndices {
  if (self.dtype === 'bool') {
    const { values, indices } = ordered(to(self, 'uint8'), dim, k, largest)
    return { values: to(values, 'bool'), indices }
  }
  if (self.shape.length === 0) {
    const { values, indices } = ordered(reshape(self, 1), 0, k, largest)
    return { values: reshape(values, []), indices: reshape(indices, []) }
  }
  const axis = axisOf(dim, self.shape.length)
  const [values, indices] = apply('top_k', [self], { axis, largest, k: k ?? (self.shape[axis] as number) }) as readonly [Tensor, Tensor]
  return { values, indices }
}

export interface SortOptions {
  /** The greatest first. */
  readonly descending?: boolean
}

/** The `k` greatest (or, with `largest` false, least) elements along an axis, in order, and where they are. Source: torch.topk. */
export function topk(self: Tensor, k: number, dim = -1, options: { readonly largest?: boolean } = {}): ValuesAndIndices { return ordered(self, dim, k, options.largest !== false) }

/** The elements of an axis in ascending order, and where they were. Source: torch.sort with stable=True. */
export function sort(self: Tensor, dim = -1, options: SortOptions = {}): ValuesAndIndices { return ordered(self, dim, null, options.descending === true) }

/** The elements along the first axis in ascending order. Source: torch.msort. */
export function msort(self: Tensor): Tensor { return sort(self, 0).values }

/** The positions that sort an axis. Source: torch.argsort. */
export function argsort(self: Tensor, dim = -1, options: SortOptions = {}): Tensor { return sort(self, dim, options).indices }

/** The `k`-th least element along an axis, counted from 1, and where it is. Source: torch.kthvalue. */
export function kthvalue(self: Tensor, k: number, dim = -1, options: KeepOptions = {}): ValuesAndIndices {
  if (!(k >= 1)) throw callError('bad-attribute', `kthvalue counts from 1, and k is ${k}`)
  const { values, indices } = topk(self, k, dim, { largest: false })
  const last = (x: Tensor): Tensor => {
    if (self.shape.length === 0) return x
    const one = x.narrow(dim, k - 1, 1)
    return options.keepdim === true ? one : squeeze(one, dim)
  }
  return { values: last(values), indices: last(indices) }
}

/** The element in the middle of an axis, of two the lesser, and where it is; NaN in it count as greatest. Source: torch.median. */
export function median(self: Tensor, dim = -1, options: KeepOptions = {}): ValuesAndIndices {
  const count = self.shape[axisOf(dim, self.shape.length)] ?? 1
  return kthvalue(self, Math.floor((count - 1) / 2) + 1, dim, options)
}

/** Elements in another arrangement that no view can show. */
import { callError } from '../call-error.js'
import { apply1 } from '../dispatch.js'
import { countOf, dims, exactQuotient } from '../extents.js'
import { asOperand } from '../promotion.js'
import type { Tensor } from '../tensor.js'
import { axesOf, axisOf, shapeArgument } from './axes.js'
import { expand, permute, reshape, unsqueeze } from './movement.js'
import { diagonal } from './view-shorthands.js'

/** Axes in reverse. Source: torch.flip. */
export function flip(self: Tensor, ...axes: number[] | [readonly number[]]): Tensor {
  const list = axesOf(shapeArgument(axes), self.shape.length)
  return apply1('slice', [self], { axes: list, starts: list.map((a) => dims.sub(self.shape[a] as number, 1)), steps: list.map(() => -1), sizes: list.map((a) => self.shape[a] as number) })
}

/** The second axis in reverse. Source: torch.fliplr. */
export function fliplr(self: Tensor): Tensor { return flip(self, 1) }

/** The first axis in reverse. Source: torch.flipud. */
export function flipud(self: Tensor): Tensor { return flip(self, 0) }

/** Axes moved on in a ring; without axes all elements in a row. Source: torch.roll. */
export function roll(self: Tensor, shifts: number | readonly number[], axes?: number | readonly number[]): Tensor {
  if (axes === undefined) return reshape(roll(reshape(self, -1), shifts, 0), self.shape)
  const by = typeof shifts === 'number' ? [shifts] : shifts, along = typeof axes === 'number' ? [axes] : axes
  if (by.length !== along.length) throw callError('bad-attribute', `${by.length} shifts for ${along.length} axes`)
  return by.reduce((x, shift, i) => rolled(x, shift, axisOf(along[i] as number, x.shape.length)), self)
}

function rolled(x: Tensor, shift: number, axis: number): Tensor {
  const extent = x.shape[axis] ?? 1
  const cut = extent === 0 ? 0 : dims.mod(dims.sub(0, shift), extent)
  return apply1('concat', [x.narrow(axis, cut, dims.sub(extent, cut)), x.narrow(axis, 0, cut)], { axis })
}

/** The tensor so many times along each axis; new axes come first. Source: torch.Tensor.repeat. */
export function repeat(self: Tensor, ...times: number[] | [readonly number[]]): Tensor {
  const repeats = shapeArgument(times), missing = repeats.length - self.shape.length
  if (missing < 0) throw callError('shape-mismatch', `repeat is given ${repeats.length} numbers for ${self.shape.length} axes`, { hint: 'tile takes fewer' })
  return apply1('tile', [missing === 0 ? self : reshape(self, [...new Array<number>(missing).fill(1), ...self.shape])], { repeats })
}

/** The tensor so many times along each of the last axes. Source: torch.tile. */
export function tile(self: Tensor, ...times: number[] | [readonly number[]]): Tensor {
  const repeats = shapeArgument(times)
  return repeat(self, [...new Array<number>(Math.max(0, self.shape.length - repeats.length)).fill(1), ...repeats])
}

/** Each position of an axis so many times in a row; without an axis each element. Source: torch.repeat_interleave. */
export function repeatInterleave(self: Tensor, repeats: number, dim: number | null = null): Tensor {
  const x = dim === null ? reshape(self, -1) : self, axis = axisOf(dim ?? 0, x.shape.length)
  const wide = expand(unsqueeze(x, axis + 1), [...x.shape.slice(0, axis + 1), repeats, ...x.shape.slice(axis + 1)])
  return reshape(wide, [...x.shape.slice(0, axis), dims.mul(x.shape[axis] as number, repeats), ...x.shape.slice(axis + 1)])
}

/** The lower triangle of the last two axes up to a diagonal, zeros above. Source: torch.tril. */
export function tril(self: Tensor, k = 0): Tensor { return apply1('trilu', [self], { upper: false, k }) }

/** The upper triangle of the last two axes from a diagonal on, zeros below. Source: torch.triu. */
export function triu(self: Tensor, k = 0): Tensor { return apply1('trilu', [self], { upper: true, k }) }

/** A matrix with the vector in its diagonal, or the diagonal of a matrix. Source: torch.diag. */
export function diag(self: Tensor, offset = 0): Tensor {
  if (self.shape.length === 2) return diagonal(self, offset)
  if (self.shape.length !== 1) throw callError('shape-mismatch', `diag is of vectors and matrices, not of [${self.shape.join(', ')}]`)
  const n = self.shape[0] ?? 0, size = n + Math.abs(offset)
  // Rows of the vector's elements, each followed by as many zeros as lead to the next row's diagonal.
  const rows = pad(reshape(self, n, 1), [offset > 0 ? offset : 0, size - (offset > 0 ? offset : 0)])
  const flat = pad(reshape(rows, -1), [offset < 0 ? -offset * size : 0, size * size])
  return reshape(flat.narrow(0, 0, size * size), size, size)
}

/** The sum of the diagonal of a matrix. Source: torch.trace. */
export function trace(self: Tensor): Tensor {
  if (self.shape.length !== 2) throw callError('shape-mismatch', `the trace is of matrices, not of [${self.shape.join(', ')}]`)
  return diagonal(self).sum()
}

const MODES: Readonly<Record<string, string | undefined>> = { constant: 'constant', reflect: 'reflect', replicate: 'edge', circular: 'wrap' }

/** Elements added before and after each axis, last axis first: `[left, right, top, bottom, …]`; negative numbers take away. Source: torch.nn.functional.pad. */
export function pad(self: Tensor, padding: readonly number[], mode: 'constant' | 'reflect' | 'replicate' | 'circular' = 'constant', value = 0): Tensor {
  const rank = self.shape.length, name = MODES[mode]
  if (padding.length % 2 !== 0 || padding.length > 2 * rank) throw callError('bad-attribute', `${padding.length} numbers do not pad ${rank} axes: there are two for each, the last axis first`)
  if (name === undefined) throw callError('bad-attribute', `mode '${String(mode)}' is none of ${Object.keys(MODES).join(', ')}`)
  const of = (side: 0 | 1): readonly number[] => self.shape.map((_, i) => padding[2 * (rank - 1 - i) + side] ?? 0)
  return apply1('pad', name === 'constant' ? [self, asOperand(value, self.dtype)] : [self], { mode: name, before: of(0), after: of(1) })
}

/** [batch…, channels r², height, width] as [batch…, channels, height r, width r]. Source: torch.nn.functional.pixel_shuffle. */
export function pixelShuffle(self: Tensor, factor: number): Tensor {
  const [c, h, w] = self.shape.slice(-3) as [number, number, number], outer = self.shape.slice(0, -3)
  const channels = exactQuotient(c, factor * factor)
  if (self.shape.length < 3 || channels === undefined) throw callError('shape-mismatch', `pixelShuffle by ${factor} needs a multiple of ${factor * factor} channels, and the input is [${self.shape.join(', ')}]`)
  const parts = reshape(self, [countOf(outer), channels, factor, factor, h, w])
  return reshape(permute(parts, 0, 1, 4, 2, 5, 3), [...outer, channels, dims.mul(h, factor), dims.mul(w, factor)])
}

/** The inverse of pixelShuffle. Source: torch.nn.functional.pixel_unshuffle. */
export function pixelUnshuffle(self: Tensor, factor: number): Tensor {
  const [c, h, w] = self.shape.slice(-3) as [number, number, number], outer = self.shape.slice(0, -3)
  const height = self.shape.length < 3 ? undefined : exactQuotient(h, factor), width = self.shape.length < 3 ? undefined : exactQuotient(w, factor)
  if (height === undefined || width === undefined) throw callError('shape-mismatch', `pixelUnshuffle by ${factor} does not divide [${self.shape.join(', ')}]`)
  const parts = reshape(self, [countOf(outer), c, height, factor, width, factor])
  return reshape(permute(parts, 0, 1, 3, 5, 2, 4), [...outer, dims.mul(c, factor, factor), height, width])
}

/** Axes as PyTorch takes them: negative ones count from the end. */
import { callError } from '../call-error.js'
import { countOf, exactQuotient } from '../extents.js'

/** `axis` of a tensor of `rank`, made non-negative. A rank of 0 has the axes 0 and -1, as in PyTorch. Throws `index-out-of-range`. */
export function axisOf(axis: number, rank: number): number {
  const count = Math.max(rank, 1)
  const wrapped = axis < 0 ? axis + count : axis
  if (!Number.isInteger(axis) || wrapped < 0 || wrapped >= count) throw callError('index-out-of-range', `axis ${axis} is not one of ${count}`, { hint: `axes run from ${-count} to ${count - 1}` })
  return wrapped
}

/** The axes of a reduction, ascending: one, several, or all where none is given. Throws `bad-attribute` for one named twice. */
export function axesOf(dim: number | readonly number[] | null | undefined, rank: number): number[] {
  if (dim === undefined || dim === null || (Array.isArray(dim) && dim.length === 0)) return Array.from({ length: rank }, (_, i) => i)
  if (rank === 0) return []
  const axes = (Array.isArray(dim) ? (dim as readonly number[]) : [dim as number]).map((d) => axisOf(d, rank)).sort((a, b) => a - b)
  if (new Set(axes).size !== axes.length) throw callError('bad-attribute', `the axes [${axes.join(', ')}] name one twice`)
  return axes
}

/** A shape given as one list or as several numbers. */
export function shapeArgument(shape: readonly number[] | readonly [readonly number[]]): readonly number[] {
  return shape.length === 1 && Array.isArray(shape[0]) ? (shape[0] as readonly number[]) : (shape as readonly number[])
}

/** `shape` with its one -1 replaced by what makes `count` elements of it. Throws `shape-mismatch`. */
export function resolveShape(shape: readonly number[], count: number): readonly number[] {
  const open = shape.indexOf(-1)
  if (open < 0) return shape
  const rest = countOf(shape.filter((_, i) => i !== open))
  const missing = rest === 0 ? undefined : exactQuotient(count, rest)
  if (shape.lastIndexOf(-1) !== open || missing === undefined) throw callError('shape-mismatch', `[${shape.join(', ')}] leaves no whole extent for -1 with ${count} elements`)
  return shape.map((d, i) => (i === open ? missing : d))
}

/** Minimum and maximum of dims that are provable from extents being ≥ 0, so that clamps vanish where they do nothing. */
import type { Dim } from '../../../base/dim.js'
import { applyDimOp, max, min, sub } from '../../../ir/dims.js'
import type { NodeCall } from '../call.js'

/** True where `dim` cannot be negative, given that extents are not. */
export function isNonNegative(call: NodeCall, dim: Dim): boolean {
  if (typeof dim === 'number') return dim >= 0
  if (typeof dim === 'string') return !call.mayBeNegative(dim)
  const args = dim.slice(1) as Dim[]
  switch (dim[0]) {
    case '+': case '*': case 'min': return args.every((d) => isNonNegative(call, d))
    case 'max': return args.some((d) => isNonNegative(call, d))
    case 'floordiv': return args.every((d) => isNonNegative(call, d))
    case 'mod': return isNonNegative(call, args[1] as Dim)
    case 'select': return isNonNegative(call, args[1] as Dim) && isNonNegative(call, args[2] as Dim)
    case 'eq': case 'lt': return true
  }
}

/** The lesser of two dims; one of them where that is provable. */
export function lesser(call: NodeCall, a: Dim, b: Dim): Dim {
  if (isNonNegative(call, sub(b, a))) return a
  return isNonNegative(call, sub(a, b)) ? b : min(a, b)
}

/** The greater of two dims; one of them where that is provable. */
export function greater(call: NodeCall, a: Dim, b: Dim): Dim {
  if (isNonNegative(call, sub(a, b))) return a
  return isNonNegative(call, sub(b, a)) ? b : max(a, b)
}

/** `dim` kept between `low` and `high`, as min(max(dim, low), high). */
export function clamp(call: NodeCall, dim: Dim, low: Dim, high: Dim): Dim {
  return lesser(call, greater(call, dim, low), high)
}

/** `dim` with comparisons decided and extrema dropped where extents being ≥ 0 suffices: `batch == -1` is 0. */
export function decided(call: NodeCall, dim: Dim): Dim {
  if (typeof dim !== 'object') return dim
  const args = (dim.slice(1) as Dim[]).map((d) => decided(call, d))
  const [a, b] = args as [Dim, Dim]
  const below = (x: Dim, y: Dim): boolean => isNonNegative(call, sub(sub(y, x), 1))
  switch (dim[0]) {
    case 'eq': return below(a, b) || below(b, a) ? 0 : applyDimOp('eq', args)
    case 'lt': return below(a, b) ? 1 : isNonNegative(call, sub(a, b)) ? 0 : applyDimOp('lt', args)
    case 'min': return args.reduce((x, y) => lesser(call, x, y))
    case 'max': return args.reduce((x, y) => greater(call, x, y))
    default: return applyDimOp(dim[0], args)
  }
}

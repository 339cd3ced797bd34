/** Minimum and maximum of dims that are provable from extents being ≥ 0, so that clamps vanish where they do nothing. */
import type { Dim } from '../../../base/dim.js'
import { max, min, sub } from '../../../ir/dims.js'
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

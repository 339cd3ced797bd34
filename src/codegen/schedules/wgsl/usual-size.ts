/** How large spaces are taken to be of which not all extents are known. */
import { product, type Dim } from '../../../ir/dims.js'
import { termsOf } from '../../../ir/kernel/ranges.js'

/** Points where nothing is known: rows of a sequence, say. */
const UNKNOWN = 256

/** The product of extents; unknown factors beside known ones count as 1, as batches often are. */
export function usualSize(extents: readonly Dim[]): number {
  const size = product(extents)
  if (typeof size === 'number') return size
  const [first, ...others] = termsOf(size), known = others.length === 0 ? (first?.coefficient ?? 1) : 1
  return known > 1 ? known : UNKNOWN
}

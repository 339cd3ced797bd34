/** How large spaces are taken to be of which not all extents are known. */
import { product, type Dim } from '../../../ir/dims.js'
import { termsOf } from '../../../ir/kernel/ranges.js'

/** Points where little is known: rows of a sequence, say. */
const UNKNOWN = 256
/** Known factors up to this are heads or directions of something longer. */
const FEW = 16

/** The product of extents; unknown factors beside known ones count as 1, as batches often are, but where the known ones are few. */
export function usualSize(extents: readonly Dim[]): number {
  const size = product(extents)
  if (typeof size === 'number') return size
  const [first, ...others] = termsOf(size), known = others.length === 0 ? (first?.coefficient ?? 1) : 1
  return known > FEW ? known : UNKNOWN
}

/**
 * The same element under another shape: turns an index into a shape into the index of that element in a shape with as many
 * elements. Extents that agree keep their index; groups that differ are joined and split (`floordiv`, `mod`).
 */
import { add, floorDiv, mod, mul, dimsEqual, type Dim } from '../ir/dims.js'
import { reshapeGroups } from '../ir/reshape-groups.js'

/** The index into `to` of the element at `index` in `from`; both shapes have the same number of elements. */
export function reindex(index: readonly Dim[], from: readonly Dim[], to: readonly Dim[]): readonly Dim[] {
  if (from.length === to.length && from.every((d, k) => dimsEqual(d, to[k] as Dim))) return index
  const out: Dim[] = new Array<Dim>(to.length).fill(0)
  for (const g of reshapeGroups(from, to)) {
    let flat: Dim = 0
    for (const k of g.from) flat = add(mul(flat, from[k] as Dim), index[k] as Dim)
    const significant = g.to.filter((k) => to[k] !== 1)
    for (let s = significant.length - 1; s >= 0; s--) {
      const k = significant[s] as number
      out[k] = s === 0 ? flat : mod(flat, to[k] as Dim)
      if (s > 0) flat = floorDiv(flat, to[k] as Dim)
    }
  }
  return out
}

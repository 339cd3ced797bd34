/**
 * The same element under another shape: turns an index into a shape into the index of that element in a shape with as many
 * elements. Extents that agree keep their index; groups that differ are joined and split (`floordiv`, `mod`).
 */
import { add, divExact, floorDiv, mod, mul, dimsEqual, product, type Dim } from '../ir/dims.js'

interface Group { readonly from: readonly number[]; readonly to: readonly number[] }

/** Shortest runs of axes of both shapes with equal element counts; one run of everything where none is provable. */
function groups(from: readonly Dim[], to: readonly Dim[]): Group[] {
  const out: Group[] = []
  let i = 0, j = 0
  while (i < from.length || j < to.length) {
    const f: number[] = [], t: number[] = []
    if (i < from.length) f.push(i++)
    if (j < to.length) t.push(j++)
    while (!dimsEqual(product(f.map((k) => from[k] as Dim)), product(t.map((k) => to[k] as Dim)))) {
      const pf = product(f.map((k) => from[k] as Dim)), pt = product(t.map((k) => to[k] as Dim))
      const needsFrom = i < from.length && (j >= to.length || divExact(pt, pf) !== undefined || (typeof pf === 'number' && typeof pt === 'number' && pf < pt))
      if (needsFrom) f.push(i++)
      else if (j < to.length) t.push(j++)
      else if (i < from.length) f.push(i++)
      else break
    }
    out.push({ from: f, to: t })
  }
  return out
}

/** The index into `to` of the element at `index` in `from`; both shapes have the same number of elements. */
export function reindex(index: readonly Dim[], from: readonly Dim[], to: readonly Dim[]): readonly Dim[] {
  if (from.length === to.length && from.every((d, k) => dimsEqual(d, to[k] as Dim))) return index
  const out: Dim[] = new Array<Dim>(to.length).fill(0)
  for (const g of groups(from, to)) {
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

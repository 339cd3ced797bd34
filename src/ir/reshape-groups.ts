/** How two shapes with equally many elements correspond: which runs of axes of one are which runs of axes of the other. */
import { divExact, dimsEqual, product, type Dim } from './dims.js'

/** A run of axes of each shape that have the same number of elements; axes in increasing order. */
export interface ReshapeGroup { readonly from: readonly number[]; readonly to: readonly number[] }

/** The shortest runs of axes of both shapes with provably equal element counts, in order; one run of everything where none is provable. */
export function reshapeGroups(from: readonly Dim[], to: readonly Dim[]): ReshapeGroup[] {
  const out: ReshapeGroup[] = []
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

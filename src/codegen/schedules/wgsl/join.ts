/** Outer axes as one, so that all their points are numbered. */
import { visitSymbols } from '../../../base/dim.js'
import { mul } from '../../../ir/dims.js'
import type { Axis, Compute } from '../../../ir/kernel/compute.js'
import type { Preparation } from '../../../ir/kernel/schedule.js'

/** Joins as many of `axes`, outermost first, as can be joined; `first` is what they become, `rest` are the others. `axes` stand for those of `compute`. */
export function joinAxes(compute: Compute, axes: readonly Axis[]): { readonly joins: readonly Preparation[]; readonly first: Axis | undefined; readonly rest: readonly Axis[] } {
  const joins: Preparation[] = []
  let [first, ...rest] = axes
  for (; first !== undefined && canJoin(first, rest[0], compute); rest = rest.slice(1)) {
    const next = rest[0] as Axis, joined: string = `${first.name}_${next.name}`
    joins.push({ kind: 'join', outer: first.name, inner: next.name, axis: joined })
    first = { name: joined, hi: mul(first.hi, next.hi) }
  }
  return { joins, first, rest }
}

function canJoin(outer: Axis, inner: Axis | undefined, { axes }: Compute): boolean {
  if (inner === undefined || outer.lo !== undefined || inner.lo !== undefined || inner.hi === 0) return false
  let used = false
  const names = new Set(axes.map((a) => a.name))
  for (const a of axes) for (const d of [a.lo ?? 0, a.hi]) visitSymbols(d, (s) => { if (names.has(s)) used = true })
  return !used
}

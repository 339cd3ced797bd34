/** Policy for WebGPU: every point of the outer axes has an invocation of its own. */
import { visitSymbols } from '../../base/dim.js'
import type { Axis, Compute } from '../../ir/kernel/compute.js'
import { mul } from '../../ir/dims.js'
import type { Directive, Plan, Preparation } from '../../ir/kernel/schedule.js'

/** The plan for `compute` on the wgsl target. */
export function scheduleWgsl(compute: Compute): Plan {
  const joins: Preparation[] = []
  let [axis, ...rest] = compute.axes
  if (axis === undefined) return []
  for (; canJoin(axis, rest[0], compute); rest = rest.slice(1)) {
    const inner: Axis = rest[0] as Axis, joined: string = `${axis.name}_${inner.name}`
    joins.push({ kind: 'join', outer: axis.name, inner: inner.name, axis: joined })
    axis = { name: joined, hi: mul(axis.hi, inner.hi) }
  }
  return [...joins, { kind: 'parallel', axis: axis.name } satisfies Directive]
}

function canJoin(outer: Axis, inner: Axis | undefined, { axes }: Compute): boolean {
  if (inner === undefined || outer.lo !== undefined || inner.lo !== undefined || inner.hi === 0) return false
  const own = new Set([...outer.name.split('_'), outer.name, inner.name])
  let used = false
  for (const a of axes) for (const d of [a.lo ?? 0, a.hi]) visitSymbols(d, (s) => { if (own.has(s)) used = true })
  return !used
}

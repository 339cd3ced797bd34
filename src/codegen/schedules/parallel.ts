/** What all targets with threads or lanes of work share: the outermost axis is the one that is divided. */
import type { Compute } from '../../ir/kernel/compute.js'
import type { Directive } from '../../ir/kernel/schedule.js'

/** Marks the outermost axis parallel; nothing for a compute of one point. */
export function parallelOutermost(compute: Compute): readonly Directive[] {
  const [first] = compute.axes
  return first === undefined ? [] : [{ kind: 'parallel', axis: first.name }]
}

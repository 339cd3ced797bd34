/**
 * Loop nests: the directives of a schedule applied to the axes of one nest (a compute's outer axes, or a stage's). What
 * comes out says which loops there are, in which order, and how each axis is the sum of loop variables.
 */
import { IngotError } from '../../base/error.js'
import type { Axis, Compute } from '../../ir/kernel/compute.js'
import type { Directive, Schedule, SplitRest } from '../../ir/kernel/schedule.js'

export interface Split { readonly axis: string; readonly factor: number; readonly outer: string; readonly inner: string; readonly then?: SplitRest }

export interface Nest {
  readonly axes: readonly Axis[]
  /** Loops outermost first: axes and parts of split axes. */
  readonly order: readonly string[]
  /** The split that a part comes from, by the part's name. */
  readonly splitOf: ReadonlyMap<string, Split>
  readonly unrolled: ReadonlySet<string>
  /** The axis or part that runs in vector lanes. */
  readonly vectorized: string | undefined
  readonly parallel: ReadonlySet<string>
  /** Registers of each accumulator that points written out side by side are folded into in turn. */
  readonly registers: number
}

interface Draft { readonly axes: readonly Axis[]; order: string[]; readonly splitOf: Map<string, Split>; readonly unrolled: Set<string>; vectorized: string | undefined; readonly parallel: Set<string>; registers: number }

const bad = (what: string, hint?: string): never => { throw new IngotError('bad-option', `schedule: ${what}`, hint === undefined ? {} : { hint }) }

/** The nests of `compute`'s outer axes and of each of its stages under `schedule`. Throws `bad-option` for directives that fit no nest. */
export function planNests(compute: Compute, schedule: Schedule): { readonly outer: Nest; readonly stages: readonly Nest[] } {
  const draft = (axes: readonly Axis[]): Draft => ({ axes, order: axes.map((a) => a.name), splitOf: new Map(), unrolled: new Set(), vectorized: undefined, parallel: new Set(), registers: 1 })
  const outer = draft(compute.axes), stages = compute.stages.map((s) => draft(s.kind === 'let' ? [] : s.axes))
  for (const directive of schedule) {
    if (directive.kind === 'interleave' || directive.kind === 'drain') continue
    if (directive.kind === 'group' || directive.kind === 'group-tile' || directive.kind === 'group-transpose') return bad(`${directive.kind} is for a whole kernel, which has no other loops`)
    if (directive.kind === 'divide') return bad(`${directive.axis} is divided, but not first of all`)
    if (directive.kind === 'split') requireFreshParts(directive, [outer, ...stages])
    const fits = [outer, ...stages].filter((nest) => applyDirective(nest, directive, nest === outer))
    if (fits.length === 0) bad(`${directive.kind} names ${directive.kind === 'reorder' ? directive.axes.join(', ') : directive.axis}, which are not the loops of any nest`, `loops are ${[outer, ...stages].map((n) => `[${n.order.join(', ')}]`).join(' ')}`)
  }
  for (const nest of [outer, ...stages]) {
    for (const split of new Set(nest.splitOf.values())) {
      if (firstPart(nest, split.outer) > firstPart(nest, split.inner)) bad(`${split.inner} stands outside ${split.outer}`, 'the inner part of a split must be nested inside its outer part')
    }
  }
  return { outer, stages }
}

function requireFreshParts(split: Split, nests: readonly Draft[]): void {
  if (!Number.isInteger(split.factor) || split.factor < 1) bad(`the factor ${split.factor} of ${split.axis} is not a positive integer`)
  if (split.then !== undefined && (split.then.from % split.factor !== 0 || !Number.isInteger(split.then.factor) || split.then.factor < 1)) bad(`${split.axis} cannot go on after ${split.then.from} points in steps of ${split.then.factor}`, 'what a split covers first is a multiple of its factor')
  const known = new Set(nests.flatMap((nest) => [...nest.axes.map((a) => a.name), ...nest.splitOf.keys()]))
  for (const part of [split.outer, split.inner]) if (known.has(part) || split.outer === split.inner) bad(`${part}, a part of ${split.axis}, is a name already taken`)
}

/** Position of the outermost loop that `name` is made of. */
function firstPart(nest: Draft, name: string): number {
  return Math.min(...leavesOf(nest, name).map((leaf) => nest.order.indexOf(leaf)))
}

/** The loops that `name` is made of: itself, or the parts it was split into. */
export function leavesOf(nest: Pick<Nest, 'order' | 'splitOf'>, name: string): string[] {
  const split = [...nest.splitOf.values()].find((s) => s.axis === name)
  return split === undefined ? [name] : [...leavesOf(nest, split.outer), ...leavesOf(nest, split.inner)]
}

/** Applies `d` where `nest` has the loops it names; false where it has not. */
function applyDirective(nest: Draft, d: Exclude<Directive, { kind: 'divide' | 'interleave' | 'drain' | 'group' | 'group-tile' | 'group-transpose' }>, isOuter: boolean): boolean {
  if (d.kind === 'reorder') {
    if (d.axes.length !== nest.order.length || !nest.order.every((name) => d.axes.includes(name))) return false
    nest.order = [...d.axes]
    return true
  }
  const at = nest.order.indexOf(d.axis)
  if (at < 0) return false
  switch (d.kind) {
    case 'split':
      if (nest.splitOf.get(d.axis)?.then !== undefined) bad(`${d.axis} has steps of two lengths and cannot be split again`)
      nest.order.splice(at, 1, d.outer, d.inner)
      nest.splitOf.set(d.outer, d).set(d.inner, d)
      return true
    case 'unroll': nest.unrolled.add(d.axis); return true
    case 'alternate':
      if (isOuter) bad(`${d.axis} is an outer axis, which is not folded`)
      nest.registers = d.registers
      return true
    case 'parallel':
      if (!isOuter) bad(`${d.axis} belongs to a stage and cannot be parallel`)
      nest.parallel.add(d.axis)
      return true
    case 'vectorize':
      if (nest.vectorized !== undefined) bad(`${d.axis} and ${nest.vectorized} of one nest are vectorized`)
      nest.vectorized = d.axis
      return true
  }
}

/** How many points `name`, an axis or a part, has within one iteration of what is around it; undefined where that is no number. */
export function pointsOf(nest: Nest, name: string): number | undefined {
  const split = nest.splitOf.get(name)
  if (split !== undefined) {
    if (split.inner === name) return split.factor
    const whole = pointsOf(nest, split.axis)
    return whole === undefined ? undefined : Math.floor(whole / split.factor)
  }
  const axis = nest.axes.find((a) => a.name === name)
  const lo = axis?.lo ?? 0
  return typeof axis?.hi === 'number' && typeof lo === 'number' ? Math.max(0, axis.hi - lo) : undefined
}

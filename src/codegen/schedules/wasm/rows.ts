/**
 * Elementwise and moving computes, reductions and rows (softmax, norms, pools). One axis runs in lanes: the one along which
 * accesses are contiguous. Where that is an outer axis, lanes are independent results; where it is a stage's own axis, a
 * reduction is folded in parts.
 */
import type { Axis, Compute, Stage } from '../../../ir/kernel/compute.js'
import { LANES, REGISTER, VECTOR_OF } from '../../../ir/kernel/expr.js'
import type { Directive, Schedule } from '../../../ir/kernel/schedule.js'
import { accessesOf, boundsDependOn, fixedExtent, isLong, laneCost, stageOperations } from './strides.js'
import { cutVectors, directivesOf, uncut } from './tile.js'

/** Vectors side by side by the number of operations on each: short chains need company to fill the pipeline, long ones the registers. */
const vectorsFor = (operations: number): number => (operations <= 6 ? 4 : operations <= 24 ? 2 : 1)

/** The schedule of a compute that is no contraction. */
export function scheduleRows(compute: Compute): Schedule {
  const stages = compute.stages.filter((s) => s.kind !== 'let')
  if (!stages.some((s) => worthLanes(compute, s))) return []
  const hot = stages.some((s) => s.axes.length > 0) ? stages.filter((s) => s.axes.length > 0) : stages
  const scalar = costOf(compute, hot, () => undefined)
  const outer = compute.axes.filter((a) => isLong(a) && !boundsDependOn(compute, a.name)).map((axis) => ({ axis, cost: costOf(compute, hot, () => axis) }))
  const best = outer.reduce<(typeof outer)[number] | undefined>((b, c) => (b === undefined || c.cost <= b.cost ? c : b), undefined)
  const own = hot.every((s) => s.axes.length > 0) ? costOf(compute, hot, (s) => ownAxis(s)) + 1 : Infinity
  if (best !== undefined && best.cost <= own && best.cost < scalar) return outerLanes(compute, best.axis)
  return own < scalar ? ownLanes(hot) : []
}

/** True where a stage handles values that vectors have. */
function worthLanes(compute: Compute, stage: Stage): boolean {
  const dtypes = new Map(compute.buffers.map((b) => [b.name, b.dtype]))
  const types = stage.kind === 'reduce' ? stage.accumulators.map((a) => a.type) : stage.kind === 'store' ? [REGISTER[dtypes.get(stage.buffer) ?? 'string']] : []
  return types.every((t) => VECTOR_OF[t] !== undefined) && accessesOf(compute, stage).some((a) => a.plain)
}

/** The innermost axis of a stage, where it is long enough for lanes. */
function ownAxis(stage: Stage): Axis | undefined {
  const last = stage.kind === 'let' ? undefined : stage.axes.at(-1)
  return last !== undefined && isLong(last) ? last : undefined
}

/** Relative cost of four points of the stages with lanes along the axis that `axisOf` gives each. */
function costOf(compute: Compute, stages: readonly Stage[], axisOf: (stage: Stage) => Axis | undefined): number {
  return stages.reduce((sum, s) => {
    const axis = axisOf(s), accesses = accessesOf(compute, s), operations = stageOperations(s)
    return sum + (axis === undefined ? LANES * (accesses.length + operations) : accesses.reduce((c, a) => c + laneCost(a, axis.name), operations))
  }, 0)
}

/** Vectors side by side of reductions with so few operations on an element, and accumulators with their elements that registers hold. */
const DOWN_COLUMNS = 8, FEW_OPERATIONS = 2, MOST_REGISTERS = 16

function outerLanes(compute: Compute, axis: Axis): Schedule {
  const operations = Math.max(...compute.stages.map(stageOperations))
  const registers = compute.stages.reduce((n, s) => (s.kind === 'reduce' ? n + s.accumulators.length : n), 1)
  // Sums down columns: the more of a row is read at once, the fewer times memory is passed over.
  const vectors = compute.stages.some((s) => s.kind === 'reduce') && operations <= FEW_OPERATIONS ? DOWN_COLUMNS : vectorsFor(operations)
  const lanes = cutVectors(axis, Math.max(1, Math.min(vectors, Math.floor(MOST_REGISTERS / registers))))
  const others = compute.axes.filter((a) => a !== axis).map(uncut)
  return [...directivesOf([...others, lanes], [lanes]), ...fewPoints(compute)]
}

/** Most points of a reduction that are written out: what is known of each is then computed outside the loop over lanes. */
const FEW_POINTS = 16

/** Writes out the reductions of few points (the neighbours that a resize mixes). */
function fewPoints(compute: Compute): readonly Directive[] {
  const points = (s: Stage): number => (s.kind === 'let' ? 1 : s.axes.reduce((n, a) => n * (fixedExtent(a) ?? Infinity), 1))
  const few = compute.stages.filter((s) => s.kind === 'reduce' && points(s) <= FEW_POINTS)
  const names = new Set(few.flatMap((s) => (s.kind === 'let' ? [] : s.axes.map((a) => a.name))))
  for (const s of compute.stages) if (s.kind !== 'let' && !few.includes(s)) for (const a of s.axes) names.delete(a.name)
  return [...names].map((name) => ({ kind: 'unroll', axis: name }))
}

function ownLanes(stages: readonly Stage[]): Schedule {
  const axes = new Map<string, { readonly axis: Axis; operations: number }>()
  for (const s of stages) {
    const axis = ownAxis(s)
    if (axis === undefined) continue
    const known = axes.get(axis.name), operations = stageOperations(s)
    if (known === undefined) axes.set(axis.name, { axis, operations })
    else known.operations = Math.max(known.operations, operations)
  }
  const cuts = [...axes.values()].map(({ axis, operations }) => cutVectors(axis, vectorsFor(operations)))
  return cuts.flatMap((c): readonly Directive[] => [...c.splits, ...c.marks])
}

/**
 * Reductions, softmax and norms by workgroups: the invocations of one share a row, or several rows side by side where neighbours
 * in memory are neighbouring rows. Worth it where rows are long, or so few that invocations would idle.
 */
import type { Compute, ReduceStage } from '../../../ir/kernel/compute.js'
import type { Plan } from '../../../ir/kernel/schedule.js'
import { innerAxes } from '../../schedule/group-tile.js'
import { canShare } from '../../schedule/folds.js'
import { accessesOf, moves, strideAlong } from '../wasm/strides.js'
import { joinAxes } from './join.js'
import { readsItself } from './reads-itself.js'
import { usualSize } from './usual-size.js'

/** With so many invocations any GPU has enough to do. */
const ENOUGH = 16384
/** Points of a row below which sharing it costs more than it gives; where there are few rows, and where there are enough. */
const SHORT = 32, LONG = 64
/** Rows side by side: what one transaction with memory brings of a row of neighbours. */
const SIDE_BY_SIDE = 16
const MOST_SHARED = 4096

/** The plan of a compute whose rows workgroups share; undefined where single invocations do as well. */
export function scheduleRows(compute: Compute): Plan | undefined {
  const reductions = compute.stages.filter((s): s is ReduceStage => s.kind === 'reduce')
  if (reductions.length === 0 || !reductions.every(isShareable) || readsItself(compute)) return undefined
  const { joins, first, rest } = joinAxes(compute, compute.axes)
  if (rest.length > 0 || first?.lo !== undefined) return undefined
  const rows = usualSize(compute.axes.map((a) => a.hi)), longest = Math.max(...reductions.map((s) => pointsOf(compute, s)))
  const across = sideBySide(compute, reductions)
  const few = rows < ENOUGH
  if (longest < (few ? SHORT : LONG) || (across && !few)) return undefined
  const points = across ? SIDE_BY_SIDE : 1, threads = across ? SIDE_BY_SIDE * (longest < 256 ? 4 : 16) : threadsFor(longest)
  const values = reductions.reduce((n, s) => n + s.accumulators.length, 0)
  if (values * threads > MOST_SHARED) return undefined
  return [...joins, { kind: 'group', ...(first !== undefined && { axis: first.name }), points, threads }]
}

/** Rows of unknown length have an invocation for each few elements of what is common. */
const threadsFor = (points: number): number => (points === Infinity ? 64 : points >= 1024 ? 256 : points >= 256 ? 128 : points >= 64 ? 64 : 32)

const isShareable = (s: ReduceStage): boolean => canShare(s) && s.accumulators.every((a) => a.type === 'f32' || a.type === 'i32' || a.type === 'u32' || a.type === 'bool')

/** Points of a reduction at most; infinite where that is not known. */
function pointsOf(compute: Compute, stage: ReduceStage): number {
  return innerAxes(compute, stage).reduce((n, { extent }) => n * (typeof extent === 'number' ? extent : Infinity), 1)
}

/** True where what is read lies side by side along the innermost outer axis and not along the rows. */
function sideBySide(compute: Compute, reductions: readonly ReduceStage[]): boolean {
  const inner = compute.axes.at(-1)
  if (inner === undefined) return false
  return reductions.some((s) => {
    const own = s.axes.at(-1), reads = accessesOf(compute, s).filter((a) => moves(a, inner.name) && s.axes.some((x) => moves(a, x.name)))
    return reads.some((a) => strideAlong(a.flat, inner.name) === 1) && !reads.some((a) => own !== undefined && strideAlong(a.flat, own.name) === 1)
  })
}

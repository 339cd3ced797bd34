/**
 * Which axes of a contraction are worth a register tile: those along which an operand does not change, so that a loaded
 * element serves several points. Read from how loads use axes, not from which op it is.
 */
import { visitSymbols } from '../../base/dim.js'
import type { Dim } from '../../ir/dims.js'
import type { Axis, Compute, ReduceStage, Stage } from '../../ir/kernel/compute.js'
import type { Expr } from '../../ir/kernel/expr.js'
import { rootsOf, visitExprs } from '../../ir/kernel/walk.js'

type Load = Extract<Expr, { kind: 'load' }>

export interface Reuse {
  readonly stage: ReduceStage
  /** The axis whose points lie side by side in memory, and the one whose operand they share; either may be missing. */
  readonly columns: Axis | undefined
  readonly rows: Axis | undefined
  /** True where every operand changes along `columns`: no reuse, but contiguous access. */
  readonly streaming: boolean
}

const usesName = (dims: readonly Dim[], name: string): boolean => {
  let found = false
  for (const d of dims) visitSymbols(d, (s) => { if (s === name) found = true })
  return found
}

/** The reuse in `compute`'s only reduction; undefined where there are more, or none, or stores with axes of their own. */
export function findReuse(compute: Compute): Reuse | undefined {
  const reductions = compute.stages.filter((s) => s.kind === 'reduce')
  const [stage] = reductions
  if (stage === undefined || reductions.length > 1 || compute.stages.some((s) => s.kind === 'store' && s.axes.length > 0)) return undefined
  if (compute.stages.some((s) => s.lets.some((l) => l.kind === 'data-index'))) return undefined
  const loads: Load[] = []
  visitExprs([...stage.lets.map((l) => l.value), ...stage.accumulators.map((a) => a.value)], (e) => { if (e.kind === 'load') loads.push(e) })
  const bounds = stage.axes.flatMap((a) => [a.lo ?? 0, a.hi])
  const candidates = compute.axes.filter((a) => a.hi !== 1 && !usesName(bounds, a.name) && !compute.axes.some((b) => usesName([b.lo ?? 0, b.hi], a.name))).reverse()
  const moves = (load: Load, axis: Axis): boolean => usesName(load.index, axis.name)
  const reusing = candidates.filter((a) => loads.some((l) => moves(l, a)) && loads.some((l) => !moves(l, a)))
  for (const columns of reusing) {
    const rows = reusing.find((a) => a !== columns && loads.some((l) => moves(l, a) && !moves(l, columns)) && loads.some((l) => moves(l, columns) && !moves(l, a)))
    if (rows !== undefined) return { stage, columns, rows, streaming: false }
  }
  if (reusing[0] !== undefined) return { stage, columns: reusing[0], rows: undefined, streaming: false }
  const streaming = candidates.find((a) => loads.length > 0 && loads.every((l) => usesName(l.index.slice(-1), a.name) && !stage.axes.some((r) => usesName(l.index.slice(-1), r.name))))
  return { stage, columns: streaming, rows: undefined, streaming: true }
}

/** Number of points of a stage's axes where all bounds are numbers; undefined where some are not. */
export function stagePoints(stage: ReduceStage): number | undefined {
  let points = 1
  for (const a of stage.axes) {
    if (typeof a.hi !== 'number' || typeof (a.lo ?? 0) !== 'number') return undefined
    points *= a.hi - Number(a.lo ?? 0)
  }
  return points
}

/** Number of expressions in a stage: how much code one point of it takes. */
export function stageSize(stage: Stage): number {
  let size = 0
  visitExprs(rootsOf(stage), () => { size++ })
  return size
}

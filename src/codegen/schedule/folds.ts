/** What invocations folded of their parts of a stage, folded into one. */
import type { Accumulator, ReduceStage } from '../../ir/kernel/compute.js'
import { binary, local, selectExpr, unary, type Expr } from '../../ir/kernel/expr.js'
import { FOLDS, type Fold } from '../../ir/kernel/kernel.js'
import type { Work } from './points.js'
import { canSplit, halve } from './reduce.js'
import { Memo, type ValueNode } from './values.js'

/** True where the parts of a stage can be folded by different invocations. */
export const canShare = (stage: ReduceStage): boolean => stage.extreme !== undefined || canSplit(stage)

/** True where subgroups of a workgroup may fold a part of an accumulator each. */
export const bySubgroups = (a: Accumulator): a is Accumulator & { readonly combine: Fold['op'] } => a.type === 'f32' && FOLDS.some((op) => op === a.combine)

/** Parts, each with a value for every accumulator, as one. */
export function foldParts(work: Work, stage: ReduceStage, parts: readonly (readonly ValueNode[])[]): readonly ValueNode[] {
  if (stage.extreme === undefined) return stage.accumulators.map((a, i) => halve(work, a.combine ?? 'add', parts.map((p) => p[i] as ValueNode)))
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  return foldParts(work, stage, Array.from({ length: Math.ceil(parts.length / 2) }, (_, i) => {
    const x = parts[2 * i] as readonly ValueNode[], y = parts[2 * i + 1]
    return y === undefined ? x : further(work, stage, x, y)
  }))
}

/** The extreme of two parts, and its position. */
function further({ values, writer }: Work, { extreme, accumulators }: ReduceStage, [x, xAt]: readonly ValueNode[], [y, yAt]: readonly ValueNode[]): readonly ValueNode[] {
  const type = accumulators[0]?.type ?? 'f32', isFloat = type === 'f32' || type === 'f64', a = local('x', type), b = local('y', type), aAt = local('x_at', 'i32'), bAt = local('y_at', 'i32')
  const beats = (one: Expr, other: Expr): Expr => {
    const by = binary(extreme?.greatest === true ? 'gt' : 'lt', one, other)
    return isFloat ? binary('or', by, binary('and', unary('isnan', one), unary('not', unary('isnan', other)))) : by
  }
  const isBefore = binary(extreme?.last === true ? 'gt' : 'lt', bAt, aAt)
  const takes = binary('or', beats(b, a), binary('and', unary('not', beats(a, b)), isBefore))
  const env = { dims: new Map(), locals: new Map([['x', x], ['x_at', xAt], ['y', y], ['y_at', yAt]] as [string, ValueNode][]) }, memo = new Memo()
  return [selectExpr(takes, b, a), selectExpr(takes, bAt, aAt)].map((e) => values.build(e, env, writer, memo))
}

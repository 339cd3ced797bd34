/**
 * Greatest and least elements of f32 in two parts, for targets whose vectors have no single instruction that NaN goes through:
 * the extreme of what is a number, and whether everything is.
 *
 *   m = max(m, x[i])   ⇒   p = pmax(p, x[i]), all = all and x[i] == x[i] · m = all ? p : nan
 */
import { binary, constant, local, selectExpr, type Expr } from '../ir/kernel/expr.js'
import type { Accumulator, Compute, LetStage, ReduceStage, Stage } from '../ir/kernel/compute.js'
import { rootsOf, visitExprs } from '../ir/kernel/walk.js'

/** `compute` with every extreme of f32 that its stage only folds in two parts. */
export function splitExtremes(compute: Compute): Compute {
  if (!compute.stages.some((s) => s.kind === 'reduce' && s.accumulators.some(isExtreme))) return compute
  return { ...compute, stages: compute.stages.flatMap((s): readonly Stage[] => (s.kind === 'reduce' ? splitStage(s) : [s])) }
}

const isExtreme = (a: Accumulator): boolean => a.type === 'f32' && (a.combine === 'max' || a.combine === 'min')

function splitStage(stage: ReduceStage): readonly Stage[] {
  const read = new Set<string>()
  visitExprs(rootsOf(stage), (e) => { if (e.kind === 'local') read.add(e.name) })
  const split = stage.accumulators.filter((a) => isExtreme(a) && !read.has(a.name))
  if (split.length === 0) return [stage]
  const accumulators = stage.accumulators.flatMap((a): readonly Accumulator[] => (!split.includes(a) ? [a] : [
    { ...a, name: numberOf(a), combine: a.combine === 'max' ? 'pmax' : 'pmin' },
    { name: orderedOf(a), type: 'bool', init: constant('bool', 1), combine: 'and', value: binary('eq', a.value, a.value) },
  ]))
  const whole: LetStage = { kind: 'let', lets: split.map((a) => ({ kind: 'value', name: a.name, type: 'f32', value: joined(a) })) }
  return [{ ...stage, accumulators }, whole]
}

const numberOf = (a: Accumulator): string => `${a.name}_number`
const orderedOf = (a: Accumulator): string => `${a.name}_ordered`
const joined = (a: Accumulator): Expr => selectExpr(local(orderedOf(a), 'bool'), local(numberOf(a), 'f32'), constant('f32', 'nan'))

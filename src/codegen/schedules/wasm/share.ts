/** Which loops threads share: the outermost, and those inside it while one iteration is more than small change and there may be few of them. */
import type { Compute } from '../../../ir/kernel/compute.js'
import type { Directive, Plan, Schedule } from '../../../ir/kernel/schedule.js'
import { planNests, pointsOf } from '../../schedule/nest.js'
import { prepareCompute } from '../../schedule/prepare.js'
import { stageOperations } from './strides.js'

/** Operations that are not worth dividing: about a microsecond. */
const SMALL = 20_000
/** Iterations enough to keep several threads equally busy. */
const ENOUGH = 64

/** `plan` with its outer loops marked parallel as far as that is of use. An extent that is a symbol may be 1, or many. */
export function shareLoops(compute: Compute, plan: Plan): Plan {
  const { compute: prepared, schedule } = prepareCompute(compute, plan)
  const [divide, ...rest] = schedule
  if (divide?.kind !== 'divide') return [...plan, ...marksFor(prepared, schedule)]
  const parts = divide.parts.map((part) => ({ ...part, schedule: [...part.schedule, ...marksFor(prepared, [...part.schedule, ...rest])] }))
  return plan.map((d) => (d === divide ? { ...divide, parts } : d))
}

function marksFor(compute: Compute, schedule: Schedule): Schedule {
  const { outer, stages } = planNests(compute, schedule)
  const most = (points: number | undefined): number => points ?? Infinity
  const perPoint = compute.stages.reduce((sum, s, i) => sum + (s.kind === 'let' ? 0 : s.axes.reduce((n, a) => n * most(pointsOf(stages[i] ?? outer, a.name)), 1 + stageOperations(s))), 0)
  let inside = outer.order.reduce((n, name) => n * most(pointsOf(outer, name)), perPoint), iterations = 1
  const marks: Directive[] = []
  for (const axis of outer.order) {
    const hasRounds = outer.axes.some((a) => a.name === axis && a.rounds === true)
    if (hasRounds || outer.unrolled.has(axis) || outer.vectorized === axis || iterations >= ENOUGH || inside <= SMALL) break
    const points = pointsOf(outer, axis)
    marks.push({ kind: 'parallel', axis })
    iterations *= points ?? 1
    inside = points === undefined ? inside : inside / points
  }
  return marks
}

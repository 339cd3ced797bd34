/** Computes as text, for people and for goldens. Expressions that occur more than once are named `%1`, `%2`… first. */
import { printDim } from '../dims-text.js'
import type { Axis, Compute, Let, Stage } from './compute.js'
import type { Expr } from './expr.js'
import { printExpr } from './print.js'
import { operandsOf, rootsOf, visitExprs } from './walk.js'

const printAxis = (a: Axis): string => `${printDim(a.name)} in ${printDim(a.lo ?? 0)}..${printDim(a.hi)}${a.rounds === true ? ' in rounds' : ''}`

function printLet(l: Let, names: ReadonlyMap<Expr, string>): string {
  return l.kind === 'value' ? `let ${l.name}: ${l.type} = ${printExpr(l.value, names)}` : `data-index ${l.name} = ${printExpr(l.value, names)} within ${printDim(l.extent)}`
}

/** Expressions worth a name: used by more than one expression or statement, and not a leaf. */
function sharedExprs(roots: readonly Expr[]): Expr[] {
  const uses = new Map<Expr, number>(), order: Expr[] = []
  const use = (e: Expr): void => { uses.set(e, (uses.get(e) ?? 0) + 1) }
  visitExprs(roots, (e) => { order.push(e); operandsOf(e).forEach(use) })
  roots.forEach(use)
  return order.filter((e) => (uses.get(e) ?? 0) > 1 && operandsOf(e).length > 0)
}

function printStage(stage: Stage): string[] {
  const axes = stage.kind === 'let' ? '' : stage.axes.map(printAxis).join(', ')
  const names = new Map<Expr, string>(), lines: string[] = []
  for (const e of sharedExprs(rootsOf(stage))) {
    const text = printExpr(e, names)
    names.set(e, `%${names.size + 1}`)
    lines.push(`    ${names.get(e)} = ${text}`)
  }
  lines.push(...stage.lets.map((l) => `    ${printLet(l, names)}`))
  if (stage.kind === 'reduce') {
    for (const a of stage.accumulators) {
      const next = a.combine === undefined ? printExpr(a.value, names) : `${a.combine}(${a.name}, ${printExpr(a.value, names)})`
      lines.push(`    ${a.name}: ${a.type} from ${printExpr(a.init, names)} = ${next}`)
    }
  }
  if (stage.kind === 'store') lines.push(`    ${stage.buffer}[${stage.index.map(printDim).join(', ')}] = ${printExpr(stage.value, names)}${stage.until === undefined ? '' : `, before ${stage.until.axis} = ${stage.until.last} ${stage.until.sum}`}`)
  return [`  ${stage.kind}${axes === '' ? '' : ` ${axes}`}`, ...lines]
}

/** The text of a compute. */
export function printCompute(compute: Compute): string {
  const buffers = compute.buffers.map((b) => `  ${b.role} ${b.name}: ${b.dtype}[${b.shape.map(printDim).join(', ')}]`)
  const axes = compute.axes.length === 0 ? [] : [`  axes ${compute.axes.map(printAxis).join(', ')}`]
  return [`compute ${compute.name}`, ...buffers, ...axes, ...compute.stages.flatMap(printStage)].join('\n') + '\n'
}

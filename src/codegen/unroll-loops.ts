/**
 * Hand-written kernels with their innermost sums written out four points at a time, for instruction sets under which V8 keeps
 * the order of instructions: counting and branching then cost a quarter.
 *
 *   for k in 0..n { let a = x[k]; set s = s + a }   ⇒   for k in 0..n-n%4 by 4 { let a = x[k]; set s = s + a; let a_1 = x[k+1]; … }  for k … { the rest }
 */
import { add, floorDiv, mul, substituteDim, type Dim } from '../ir/dims.js'
import type { Expr } from '../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../ir/kernel/kernel.js'
import { mapExpr } from '../ir/kernel/walk.js'

const POINTS = 4
/** Statements of a loop that is worth it, at most. */
const MOST_STATEMENTS = 24

/** `kernel` with every innermost loop of register statements unrolled. */
export function unrollLoops(kernel: Kernel): Kernel {
  return { ...kernel, body: kernel.body.flatMap(unrollIn) }
}

type Sum = Extract<Stmt, { kind: 'let' | 'set' }>

function unrollIn(s: Stmt): readonly Stmt[] {
  if (s.kind === 'if') return [{ ...s, then: s.then.flatMap(unrollIn), else: s.else.flatMap(unrollIn) }]
  if (s.kind !== 'for') return [s]
  const { body } = s, fits = s.parallel !== true && s.step === 1 && s.lo === 0 && body.length <= MOST_STATEMENTS && body.some((t) => t.kind === 'set')
  if (!fits || !body.every((t): t is Sum => t.kind === 'set' || t.kind === 'let')) return [{ ...s, body: body.flatMap(unrollIn) }]
  const whole: Dim = mul(POINTS, floorDiv(s.hi, POINTS))
  const points = Array.from({ length: POINTS }, (_, k) => (k === 0 ? body : shifted(body, s.variable, k))).flat()
  return [...(whole === 0 ? [] : [{ ...s, hi: whole, step: POINTS, body: points }]), ...(whole === s.hi ? [] : [{ ...s, lo: whole }])]
}

/** `body` at the point `by` after `variable`, with registers of its own for what it declares. */
function shifted(body: readonly Sum[], variable: string, by: number): readonly Sum[] {
  const own = new Set(body.flatMap((s) => (s.kind === 'let' ? [s.name] : [])))
  const name = (n: string): string => (own.has(n) ? `${n}_${by}` : n), index = (d: Dim): Dim => substituteDim(d, (s) => (s === variable ? add(s, by) : undefined))
  const value = (e: Expr): Expr => mapExpr(e, (x) => {
    if (x.kind === 'local') return { ...x, name: name(x.name) }
    return x.kind === 'load' ? { ...x, index: x.index.map(index) } : x.kind === 'index' ? { ...x, index: index(x.index) } : x
  })
  return body.map((s) => ({ ...s, name: name(s.name), value: value(s.value) }))
}

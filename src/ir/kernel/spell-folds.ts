/** Folds of a workgroup in statements that every target has: partial results in shared memory, eight of them at a time. */
import { invariant } from '../../base/error.js'
import { add, type Dim } from '../dims.js'
import { binary, constant, indexValue, load, type BinaryOp, type Expr } from './expr.js'
import type { Fold, Kernel, Stmt } from './kernel.js'
import { childrenOf } from './walk.js'

/** Values of one level of a fold, at most. */
const FOLDED = 8

/** `kernel` without folds. */
export function spellFolds(kernel: Kernel): Kernel {
  return hasFolds(kernel.body) ? { ...kernel, body: spellIn(kernel.body, { variable: '', count: 0 }) } : kernel
}

/** True where there is a fold. */
export const hasFolds = (body: readonly Stmt[]): boolean => body.some((s) => s.kind === 'fold' || childrenOf(s).some(hasFolds))

/** The invocations of a local loop. */
interface Invocations { readonly variable: string; readonly count: number }

function spellIn(body: readonly Stmt[], all: Invocations): readonly Stmt[] {
  return body.flatMap((s): readonly Stmt[] => {
    switch (s.kind) {
      case 'fold': return spell(s, all)
      case 'for': return [{ ...s, body: spellIn(s.body, s.local === true && typeof s.hi === 'number' ? { variable: s.variable, count: s.hi } : all) }]
      case 'if': return [{ ...s, then: spellIn(s.then, all), else: spellIn(s.else, all) }]
      default: return [s]
    }
  })
}

function spell({ name, op, value, buffer }: Fold, { variable: t, count }: Invocations): readonly Stmt[] {
  const stored = (x: Expr): Stmt => ({ kind: 'store', buffer, index: t, value: x }), barrier: Stmt = { kind: 'barrier' }
  const fold = (from: Dim, step: number, parts: number): Expr => halve(op, Array.from({ length: parts }, (_, k) => load(buffer, [add(from, k * step)])))
  const levels: Stmt[] = []
  let left = count
  for (; left > FOLDED; left /= FOLDED) {
    const rest = left / FOLDED
    levels.push({ kind: 'if', condition: binary('lt', indexValue(t), constant('i32', rest)), then: [stored(fold(t, rest, FOLDED))], else: [] }, barrier)
  }
  invariant(count > 0 && Number.isInteger(left), `${count} invocations do not fold evenly`)
  return [stored(value), barrier, ...levels, { kind: 'let', name, type: 'f32', value: fold(0, 1, left) }]
}

/** Neighbours folded, then what they gave, and so on. */
function halve(op: BinaryOp, parts: readonly Expr[]): Expr {
  const [first, ...others] = parts as readonly [Expr, ...Expr[]]
  if (others.length === 0) return first
  const pairs = Array.from({ length: Math.ceil(parts.length / 2) }, (_, i): Expr => (2 * i + 1 < parts.length ? binary(op, parts[2 * i] as Expr, parts[2 * i + 1] as Expr) : parts[2 * i] as Expr))
  return halve(op, pairs)
}

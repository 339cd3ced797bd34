/** Walks over expressions, statements and computes. Shared sub-expressions are visited once. */
import type { Dim } from '../dims.js'
import type { Compute, Let, Stage } from './compute.js'
import type { Expr } from './expr.js'
import type { Stmt } from './kernel.js'

/** Operands of an expression, in order. */
export function operandsOf(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case 'unary': case 'cast': case 'narrow': case 'bitcast': case 'splat': case 'lane': return [e.x]
    case 'binary': return [e.a, e.b]
    case 'madd': return [e.a, e.b, e.c]
    case 'vector': return e.items
    case 'select': return [e.condition, e.a, e.b]
    default: return []
  }
}

/** Calls `visit` once for each distinct expression object under `roots`, operands first. */
export function visitExprs(roots: readonly Expr[], visit: (e: Expr) => void, seen: Set<Expr> = new Set()): void {
  for (const root of roots) {
    if (seen.has(root)) continue
    seen.add(root)
    visitExprs(operandsOf(root), visit, seen)
    visit(root)
  }
}

/** The dims that an expression itself holds (not its operands): indices. */
export function dimsOf(e: Expr): readonly Dim[] {
  return e.kind === 'index' ? [e.index] : e.kind === 'load' ? e.index : []
}

/** `e` with every expression rebuilt bottom-up by `rewrite`; shared objects stay shared and an unchanged one is returned as it is. */
export function mapExpr(e: Expr, rewrite: (e: Expr) => Expr, memo: Map<Expr, Expr> = new Map()): Expr {
  const known = memo.get(e)
  if (known !== undefined) return known
  const result = rewrite(withOperands(e, operandsOf(e).map((x) => mapExpr(x, rewrite, memo))))
  memo.set(e, result)
  return result
}

/** `e` with other operands; `e` itself where they are the same objects. */
export function withOperands(e: Expr, operands: readonly Expr[]): Expr {
  if (operandsOf(e).every((x, i) => x === operands[i])) return e
  const [a, b, c, d] = operands as [Expr, Expr, Expr, Expr]
  switch (e.kind) {
    case 'unary': case 'cast': case 'narrow': case 'bitcast': case 'splat': case 'lane': return { ...e, x: a }
    case 'binary': return { ...e, a, b }
    case 'madd': return { ...e, a, b, c }
    case 'vector': return { ...e, items: [a, b, c, d] }
    case 'select': return { ...e, condition: a, a: b, b: c }
    default: return e
  }
}

/** Lets of a stage, in order. */
export const letsOf = (stage: Stage): readonly Let[] => stage.lets

/** The expressions at the roots of a stage: lets' values, initial and next values, the stored value. */
export function rootsOf(stage: Stage): Expr[] {
  const lets = stage.lets.map((l) => l.value)
  if (stage.kind === 'reduce') return [...lets, ...stage.accumulators.flatMap((a) => [a.init, a.value])]
  return stage.kind === 'store' ? [...lets, stage.value] : lets
}

/** True where an expression of `stage` reads `buffer`. */
export function loadsFrom(stage: Stage, buffer: string): boolean {
  let found = false
  visitExprs(rootsOf(stage), (e) => { if (e.kind === 'load' && e.buffer === buffer) found = true })
  return found
}

/** Calls `visit` with every dim in a compute: shapes, bounds, indices, extents. A dim may come more than once. */
export function visitComputeDims(compute: Compute, visit: (dim: Dim) => void): void {
  for (const b of compute.buffers) b.shape.forEach(visit)
  const axes = [...compute.axes, ...compute.stages.flatMap((s) => (s.kind === 'let' ? [] : s.axes))]
  for (const a of axes) { if (a.lo !== undefined) visit(a.lo); visit(a.hi) }
  for (const s of compute.stages) {
    for (const l of s.lets) if (l.kind === 'data-index') visit(l.extent)
    if (s.kind === 'store') s.index.forEach(visit)
  }
  visitExprs(compute.stages.flatMap(rootsOf), (e) => dimsOf(e).forEach(visit))
}

/** Expressions that a statement itself holds, without those of statements inside it. */
export function exprsOf(s: Stmt): readonly Expr[] {
  switch (s.kind) {
    case 'for': case 'index': case 'barrier': return []
    case 'set-all': return s.sets.map((t) => t.value)
    case 'if': return [s.condition]
    default: return [s.value]
  }
}

/** Statements inside a statement. */
export function childrenOf(s: Stmt): readonly (readonly Stmt[])[] {
  return s.kind === 'for' ? [s.body] : s.kind === 'if' ? [s.then, s.else] : []
}

/** Calls `visit` for every statement, outer ones first. */
export function visitStmts(body: readonly Stmt[], visit: (s: Stmt) => void): void {
  for (const s of body) {
    visit(s)
    for (const inner of childrenOf(s)) visitStmts(inner, visit)
  }
}

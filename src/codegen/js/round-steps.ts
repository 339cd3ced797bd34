/**
 * JavaScript computes float32 registers as doubles, which is more accurate everywhere but at a step: floor, a comparison or a
 * conversion to an integer can fall on the other side of it than float32 arithmetic does. Their operands are therefore
 * rounded to float32 first; elsewhere rounding waits for the store, because rounding every operation halves the speed.
 */
import type { DType } from '../../base/dtype.js'
import { narrow, typeOfExpr, type BinaryOp, type Expr, type UnaryOp } from '../../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { exprsOf, mapExpr, visitExprs, visitStmts } from '../../ir/kernel/walk.js'

const STEPS_OF_ONE: ReadonlySet<UnaryOp> = new Set<UnaryOp>(['floor', 'ceil', 'trunc', 'round', 'isinf'])
const STEPS_OF_TWO: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['rem', 'mod', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'])

/** `kernel` with the float32 operands of operations that have steps rounded to float32. */
export function roundBeforeSteps(kernel: Kernel): Kernel {
  const dtypes = new Map<string, DType>(kernel.buffers.map((b) => [b.name, b.dtype]))
  const isF32 = (e: Expr): boolean => typeOfExpr(e, (b) => dtypes.get(b) ?? 'float32') === 'f32'
  const rounded = (e: Expr): Expr => (e.kind === 'load' || e.kind === 'const' || e.kind === 'narrow' || !isF32(e) ? e : narrow('float32', e))
  const rewrite = (e: Expr): Expr => {
    if (e.kind === 'unary' && STEPS_OF_ONE.has(e.op)) return { ...e, x: rounded(e.x) }
    if (e.kind === 'binary' && STEPS_OF_TWO.has(e.op)) return { ...e, a: rounded(e.a), b: rounded(e.b) }
    if (e.kind === 'cast' && e.to !== 'f32' && e.to !== 'f64') return { ...e, x: rounded(e.x) }
    return e
  }
  let steps = false
  visitStmts(kernel.body, (s) => visitExprs(exprsOf(s), (e) => { steps ||= rewrite(e) !== e }))
  if (!steps) return kernel
  const memo = new Map<Expr, Expr>()
  const expr = (e: Expr): Expr => mapExpr(e, rewrite, memo)
  const stmt = (s: Stmt): Stmt => {
    switch (s.kind) {
      case 'index': case 'barrier': return s
      case 'for': return { ...s, body: s.body.map(stmt) }
      case 'if': return { ...s, condition: expr(s.condition), then: s.then.map(stmt), else: s.else.map(stmt) }
      case 'set-all': return { ...s, sets: s.sets.map((t) => ({ ...t, value: expr(t.value) })) }
      case 'data-index': case 'let': case 'var': case 'set': case 'store': case 'fold': return { ...s, value: expr(s.value) }
    }
  }
  return { ...kernel, body: kernel.body.map(stmt) }
}

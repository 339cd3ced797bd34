/** Kernels whose buffers are others, or parts of others: what their loads and stores become. */
import type { Dim } from '../../base/dim.js'
import type { Expr } from '../../ir/kernel/expr.js'
import type { Kernel, KernelBuffer, Stmt } from '../../ir/kernel/kernel.js'
import { mapExpr } from '../../ir/kernel/walk.js'

type Load = Extract<Expr, { readonly kind: 'load' }>

/** What accesses of a buffer become; `store` is given the value already rewritten, and is the same store where absent. */
export interface Access {
  readonly load: (from: Load, index: Dim) => Expr
  readonly store?: (index: Dim, value: Expr) => Stmt
}

/** `kernel` with `buffers`, where accesses of the buffers that `accessOf` knows become what it says. */
export function rebind(kernel: Kernel, buffers: readonly KernelBuffer[], accessOf: (buffer: string) => Access | undefined): Kernel {
  const expr = (e: Expr): Expr => mapExpr(e, (x) => (x.kind === 'load' ? (accessOf(x.buffer)?.load(x, x.index[0] ?? 0) ?? x) : x))
  const stmt = (s: Stmt): Stmt => {
    switch (s.kind) {
      case 'for': return { ...s, body: s.body.map(stmt) }
      case 'index': case 'barrier': return s
      case 'if': return { ...s, condition: expr(s.condition), then: s.then.map(stmt), else: s.else.map(stmt) }
      case 'set-all': return { ...s, sets: s.sets.map((t) => ({ ...t, value: expr(t.value) })) }
      case 'store': return accessOf(s.buffer)?.store?.(s.index, expr(s.value)) ?? { ...s, value: expr(s.value) }
      default: return { ...s, value: expr(s.value) }
    }
  }
  return { ...kernel, buffers, body: kernel.body.map(stmt) }
}

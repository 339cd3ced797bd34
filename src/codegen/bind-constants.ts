/**
 * Hand-written kernels whose vectors of constants are bound to registers before the innermost loops that use them: engines make
 * such a vector anew, in several instructions, wherever it is used.
 */
import { vectorOf, type Expr } from '../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../ir/kernel/kernel.js'
import { childrenOf, mapExpr } from '../ir/kernel/walk.js'

type Loop = Extract<Stmt, { kind: 'for' }>

/** `kernel` with constants bound before its innermost loops. */
export function bindConstants(kernel: Kernel): Kernel {
  let count = 0
  const fresh = (): string => `constant.${count++}`
  const inBody = (body: readonly Stmt[]): readonly Stmt[] => body.flatMap((s): readonly Stmt[] => {
    if (s.kind === 'for') return s.body.some((t) => childrenOf(t).length > 0) ? [{ ...s, body: inBody(s.body) }] : bindIn(s, fresh)
    return s.kind === 'if' ? [{ ...s, then: inBody(s.then), else: inBody(s.else) }] : [s]
  })
  return { ...kernel, body: inBody(kernel.body) }
}

function bindIn(loop: Loop, fresh: () => string): readonly Stmt[] {
  const names = new Map<string, Expr>(), lets: Stmt[] = []
  const bind = (e: Expr): Expr => {
    if (e.kind !== 'splat' || e.x.kind !== 'const') return e
    const key = `${e.x.type} ${e.x.value}`, known = names.get(key)
    if (known !== undefined) return known
    const type = vectorOf(e.x.type), name = fresh(), register: Expr = { kind: 'local', name, type }
    lets.push({ kind: 'let', name, type, value: e })
    names.set(key, register)
    return register
  }
  const memo = new Map<Expr, Expr>()
  const body = loop.body.map((s): Stmt => (s.kind === 'let' || s.kind === 'var' || s.kind === 'set' || s.kind === 'store' ? { ...s, value: mapExpr(s.value, bind, memo) } : s))
  return lets.length === 0 ? [loop] : [...lets, { ...loop, body }]
}

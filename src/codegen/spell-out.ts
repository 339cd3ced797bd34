/** Hand-written kernels with the functions of f32 as arithmetic (see `expand-math`), whose steps that are needed more than once are bound to registers. */
import type { DType } from '../base/dtype.js'
import { typeOfExpr, type Expr } from '../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../ir/kernel/kernel.js'
import { operandsOf, visitExprs, withOperands } from '../ir/kernel/walk.js'
import { mathExpander } from './expand-math.js'

/** `kernel` with the functions of f32 written out, and no expression twice. */
export function spellOut(kernel: Kernel): Kernel {
  const dtypes = new Map(kernel.buffers.map((b) => [b.name, b.dtype]))
  const expand = mathExpander(kernel.buffers, 'paired')
  let count = 0
  const body = bindShared(kernel.body, { dtypeOf: (buffer) => dtypes.get(buffer) ?? 'float64', fresh: () => `shared.${count++}`, spell: expand })
  return count === 0 ? kernel : { ...kernel, body }
}

interface Spelling {
  readonly dtypeOf: (buffer: string) => DType
  /** A name for a register. */
  readonly fresh: () => string
  readonly spell: (e: Expr) => Expr
}

/** What a statement uses more than once has a register, bound before it. */
function bindShared(body: readonly Stmt[], spelling: Spelling): readonly Stmt[] {
  const { dtypeOf, fresh, spell } = spelling
  return body.flatMap((s): readonly Stmt[] => {
    if (s.kind === 'for') return [{ ...s, body: bindShared(s.body, spelling) }]
    if (s.kind === 'if') return [{ ...s, then: bindShared(s.then, spelling), else: bindShared(s.else, spelling) }]
    if (s.kind !== 'let' && s.kind !== 'var' && s.kind !== 'set' && s.kind !== 'store') return [s]
    const spelled = spell(s.value)
    if (spelled === s.value) return [s]
    const uses = new Map<Expr, number>(), bound = new Map<Expr, Expr>(), lets: Stmt[] = []
    visitExprs([spelled], (e) => { for (const x of operandsOf(e)) uses.set(x, (uses.get(x) ?? 0) + 1) })
    const write = (e: Expr): Expr => {
      const known = bound.get(e)
      if (known !== undefined) return known
      const written = withOperands(e, operandsOf(e).map(write))
      if ((uses.get(e) ?? 0) < 2 || e.kind === 'local' || e.kind === 'const') return written
      const type = typeOfExpr(written, dtypeOf), name = fresh()
      lets.push({ kind: 'let', name, type, value: written })
      const register: Expr = { kind: 'local', name, type }
      bound.set(e, register)
      return register
    }
    const value = write(spelled)
    return [...lets, { ...s, value }]
  })
}

/** Which buffers a shader may have as arrays of vectors: those of which every access is four elements from a multiple of four on. */
import { substituteDim, type Dim } from '../../ir/dims.js'
import { isVector, LANES, typeOfExpr, VECTOR_DTYPES } from '../../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { loopRange, multipleOf, type Range } from '../../ir/kernel/ranges.js'
import { childrenOf, exprsOf, visitExprs } from '../../ir/kernel/walk.js'

/** The names of such buffers, shared ones among them. */
export function wideBuffers(kernel: Kernel): ReadonlySet<string> {
  const all = [...kernel.buffers, ...(kernel.shared ?? [])], dtypes = new Map(all.map((b) => [b.name, b.dtype]))
  const wide = new Set(all.filter((b) => VECTOR_DTYPES.has(b.dtype) && multipleOf(b.length, () => undefined) % LANES === 0).map((b) => b.name))
  const ranges = new Map<string, Range>(), definitions = new Map<string, Dim>(), used = new Set<string>()
  const expand = (dim: Dim): Dim => substituteDim(dim, (name) => definitions.get(name))
  const note = (buffer: string, index: Dim, lanes: number): void => {
    used.add(buffer)
    if (lanes !== LANES || multipleOf(expand(index), (name) => ranges.get(name)) % LANES !== 0) wide.delete(buffer)
  }
  const visit = (s: Stmt): void => {
    visitExprs(exprsOf(s), (e) => { if (e.kind === 'load') note(e.buffer, e.index[0] ?? 0, e.lanes ?? 1) })
    if (s.kind === 'store') note(s.buffer, s.index, isVector(typeOfExpr(s.value, (name) => dtypes.get(name) ?? 'float32')) ? LANES : 1)
    else if (s.kind === 'index') definitions.set(s.name, expand(s.value))
    else if (s.kind === 'for') ranges.set(s.variable, loopRange(expand(s.lo), expand(s.hi), s.step, (name) => ranges.get(name)))
    for (const body of childrenOf(s)) {
      const own = new Set<string>()
      for (const inner of body) { if (inner.kind === 'index') own.add(inner.name); visit(inner) }
      for (const name of own) definitions.delete(name)
    }
    if (s.kind === 'for') ranges.delete(s.variable)
  }
  kernel.body.forEach(visit)
  return new Set([...wide].filter((name) => used.has(name)))
}

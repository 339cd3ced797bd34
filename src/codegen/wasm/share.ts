/**
 * Which parts of a kernel threads share. The parallel loops around a kernel's work are counted through as one row of units: iterations of the
 * innermost of them. Every thread walks the whole row and does the units that it draws, so that loops of few iterations inside or outside of
 * others, and what a split leaves over, are shared as evenly as any. Where a part reads what an earlier one wrote, threads meet in between.
 */
import { visitSymbols } from '../../base/dim.js'
import type { Dim } from '../../ir/dims.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { dimsOf, exprsOf, visitExprs, visitStmts } from '../../ir/kernel/walk.js'

export type Loop = Extract<Stmt, { kind: 'for' }>

/** A part of a shared kernel, in the order in which every thread meets them. */
export type Part =
  /** Done by every thread: indices and values that parts after it use. */
  | { readonly kind: 'all'; readonly stmt: Stmt }
  /** One unit. */
  | { readonly kind: 'once'; readonly body: readonly Stmt[] }
  /** Iterations are units. */
  | { readonly kind: 'units'; readonly loop: Loop }
  /** A loop that every thread runs, with units inside. */
  | { readonly kind: 'nest'; readonly loop: Loop; readonly parts: readonly Part[] }
  /** Threads meet: what was written before is read or overwritten after. */
  | { readonly kind: 'meet' }

/** How threads share `kernel`; undefined where one has to do it alone. */
export function shareKernel(kernel: Kernel): readonly Part[] | undefined {
  const parts = partsOf(kernel.body, [], new Set(kernel.buffers.flatMap((b) => (b.apart === true ? [b.name] : []))))
  return parts === undefined || countUnits(parts) < 2 ? undefined : parts
}

/** The number of units; infinite where it is no number. */
function countUnits(parts: readonly Part[]): number {
  const iterations = ({ lo, hi, step }: Loop): number => (typeof lo === 'number' && typeof hi === 'number' ? Math.max(0, (hi - lo) / step) : Infinity)
  return parts.reduce((sum, p) => {
    if (p.kind === 'nest') { const inner = countUnits(p.parts); return sum + (inner === 0 ? 0 : iterations(p.loop) * inner) }
    return sum + (p.kind === 'units' ? iterations(p.loop) : p.kind === 'once' ? 1 : 0)
  }, 0)
}

const isPure = (s: Stmt): boolean => s.kind === 'index' || s.kind === 'data-index' || s.kind === 'let'

/** The parts of a body inside the shared loops `around`; undefined where it has none or cannot be divided. What is read of the buffers `apart` is nobody else's. */
function partsOf(body: readonly Stmt[], around: readonly Loop[], apart: ReadonlySet<string>): readonly Part[] | undefined {
  const parts: Part[] = [], once: Stmt[] = []
  let reads = new Set<string>(), writes = new Set<string>(), shared = false
  const put = (part: Part, stmts: readonly Stmt[]): boolean => {
    const own = accessesOf(stmts)
    if ([...own.reads].some((b) => writes.has(b) && !apart.has(b)) || [...own.writes].some((b) => reads.has(b) && !apart.has(b))) {
      // Inside other loops there is nowhere to meet.
      if (around.length > 0) return false
      parts.push({ kind: 'meet' })
      reads = new Set()
      writes = new Set()
    }
    for (const b of own.reads) reads.add(b)
    for (const b of own.writes) writes.add(b)
    parts.push(part)
    return true
  }
  const flush = (after: readonly Stmt[]): boolean => {
    if (once.length === 0) return true
    const own = once.splice(0)
    return around.length === 0 && !usesAny(after, declaredIn(own)) && put({ kind: 'once', body: own }, own)
  }
  for (const [at, s] of body.entries()) {
    if (s.kind === 'for' && s.parallel === true && isApart(s, around)) {
      const inner = partsOf(s.body, [...around, s], apart)
      if (!flush(body.slice(at)) || !put(inner === undefined ? { kind: 'units', loop: s } : { kind: 'nest', loop: s, parts: inner }, [s])) return undefined
      shared = true
    } else if (isPure(s) && once.length === 0) {
      if (!put({ kind: 'all', stmt: s }, [s])) return undefined
    } else once.push(s)
  }
  return flush([]) && shared ? parts : undefined
}

/** True where no two iterations of `around` and `loop` write the same element, as far as indices tell: every store moves with each of their variables, and nothing is carried over in registers. */
function isApart(loop: Loop, around: readonly Loop[]): boolean {
  const own = declaredIn(loop.body)
  let apart = true
  visitStmts(loop.body, (s) => {
    if (s.kind === 'set') apart &&= own.has(s.name)
    else if (s.kind === 'set-all') apart &&= s.sets.every((t) => own.has(t.name))
  })
  return apart && [...around, loop].every((outer) => storesMoveWith(outer, loop))
}

/** True where the index of every store in `inner`, which is in `outer`, is made of the variable of `outer`. */
function storesMoveWith(outer: Loop, inner: Loop): boolean {
  const moving = new Set([outer.variable])
  const moves = (dim: Dim): boolean => [...namesIn(dim)].some((name) => moving.has(name))
  visitStmts(outer.body, (s) => {
    if (s.kind === 'index' && moves(s.value)) moving.add(s.name)
    else if (s.kind === 'for' && moves(s.lo)) moving.add(s.variable)
  })
  let all = true
  visitStmts(inner.body, (s) => { if (s.kind === 'store') all &&= moves(s.index) })
  return all
}

interface Accesses { readonly reads: ReadonlySet<string>; readonly writes: ReadonlySet<string> }

/** Buffers that statements read and write. */
function accessesOf(stmts: readonly Stmt[]): Accesses {
  const reads = new Set<string>(), writes = new Set<string>()
  visitStmts(stmts, (s) => {
    if (s.kind === 'store') writes.add(s.buffer)
    visitExprs(exprsOf(s), (e) => { if (e.kind === 'load') reads.add(e.buffer) })
  })
  return { reads, writes }
}

/** Names that statements declare, inside them too. */
export function declaredIn(stmts: readonly Stmt[]): ReadonlySet<string> {
  const names = new Set<string>()
  visitStmts(stmts, (s) => {
    if (s.kind === 'for') names.add(s.variable)
    else if (s.kind === 'index' || s.kind === 'data-index' || s.kind === 'let' || s.kind === 'var') names.add(s.name)
  })
  return names
}

/** True where statements use a name of `names`, or set one. */
function usesAny(stmts: readonly Stmt[], names: ReadonlySet<string>): boolean {
  let found = false
  const dims = (...all: readonly Dim[]): void => { for (const d of all) for (const name of namesIn(d)) found ||= names.has(name) }
  visitStmts(stmts, (s) => {
    if (s.kind === 'for') dims(s.lo, s.hi)
    else if (s.kind === 'index') dims(s.value)
    else if (s.kind === 'data-index') dims(s.extent)
    else if (s.kind === 'store') dims(s.index)
    else if (s.kind === 'set') found ||= names.has(s.name)
    else if (s.kind === 'set-all') found ||= s.sets.some((t) => names.has(t.name))
    visitExprs(exprsOf(s), (e) => { if (e.kind === 'local') found ||= names.has(e.name); dims(...dimsOf(e)) })
  })
  return found
}

export function namesIn(dim: Dim): ReadonlySet<string> {
  const names = new Set<string>()
  visitSymbols(dim, (name) => names.add(name))
  return names
}

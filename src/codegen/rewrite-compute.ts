/**
 * Substitutions in computes: renaming buffers, replacing names in indices and replacing loads. Shared subexpressions stay
 * shared, so that a chain of fused ops stays as small as its ops.
 */
import type { Dim } from '../ir/dims.js'
import { substituteDim } from '../ir/dims.js'
import type { Accumulator, Axis, Compute, Let, Stage } from '../ir/kernel/compute.js'
import type { Expr } from '../ir/kernel/expr.js'
import { operandsOf, withOperands } from '../ir/kernel/walk.js'

export type Index = readonly Dim[]

/** What a substitution replaces; anything left out stays. */
export interface Substitution {
  /** Names in indices: loop variables, parameters, data indices. */
  readonly name?: (name: string) => Dim | undefined
  /** A load, with its index already substituted; undefined keeps it. */
  readonly load?: (buffer: string, index: Index) => Expr | undefined
  /** A register. */
  readonly local?: (name: string) => Expr | undefined
}

/** A function that applies `s` to expressions, remembering what it has seen. */
export function expressionRewriter(s: Substitution): (e: Expr) => Expr {
  const seen = new Map<Expr, Expr>()
  const dim = (d: Dim): Dim => (s.name === undefined ? d : substituteDim(d, s.name))
  const visit = (e: Expr): Expr => {
    const known = seen.get(e)
    if (known !== undefined) return known
    const out = rebuild(e)
    seen.set(e, out)
    return out
  }
  const rebuild = (e: Expr): Expr => {
    switch (e.kind) {
      case 'const': return e
      case 'index': return { kind: 'index', index: dim(e.index) }
      case 'local': return s.local?.(e.name) ?? e
      case 'load': {
        const index = e.index.map(dim)
        return s.load?.(e.buffer, index) ?? { kind: 'load', buffer: e.buffer, index }
      }
      default: return withOperands(e, operandsOf(e).map(visit))
    }
  }
  return visit
}

/** `compute` with `s` applied to every index and expression. Axes keep their names: `s.name` must not name them. */
export function rewriteCompute(compute: Compute, s: Substitution): Compute {
  const expr = expressionRewriter(s)
  const dim = (d: Dim): Dim => (s.name === undefined ? d : substituteDim(d, s.name))
  const axis = (a: Axis): Axis => ({ ...a, ...(a.lo !== undefined && { lo: dim(a.lo) }), hi: dim(a.hi) })
  const bind = (l: Let): Let => (l.kind === 'value' ? { ...l, value: expr(l.value) } : { ...l, value: expr(l.value), extent: dim(l.extent) })
  const accumulator = (a: Accumulator): Accumulator => ({ ...a, init: expr(a.init), value: expr(a.value) })
  const stage = (t: Stage): Stage => {
    switch (t.kind) {
      case 'let': return { ...t, lets: t.lets.map(bind) }
      case 'reduce': return { ...t, axes: t.axes.map(axis), lets: t.lets.map(bind), accumulators: t.accumulators.map(accumulator) }
      case 'store': return { ...t, axes: t.axes.map(axis), lets: t.lets.map(bind), index: t.index.map(dim), value: expr(t.value) }
    }
  }
  return {
    name: compute.name,
    buffers: compute.buffers.map((b) => ({ ...b, shape: b.shape.map(dim) })),
    axes: compute.axes.map(axis),
    stages: compute.stages.map(stage),
  }
}

/** Calls `visit` for every load in the expression, each shared subexpression once. */
export function visitLoads(root: Expr, visit: (buffer: string, index: Index) => void): void {
  const seen = new Set<Expr>()
  const walk = (e: Expr): void => {
    if (seen.has(e)) return
    seen.add(e)
    if (e.kind === 'load') visit(e.buffer, e.index)
    else operandsOf(e).forEach(walk)
  }
  walk(root)
}

/** All expressions of a compute. */
export function expressionsOf(compute: Compute): Expr[] {
  return compute.stages.flatMap((s): Expr[] => {
    const lets = s.kind === 'let' ? s.lets : s.lets
    const own = s.kind === 'reduce' ? s.accumulators.flatMap((a) => [a.init, a.value]) : s.kind === 'store' ? [s.value] : []
    return [...lets.map((l) => l.value), ...own]
  })
}

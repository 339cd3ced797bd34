/**
 * Flatten: adjacent axes that every buffer is accessed along contiguously become one axis, so that an elementwise kernel is
 * one flat loop and a row kernel has one loop over rows. A broadcast operand keeps the axes apart that it does not share.
 *
 *   axes i in 0..2, j in 0..n: y[i, j] = x[i, j]   ⇒   axes j in 0..2*n: y[j] = x[j]
 *
 * Axes of one point go. Buffers become one-dimensional. Axes with a lower bound, and axes used in other ways than in buffer indices, stay.
 */
import { visitSymbols } from '../../base/dim.js'
import { add, dimsEqual, mul, product, substituteDim, type Dim } from '../../ir/dims.js'
import type { Axis, Compute, Stage } from '../../ir/kernel/compute.js'
import type { Expr } from '../../ir/kernel/expr.js'
import { sumOf, termsOf } from '../../ir/kernel/ranges.js'
import { rewriteCompute } from '../rewrite-compute.js'
import { letsOf, mapExpr, rootsOf, visitExprs } from '../../ir/kernel/walk.js'

/** `compute` with axes merged wherever that is possible; `compute` itself where it is not. */
export function flattenCompute(compute: Compute): Compute {
  const unit = new Set(compute.axes.filter((a) => (a.lo ?? 0) === 0 && a.hi === 1).map((a) => a.name))
  const shrunk = unit.size === 0 ? compute : rewriteCompute({ ...compute, axes: compute.axes.filter((a) => !unit.has(a.name)) }, { name: (s) => (unit.has(s) ? 0 : undefined) })
  const flat = linearise(shrunk)
  const outer = mergeAxes(flat, flat.axes, (c, axes) => ({ ...c, axes }))
  // Each stage by itself, so that a join of many parts takes time by their number.
  const stages = outer.stages.map((stage): Stage => {
    if (stage.kind === 'let') return stage
    const alone = mergeAxes({ ...outer, stages: [stage] }, stage.axes, (c, axes) => ({ ...c, stages: c.stages.map((s) => (s.kind === 'let' ? s : { ...s, axes })) }), 0)
    return alone.stages[0] as Stage
  })
  const merged = { ...outer, stages }
  const count = (c: Compute): number => c.axes.length + c.stages.reduce((n, s) => n + (s.kind === 'let' ? 0 : s.axes.length), 0)
  return count(merged) === count(compute) ? compute : merged
}

/** The same compute over one-dimensional buffers. */
function linearise(compute: Compute): Compute {
  const shapes = new Map(compute.buffers.map((b) => [b.name, b.shape]))
  const flatten = (buffer: string, index: readonly Dim[]): readonly Dim[] => {
    const shape = shapes.get(buffer) ?? []
    return [add(0, ...index.map((d, i) => mul(d, product(shape.slice(i + 1)))))]
  }
  const rewrite = (e: Expr): Expr => (e.kind === 'load' ? { ...e, index: flatten(e.buffer, e.index) } : e)
  const stages = mapStages(compute.stages, rewrite, (stage) => ({ ...stage, index: flatten(stage.buffer, stage.index) }))
  return { ...compute, buffers: compute.buffers.map((b) => ({ ...b, shape: [product(b.shape)] })), stages }
}

type Store = Extract<Stage, { kind: 'store' }>

function mapStages(stages: readonly Stage[], rewrite: (e: Expr) => Expr, store: (stage: Store) => Store): readonly Stage[] {
  const memo = new Map<Expr, Expr>()
  const map = (e: Expr): Expr => mapExpr(e, rewrite, memo)
  return stages.map((s): Stage => {
    const lets = letsOf(s).map((l) => ({ ...l, value: map(l.value) }))
    if (s.kind === 'reduce') return { ...s, lets, accumulators: s.accumulators.map((a) => ({ ...a, init: map(a.init), value: map(a.value) })) }
    return s.kind === 'store' ? store({ ...s, lets, value: map(s.value) }) : { ...s, lets }
  })
}

/** Merges neighbours in `axes` from the innermost pair outwards. `only`: the stage that the axes belong to. */
function mergeAxes(compute: Compute, axes: readonly Axis[], replace: (c: Compute, axes: readonly Axis[]) => Compute, only?: number): Compute {
  let current = compute, kept = [...axes]
  for (let at = kept.length - 2; at >= 0; at--) {
    const a = kept[at] as Axis, b = kept[at + 1] as Axis
    if ((a.lo ?? 0) !== 0 || (b.lo ?? 0) !== 0 || !mergeable(current, a, b, only)) continue
    kept = [...kept.slice(0, at), { name: b.name, hi: mul(a.hi, b.hi) }, ...kept.slice(at + 2)]
    current = replace(dropAxis(current, a.name, only), kept)
  }
  return current
}

/** True where `a` and `b` occur only in buffer indices, as multiples of `a*extent(b) + b`. */
function mergeable(compute: Compute, a: Axis, b: Axis, only: number | undefined): boolean {
  const involves = (d: Dim): boolean => { let found = false; visitSymbols(d, (s) => { if (s === a.name || s === b.name) found = true }); return found }
  const axes = [...compute.axes, ...compute.stages.flatMap((s, i) => (s.kind === 'let' || (only !== undefined && i !== only) ? [] : s.axes))]
  if (axes.some((x) => (x.lo !== undefined && involves(x.lo)) || involves(x.hi))) return false
  let fits = true
  const checkIndex = (d: Dim): void => { if (fits && involves(d)) fits = isMultiple(d, a, b) }
  compute.stages.forEach((s, i) => {
    if (only !== undefined && i !== only) return
    for (const l of letsOf(s)) if (l.kind === 'data-index' && involves(l.extent)) fits = false
    if (s.kind === 'store') s.index.forEach(checkIndex)
    visitExprs(rootsOf(s), (e) => {
      if (e.kind === 'index' && involves(e.index)) fits = false
      if (e.kind === 'load') e.index.forEach(checkIndex)
    })
  })
  return fits
}

/** True where `dim` is affine in `a` and `b`, and a's factor is b's times the extent of `b`. */
export function isMultiple(dim: Dim, a: Axis, b: Axis): boolean {
  const factors = new Map<string, Dim>([[a.name, 0], [b.name, 0]])
  for (const t of termsOf(dim)) {
    for (const atom of t.atoms) if (typeof atom === 'object') { let inside = false; visitSymbols(atom, (s) => { if (factors.has(s)) inside = true }); if (inside) return false }
    const at = t.atoms.findIndex((x) => typeof x === 'string' && factors.has(x))
    if (at < 0) continue
    const name = t.atoms[at] as string, rest = t.atoms.filter((_, i) => i !== at)
    if (rest.some((x) => typeof x === 'string' && factors.has(x))) return false
    factors.set(name, add(factors.get(name) ?? 0, sumOf([{ coefficient: t.coefficient, atoms: rest }])))
  }
  return dimsEqual(factors.get(a.name) ?? 0, mul(factors.get(b.name) ?? 0, b.hi))
}

/** Indices without `a`: its part is b's now. */
function dropAxis(compute: Compute, a: string, only: number | undefined): Compute {
  return mapIndices(compute, (d) => substituteDim(d, (s) => (s === a ? 0 : undefined)), only)
}

/** `compute` with `map` applied to every index of its loads and stores, or to those of stage `only`. */
export function mapIndices(compute: Compute, map: (d: Dim) => Dim, only?: number): Compute {
  const stages = compute.stages.map((s, i) => {
    if (only !== undefined && i !== only) return s
    return mapStages([s], (e) => (e.kind === 'load' ? { ...e, index: e.index.map(map) } : e), (stage) => ({ ...stage, index: stage.index.map(map) }))[0] as Stage
  })
  return { ...compute, stages }
}

/** How a compute's accesses move along its axes: what decides which axis runs in vector lanes. */
import { visitSymbols } from '../../../base/dim.js'
import { add, mul, product, sub, substituteDim, type Dim } from '../../../ir/dims.js'
import type { Axis, Compute, Stage } from '../../../ir/kernel/compute.js'
import { LANES, VECTOR_DTYPES } from '../../../ir/kernel/expr.js'
import { rootsOf, visitExprs } from '../../../ir/kernel/walk.js'

/** A load or store of a stage; `flat` is its row-major index, `plain` where vectors of its elements can be moved as they are. */
export interface Access { readonly buffer: string; readonly flat: Dim; readonly plain: boolean; readonly store: boolean }

/** The accesses of a stage; loads of shared expressions once. */
export function accessesOf(compute: Compute, stage: Stage): readonly Access[] {
  const buffers = new Map(compute.buffers.map((b) => [b.name, b]))
  const access = (name: string, index: readonly Dim[], store: boolean): Access => {
    const buffer = buffers.get(name), shape = buffer?.shape ?? []
    return { buffer: name, flat: add(0, ...index.map((d, i) => mul(d, product(shape.slice(i + 1))))), plain: buffer !== undefined && VECTOR_DTYPES.has(buffer.dtype), store }
  }
  const out: Access[] = []
  visitExprs(rootsOf(stage), (e) => { if (e.kind === 'load') out.push(access(e.buffer, e.index, false)) })
  if (stage.kind === 'store') out.push(access(stage.buffer, stage.index, true))
  return out
}

/** Elements from one point of `axis` to the next; undefined where that is not one number. */
export function strideAlong(flat: Dim, axis: string): number | undefined {
  const step = sub(substituteDim(flat, (s) => (s === axis ? add(axis, 1) : undefined)), flat)
  return typeof step === 'number' ? step : undefined
}

export const moves = (a: Access, axis: string): boolean => strideAlong(a.flat, axis) !== 0

/** Relative cost of an access for four points along `axis`; 4 without vectors. */
export function laneCost(a: Access, axis: string): number {
  const stride = strideAlong(a.flat, axis)
  if (stride === 0) return a.store ? LANES : 1
  return stride === 1 && a.plain ? 1 : LANES + 1
}

/** Number of operations in a stage. */
export function stageOperations(stage: Stage): number {
  let count = stage.kind === 'reduce' ? stage.accumulators.length : 0
  visitExprs(rootsOf(stage), (e) => { if (e.kind === 'unary' || e.kind === 'binary' || e.kind === 'select') count++ })
  return count
}

const mentions = (dims: readonly Dim[], name: string): boolean => {
  let found = false
  for (const d of dims) visitSymbols(d, (s) => { if (s === name) found = true })
  return found
}

/** True where the bounds of some axis of `compute` depend on `axis`, so that lanes along it would run loops of their own. */
export function boundsDependOn(compute: Compute, axis: string): boolean {
  const axes = [...compute.axes, ...compute.stages.flatMap((s) => (s.kind === 'let' ? [] : s.axes))]
  return axes.some((a) => mentions([a.lo ?? 0, a.hi], axis))
}

/** The extent of an axis where it is a number; undefined where it is symbolic. */
export function fixedExtent(axis: Axis): number | undefined {
  const { lo = 0, hi } = axis
  return typeof hi === 'number' && typeof lo === 'number' ? hi - lo : undefined
}

/** True where an axis may have enough points for vectors. */
export const isLong = (axis: Axis, least: number = LANES): boolean => (fixedExtent(axis) ?? Infinity) >= least

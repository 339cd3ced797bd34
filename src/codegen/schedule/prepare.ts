/**
 * What a schedule changes about a compute before its loops are made: axes joined into one or divided, sums taken in blocks, constant
 * buffers stored in panels, axes filled up to whole vectors. Indices are substituted; tiling simplifies the divisions that this brings in.
 */
import { visitSymbols } from '../../base/dim.js'
import { IngotError } from '../../base/error.js'
import { add, ceilDiv, divExact, floorDiv, mod, mul, product, sub, substituteDim, type Dim } from '../../ir/dims.js'
import type { Axis, Buffer, Compute } from '../../ir/kernel/compute.js'
import { boundsOf, type RangeOf } from '../../ir/kernel/ranges.js'
import type { Directive, Plan, Preparation, Schedule } from '../../ir/kernel/schedule.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { rewriteCompute } from '../rewrite-compute.js'
import { blockSum } from './blocks.js'
import { isMultiple, mapIndices } from './flatten.js'

/** How a constant is stored: as a matrix of rows of `columns` elements, in panels of `factor` columns, each row by row; the last panel is filled with zeros. With `rows`, each block of so many rows is a matrix of its own. */
export interface Packing { readonly columns: number; readonly factor: number; readonly rows?: number }

export interface Prepared {
  readonly compute: Compute
  /** The directives that are left: about loops. */
  readonly schedule: Schedule
  /** By buffer name. */
  readonly packings: ReadonlyMap<string, Packing>
}

/** `compute` with the joins and packings of `plan` done. Throws `bad-option` for directives that do not fit. */
export function prepareCompute(compute: Compute, plan: Plan): Prepared {
  let current = compute
  const packings = new Map<string, Packing>(), loops: Directive[] = []
  for (const d of plan) {
    if (d.kind === 'join') current = joinAxes(current, d.outer, d.inner, d.axis)
    else if (d.kind === 'tile') current = divideAxis(current, d)
    else if (d.kind === 'block') current = blockSum(current, d)
    else if (d.kind === 'widen') current = widenAxis(current, d.axis, d.extent)
    else if (d.kind === 'pack') {
      current = packBuffer(current, d)
      packings.set(d.buffer, { columns: d.columns, factor: d.factor, ...(d.rows !== undefined && { rows: d.rows }) })
    } else loops.push(d)
  }
  return { compute: current, schedule: loops, packings }
}

const bad = (what: string): never => { throw new IngotError('bad-option', `schedule: ${what}`) }

/** Neighbouring outer axes as one: `outer = floordiv(axis, extent of inner)`, `inner = mod(axis, extent of inner)`; contiguous accesses stay affine. */
function joinAxes(compute: Compute, outer: string, inner: string, axis: string): Compute {
  const at = compute.axes.findIndex((a) => a.name === outer)
  const a = compute.axes[at], b = compute.axes[at + 1]
  if (a === undefined || b === undefined || b.name !== inner) return bad(`${outer} and ${inner} are not neighbours among the outer axes`)
  const involves = (d: Dim): boolean => namesIn(d).some((n) => n === outer || n === inner)
  if ([a, b].some((x) => x.lo !== undefined) || compute.axes.some((x) => involves(x.hi) || involves(x.lo ?? 0))) return bad(`${outer} and ${inner} have bounds that a joined axis cannot keep`)
  const joined: Axis = { name: axis, hi: mul(a.hi, b.hi) }
  const whole = mapIndices({ ...compute, axes: [...compute.axes.slice(0, at), joined, ...compute.axes.slice(at + 2)] }, (d) => (
    involves(d) && isMultiple(d, a, b) ? substituteDim(d, (s) => (s === outer ? 0 : s === inner ? axis : undefined)) : d))
  return rewriteCompute(whole, { name: (s) => (s === outer ? floorDiv(axis, b.hi) : s === inner ? mod(axis, b.hi) : undefined) })
}

/** `axis = factor · outer + inner`, without a remainder. */
function divideAxis(compute: Compute, { axis, factor, outer, inner }: Extract<Preparation, { kind: 'tile' }>): Compute {
  const divided = compute.axes.find((a) => a.name === axis), points = divided === undefined || divided.lo !== undefined ? undefined : divExact(divided.hi, factor)
  if (points === undefined) return bad(`the extent of ${axis} cannot be divided by ${factor}`)
  const axes = [...compute.axes.map((a): Axis => (a.name === axis ? { name: outer, hi: points } : a)), { name: inner, hi: factor }]
  return rewriteCompute({ ...compute, axes }, { name: (s) => (s === axis ? add(mul(factor, outer), inner) : undefined) })
}

/** The outer axis `name` with points up to `extent`, those that it had being the valid ones. */
function widenAxis(compute: Compute, name: string, extent: number): Compute {
  const axis = compute.axes.find((a) => a.name === name)
  if (axis === undefined || axis.lo !== undefined || axis.valid !== undefined || typeof axis.hi !== 'number' || axis.hi > extent) return bad(`${name} is no outer axis of up to ${extent} points`)
  const { hi: valid } = axis
  return { ...compute, axes: compute.axes.map((a) => (a === axis ? { ...a, hi: extent, valid } : a)) }
}

/** Element [r, c] of the matrix goes to panel c/factor, row r, place c mod factor. */
function packBuffer(compute: Compute, { buffer, columns, factor, rows: blockRows }: Extract<Preparation, { kind: 'pack' }>): Compute {
  const packed = compute.buffers.find((b) => b.name === buffer)
  const length = packed === undefined ? undefined : product(packed.shape), rows = length === undefined ? undefined : divExact(length, columns)
  if (packed === undefined || packed.role !== 'in' || typeof length !== 'number' || typeof rows !== 'number') return bad(`${buffer} cannot be packed in rows of ${columns}`)
  const block = blockRows ?? rows
  if (rows % block !== 0) return bad(`${buffer} has ${rows} rows, which blocks of ${block} do not divide`)
  const rangeOf = axisRanges(compute), panels = ceilDiv(columns, factor)
  const place = (index: readonly Dim[]): Dim => {
    const flat = add(0, ...index.map((d, i) => mul(d, product(packed.shape.slice(i + 1)))))
    const row = simplifyDim(floorDiv(flat, columns), rangeOf), column = simplifyDim(mod(flat, columns), rangeOf)
    const matrix = block === rows ? 0 : simplifyDim(floorDiv(row, block), rangeOf), own = block === rows ? row : simplifyDim(mod(row, block), rangeOf)
    return add(mul(matrix, panels, block * factor), mul(floorDiv(column, factor), block * factor), mul(own, factor), mod(column, factor))
  }
  const shape = [mul(panels, rows * factor)]
  const rewritten = rewriteCompute(compute, { load: (name, index) => (name === buffer ? { kind: 'load', buffer, index: [place(index)] } : undefined) })
  return { ...rewritten, buffers: rewritten.buffers.map((b): Buffer => (b.name === buffer ? { ...b, shape } : b)) }
}

/** Ranges of all axes of a compute; names that stages share have the range of the first. */
function axisRanges(compute: Compute): RangeOf {
  const axes = new Map<string, Axis>()
  for (const a of [...compute.axes, ...compute.stages.flatMap((s) => (s.kind === 'let' ? [] : s.axes))]) if (!axes.has(a.name)) axes.set(a.name, a)
  const rangeOf: RangeOf = (name) => {
    const axis = axes.get(name)
    if (axis === undefined) return undefined
    const { hi } = boundsOf(axis.hi, rangeOf)
    return { lo: boundsOf(axis.lo ?? 0, rangeOf).lo, hi: hi === undefined ? undefined : sub(hi, 1) }
  }
  return rangeOf
}

function namesIn(dim: Dim): string[] {
  const names: string[] = []
  visitSymbols(dim, (s) => { names.push(s) })
  return names
}

/**
 * What a contraction changes before it is tiled: the rows of an image are joined into one axis of pixels where tiles of
 * pixels do not fit a row, and constant operands are packed in panels as wide as the tile, so that the innermost loop reads
 * them one after another.
 */
import { visitSymbols } from '../../../base/dim.js'
import { product, type Dim } from '../../../ir/dims.js'
import type { Axis, Compute, Stage } from '../../../ir/kernel/compute.js'
import { LANES } from '../../../ir/kernel/expr.js'
import type { Preparation, Schedule } from '../../../ir/kernel/schedule.js'
import { findContraction } from './contraction.js'
import { accessesOf, boundsDependOn, fixedExtent, moves, strideAlong } from './strides.js'
import { coverCost, PANEL } from './tile.js'

/** The neighbouring outer axes that are worth joining, because tiles of up to `deep` points fit joined rows better; undefined where there are none. */
export function joinPixels(compute: Compute, deep: number): Extract<Preparation, { kind: 'join' }> | undefined {
  const store = compute.stages.find((s) => s.kind === 'store')
  const reduce = compute.stages.find((s) => s.kind === 'reduce')
  const at = compute.axes.length - 3
  const outer = compute.axes[at], inner = compute.axes[at + 1], columns = compute.axes[at + 2]
  if (store?.kind !== 'store' || reduce === undefined || outer === undefined || inner === undefined || columns === undefined) return undefined
  const width = fixedExtent(inner)
  if (width === undefined || width === 1 || fixedExtent(outer) === 1 || coverCost(width, deep) <= coverCost(width * (fixedExtent(outer) ?? Infinity), deep)) return undefined
  if ([outer, inner].some((a) => a.lo !== undefined || boundsMention(compute, a))) return undefined
  // An operand of its own for each row of pixels makes them several products.
  if (accessesOf(compute, reduce).some((a) => moves(a, outer.name) !== moves(a, inner.name))) return undefined
  // A group of channels is no pixel: it has weights of its own.
  if (accessesOf(compute, reduce).some((a) => moves(a, columns.name) && (moves(a, outer.name) || moves(a, inner.name)))) return undefined
  const [written] = accessesOf(compute, store).filter((a) => a.store)
  if (written === undefined || strideAlong(written.flat, columns.name) !== 1) return undefined
  return { kind: 'join', outer: outer.name, inner: inner.name, axis: `${outer.name}_${inner.name}` }
}

function boundsMention(compute: Compute, axis: Axis): boolean {
  const axes = [...compute.axes, ...compute.stages.flatMap((s: Stage) => (s.kind === 'let' ? [] : s.axes))]
  return axes.some((a) => names(a.hi).includes(axis.name) || names(a.lo ?? 0).includes(axis.name))
}

function names(dim: Dim): string[] {
  const out: string[] = []
  visitSymbols(dim, (s) => { out.push(s) })
  return out
}

/** The outer axis that is worth filling up to whole vectors: one along which a constant lies side by side, which is then packed in full panels. */
export function widenColumns(compute: Compute): Extract<Preparation, { kind: 'widen' }> | undefined {
  const found = findContraction(compute)
  if (found === undefined) return undefined
  const constants = new Set(compute.buffers.flatMap((b) => (b.constant === true ? [b.name] : [])))
  for (const axis of [...compute.axes].reverse()) {
    const extent = fixedExtent(axis)
    if (extent === undefined || extent < 2 || extent % LANES === 0 || axis.lo !== undefined || boundsDependOn(compute, axis.name)) continue
    const reads = found.loads.filter((l) => moves(l, axis.name)), [only] = reads
    if (reads.length === 1 && only !== undefined && only.plain && constants.has(only.buffer) && [only, found.store].every((l) => strideAlong(l.flat, axis.name) === 1)) return { kind: 'widen', axis: axis.name, extent: Math.ceil(extent / LANES) * LANES }
  }
  return undefined
}

/** Rows that must pass a computed operand, and its bytes, before packing it pays: beyond the second cache its columns fall on few lines of the caches. */
const PACKED_ROWS = 48, PACKED_BYTES = 1024 * 1024

/** The operands that `schedule`, with lanes along an outer axis, reads in panels: constants, and large ones that many rows pass. */
export function packOperands(compute: Compute, schedule: Schedule): readonly Preparation[] {
  const axis = panelOf(compute, schedule), factor = PANEL * LANES
  const reduce = compute.stages.find((s) => s.kind === 'reduce')
  if (axis === undefined || reduce === undefined) return []
  const columns = fixedExtent(axis)
  if (columns === undefined || (columns <= factor && columns % LANES === 0)) return []
  const inputs = new Map(compute.buffers.filter((b) => b.role === 'in').map((b) => [b.name, b]))
  return accessesOf(compute, reduce).flatMap((a): Preparation[] => {
    const buffer = inputs.get(a.buffer)
    if (buffer === undefined || !a.plain || strideAlong(a.flat, axis.name) !== 1) return []
    const length = product(buffer.shape), others = [...new Set(names(a.flat))].filter((n) => n !== axis.name)
    const inRows = typeof length === 'number' && length % columns === 0 && others.length > 0 && others.every((n) => (strideAlong(a.flat, n) ?? 1) % columns === 0)
    if (!inRows) return []
    // Several matrices lie one after another, so that each is read from its first element to its last.
    const steps = compute.axes.filter((x) => x !== axis && moves(a, x.name)).map((x) => strideAlong(a.flat, x.name) ?? 0)
    const block = steps.length === 0 ? 0 : Math.min(...steps) / columns, isBlock = block > 1 && (length / columns) % block === 0
    const bytes = (isBlock ? block * columns : length) * 4
    const passing = compute.axes.reduce((n, x) => (x === axis || moves(a, x.name) ? n : n * (fixedExtent(x) ?? 1)), 1)
    if (buffer.constant !== true && (passing < PACKED_ROWS || bytes < PACKED_BYTES || !isWhole(compute, a.flat, columns))) return []
    return [{ kind: 'pack', buffer: a.buffer, columns, factor, ...(isBlock && { rows: block }) }]
  })
}

/** True where the summed axes run through the rows of an operand as they lie, so that each panel is one run of memory. */
function isWhole(compute: Compute, flat: Dim, columns: number): boolean {
  const reduce = compute.stages.find((s) => s.kind === 'reduce'), [only] = reduce?.kind === 'reduce' ? reduce.axes : []
  return reduce?.kind === 'reduce' && reduce.axes.length === 1 && only !== undefined && strideAlong(flat, only.name) === columns
}

/** The outer axis that `schedule` cuts into panels; undefined where none is in lanes. */
export function panelOf(compute: Compute, schedule: Schedule): Axis | undefined {
  const [divide] = schedule, part = divide?.kind === 'divide' ? divide.parts[0]?.schedule : schedule
  const lane = part?.find((d) => d.kind === 'vectorize'), splits = part?.filter((d) => d.kind === 'split') ?? []
  if (lane?.kind !== 'vectorize') return undefined
  const root = rootOf(lane.axis, splits)
  return compute.axes.find((a) => a.name === root)
}

/** The axis that a part comes from. */
function rootOf(part: string, splits: readonly { readonly axis: string; readonly outer: string; readonly inner: string }[]): string {
  const split = splits.find((s) => s.outer === part || s.inner === part)
  return split === undefined ? part : rootOf(split.axis, splits)
}

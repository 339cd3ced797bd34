/**
 * Sums of products in which an operand's element serves several results: matrix products, convolutions. A register tile of
 * rows × vectors of columns; where no outer axis is contiguous but the summed one is (a product with a transposed matrix), the
 * lanes run along the sum. V8's 16 vector registers hold 8 accumulators where a product needs one for itself, and 12 where
 * multiply-adds need none.
 */
import type { Axis, Compute, ReduceStage } from '../../../ir/kernel/compute.js'
import { constant, LANES } from '../../../ir/kernel/expr.js'
import { multipleOf } from '../../../ir/kernel/ranges.js'
import type { Directive, Schedule } from '../../../ir/kernel/schedule.js'
import { accessesOf, boundsDependOn, fixedExtent, isLong, moves, strideAlong, type Access } from './strides.js'
import { coverOf, cutCover, cutPanels, cutPoints, cutVectors, cutWhole, directivesOf, PANEL, tileDepth, uncut, type Cut, type Features } from './tile.js'

export interface Contraction { readonly stage: ReduceStage; readonly loads: readonly Access[]; readonly store: Access }

/** The schedule of `compute` if it is a contraction of 32-bit floats or of pairs; undefined if it is something else. */
export function scheduleContraction(compute: Compute, available: Features): Schedule | undefined {
  const found = findContraction(compute)
  if (found === undefined) return undefined
  // Products of pairs need a register before they are added, as those of floats do without multiply-adds.
  const features = found.stage.accumulators[0]?.type === 'f32' ? available : 'baseline'
  const { loads } = found
  const free = compute.axes.filter((a) => a.hi !== 1 && a.lo === undefined && !boundsDependOn(compute, a.name)).reverse()
  const shared = free.filter((a) => loads.some((l) => moves(l, a.name)) && loads.some((l) => !moves(l, a.name)))
  const columns = [...shared, ...free].find((a) => isLong(a) && isContiguous(found, a))
  if (columns !== undefined) return columnLanes(compute, found, columns, partnerOf(shared, loads, columns), features)
  const summed = found.stage.axes.at(-1)
  if (summed !== undefined && isLong(summed, 8) && loads.every((l) => l.plain && strideAlong(l.flat, summed.name) === 1)) return sumLanes(compute, summed, shared, loads)
  // Results side by side whose operands are not: lanes are gathered, once for all rows.
  const gathered = shared.find((a) => isLong(a, 8) && strideAlong(found.store.flat, a.name) === 1)
  return gathered === undefined ? undefined : columnLanes(compute, found, gathered, partnerOf(shared, loads, gathered), features)
}

/** The sum of products, its operands and its result; undefined where a compute has other stages too. */
export function findContraction(compute: Compute): Contraction | undefined {
  const reductions = compute.stages.filter((s) => s.kind === 'reduce'), stores = compute.stages.filter((s) => s.kind === 'store')
  const [stage] = reductions, [last] = stores
  if (stage === undefined || last === undefined || reductions.length > 1 || stores.length > 1 || last.axes.length > 0 || stage.accumulators.length > 1) return undefined
  const [a] = stage.accumulators
  if (a?.combine !== 'add' || a.value.kind !== 'binary' || !((a.type === 'f32' && a.value.op === 'mul') || a.value.op === 'dot16')) return undefined
  if (compute.stages.some((s) => s.lets.some((l) => l.kind === 'data-index'))) return undefined
  // What an accumulator starts from (a bias) is no operand of the products.
  const loads = accessesOf(compute, { ...stage, accumulators: [{ ...a, init: constant('f32', 0) }] }), store = accessesOf(compute, last).find((x) => x.store)
  return loads.length === 2 && store !== undefined ? { stage, loads, store } : undefined
}

/** True where the result and every operand lie side by side along `axis`, or do not move with it. */
function isContiguous({ loads, store }: Contraction, axis: Axis): boolean {
  const strides = [store, ...loads].map((a) => strideAlong(a.flat, axis.name))
  return strides[0] === 1 && strides.every((s, k) => s === 0 || (s === 1 && (k === 0 || loads[k - 1]?.plain === true)))
}

/** The axis whose operand `axis` shares, and which shares that of `axis`. */
function partnerOf(shared: readonly Axis[], loads: readonly Access[], axis: Axis): Axis | undefined {
  return shared.find((a) => a !== axis && loads.some((l) => moves(l, a.name) && !moves(l, axis.name)) && loads.some((l) => moves(l, axis.name) && !moves(l, a.name)))
}

/** Rows × columns, columns in lanes. Rows that tiles of full height leave over are a tile of their own, lower and wider. */
function columnLanes(compute: Compute, { stage, loads }: Contraction, columns: Axis, rows: Axis | undefined, features: Features): Schedule {
  const blocks = compute.axes.find((a) => a.rounds === true), others = compute.axes.filter((a) => a !== columns && a !== rows && a !== blocks).map(uncut)
  const sum = unrollSum(stage, loads, features), deep = tileDepth(features)
  // Blocks of a panel are so short that several side by side would be read in too many places.
  const panels = (height: number): number => (blocks === undefined ? panelsBeside(height, columns) : 1)
  const beside = (height: number): Cut => cutPanels(columns, panels(height))
  if (rows === undefined) return [...directivesOf([...others, beside(1)], [beside(1)]), ...alternate(stage, sum, 1, columns, panels(1)), ...sum]
  const tile = (height: number): Schedule => {
    const wide = beside(height), tall = height > FEW_ROWS && fitsExactly(rows, deep) ? cutCover(rows, deep) : cutWhole(rows, height)
    // Either all columns stay in cache while rows pass them, and results are written in the order of memory, or a panel of columns does.
    const stays = height > FEW_ROWS && staysCached(stage, loads, columns)
    // The operand with fewer elements in the tile is held in registers, the other one passes through.
    const order = height > FEW_ROWS ? [tall, wide] : [wide, tall]
    const loops = blocks === undefined ? (stays ? [tall, wide] : [wide, tall]) : inChunks(wide, columns, uncut(blocks), tall)
    return [...directivesOf([...others, ...loops], order), ...alternate(stage, sum, height, columns, panels(height))]
  }
  // Tiles of two heights pass over a panel of columns together, so that it comes from memory once.
  if (fitsExactly(rows, deep)) return [...tile(deep), ...sum]
  return [{ kind: 'divide', axis: rows.name, parts: partsOfRows(rows, deep).map((p) => ({ ...p, schedule: tile(p.size) })) }, ...sum]
}

/** Panels that go through all blocks of the sum together at most, and how many such chunks of columns there are at least, for threads. */
const CHUNK = 4, CHUNKS = 5

/** Chunks of columns go through the blocks of a sum one after another: what waits for the next block is little, and nobody else's. */
function inChunks(wide: Cut, columns: Axis, blocks: Cut, tall: Cut): readonly Cut[] {
  const panels = Math.floor((fixedExtent(columns) ?? 0) / (PANEL * LANES)), most = Math.min(CHUNK, Math.floor(panels / CHUNKS)), { loop } = wide
  if (most < 2 || loop === undefined) return [wide, blocks, tall]
  const factor = Array.from({ length: most - 1 }, (_, k) => most - k).find((n) => panels % n === 0) ?? most, chunk = `${columns.name}_c`, inner = `${columns.name}_b`
  return [
    { splits: [...wide.splits, { kind: 'split', axis: loop, factor, outer: chunk, inner }], loop: chunk, inner: [], marks: [] },
    blocks, tall, { ...wide, splits: [], loop: inner },
  ]
}

/** Tiles of so many rows leave registers for more than one panel of columns. */
export const FEW_ROWS = 2

/** Panels of columns beside `height` rows: enough sums to fill the pipeline, and few enough for the registers. */
function panelsBeside(height: number, columns: Axis): number {
  if (height > FEW_ROWS) return 1
  const panels = Math.floor((fixedExtent(columns) ?? Infinity) / (PANEL * LANES))
  const most = height === 1 ? 6 : 3
  if (panels === Infinity || panels <= most) return most
  const cost = (n: number): number => Math.floor(panels / n) * (n + 1) + (panels % n) * 5
  return Array.from({ length: most - 1 }, (_, k) => most - k).reduce((best, n) => (cost(n) < cost(best) ? n : best), most)
}

/** Sums that registers hold beside what passes, and points of the sum at least before it is worth adding registers up. */
const SUMS = 12, LONG_SUM = 16

/** Registers in turn for sums that are so few that each step would wait for the one before it; none where there are enough, or the sum is not written out. */
function alternate(stage: ReduceStage, sum: readonly Directive[], height: number, columns: Axis, panels: number): Schedule {
  const last = stage.axes.at(-1), vectors = Math.min(panels * PANEL, Math.max(1, Math.floor((fixedExtent(columns) ?? Infinity) / LANES)))
  const registers = [4, 2].find((n) => n * height * vectors <= SUMS)
  if (last === undefined || registers === undefined || !sum.some((d) => d.kind === 'split') || (fixedExtent(last) ?? Infinity) < LONG_SUM) return []
  return [{ kind: 'alternate', axis: last.name, registers }]
}

/** Rows of a tile that fill the pipeline beside one panel of columns. */
const FULL_TILES = 4

/** True where tiles of up to `most` rows, and more than few, leave none over. */
function fitsExactly(rows: Axis, most: number): boolean {
  const extent = fixedExtent(rows), cover = extent === undefined ? undefined : coverOf(extent, most)
  return cover !== undefined && cover.left === 0 && cover.points - Math.sign(cover.rest) > FEW_ROWS
}

/** The parts of `rows` in tiles of `most` rows or fewer: of an open extent a part for every remainder but five, which is four and one. */
function partsOfRows(rows: Axis, most: number): readonly { readonly size: number; readonly count?: number }[] {
  const extent = fixedExtent(rows)
  // So many rows of each of several images: tiles that leave none over read what rows share once.
  const multiple = extent === undefined && typeof rows.hi === 'object' ? multipleOf(rows.hi, () => undefined) : 1, exact = multiple < FULL_TILES ? 1 : coverOf(multiple, most).points
  if (exact >= FULL_TILES && multiple % exact === 0) return [{ size: exact }]
  if (extent === undefined) return Array.from({ length: most }, (_, k) => ({ size: most - k })).filter((p) => p.size !== 5)
  const { points: size } = coverOf(extent, most), rest = extent % size
  return [{ size, count: Math.floor(extent / size) }, ...(rest > 0 ? [{ size: rest, count: 1 }] : [])]
}

/**
 * An operand of so many bytes stays in the second cache, with what passes it. Where a tile's rows are short enough to stay in the first cache, one of more
 * is read as fast from the third: in the order of memory, at a third of what that gives.
 */
const CACHED_BYTES = 256 * 1024, MOST_CACHED_BYTES = 4096 * 1024, SHORT_ROW = 1024

/** True where tiles of rows had better pass all columns than all rows a panel of columns. */
function staysCached(stage: ReduceStage, loads: readonly Access[], columns: Axis): boolean {
  const bytes = operandBytes(stage, loads, columns), length = stage.axes.reduce((n, a) => n * (fixedExtent(a) ?? Infinity), 1)
  return bytes <= (length <= SHORT_ROW ? MOST_CACHED_BYTES : CACHED_BYTES)
}

/** Bytes of the operand that moves along `columns` and not along rows: all its columns, over the whole sum. Infinite where an extent is symbolic. */
function operandBytes(stage: ReduceStage, loads: readonly Access[], columns: Axis): number {
  const operand = loads.find((l) => moves(l, columns.name))
  return [columns, ...stage.axes].reduce((n, a) => (operand !== undefined && moves(operand, a.name) ? n * (fixedExtent(a) ?? Infinity) : n), 4)
}

/** Largest window of a convolution that is written out. */
const WINDOW = 9

/** The innermost summed axis, some points at a time: V8 with relaxed SIMD keeps the order of instructions, without it spills what is unrolled. */
function unrollSum(stage: ReduceStage, loads: readonly Access[], features: Features): readonly Directive[] {
  const last = stage.axes.at(-1)
  if (last === undefined || features !== 'relaxed') return []
  const extent = fixedExtent(last)
  if (extent !== undefined && extent <= WINDOW) return [{ kind: 'unroll', axis: last.name }]
  if (!loads.every((l) => strideAlong(l.flat, last.name) !== undefined)) return []
  const cut = cutPoints(last, 4)
  return [...cut.splits, ...cut.marks]
}

/** Rows × columns of dot products, each along lanes of the sum. */
function sumLanes(compute: Compute, summed: Axis, shared: readonly Axis[], loads: readonly Access[]): Schedule {
  const columns = shared[0], rows = columns === undefined ? undefined : partnerOf(shared, loads, columns)
  const cuts = new Map<Axis, Cut>()
  if (columns !== undefined) cuts.set(columns, cutPoints(columns, rows === undefined ? 4 : 2))
  if (rows !== undefined) cuts.set(rows, cutCover(rows, 4))
  const loops = compute.axes.map((a) => cuts.get(a) ?? uncut(a))
  const lanes = cutVectors(summed, rows === undefined ? 2 : 1)
  return [...directivesOf(loops, [...cuts.values()]), ...lanes.splits, ...lanes.marks]
}

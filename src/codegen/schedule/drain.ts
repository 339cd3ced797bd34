/**
 * A tile whose sums go to the memory of its results first; what is stored is then computed in a loop over the tile, which reads
 * them back. Sums are out of the way of long computations so, and these are written once instead of once a point.
 */
import { add, sub, type Dim } from '../../ir/dims.js'
import type { ReduceStage, Stage, StoreStage } from '../../ir/kernel/compute.js'
import { local, type Expr } from '../../ir/kernel/expr.js'
import { loadsFrom } from '../../ir/kernel/walk.js'
import { hasLanes, type TilePoint, type Work } from './points.js'
import { isLanes, Memo, type Env } from './values.js'

/** Vectors that one trip of the loop handles at most. */
const MOST = 4

/** The sum that a store stage after `reduce` makes its value of, where it may lie in the result's memory meanwhile. */
export function drained({ values }: Work, reduce: Stage | undefined, store: StoreStage): ReduceStage['accumulators'][number] | undefined {
  const sum = reduce?.kind === 'reduce' && reduce.accumulators.length === 1 ? reduce.accumulators[0] : undefined
  if (sum?.type !== 'f32' || values.dtypeOf(store.buffer) !== 'float32' || store.axes.length > 0 || store.lets.length > 0) return undefined
  return loadsFrom(store, store.buffer) ? undefined : sum
}

/** `stage`, storing the accumulator `sum` as it is. */
export const storingSums = (stage: StoreStage, sum: string): StoreStage => ({ ...stage, value: local(sum, 'f32') })

/** The points of a tile as a loop: `count` times `points`, the `axis` of which moves on by `step` each time. */
interface Rolled { readonly axis: string; readonly step: number; readonly count: number; readonly points: readonly TilePoint[] }

/** `tile` as a loop along one of its axes; undefined where its points do not lie evenly. */
function rollTile(tile: readonly TilePoint[], axes: readonly string[]): Rolled | undefined {
  const [first] = tile
  if (first === undefined || tile.some((p) => hasLanes(p) !== hasLanes(first))) return undefined
  const offsets = tile.map((p) => axes.map((a) => sub(p.dims.get(a) ?? 0, first.dims.get(a) ?? 0)))
  for (const [at, axis] of axes.entries()) {
    // The points that differ from the first only along this axis, and those that share its place on it.
    const along = offsets.filter((o) => o.every((d, k) => k === at || d === 0)).map((o) => o[at] as Dim)
    const across = tile.filter((_, k) => offsets[k]?.[at] === 0)
    const step = along[1]
    const alike = tile.every((p, k) => offsets[k]?.some((d, n) => n !== at && d !== 0) === true || p.lanes === first.lanes)
    if (!alike || along.length < 2 || typeof step !== 'number' || step <= 0 || along.length * across.length !== tile.length) continue
    const keys = new Set(offsets.map((o) => o.join())), even = along.every((d, k) => d === k * step)
    const whole = even && across.every((_, k) => along.every((d) => keys.has((offsets[tile.indexOf(across[k] as TilePoint)] as Dim[]).map((x, n) => (n === at ? d : x)).join())))
    if (!whole) continue
    const group = [3, 2].find((n) => along.length % n === 0 && n * across.length <= MOST) ?? 1
    const moved = (p: TilePoint, by: number): TilePoint => ({ ...p, dims: new Map([...p.dims].map(([name, d]) => [name, name === axis ? add(d, by) : d])) })
    return { axis, step: step * group, count: along.length / group, points: Array.from({ length: group }, (_, k) => across.map((p) => moved(p, k * step))).flat() }
  }
  return undefined
}

/**
 * Stores the sums of `tile`, and then what `storesAt` makes of each; false, with nothing written, where that cannot be.
 * `axes` are the compute's outer ones, `sum` is the name of the accumulator.
 */
export function drainTile(work: Work, stage: StoreStage, sum: string, axes: readonly string[], tile: readonly TilePoint[], storesAt: (stage: StoreStage, env: Env, memo: Memo) => Parameters<Work['writer']['write']>[0]): boolean {
  const rolled = rollTile(tile, axes)
  if (rolled === undefined || rolled.count < 2 || tile.some((p) => isLanes(p.locals.get(sum)))) return false
  const { writer, values } = work
  const raw = storingSums(stage, sum)
  writer.write(tile.flatMap((p) => storesAt(raw, p, new Memo())))
  values.touch()
  const stored: Expr = { kind: 'load', buffer: stage.buffer, index: stage.index }
  writer.loop('drained', 0, rolled.step * rolled.count, rolled.step, undefined, (variable) => {
    const pending = rolled.points.flatMap((p) => {
      const dims = new Map([...p.dims].map(([name, d]) => [name, name === rolled.axis ? add(d, variable) : d]))
      const memo = new Memo(), value = values.buildWhole(stored, { ...p, dims, locals: new Map() }, writer, memo)
      return storesAt(stage, { ...p, dims, locals: value === undefined ? p.locals : new Map(p.locals).set(sum, value) }, new Memo())
    })
    writer.write(pending, work.together)
  })
  values.touch()
  return true
}

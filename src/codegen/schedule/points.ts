/** Points of the outer axes that a kernel handles side by side: what is known at each, and how a point with lanes is taken apart and put together. */
import { eq, select, type Dim } from '../../ir/dims.js'
import type { Let } from '../../ir/kernel/compute.js'
import { isVector, VECTOR_OF } from '../../ir/kernel/expr.js'
import { hasLane, inLane, LANE, LANE_NUMBERS } from './lanes.js'
import type { Point } from './loops.js'
import { isLanes, type Env, type LocalValue, type Memo, type ValueNode, type ValueTable } from './values.js'
import type { KernelWriter } from './writer.js'

/** One point of the outer tile: its axes, the locals that earlier stages left, and how many of its lanes count where not all do. */
export interface TilePoint extends Env { readonly dims: ReadonlyMap<string, Dim>; readonly locals: ReadonlyMap<string, LocalValue> }

export interface Work { readonly writer: KernelWriter; readonly values: ValueTable; readonly madd: boolean; readonly together: number }

export const hasLanes = (point: Env): boolean => [...point.dims.values()].some(hasLane)

/** `point` with a point of a stage's own axes inside it. */
export const within = (point: TilePoint, own: Point): Env => (own.size === 0 ? point : { ...point, dims: new Map([...point.dims, ...own]) })

/** Lane `k` of a point, as a point without lanes. */
export function laneOfPoint({ values }: Work, point: TilePoint, k: number): TilePoint {
  return {
    dims: new Map([...point.dims].map(([name, d]) => [name, inLane(d, k)])),
    locals: new Map([...point.locals].map(([name, value]) => [name, isLanes(value) ? value[k] as ValueNode : values.laneOf(value, k)])),
  }
}

/** `point` with what a stage left in each of its `lanes`. */
export function joinLanes({ values }: Work, point: TilePoint, lanes: readonly TilePoint[]): TilePoint {
  const locals = new Map(point.locals), dims = new Map(point.dims)
  for (const name of lanes[0]?.locals.keys() ?? []) {
    if (locals.has(name)) continue
    const nodes = lanes.map((p) => p.locals.get(name) as ValueNode), [first] = nodes
    locals.set(name, first !== undefined && VECTOR_OF[first.type] !== undefined ? values.join(nodes) : nodes)
  }
  for (const name of lanes[0]?.dims.keys() ?? []) if (!dims.has(name)) dims.set(name, byLane(lanes.map((p) => p.dims.get(name) as Dim)))
  return { ...point, dims, locals }
}

/** The dim that is another one in each lane. */
function byLane(dims: readonly Dim[]): Dim {
  return dims.slice(0, -1).reduceRight<Dim>((rest, d, k) => select(eq(LANE, k), d, rest), dims.at(-1) as Dim)
}

/** The environment at `point` with the lets of a stage known. */
export function bindLets({ writer, values }: Work, lets: readonly Let[], point: Env, memo: Memo): Env {
  if (lets.length === 0) return point
  const dims = new Map(point.dims), locals = new Map(point.locals), env: Env = { ...point, dims, locals }
  for (const l of lets) {
    const whole = values.buildWhole(l.value, env, writer, memo)
    if (l.kind === 'value') {
      locals.set(l.name, whole ?? LANE_NUMBERS.map((k) => values.buildLane(l.value, env, k, writer, memo)))
      continue
    }
    const extent = values.dim(l.extent, env, writer)
    const symbolOf = (value: ValueNode, end: Dim): Dim => {
      const node = values.dataIndex(l.name, value, end, writer)
      writer.declare(node)
      return node.symbol ?? l.name
    }
    if (whole !== undefined && !isVector(whole.type) && !hasLane(extent)) dims.set(l.name, symbolOf(whole, extent))
    else dims.set(l.name, byLane(LANE_NUMBERS.map((k) => symbolOf(values.buildLane(l.value, env, k, writer, memo), inLane(extent, k)))))
  }
  return env
}

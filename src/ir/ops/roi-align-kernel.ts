/**
 * The kernel of roi_align. How many points are sampled in a bin may depend on the region; of many, only those that can lie inside the image
 * are visited, so that a region far larger than the image costs no more than the image has.
 */
import { add, mul, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, cast, constant, indexValue, load, local, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Kernel, Stmt } from '../kernel/kernel.js'
import { indexFrom, letBe, setTo, storeTo, varOf } from '../kernel/statements.js'
import type { TensorType } from '../types.js'
import { greatest, least, minus, number, over, plus, times } from './expressions.js'
import { flatIndex, kernelOf } from './hand-written.js'
import { fromIndex } from './interpolation.js'
import { regionLoops, type Side } from './roi-space.js'

export const ROI_ALIGN_ATTRS = { mode: 'string', height: 'int', width: 'int', sampling_ratio: 'int', spatial_scale: 'float', half_pixel: 'bool' } as const
export interface RoiAlignAttrs { readonly mode: string; readonly height: number; readonly width: number; readonly sampling_ratio: number; readonly spatial_scale: number; readonly half_pixel: boolean }

/** More points than this along an axis are never visited. */
const MOST_POINTS = 2 ** 30

const and = (a: Expr, b: Expr): Expr => binary('and', a, b)
const or = (a: Expr, b: Expr): Expr => binary('or', a, b)

/** The kernel. */
export function roiAlignKernel(ctx: ComputeContext<RoiAlignAttrs>): Kernel {
  const { attrs } = ctx, [x] = ctx.inputs as readonly [TensorType], type = REGISTER[x.dtype]
  const [images, , height, width] = x.shape as readonly [Dim, Dim, Dim, Dim]
  const sides: readonly [Side, Side] = [{ name: 'y', first: 1, extent: height, place: 'p', pooled: attrs.height }, { name: 'x', first: 0, extent: width, place: 's', pooled: attrs.width }]
  return kernelOf('roi_align', ctx, regionLoops(ctx, {
    region: [{ kind: 'data-index', name: 'image', value: load('x2', ['r']), extent: images }, ...sides.flatMap((side) => regionOf(side, attrs, type))],
    place: sides.flatMap((side) => binOf(side, attrs, type)),
    channels: (count) => channelsOf(ctx, sides, type, count),
  }))
}

/** Where a region starts, how large its bins are, and how many points they have how far apart. */
function regionOf({ name, first, pooled }: Side, { spatial_scale: scale, half_pixel: half, sampling_ratio: ratio }: RoiAlignAttrs, type: RegisterType): Stmt[] {
  const at = (i: number): Expr => { const scaled = times(load('x1', [add(mul('r', 4), i)]), number(type, scale)); return half ? minus(scaled, number(type, 0.5)) : scaled }
  const size = minus(at(first + 2), local(`start_${name}`, type)), bin = local(`bin_${name}`, type), points = local(`points_${name}`, type)
  return [
    letBe(`start_${name}`, type, at(first)),
    letBe(`bin_${name}`, type, over(half ? size : greatest(size, number(type, 1)), number(type, pooled))),
    letBe(`points_${name}`, type, ratio > 0 ? number(type, ratio) : greatest(unary('ceil', bin), number(type, 0))),
    letBe(`step_${name}`, type, over(bin, greatest(points, number(type, 1)))),
  ]
}

/** Where a bin begins, and which of its points are visited. */
function binOf({ name, extent, place }: Side, { sampling_ratio: ratio }: RoiAlignAttrs, type: RegisterType): Stmt[] {
  const base = local(`base_${name}`, type), step = local(`step_${name}`, type), points = local(`points_${name}`, type), zero = number(type, 0)
  const begin = letBe(`base_${name}`, type, plus(local(`start_${name}`, type), times(fromIndex(type, place), local(`bin_${name}`, type))))
  if (ratio > 0) return [begin, { kind: 'index', name: `from_${name}`, value: 0 }, { kind: 'index', name: `to_${name}`, value: ratio }]
  // A point more on either side makes up for rounding.
  const from = minus(unary('floor', over(minus(number(type, -1), base), step)), number(type, 1)), to = plus(unary('ceil', over(minus(fromIndex(type, extent), base), step)), number(type, 1))
  const index = (value: Expr): Expr => cast('i32', least(greatest(value, zero), least(points, number(type, MOST_POINTS))))
  return [begin, indexFrom(`from_${name}`, index(from), MOST_POINTS + 1), indexFrom(`to_${name}`, index(to), MOST_POINTS + 1)]
}

/** Coordinate, neighbours and weights of a point along an axis. */
function pointOf({ name, extent }: Side, type: RegisterType): Stmt[] {
  const at = local(`at_${name}`, type), within = local(`within_${name}`, type), last = indexValue(add(extent, -1)), low = cast('i32', unary('floor', within))
  return [
    letBe(`at_${name}`, type, plus(local(`base_${name}`, type), times(plus(fromIndex(type, `i${name}`), number(type, 0.5)), local(`step_${name}`, type)))),
    letBe(`inside_${name}`, 'bool', and(binary('ge', at, number(type, -1)), binary('le', at, fromIndex(type, extent)))),
    letBe(`within_${name}`, type, least(greatest(at, number(type, 0)), fromIndex(type, add(extent, -1)))),
    indexFrom(`low_${name}`, least(greatest(low, constant('i32', 0)), last), extent),
    indexFrom(`high_${name}`, least(plus(indexValue(`low_${name}`), constant('i32', 1)), last), extent),
    letBe(`far_${name}`, type, minus(within, fromIndex(type, `low_${name}`))),
    letBe(`near_${name}`, type, minus(number(type, 1), local(`far_${name}`, type))),
  ]
}

/** What `count` channels from `c` on have in a bin. */
function channelsOf(ctx: ComputeContext<RoiAlignAttrs>, [down, across]: readonly [Side, Side], type: RegisterType, count: number): readonly Stmt[] {
  const [x] = ctx.inputs as readonly [TensorType], [y] = ctx.outputs as readonly [TensorType], average = ctx.attrs.mode === 'avg', zero = number(type, 0)
  const each = <T>(write: (channel: Dim, sum: string) => T): T[] => Array.from({ length: count }, (_, i) => write(add('c', i), `sum_${i}`))
  const weights = ['near', 'far'].flatMap((v) => ['near', 'far'].map((h) => letBe(`weight_${v}_${h}`, type, times(local(`${v}_y`, type), local(`${h}_x`, type)))))
  const folded = each((channel, sum) => {
    const [first, ...others] = ([['near', 'low'], ['far', 'high']] as const).flatMap(([v, row]) => ([['near', 'low'], ['far', 'high']] as const).map(([h, column]) =>
      times(local(`weight_${v}_${h}`, type), load('x0', [flatIndex(x.shape, ['image', channel, `${row}_y`, `${column}_x`])])))) as [Expr, Expr, Expr, Expr]
    return setTo(sum, average ? others.reduce(plus, plus(local(sum, type), first)) : greatest(local(sum, type), others.reduce(greatest, first)))
  })
  // A point outside of the image has the value 0.
  const outside = average ? [] : each((_, sum) => setTo(sum, greatest(local(sum, type), zero)))
  const inside = and(local('inside_y', 'bool'), local('inside_x', 'bool'))
  const loop = ({ name }: Side, body: readonly Stmt[]): Stmt => ({ kind: 'for', variable: `i${name}`, lo: `from_${name}`, hi: `to_${name}`, step: 1, body })
  const points = greatest(times(local('points_y', type), local('points_x', type)), number(type, 1))
  return [
    ...each((_, sum) => varOf(sum, type, average ? zero : selectExpr(or(skips(down, type), skips(across, type)), zero, number(type, -Infinity)))),
    loop(down, [...pointOf(down, type), loop(across, [...pointOf(across, type), { kind: 'if', condition: inside, then: [...weights, ...folded], else: outside }])]),
    ...each((channel, sum) => storeTo('y0', flatIndex(y.shape, ['r', channel, 'p', 's']), average ? over(local(sum, type), points) : local(sum, type))),
  ]
}

/** True where not all points along an axis are visited, or there are none. */
function skips({ name }: Side, type: RegisterType): Expr {
  const from = fromIndex(type, `from_${name}`), to = fromIndex(type, `to_${name}`)
  return or(binary('gt', from, number(type, 0)), or(binary('lt', to, local(`points_${name}`, type)), binary('le', to, from)))
}

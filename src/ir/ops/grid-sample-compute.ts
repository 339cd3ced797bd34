/**
 * Iteration space of grid_sample: batch `n`, output places `o…` and, within, channels `c`. What is read along each input axis (places
 * and weights of its taps) depends on batch and place alone; the taps' products are written out, so that nothing is reduced.
 */
import { max, mul, sub, type Dim } from '../dims.js'
import type { Compute, ComputeContext, Let } from '../kernel/compute.js'
import { binary, cast, constant, indexValue, load, local, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { TensorType } from '../types.js'
import { greatest, least, minus, number, numberOf, over, plus, times } from './expressions.js'
import { CUBIC_A, type GridSampleAttrs } from './grid-sample-attributes.js'
import { cubicWeightExprs, fromIndex } from './interpolation.js'

/** One place that is read along an axis; `inside` is absent where it always is. */
interface Tap { readonly at: string; readonly weight?: Expr; readonly inside?: Expr }
interface Reading { readonly lets: readonly Let[]; readonly taps: readonly Tap[] }

/** What taps are made of: the register type of coordinates and that of weights. */
interface Types { readonly coordinate: RegisterType; readonly weight: RegisterType }

/** The compute of a grid_sample. */
export function gridSampleCompute(ctx: ComputeContext<GridSampleAttrs>): Compute {
  const [x, grid] = ctx.inputs as [TensorType, TensorType], [y] = ctx.outputs as [TensorType]
  const spatial = x.shape.slice(2), places = spatial.map((_, a) => `o${a}`)
  const types: Types = { coordinate: REGISTER[grid.dtype], weight: REGISTER[x.dtype] }
  const readings = spatial.map((extent, a) => readAxis(a, extent, load('x1', ['n', ...places, spatial.length - 1 - a]), ctx.attrs, types))
  const zero = numberOf(x.dtype, types.weight === 'i64' || types.weight === 'u64' ? 0n : 0)
  return {
    name: 'grid_sample', buffers: ctx.buffers,
    axes: [{ name: 'n', hi: y.shape[0] as Dim }, ...places.map((name, a) => ({ name, hi: y.shape[a + 2] as Dim }))],
    stages: [{ kind: 'let', lets: readings.flatMap((r) => r.lets) }, { kind: 'store', axes: [{ name: 'c', hi: y.shape[1] as Dim }], lets: [], buffer: 'y0', index: ['n', 'c', ...places], value: weighted(readings.map((r) => r.taps), [], undefined, zero) }],
  }
}

/** The sum of the taps' products over the axes left, with the places `at` on those before. */
function weighted(axes: readonly (readonly Tap[])[], at: readonly string[], inside: Expr | undefined, zero: Expr): Expr {
  const [taps, ...rest] = axes
  if (taps === undefined) {
    const element = load('x0', ['n', 'c', ...at])
    return inside === undefined ? element : selectExpr(inside, element, zero)
  }
  return taps.map((tap) => {
    const both = inside === undefined || tap.inside === undefined ? inside ?? tap.inside : binary('and', inside, tap.inside)
    const value = weighted(rest, [...at, tap.at], both, zero)
    return tap.weight === undefined ? value : times(tap.weight, value)
  }).reduce(plus)
}

function readAxis(a: number, extent: Dim, grid: Expr, attrs: GridSampleAttrs, types: Types): Reading {
  const { mode, padding } = attrs, type = types.coordinate
  const nearest = mode === 'nearest', offsets = nearest ? [0] : mode === 'linear' ? [0, 1] : [-1, 0, 1, 2]
  const exact = attrs.pixels ? grid : coordinateOf(grid, extent, attrs.align_corners, type), wished = local(`g${a}`, type), source = local(`s${a}`, type), first = local(`f${a}`, 'i32')
  const lets: Let[] = [
    { kind: 'value', name: `g${a}`, type, value: nearest ? unary('round', exact) : exact },
    { kind: 'value', name: `s${a}`, type, value: padded(wished, extent, attrs, type) },
    { kind: 'value', name: `f${a}`, type: 'i32', value: cast('i32', unary('floor', source)) },
  ]
  if (!nearest) lets.push({ kind: 'value', name: `r${a}`, type: types.weight, value: toType(minus(source, unary('floor', source)), type, types.weight) })
  const taps = offsets.map((offset, t): Tap => {
    const place = offset === 0 ? first : plus(first, constant('i32', offset)), name = `b${a}_${t}`
    lets.push({ kind: 'data-index', name, value: placeOf(place, extent, attrs), extent })
    const inside = padding === 'zeros' ? [{ kind: 'value', name: `v${a}_${t}`, type: 'bool', value: isInside(place, extent) } satisfies Let] : []
    const weight = nearest ? [] : [{ kind: 'value', name: `w${a}_${t}`, type: types.weight, value: weightOf(offset, local(`r${a}`, types.weight), mode, types.weight) } satisfies Let]
    lets.push(...inside, ...weight)
    return { at: name, ...(inside.length > 0 && { inside: local(`v${a}_${t}`, 'bool') }), ...(weight.length > 0 && { weight: local(`w${a}_${t}`, types.weight) }) }
  })
  return { lets, taps }
}

const toType = (value: Expr, from: RegisterType, to: RegisterType): Expr => (from === to ? value : cast(to, value))
const lastOf = (extent: Dim): Expr => indexValue(sub(extent, 1))

/** The input coordinate of `g`, where −1 and 1 are the centres of the first and last elements, or their outer edges. */
function coordinateOf(g: Expr, extent: Dim, align: boolean, type: RegisterType): Expr {
  const one = constant(type, 1), two = constant(type, 2)
  return align ? times(over(plus(g, one), two), fromIndex(type, sub(extent, 1))) : over(minus(times(plus(g, one), fromIndex(type, extent)), one), two)
}

/** The coordinate after padding. Where zeros are around the input it is kept near: far outside is 0 as well, and an integer must hold it. */
function padded(v: Expr, extent: Dim, { padding, align_corners: align }: GridSampleAttrs, type: RegisterType): Expr {
  const last = fromIndex(type, sub(extent, 1)), between = (x: Expr, low: Expr, high: Expr): Expr => least(greatest(x, low), high)
  if (padding === 'zeros') return between(v, number(type, -4), plus(last, number(type, 4)))
  const low = number(type, align ? 0 : -0.5), high = align ? last : plus(last, number(type, 0.5))
  const outside = binary('or', binary('lt', v, low), binary('gt', v, high))
  return selectExpr(outside, padding === 'border' ? between(v, number(type, 0), last) : between(mirrored(v, low, high, type), low, high), v)
}

/** `v` mirrored at the borders until it lies between them. */
function mirrored(v: Expr, low: Expr, high: Expr, type: RegisterType): Expr {
  // An axis of one element has no width between corners: any width does, for the result is clamped.
  const width = greatest(minus(high, low), number(type, 1)), distance = unary('abs', minus(v, low))
  const turns = unary('floor', over(distance, width)), rest = minus(distance, times(turns, width))
  const half = times(turns, number(type, 0.5))
  return selectExpr(binary('eq', unary('floor', half), half), plus(low, rest), minus(high, rest))
}

const isInside = (place: Expr, extent: Dim): Expr => binary('and', binary('ge', place, constant('i32', 0)), binary('le', place, lastOf(extent)))

/** The place in the input that stands for `place`; for one that holds 0, any. */
function placeOf(place: Expr, extent: Dim, { padding, align_corners: align }: GridSampleAttrs): Expr {
  if (padding !== 'reflection') return least(greatest(place, constant('i32', 0)), lastOf(extent))
  // Mirrored about the outer elements, or about their outer edges.
  const period = align ? indexValue(max(1, mul(2, sub(extent, 1)))) : indexValue(mul(2, extent))
  const phase = binary('mod', place, period)
  return least(phase, align ? minus(period, phase) : minus(minus(period, constant('i32', 1)), phase))
}

/** Weight of the tap at `offset` from the element before the coordinate, which is `r` beyond it. */
function weightOf(offset: number, r: Expr, mode: string, type: RegisterType): Expr {
  const c = (value: number): Expr => constant(type, value)
  if (mode === 'linear') return offset === 0 ? minus(c(1), r) : r
  const d = offset === -1 ? plus(r, c(1)) : offset === 0 ? r : minus(c(offset), r)
  const { near, far } = cubicWeightExprs(CUBIC_A, d, type)
  return offset === 0 || offset === 1 ? near : far
}

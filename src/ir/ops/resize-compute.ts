/**
 * Iteration space of resize. Every output axis is an outer axis `i…`. Nearest reads one element per point; linear and cubic
 * reduce over the taps `t…` of each axis that changes, with weights from the tap's distance to the source coordinate.
 */
import { add, ceilDiv, dimsEqual, max, min, mul, sub, substituteDim, type Dim } from '../dims.js'
import type { Accumulator, Axis, Compute, ComputeContext, Let, Stage } from '../kernel/compute.js'
import { binary, cast, constant, indexValue, load, local, REGISTER, selectExpr, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { TensorType } from '../types.js'
import { limitsOf } from './elements.js'
import { minus, number, over, plus, times } from './expressions.js'
import { cubicWeightExprs, fromIndex } from './interpolation.js'
import { FLOATS } from './operands.js'
import { resizedAxes, type ResizeAttrs } from './resize-attributes.js'
import { COORDINATES, floorFraction, INTEGER_NUDGE, NEAREST_MODES, oneOf, roundFraction, scaleOf, sourceCoordinate, type Fraction, type NearestMode, type ResizeAxis } from './resize-coordinates.js'

/** How one axis is read: input index of tap `t` (of the only tap for nearest), and what the stages need for it. */
interface Reading {
  readonly lets: readonly Let[]
  readonly index: Dim
  /** Absent for nearest. */
  readonly tap?: Axis
  readonly weight?: Expr
  readonly outside?: Expr
}

/** The compute of a resize. */
export function resizeCompute(ctx: ComputeContext<ResizeAttrs>): Compute {
  const { attrs } = ctx
  const [x] = ctx.inputs as [TensorType], [y] = ctx.outputs as [TensorType]
  const type = weightType(x), interpolates = attrs.mode !== 'nearest'
  const readings = new Map(resizedAxes(x.shape, y.shape, attrs).map((a) => [a.axis, readAxis(a, attrs, type)]))
  const index = x.shape.map((_, i): Dim => readings.get(i)?.index ?? `i${i}`)
  const all = [...readings.values()], lets = all.flatMap((r) => r.lets), register = REGISTER[x.dtype]
  const outside = all.flatMap((r) => r.outside ?? []).reduce<Expr | undefined>((a, b) => (a === undefined ? b : binary('or', a, b)), undefined)
  const extrapolated = (value: Expr): Expr => (outside === undefined ? value : selectExpr(outside, number(register, register === 'i64' || register === 'u64' ? BigInt(Math.trunc(attrs.extrapolation)) : attrs.extrapolation), value))
  const output = y.shape.map((_, i) => `i${i}`)
  const stages: Stage[] = lets.length > 0 ? [{ kind: 'let', lets }] : []
  let value = load('x0', index)
  if (interpolates && all.length > 0) {
    stages.push({ kind: 'reduce', axes: all.flatMap((r) => r.tap ?? []), lets: [{ kind: 'value', name: 'w', type, value: all.flatMap((r) => r.weight ?? []).reduce(times) }], accumulators: accumulators(x, attrs, type, index) })
    const sum = attrs.antialias || attrs.exclude_outside ? over(local('acc', type), local('total', type)) : local('acc', type)
    value = toElement(sum, x, type)
  }
  stages.push({ kind: 'store', axes: [], lets: [], buffer: 'y0', index: output, value: extrapolated(value) })
  return { name: 'resize', buffers: ctx.buffers, axes: y.shape.map((hi, i) => ({ name: `i${i}`, hi })), stages }
}

/** The register type in which weights and sums are: double for doubles and for integers. */
function weightType(x: TensorType): RegisterType {
  return x.dtype === 'float64' || !FLOATS.includes(x.dtype) ? 'f64' : 'f32'
}

function accumulators(x: TensorType, attrs: ResizeAttrs, type: RegisterType, index: readonly Dim[]): Accumulator[] {
  const w = local('w', type), element = load('x0', index)
  const acc: Accumulator = { name: 'acc', type, init: constant(type, 0), combine: 'add', value: times(w, REGISTER[x.dtype] === type ? element : cast(type, element)) }
  return attrs.antialias || attrs.exclude_outside ? [acc, { name: 'total', type, init: constant(type, 0), combine: 'add', value: w }] : [acc]
}

/** Integers are truncated, once nudged outward so that a sum just short of a whole number is it, and saturate. */
function toElement(sum: Expr, x: TensorType, type: RegisterType): Expr {
  if (FLOATS.includes(x.dtype)) return sum
  const { lowest, highest } = limitsOf(x.dtype), nudge = number(type, INTEGER_NUDGE)
  const nudged = selectExpr(binary('lt', sum, number(type, 0)), minus(sum, nudge), plus(sum, nudge))
  const limited = typeof lowest === 'bigint' ? nudged : binary('min', binary('max', nudged, number(type, lowest)), number(type, highest))
  return cast(REGISTER[x.dtype], limited)
}

function readAxis(a: ResizeAxis, attrs: ResizeAttrs, type: RegisterType): Reading {
  const coordinates = oneOf('coordinates', attrs.coordinates, COORDINATES), x = `i${a.axis}`
  const nearest = attrs.mode === 'nearest' ? oneOf('nearest_mode', attrs.nearest_mode, NEAREST_MODES) : undefined
  if (coordinates === 'tf_crop_and_resize') return readCrop(a, attrs, nearest, type)
  const source = sourceCoordinate(a, coordinates, x)
  if (nearest !== undefined) return { lets: [], index: clampIndex(roundFraction(source, nearest), a) }
  const ratio = `r${a.axis}`, floor = floorFraction(source)
  const remainder = sub(source.numerator, mul(source.denominator, floor))
  return taps(a, attrs, floor, [{ kind: 'value', name: ratio, type, value: over(cast(type, indexValue(remainder)), fromIndex(type, source.denominator)) }], local(ratio, type), type)
}

/** Coordinates of a crop are doubles, computed in the reference's order of operations. */
function readCrop(a: ResizeAxis, attrs: ResizeAttrs, nearest: NearestMode | undefined, type: RegisterType): Reading {
  const f64 = (value: number): Expr => constant('f64', value)
  const last = fromIndex('f64', sub(a.input, 1)), source = local(`s${a.axis}`, 'f64')
  const spread = times(cast('f64', indexValue(`i${a.axis}`)), times(f64(a.end - a.start), last))
  const many = plus(times(f64(a.start), last), over(spread, fromIndex('f64', max(1, sub(a.output, 1)))))
  const single = times(f64(0.5 * (a.start + a.end)), last)
  const value = typeof a.output === 'number' ? (a.output > 1 ? many : single) : selectExpr(binary('gt', indexValue(a.output), constant('i32', 1)), many, single)
  const at = `b${a.axis}`, rounded = nearest === undefined ? unary('floor', source) : roundExpr(source, nearest)
  const inside = binary('max', binary('min', rounded, last), f64(0))
  const lets: Let[] = [{ kind: 'value', name: `s${a.axis}`, type: 'f64', value }, { kind: 'data-index', name: at, value: cast('i32', inside), extent: a.input }]
  const outside = binary('or', binary('lt', source, f64(0)), binary('gt', source, last))
  if (nearest !== undefined) return { lets, index: at, outside }
  const ratio = `r${a.axis}`, fraction = minus(source, unary('floor', source))
  return { ...taps(a, attrs, at, [...lets, { kind: 'value', name: ratio, type, value: type === 'f64' ? fraction : cast(type, fraction) }], local(ratio, type), type), outside }
}

function roundExpr(x: Expr, mode: NearestMode): Expr {
  switch (mode) {
    case 'floor': return unary('floor', x)
    case 'ceil': return unary('ceil', x)
    case 'round_prefer_floor': return unary('ceil', minus(x, constant('f64', 0.5)))
    case 'round_prefer_ceil': return unary('floor', plus(x, constant('f64', 0.5)))
  }
}

/** Reads the taps around source coordinate `floor + ratio`. */
function taps(a: ResizeAxis, attrs: ResizeAttrs, floor: Dim, lets: readonly Let[], ratio: Expr, type: RegisterType): Reading {
  const t = `t${a.axis}`, radius = attrs.mode === 'linear' ? 1 : 2
  const scale = scaleOf(a), shrinks = attrs.antialias && !dimsEqual(scale.numerator, scale.denominator)
  const reach = shrinks ? max(radius, ceilDiv(mul(radius, scale.denominator), scale.numerator)) : radius
  const first = add(floor, 1, mul(-1, reach)), index = add(first, t)
  const distance = minus(fromIndex(type, sub(add(t, 1), reach)), ratio)
  const scaled = shrinks ? times(distance, local(`f${a.axis}`, type)) : distance
  const filter: readonly Let[] = shrinks ? [{ kind: 'value', name: `f${a.axis}`, type, value: filterScale(scale, type) }] : []
  const range = attrs.exclude_outside ? { lo: max(0, mul(-1, first)), hi: min(mul(2, reach), sub(a.input, first)) } : { hi: mul(2, reach) }
  return {
    lets: [...lets, ...filter], tap: { name: t, ...range }, weight: weightExpr(attrs, unary('abs', scaled), type),
    index: attrs.exclude_outside ? index : clampIndex(index, a),
  }
}

/** min(1, scale). */
function filterScale(scale: Fraction, type: RegisterType): Expr {
  return binary('min', constant(type, 1), over(fromIndex(type, scale.numerator), fromIndex(type, scale.denominator)))
}

/** The filter at distance `d` ≥ 0; see the reference. */
function weightExpr(attrs: ResizeAttrs, d: Expr, type: RegisterType): Expr {
  const c = (value: number): Expr => constant(type, value)
  if (attrs.mode === 'linear') return binary('max', c(0), minus(c(1), d))
  const { near, far } = cubicWeightExprs(attrs.cubic_a, d, type)
  return selectExpr(binary('le', d, c(1)), near, selectExpr(binary('lt', d, c(2)), far, c(0)))
}

/** `index` within the input; clamps only where the first or last output point, between which indices grow, needs it. */
function clampIndex(index: Dim, a: ResizeAxis): Dim {
  const x = `i${a.axis}`, t = `t${a.axis}`
  const at = (value: Dim): Dim => substituteDim(index, (name) => (name === x ? value : undefined))
  const usesTap = dependsOn(index, t)
  const low = at(0), high = sub(at(sub(a.output, 1)), sub(a.input, 1))
  const fromBelow = usesTap || typeof low !== 'number' || low < 0, fromAbove = usesTap || typeof high !== 'number' || high > 0
  const bounded = fromAbove ? min(index, sub(a.input, 1)) : index
  return fromBelow ? max(0, bounded) : bounded
}

function dependsOn(dim: Dim, name: string): boolean {
  return !dimsEqual(dim, substituteDim(dim, (s) => (s === name ? add(name, 1) : undefined)))
}

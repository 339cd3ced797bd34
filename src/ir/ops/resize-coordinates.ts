/**
 * Where a resized axis reads: the input coordinate of each output coordinate, for every coordinate transformation of ONNX
 * Resize-19. All but `tf_crop_and_resize` are exact quotients of integers, so that rounding never moves a pixel: a scale
 * is the fraction with the least terms that is the same float32.
 */
import { IngotError } from '../../base/error.js'
import { add, dimsEqual, floorDiv, eq, lt, mul, select, sub, type Dim } from '../dims.js'

export const COORDINATES = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'tf_crop_and_resize'] as const
export type Coordinates = (typeof COORDINATES)[number]

/** One axis of a resize; `start` and `end` are its region of interest as fractions of the input. */
export interface ResizeAxis { readonly axis: number; readonly input: Dim; readonly output: Dim; readonly scale: number; readonly start: number; readonly end: number }

/** `numerator / denominator`; the denominator is positive. */
export interface Fraction { readonly numerator: Dim; readonly denominator: Dim }

/** The fraction of least denominator that rounds to the same float32 as `x`; `x` must be positive and finite. */
export function simplestFraction(x: number): readonly [number, number] {
  const goal = Math.fround(x)
  let [p0, q0, p1, q1, rest] = [0, 1, 1, 0, goal]
  for (let i = 0; i < 64; i++) {
    const whole = Math.floor(rest)
    ;[p0, q0, p1, q1] = [p1, q1, whole * p1 + p0, whole * q1 + q0]
    if (Math.fround(p1 / q1) === goal || rest === whole) break
    rest = 1 / (rest - whole)
  }
  return [p1, q1]
}

/** The scale as a fraction: the given one, or where that is NaN output over input. */
export function scaleOf(a: ResizeAxis): Fraction {
  if (Number.isNaN(a.scale)) return { numerator: a.output, denominator: a.input }
  const [numerator, denominator] = simplestFraction(a.scale)
  return { numerator, denominator }
}

/** True where every output coordinate is the same input coordinate. */
export function isIdentityAxis(a: ResizeAxis, coordinates: Coordinates): boolean {
  return dimsEqual(a.input, a.output) && (Number.isNaN(a.scale) || a.scale === 1) && (coordinates !== 'tf_crop_and_resize' || (a.start === 0 && a.end === 1))
}

/** The input coordinate of output coordinate `x`. Not for `tf_crop_and_resize`. */
export function sourceCoordinate(a: ResizeAxis, coordinates: Exclude<Coordinates, 'tf_crop_and_resize'>, x: Dim): Fraction {
  const { numerator: p, denominator: q } = scaleOf(a)
  const halfPixel = { numerator: sub(mul(add(mul(2, x), 1), q), p), denominator: mul(2, p) }
  switch (coordinates) {
    case 'half_pixel': return halfPixel
    case 'pytorch_half_pixel': return { ...halfPixel, numerator: select(lt(1, a.output), halfPixel.numerator, 0) }
    case 'half_pixel_symmetric': return { ...halfPixel, numerator: add(mul(sub(a.input, 1), p), mul(add(mul(2, x), 1), q), mul(-1, a.output, q)) }
    case 'asymmetric': return { numerator: mul(x, q), denominator: p }
    case 'align_corners': {
      // The output's extent here is scale times input, not rounded.
      const last = sub(mul(p, a.input), q), single = eq(last, 0)
      return { numerator: select(single, 0, mul(x, sub(a.input, 1), q)), denominator: select(single, 1, last) }
    }
  }
}

/** Floor of a fraction, with common factors of the terms and the denominator taken out. */
export function floorFraction(f: Fraction): Dim {
  const { numerator, denominator } = f
  if (typeof denominator !== 'number' || typeof numerator !== 'object') return floorDiv(numerator, denominator)
  const terms = numerator[0] === '+' ? (numerator.slice(1) as Dim[]) : [numerator]
  const rest = terms.find((t) => typeof t === 'number') ?? 0
  const varying = terms.filter((t) => typeof t !== 'number')
  const factor = varying.map(coefficient).reduce(gcd, denominator)
  const divided = varying.map((t) => mul(coefficient(t) / factor, withoutCoefficient(t)))
  return floorDiv(add(...divided, Math.floor((rest as number) / factor)), denominator / factor)
}

function coefficient(term: Dim): number {
  return typeof term === 'object' && term[0] === '*' && typeof term[1] === 'number' ? term[1] : 1
}

function withoutCoefficient(term: Dim): Dim {
  return typeof term === 'object' && term[0] === '*' && typeof term[1] === 'number' ? mul(...(term.slice(2) as Dim[])) : term
}

function gcd(a: number, b: number): number { return b === 0 ? Math.abs(a) : gcd(b, a % b) }

export const NEAREST_MODES = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'] as const
export type NearestMode = (typeof NEAREST_MODES)[number]

/** The coordinate rounded as `mode` says; not clamped. */
export function roundFraction(f: Fraction, mode: NearestMode): Dim {
  const { numerator: n, denominator: d } = f, twice = mul(2, d)
  switch (mode) {
    case 'floor': return floorFraction(f)
    case 'ceil': return ceilFraction(f)
    case 'round_prefer_floor': return ceilFraction({ numerator: sub(mul(2, n), d), denominator: twice })
    case 'round_prefer_ceil': return floorFraction({ numerator: add(mul(2, n), d), denominator: twice })
  }
}

function ceilFraction({ numerator, denominator }: Fraction): Dim {
  return floorFraction({ numerator: sub(add(numerator, denominator), 1), denominator })
}

/** `name` among `allowed`; throws `bad-attribute`. */
export function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((a) => a === value)
  if (found === undefined) throw new IngotError('bad-attribute', `${name} '${value}' is not known`, { hint: `it must be one of ${allowed.join(', ')}` })
  return found
}

/** Added to the magnitude of an interpolated integer before it is truncated: above the rounding of doubles, below any fraction that can arise. */
export const INTEGER_NUDGE = 2 ** -20

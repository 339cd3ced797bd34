/**
 * Mathematical functions of f32 as arithmetic, for targets with lanes: the same operations stand for scalars and for vectors, so
 * that an element does not depend on where in a tensor it is. Within 2 units in the last place (`tanh`, `erf`, `log1p`, `expm1` 3);
 * functions that are not here stay calls. A few chains have forms of their own, with fewer operations and no greater error:
 *
 *   n / (c + exp(x))             the exponential needs no results below those that change c
 *   ½x·(1 + erf(x/√2))           one exponential, and no choice between two polynomials
 *   1 + tanh(x)                  2 / (1 + exp(-2x))
 *   pow(x, 0.75)                 products and roots, where they reach the exponent
 *   max(Σ…, 0)                   gives back a sum that is -0: which zero many terms make is a matter of their order
 */
import type { DType } from '../base/dtype.js'
import { binary, constant, local, splat, typeOfExpr, vectorOf, type BinaryOp, type Expr, type RegisterType } from '../ir/kernel/expr.js'
import type { Compute, Stage } from '../ir/kernel/compute.js'
import { operandsOf, withOperands } from '../ir/kernel/walk.js'
import { EXPANSIONS, gelu, plusExp, type Chain } from './float-functions.js'
import { powerOf } from './powers.js'

/** Writes out the functions in expressions over buffers of the given dtypes; shared expressions stay shared. `sums` are locals that add up terms in no promised order. */
export function mathExpander(buffers: readonly { readonly name: string; readonly dtype: DType }[], chain: Chain, sums: ReadonlySet<string> = new Set()): (e: Expr) => Expr {
  const dtypes = new Map(buffers.map((b) => [b.name, b.dtype]))
  const typeOf = (e: Expr): RegisterType => typeOfExpr(e, (name) => dtypes.get(name) ?? 'float64'), isFloat = (e: Expr): boolean => typeOf(e) === 'f32'
  const memo = new Map<Expr, Expr>()
  const expand = (e: Expr): Expr => {
    const known = memo.get(e)
    if (known !== undefined) return known
    const expanded = (isFunction(e) && isFloat(e) ? chainOf(e, expand, chain) : undefined) ?? written(e)
    memo.set(e, expanded)
    return expanded
  }
  const written = (e: Expr): Expr => {
    const function_ = e.kind === 'unary' ? EXPANSIONS[e.op] : undefined
    if (e.kind === 'unary' && function_ !== undefined && isFloat(e.x)) return function_(expand(e.x), chain)
    if (e.kind === 'unary' && function_ !== undefined && typeOf(e.x) === 'f32x4') return inLanes(function_(ARGUMENT, chain), expand(e.x))
    const bounded = withNumber(e, 'max')
    if (bounded?.number === 0 && isFloat(e) && isSum(bounded.rest, sums)) return binary('pmax', expand(bounded.rest), constant('f32', 0))
    if (e.kind === 'binary' && e.op === 'pow' && isFloat(e.a)) {
      const exponent = numberOf(e.b), power = exponent === undefined ? undefined : powerOf(expand(e.a), exponent)
      if (power !== undefined) return power
    }
    return withOperands(e, operandsOf(e).map(expand))
  }
  return expand
}

/** The number that `e` is. */
function numberOf(e: Expr): number | undefined {
  if (e.kind === 'cast') return numberOf(e.x)
  return e.kind === 'const' && typeof e.value === 'number' ? e.value : undefined
}

/** Stands for a scalar argument while its function is written out. */
const ARGUMENT = local('argument', 'f32')

/** What `scalar` does to `ARGUMENT`, done to every lane of `x`. */
function inLanes(scalar: Expr, x: Expr): Expr {
  const memo = new Map<Expr, Expr>([[ARGUMENT, x]])
  const lift = (e: Expr): Expr => {
    const known = memo.get(e)
    if (known !== undefined) return known
    const isShift = e.kind === 'binary' && (e.op === 'shl' || e.op === 'shr')
    const written = e.kind === 'const' ? splat(e) : withOperands(e, operandsOf(e).map((o, i) => (isShift && i === 1 ? o : lift(o))))
    const made = written.kind === 'cast' || written.kind === 'bitcast' ? { ...written, to: vectorOf(written.to) } : written
    memo.set(e, made)
    return made
  }
  return lift(scalar)
}

const isFunction = (e: Expr): boolean => e.kind === 'binary' || (e.kind === 'unary' && e.op === 'recip')

/** `e` in the form of its own that it has as a chain of f32 operations. */
function chainOf(e: Expr, expand: (e: Expr) => Expr, chain: Chain): Expr | undefined {
  const normal = asGelu(e)
  if (normal !== undefined) return gelu(expand(normal), chain)
  const quotient = e.kind === 'binary' && e.op === 'div' ? { of: e.a, by: e.b } : e.kind === 'unary' && e.op === 'recip' ? { of: constant('f32', 1), by: e.x } : undefined
  const sum = quotient && asSum(quotient.by)
  if (quotient !== undefined && sum !== undefined && sum.rest.kind === 'unary' && sum.rest.op === 'exp' && sum.number >= 2 ** -20 && sum.number <= 2 ** 20) {
    return binary('div', expand(quotient.of), plusExponential(constant('f32', sum.number), sum.rest.x, expand, chain))
  }
  const shifted = asSum(e)
  if (shifted?.number === 1 && shifted.rest.kind === 'unary' && shifted.rest.op === 'tanh') {
    const x = expand(shifted.rest.x)
    return binary('div', constant('f32', 2), plusExp(constant('f32', 1), binary('add', x, x), true, chain))
  }
  return undefined
}

function plusExponential(base: Expr, x: Expr, expand: (e: Expr) => Expr, chain: Chain): Expr {
  const negated = x.kind === 'unary' && x.op === 'neg' ? x.x : undefined
  return plusExp(base, expand(negated ?? x), negated !== undefined, chain)
}

/** An operation on a number and something else. */
function withNumber(e: Expr, op: BinaryOp): { readonly number: number; readonly rest: Expr } | undefined {
  if (e.kind !== 'binary' || e.op !== op) return undefined
  const first = numberOf(e.a), number = first ?? numberOf(e.b)
  return number === undefined ? undefined : { number, rest: first === undefined ? e.a : e.b }
}

const asSum = (e: Expr): ReturnType<typeof withNumber> => withNumber(e, 'add')
const asProduct = (e: Expr): ReturnType<typeof withNumber> => withNumber(e, 'mul')

/** x where `e` is (½·x)·(1 + erf(x·√½)). */
function asGelu(e: Expr): Expr | undefined {
  if (e.kind !== 'binary' || e.op !== 'mul') return undefined
  const half = asProduct(e.a), sum = asSum(e.b)
  if (half?.number !== 0.5 || sum?.number !== 1 || sum.rest.kind !== 'unary' || sum.rest.op !== 'erf') return undefined
  const scaled = asProduct(sum.rest.x)
  return scaled !== undefined && Math.fround(scaled.number) === Math.fround(Math.SQRT1_2) && isSame(scaled.rest, half.rest) ? half.rest : undefined
}

/** True for one of `sums`, with more added to it, and for a sum that is never -0, as it ends with another number than 0; also where it is bounded above. */
function isSum(e: Expr, sums: ReadonlySet<string>): boolean {
  if (e.kind === 'local') return sums.has(e.name)
  const bounded = withNumber(e, 'min')
  if (bounded !== undefined) return bounded.number !== 0 && isSum(bounded.rest, sums)
  return e.kind === 'binary' && e.op === 'add' && ((asSum(e)?.number ?? 0) !== 0 || isSum(e.a, sums) || isSum(e.b, sums))
}

/** Equal as they are written: not looked for far into expressions that are no shared object. */
function isSame(a: Expr, b: Expr, depth = 4): boolean {
  if (a === b) return true
  if (a.kind !== b.kind || depth === 0) return false
  const xs = operandsOf(a), ys = operandsOf(b)
  if (xs.length === 0) return JSON.stringify(a) === JSON.stringify(b)
  const op = (e: Expr): string => (e.kind === 'unary' || e.kind === 'binary' ? e.op : '')
  return (a.kind === 'unary' || a.kind === 'binary') && op(a) === op(b) && xs.every((x, k) => isSame(x, ys[k] as Expr, depth - 1))
}

/** `compute` with the functions of f32 written out. */
export function expandMath(compute: Compute, chain: Chain): Compute {
  const sums = compute.stages.flatMap((s) => (s.kind === 'reduce' ? s.accumulators.filter((a) => a.combine === 'add') : []))
  const map = mathExpander(compute.buffers, chain, new Set(sums.map((a) => a.name)))
  const stages = compute.stages.map((s): Stage => {
    const lets = s.lets.map((l) => ({ ...l, value: map(l.value) }))
    switch (s.kind) {
      case 'let': return { ...s, lets }
      case 'store': return { ...s, lets, value: map(s.value) }
      case 'reduce': return { ...s, lets, accumulators: s.accumulators.map((a) => ({ ...a, init: map(a.init), value: map(a.value) })) }
    }
  })
  return { ...compute, stages }
}

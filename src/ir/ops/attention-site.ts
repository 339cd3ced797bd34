/** What the loops of an attention kernel share: where operands of one head begin, how scores are masked, and how statements are written. */
import { add, mul, product, type Dim } from '../dims.js'
import type { ComputeContext } from '../kernel/compute.js'
import { binary, constant, indexValue, load, local, REGISTER, selectExpr, splat, VECTOR_DTYPES, type Expr, type RegisterType } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexIs } from '../kernel/statements.js'
import type { TensorType } from '../types.js'
import { attentionExtents, layoutAt, stridesIn, type AttentionAttrs, type AttentionExtents, type PerAxis } from './attention-layout.js'
import { number, plus } from './expressions.js'

/** The least number of float32. */
export const LEAST = -3.4028234663852886e38

/** Queries that a block has side by side: two vectors. */
export const BLOCK = 8

/** 0 to `count` - 1. */
export const range = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)

/** The loops of one head; names of index locals say where its operands and its scratch begin. */
export interface AttentionSite {
  readonly extents: AttentionExtents<Dim>
  readonly q: PerAxis<Dim>
  readonly k: PerAxis<Dim>
  readonly v: PerAxis<Dim>
  readonly y: PerAxis<Dim>
  readonly scale: number
  /** Elements of the mask from query to query and from key to key; undefined without a mask. */
  readonly mask: { readonly n: Dim; readonly key: Dim } | undefined
  /** `x` under an element of the mask; both scalars or both vectors. */
  readonly masked: (x: Expr, at: Expr) => Expr
  /** What the greatest score is compared with first: above minus infinity, all of it weighs nothing. */
  readonly least: number
  /** Keys, or elements of values, that a register tile has beside a block of queries. */
  readonly tile: number
  /** Elements side by side can be loaded as vectors. */
  readonly inVectors: boolean
}

/** The site of a call. */
export function attentionSite(ctx: ComputeContext<AttentionAttrs>): AttentionSite {
  const { attrs } = ctx, [q, k, v] = ctx.inputs as [TensorType, TensorType, TensorType], mask = ctx.inputs[3], tile = ctx.tileRows ?? 4
  const strides = (i: number, t: TensorType): PerAxis<Dim> => stridesIn(layoutAt(attrs, i), t.shape)
  const type = REGISTER[q.dtype], fill = number(type, attrs.fill), none = number(type, 0)
  const keep = (x: Expr, at: Expr): Expr => (isVectorValue(at) ? selectExpr(binary('ne', at, splat(none)), x, splat(fill)) : selectExpr(binary('ne', at, none), x, fill))
  return {
    extents: attentionExtents([q.shape, k.shape, v.shape], attrs),
    q: strides(0, q), k: strides(1, k), v: strides(2, v), y: strides(3, ctx.outputs[0] as TensorType), scale: attrs.scale,
    mask: mask == null ? undefined : { n: mask.shape[2] === 1 ? 0 : (mask.shape[3] as Dim), key: 1 },
    masked: (x, at) => (attrs.masking === 'add' ? plus(x, at) : keep(x, at)),
    least: !attrs.zeros ? -Infinity : q.dtype === 'float64' ? -Number.MAX_VALUE : LEAST, tile, inVectors: VECTOR_DTYPES.has(q.dtype),
  }
}

const isVectorValue = (e: Expr): boolean => (e.kind === 'load' ? e.lanes !== undefined : e.kind !== 'local' || e.type === 'f32x4')

/** Index locals for head `z`, which is one of all batches' heads. */
export function beginHead(ctx: ComputeContext<AttentionAttrs>, site: AttentionSite): Stmt[] {
  const { extents: e } = site, mask = ctx.inputs[3]
  const start = (name: string, strides: PerAxis<Dim>, head: Dim): Stmt => indexIs(name, add(mul('batch', strides.b), mul(head, strides.h)))
  const along = (axis: number): Dim => (mask == null || mask.shape[axis] === 1 ? 0 : product(mask.shape.slice(axis + 1)))
  return [
    indexIs('batch', ['floordiv', 'z', e.heads]), indexIs('head', ['mod', 'z', e.heads]), indexIs('shared', e.group === 1 ? 'head' : ['floordiv', 'head', e.group]),
    start('q_at', site.q, 'head'), start('k_at', site.k, 'shared'), start('v_at', site.v, 'shared'), start('y_at', site.y, 'head'),
    ...(mask == null ? [] : [indexIs('mask_at', add(mul('batch', along(0)), mul('head', along(1))))]),
    indexIs('scores_at', mul('z', BLOCK, e.keys)),
  ]
}

export const letOf = (name: string, value: Expr, type: RegisterType = 'f32x4'): Stmt => ({ kind: 'let', name, type, value })
export const varOf = (name: string, value: Expr, type: RegisterType = 'f32x4'): Stmt => ({ kind: 'var', name, type, value })
/** A number of all invocations of a workgroup, folded. */
export const foldTo = (name: string, op: 'add' | 'max', value: Expr, buffer: string): Stmt => ({ kind: 'fold', name, op, value, buffer })
export const loopOver = (variable: string, lo: Dim, hi: Dim, body: readonly Stmt[], step = 1): Stmt => ({ kind: 'for', variable, lo, hi, step, body })

/** A vector register. */
export const vector = (name: string): Expr => local(name, 'f32x4')
/** Four elements side by side. */
export const vectorAt = (buffer: string, index: Dim): Expr => ({ kind: 'load', buffer, index: [index], lanes: 4 })
export const elementAt = (buffer: string, index: Dim): Expr => load(buffer, [index])
/** A constant in all lanes. */
export const filled = (value: number): Expr => splat(number('f32', value))
/** The greater of two vectors, the first where one is NaN: a NaN among scores shows in their exponentials. */
export const greaterOf = (a: Expr, b: Expr): Expr => selectExpr(binary('lt', a, b), b, a)
/** 1 over a sum of exponentials; 0 where there are none. */
export const inverseOf = (sum: Expr, zero: Expr, one: Expr): Expr => selectExpr(binary('eq', sum, zero), zero, binary('div', one, sum))
/** 1 over a query's sum where peaks begin at the least finite number: without `zeros` infinite for one all of whose scores weigh nothing, 0 for one without keys. */
export function inverseOfSum({ least, extents: { keys } }: AttentionSite, sum: Expr, none: Expr, one: Expr): Expr {
  if (Number.isFinite(least)) return inverseOf(sum, none, one)
  if (typeof keys === 'number' && keys > 0) return binary('div', one, sum)
  const isEmpty = binary('eq', indexValue(keys), constant('i32', 0))
  return selectExpr(none.kind === 'splat' ? splat(isEmpty) : isEmpty, none, binary('div', one, sum))
}
/** Four scalars side by side. */
export const vectorOf = (item: (lane: number) => Expr): Expr => ({ kind: 'vector', items: [item(0), item(1), item(2), item(3)] })
/** The lanes of a vector register. */
export const lanesOf = (name: string): readonly Expr[] => [0, 1, 2, 3].map((lane): Expr => ({ kind: 'lane', x: vector(name), lane }))
export const zero: Expr = constant('f32', 0)

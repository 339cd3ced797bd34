/** Where the tensors of attention keep their batches, heads, rows and elements: attributes, extents and strides. */
import { IngotError } from '../../base/error.js'
import { dimsEqual, product, type Dim } from '../dims.js'
import type { InferContext } from '../op.js'
import { printType, type TensorType } from '../types.js'
import { checkAttribute, checkShape } from './operands.js'

/** Attribute schema: `layouts` has the axes of query, key, value and result, each a permutation of `bhnd`; `zeros`: what a query that sees no key gets, instead of NaN. */
export const ATTENTION_ATTRS = { scale: 'float', masking: 'string', fill: 'float', zeros: 'bool', layouts: 'strings' } as const

export interface AttentionAttrs { readonly scale: number; readonly masking: string; readonly fill: number; readonly zeros: boolean; readonly layouts: readonly string[] }

/** One value for each axis: batch, head, row (of queries, or of keys and values), element of a head. */
export interface PerAxis<T> { readonly b: T; readonly h: T; readonly n: T; readonly d: T }

/** Extents of an attention. `group`: heads of the query that share one of the keys. */
export interface AttentionExtents<D extends Dim> {
  readonly batch: D; readonly heads: number; readonly group: number
  readonly queries: D; readonly keys: D
  /** Elements of a head of queries and keys, and of values. */
  readonly depth: number; readonly width: number
}

/** The axes of `layout` in the order of memory, with what `of` gives for each. */
function perAxis<T>(layout: string, of: (position: number) => T): PerAxis<T> {
  const at = (axis: string): T => of(layout.indexOf(axis))
  return { b: at('b'), h: at('h'), n: at('n'), d: at('d') }
}

/** The extents of a tensor of `shape`. */
export const extentsIn = <D extends Dim>(layout: string, shape: readonly D[]): PerAxis<D> => perAxis(layout, (i) => shape[i] as D)

/** Elements from one point to the next along each axis. */
export const stridesIn = (layout: string, shape: readonly Dim[]): PerAxis<Dim> => perAxis(layout, (i) => product(shape.slice(i + 1)))

/** A shape in `layout`. */
export const shapeIn = <D>(layout: string, extents: PerAxis<D>): readonly D[] => [...layout].map((axis) => extents[axis as keyof PerAxis<D>])

/** The layout of tensor `i`: query, key, value, result. */
export const layoutAt = (attrs: AttentionAttrs, i: number): string => attrs.layouts[i] as string

/** The extents of query, key and value; throws `shape-mismatch` or `bad-attribute` where they do not fit together. */
export function attentionExtents<D extends Dim>(shapes: readonly (readonly D[])[], attrs: AttentionAttrs): AttentionExtents<D> {
  const [q, k, v] = shapes.map((shape, i) => extentsIn(layoutAt(attrs, i), shape)) as [PerAxis<D>, PerAxis<D>, PerAxis<D>]
  const number = (d: D, what: string): number => {
    if (typeof d === 'number') return d
    throw new IngotError('shape-mismatch', `attention needs to know the number of ${what} when it is compiled`, { hint: 'batches and rows may be symbolic, heads and their elements may not' })
  }
  const heads = number(q.h, 'heads'), shared = number(k.h, 'heads of the keys'), depth = number(q.d, 'elements of a head')
  checkShape(shared > 0 && heads % shared === 0 && dimsEqual(k.h, v.h), `${heads} heads of queries do not share ${shared} of keys and ${String(v.h)} of values evenly`)
  checkShape(depth === k.d, `a head of queries has ${depth} elements and one of keys ${String(k.d)}`)
  return { batch: q.b, heads, group: heads / shared, queries: q.n, keys: k.n, depth, width: number(v.d, 'elements of a value') }
}

/** Checks attributes and operands, and gives the result's shape. */
export function inferAttention(q: TensorType, k: TensorType, v: TensorType, mask: TensorType | undefined, attrs: AttentionAttrs, ctx: InferContext): readonly Dim[] {
  checkAttribute(attrs.layouts.length === 4 && attrs.layouts.every((l) => [...l].sort().join('') === 'bdhn'), `layouts must name the axes of query, key, value and result, each a permutation of bhnd, not ${attrs.layouts.join(', ')}`)
  checkAttribute(['none', 'add', 'keep'].includes(attrs.masking) && (attrs.masking === 'none') === (mask === undefined), `masking '${attrs.masking}' ${mask === undefined ? 'without' : 'with'} a mask; it is none, add or keep`)
  for (const t of [q, k, v, ...(mask === undefined ? [] : [mask])]) checkShape(t.shape.length === 4, `attention takes tensors of rank 4, not ${printType(t)}`, 'reshape them: an axis may have one point')
  const e = attentionExtents([q.shape, k.shape, v.shape], attrs)
  const [keys, values] = [k, v].map((t, i) => extentsIn(layoutAt(attrs, i + 1), t.shape)) as [PerAxis<Dim>, PerAxis<Dim>]
  ctx.assume(e.batch, keys.b, 'queries and keys have the same batches')
  ctx.assume(e.batch, values.b, 'queries and values have the same batches')
  ctx.assume(e.keys, values.n, 'there are as many values as keys')
  mask?.shape.forEach((d, i) => {
    const full = [e.batch, e.heads, e.queries, e.keys][i] as Dim
    if (i === 3 || d !== 1) ctx.assume(d, full, 'the mask has one element or one for each of the scores along an axis')
  })
  return shapeIn(layoutAt(attrs, 3), { b: e.batch, h: e.heads, n: e.queries, d: e.width })
}

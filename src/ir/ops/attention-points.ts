/**
 * Attention for single invocations of a GPU: each takes a query of a head and a part of the result's elements, and goes over the
 * keys four at a time, softmax on line, with nothing but registers.
 */
import { add, ceilDiv, floorDiv, min, mod, mul, sub, type Dim } from '../dims.js'
import { binary, constant, indexValue, LANES, local, madd, selectExpr, splat, unary, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexIs, setTo, storeTo } from '../kernel/statements.js'
import { LEAST, elementAt, filled, greaterOf, inverseOfSum, lanesOf, letOf, loopOver, range, varOf, vector, vectorAt, vectorOf, zero, type AttentionSite } from './attention-site.js'
import { number, plus, times } from './expressions.js'

/** Elements of the result in an invocation's registers at most. */
const WIDEST = 64

const f32 = (name: string): Expr => local(name, 'f32')

/** All `heads` heads' queries. `begin` says where the operands of head `z` lie. */
export function attentionPoints(site: AttentionSite, heads: Dim, begin: readonly Stmt[]): Stmt {
  const { q, k, mask, scale, extents: { queries, keys, depth, width } } = site
  const parts = Math.ceil(width / WIDEST), vectors = Math.ceil(Math.ceil(width / parts) / LANES), wide = vectors * LANES
  const key = (lane: number): Dim => min(add('j', lane), sub(keys, 1)), inside = (lane: number): Expr => binary('lt', indexValue(add('j', lane)), indexValue(keys))
  const whole = typeof keys === 'number' && keys % LANES === 0
  const masked = mask === undefined ? vector('plain') : site.masked(vector('plain'), vectorOf((lane) => elementAt('x3', add('mask_at', mul('i', mask.n), key(lane)))))
  const some = letOf('score', whole ? masked : vectorOf((lane) => selectExpr(inside(lane), { kind: 'lane', x: vector('masked'), lane }, number('f32', -Infinity))))
  const accumulators = range(vectors).map((c) => `acc_${c}`)
  return { kind: 'for', variable: 'point', lo: 0, hi: mul(heads, parts, queries), step: 1, parallel: true, body: [
    indexIs('i', mod('point', queries)), indexIs('first', mul(wide, mod(floorDiv('point', queries), parts))), indexIs('z', floorDiv(floorDiv('point', queries), parts)), ...begin,
    indexIs('q_i', add('q_at', mul('i', q.n))),
    varOf('peak', number('f32', LEAST), 'f32'), varOf('totals', filled(0)), ...accumulators.map((name) => varOf(name, filled(0))),
    loopOver('j', 0, mul(LANES, ceilDiv(keys, LANES)), [
      varOf('sum', filled(0)),
      ...range(LANES).map((lane) => indexIs(`k_${lane}`, add('k_at', mul(k.n, key(lane))))),
      loopOver('e', 0, depth, [setTo('sum', madd(splat(elementAt('x0', add('q_i', mul('e', q.d)))), vectorOf((lane) => elementAt('x1', add(`k_${lane}`, mul('e', k.d)))), vector('sum')))]),
      letOf('plain', times(vector('sum'), filled(scale))),
      ...(whole ? [] : [letOf('masked', masked)]), some,
      letOf('top', [f32('peak'), ...lanesOf('score')].reduce(greaterOf), 'f32'),
      letOf('less', splat(unary('exp', binary('sub', f32('peak'), f32('top'))))),
      letOf('weight', unary('exp', binary('sub', vector('score'), splat(f32('top'))))),
      setTo('peak', f32('top')), setTo('totals', madd(vector('totals'), vector('less'), vector('weight'))),
      ...accumulators.map((name) => setTo(name, times(vector(name), vector('less')))),
      ...range(LANES).flatMap((lane) => [indexIs(`v_${lane}`, add('v_at', mul(site.v.n, key(lane)))), letOf(`weight_${lane}`, splat({ kind: 'lane', x: vector('weight'), lane }))]),
      ...accumulators.flatMap((name, c) => range(LANES).map((lane) => setTo(name, madd(vector(`weight_${lane}`), valueAt(site, `v_${lane}`, c, wide, parts), vector(name))))),
    ], LANES),
    letOf('total', lanesOf('totals').reduce(plus), 'f32'),
    letOf('factor', inverseOfSum(site, f32('total'), zero, constant('f32', 1)), 'f32'),
    ...accumulators.flatMap((name, c) => lanesOf(name).map((x, lane) => storeAt(site, LANES * c + lane, x, wide * parts))),
  ] }
}

/** Four elements of a value; those beyond its end repeat the last. */
function valueAt({ v, inVectors, extents: { width } }: AttentionSite, from: string, c: number, wide: number, parts: number): Expr {
  if (inVectors && v.d === 1 && width === wide * parts) return vectorAt('x2', add(from, 'first', LANES * c))
  return vectorOf((lane) => { const at = add('first', LANES * c + lane); return elementAt('x2', add(from, mul(v.d, width === wide * parts ? at : min(at, width - 1)))) })
}

function storeAt({ y, extents: { width } }: AttentionSite, element: number, x: Expr, reach: number): Stmt {
  const at = add('first', element), stored = storeTo('y0', add('y_at', mul('i', y.n), mul(y.d, at)), times(x, f32('factor')))
  return width === reach ? stored : { kind: 'if', condition: binary('lt', indexValue(at), indexValue(width)), then: [stored], else: [] }
}

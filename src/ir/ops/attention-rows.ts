/** Attention for one query after another: for steps of generation, and where there are fewer queries or keys than a block has. */
import { add, floorDiv, mul, type Dim } from '../dims.js'
import { binary, local, madd, splat, unary, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexIs, setTo, storeTo } from '../kernel/statements.js'
import { elementAt, filled, greaterOf, inverseOf, lanesOf, letOf, loopOver, varOf, vector, vectorAt, zero, type AttentionSite } from './attention-site.js'
import { number, plus, times } from './expressions.js'

const f32 = (name: string): Expr => local(name, 'f32')
const LANES = 4
const wholeVectors = (d: Dim): Dim => mul(LANES, floorDiv(d, LANES))

/** All queries of head `z`. */
export function attentionRows(site: AttentionSite): Stmt[] {
  const { queries, keys, width } = site.extents, { q, k, v, y, mask } = site
  const inVectors = site.extents.depth % LANES === 0 && q.d === 1 && k.d === 1, main = inVectors ? wholeVectors(keys) : 0
  const end = wholeVectors(add(keys, LANES - 1))
  const scoreAt = (j: Dim): Dim => add('scores_at', j)
  return [loopOver('i', 0, queries, [
    indexIs('q_i', add('q_at', mul('i', q.n))),
    ...(mask === undefined ? [] : [indexIs('mask_i', add('mask_at', mul('i', mask.n)))]),
    varOf('top', filled(site.least)),
    ...(inVectors ? [loopOver('j', 0, main, fourScores(site), LANES)] : []),
    loopOver('j', main, keys, oneScore(site)),
    // What fills the last vector weighs nothing.
    loopOver('j', keys, end, [storeTo('scores', scoreAt('j'), number('f32', -Infinity))]),
    letOf('greatest', lanesOf('top').reduce((a, b) => binary('max', a, b)), 'f32'),
    varOf('sums', filled(0)),
    loopOver('j', 0, end, [
      letOf('weights', unary('exp', binary('sub', vectorAt('scores', scoreAt('j')), splat(f32('greatest'))))),
      storeTo('scores', scoreAt('j'), vector('weights')),
      setTo('sums', plus(vector('sums'), vector('weights'))),
    ], LANES),
    letOf('total', lanesOf('sums').reduce(plus), 'f32'),
    letOf('factor', inverseOf(f32('total'), zero, number('f32', 1)), 'f32'),
    { kind: 'for', variable: 'c', lo: 0, hi: width, step: 1, parallel: true, body: [
      varOf('sum', zero, 'f32'),
      loopOver('j', 0, keys, [setTo('sum', plus(f32('sum'), times(elementAt('scores', scoreAt('j')), elementAt('x2', add('v_at', mul('j', v.n), mul('c', v.d))))))]),
      storeTo('y0', add('y_at', mul('i', y.n), mul('c', y.d)), times(f32('sum'), f32('factor'))),
    ] },
  ])]
}

/** Scores of four keys, each summed along lanes. */
function fourScores(site: AttentionSite): Stmt[] {
  const { k, scale, extents: { depth } } = site
  const total = (t: number): Expr => lanesOf(`sum_${t}`).reduce(plus)
  const scaled = times({ kind: 'vector', items: [total(0), total(1), total(2), total(3)] }, filled(scale))
  return [
    ...[0, 1, 2, 3].map((t) => varOf(`sum_${t}`, filled(0))),
    indexIs('k_j', add('k_at', mul('j', k.n))),
    loopOver('e', 0, depth, [
      letOf('query', vectorAt('x0', add('q_i', 'e'))),
      ...[0, 1, 2, 3].map((t) => setTo(`sum_${t}`, madd(vector('query'), vectorAt('x1', add('k_j', mul(t, k.n), 'e')), vector(`sum_${t}`)))),
    ], LANES),
    letOf('plain', scaled),
    letOf('score', site.mask === undefined ? vector('plain') : site.masked(vector('plain'), vectorAt('x3', add('mask_i', 'j')))),
    storeTo('scores', add('scores_at', 'j'), vector('score')),
    setTo('top', greaterOf(vector('top'), vector('score'))),
  ]
}

/** The score of key `j`. */
function oneScore(site: AttentionSite): Stmt[] {
  const { q, k, scale, extents: { depth } } = site
  return [
    varOf('sum', zero, 'f32'),
    indexIs('k_j', add('k_at', mul('j', k.n))),
    loopOver('e', 0, depth, [setTo('sum', plus(f32('sum'), times(elementAt('x0', add('q_i', mul('e', q.d))), elementAt('x1', add('k_j', mul('e', k.d))))))]),
    letOf('plain', times(f32('sum'), number('f32', scale)), 'f32'),
    letOf('score', site.mask === undefined ? f32('plain') : site.masked(f32('plain'), elementAt('x3', add('mask_i', 'j'))), 'f32'),
    storeTo('scores', add('scores_at', 'j'), f32('score')),
    setTo('top', greaterOf(vector('top'), splat(f32('score')))),
  ]
}

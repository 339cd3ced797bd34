/** Attention element by element, for dtypes that have no vectors. */
import { add, mul } from '../dims.js'
import { binary, local, unary, type Expr, type ScalarType } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexIs, setTo, storeTo } from '../kernel/statements.js'
import { elementAt, inverseOf, letOf, loopOver, varOf, type AttentionSite } from './attention-site.js'
import { minus, number, plus, times } from './expressions.js'

/** All queries of head `z`, in registers of `type`. */
export function attentionScalars(site: AttentionSite, type: ScalarType): Stmt[] {
  const { q, k, v, y, mask, extents: { queries, keys, depth, width } } = site
  const own = (name: string): Expr => local(name, type), constant = (x: number): Expr => number(type, x)
  const scored = add('scores_at', 'j'), key = add('k_at', mul('j', k.n), mul('e', k.d)), value = add('v_at', mul('j', v.n), mul('c', v.d))
  const plain = times(own('sum'), constant(site.scale))
  return [loopOver('i', 0, queries, [
    indexIs('q_i', add('q_at', mul('i', q.n))),
    varOf('top', constant(site.least), type),
    loopOver('j', 0, keys, [
      varOf('sum', constant(0), type),
      loopOver('e', 0, depth, [setTo('sum', plus(own('sum'), times(elementAt('x0', add('q_i', mul('e', q.d))), elementAt('x1', key))))]),
      letOf('score', mask === undefined ? plain : site.masked(plain, elementAt('x3', add('mask_at', mul('i', mask.n), 'j'))), type),
      storeTo('scores', scored, own('score')),
      setTo('top', binary('max', own('top'), own('score'))),
    ]),
    varOf('total', constant(0), type),
    loopOver('j', 0, keys, [
      letOf('weight', unary('exp', minus(elementAt('scores', scored), own('top'))), type),
      storeTo('scores', scored, own('weight')),
      setTo('total', plus(own('total'), own('weight'))),
    ]),
    letOf('factor', inverseOf(own('total'), constant(0), constant(1)), type),
    loopOver('c', 0, width, [
      varOf('sum', constant(0), type),
      loopOver('j', 0, keys, [setTo('sum', plus(own('sum'), times(elementAt('scores', scored), elementAt('x2', value))))]),
      storeTo('y0', add('y_at', mul('i', y.n), mul('c', y.d)), times(own('sum'), own('factor'))),
    ]),
  ])]
}

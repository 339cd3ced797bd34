/**
 * Attention of few queries for workgroups, as in a step of generation: each takes one query of a head and goes over the keys as many at
 * a time as it has invocations. Some of these side by side share the elements of a key, and then of a value, so that what they
 * read at once lies together in memory.
 *
 *   for keys j0, j0+T, …:  parts[lane][j] = Σ q[e]·K[j, e] over the lane's e · barrier · scores[j] = Σ_lane parts[lane][j], masked · barrier
 *                          each team, over keys of its own:  peak' = max(peak, scores) · w = exp(scores - peak') · acc = acc·exp(peak - peak') + w·V
 *   at the end:            the teams' totals and results, scaled to the greatest of their peaks, are added up in shared memory
 */
import { add, ceilDiv, floorDiv, min, mod, mul, sub, type Dim } from '../dims.js'
import { binary, constant, indexValue, isBelow, LANES, local, madd, selectExpr, splat, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import type { SharedBuffer, Stmt } from '../kernel/kernel.js'
import { BARRIER, indexIs, setTo, storeTo } from '../kernel/statements.js'
import { LEAST, elementAt, filled, foldTo, greaterOf, inverseOfSum, lanesOf, letOf, loopOver, range, varOf, vectorAt, vectorOf, zero, type AttentionSite } from './attention-site.js'
import { number, plus, times } from './expressions.js'

/** Invocations of a workgroup, by how many keys there are; those that share a key; teams, what each has is added up one after the other; keys whose values a team reads at once. */
const FEWEST = 64, MOST = 256, MOST_LANES = 8, MOST_TEAMS = 32, AT_ONCE = 4
/** Between rows of scores' parts in shared memory: neighbours lie in other banks. */
const PAD = 4

/** How a workgroup is spread over keys and values. `…Unit`: elements that an invocation reads at once. */
interface Spread {
  readonly threads: number
  /** Invocations that share a key, and how often they read of one. */
  readonly lanes: number; readonly keyUnit: 1 | 4; readonly steps: number
  /** Teams of invocations, of which `columns` have elements of the result; `parts` of a result have workgroups of their own. */
  readonly teams: number; readonly side: number; readonly columns: number; readonly valueUnit: 1 | 4; readonly parts: number
}

const powerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)))

function spreadOf({ k, v, inVectors, extents: { keys, depth, width } }: AttentionSite): Spread {
  const threads = typeof keys === 'number' ? Math.min(MOST, Math.max(FEWEST, powerOfTwo(keys))) : MOST
  const unitOf = (stride: Dim, extent: number): 1 | 4 => (inVectors && stride === 1 && extent % LANES === 0 ? LANES : 1)
  const keyUnit = unitOf(k.d, depth), lanes = k.d === 1 ? Math.min(MOST_LANES, powerOfTwo(depth / keyUnit)) : 1
  const valueUnit = unitOf(v.d, width), units = width / valueUnit, parts = Math.ceil(units / threads), columns = Math.ceil(units / parts), side = powerOfTwo(columns)
  return { threads, lanes, keyUnit, steps: Math.ceil(depth / keyUnit / lanes), teams: Math.min(MOST_TEAMS, threads / side), side, columns, valueUnit, parts }
}

/** Shared memory of a workgroup. */
export function fewBuffers(site: AttentionSite): readonly SharedBuffer[] {
  const { threads, lanes, teams, columns, valueUnit } = spreadOf(site), shared = (name: string, length: number): SharedBuffer => ({ name, dtype: 'float32', length })
  return [shared('parts', Math.max(lanes * (threads + PAD), teams * columns * valueUnit)), shared('scores', threads), shared('peaks', threads), shared('totals', threads)]
}

/** Workgroups of all `heads` heads' queries. `begin` says where the operands of head `z` lie. */
export function attentionFew(site: AttentionSite, heads: Dim, begin: readonly Stmt[]): Stmt {
  const { q, mask, extents: { queries, keys } } = site, spread = spreadOf(site), { threads, lanes, side, columns, valueUnit, parts } = spread
  return { kind: 'for', variable: 'block', lo: 0, hi: mul(heads, parts, queries), step: 1, parallel: true, body: [
    indexIs('z', floorDiv('block', mul(parts, queries))), ...begin, indexIs('i', mod('block', queries)), indexIs('first', mul(valueUnit * columns, mod(floorDiv('block', queries), parts))),
    indexIs('q_i', add('q_at', mul('i', q.n))), ...(mask === undefined ? [] : [indexIs('mask_i', add('mask_at', mul('i', mask.n)))]),
    { kind: 'for', variable: 't', lo: 0, hi: threads, step: 1, local: true, body: [
      indexIs('lane', mod('t', lanes)), indexIs('row', floorDiv('t', lanes)), indexIs('column', mod('t', side)), indexIs('team', floorDiv('t', side)), indexIs('from', add('first', mul(valueUnit, 'column'))),
      varOf('peak', number('f32', LEAST), 'f32'), varOf('total', zero, 'f32'), varOf('acc', none(valueUnit), typeOf(valueUnit)),
      loopOver('j', 0, mul(threads, ceilDiv(keys, threads)), [...products(site, spread), ...scores(site, spread), ...weigh(site, spread)], threads),
      ...results(site, spread),
    ] },
  ] }
}

const f32 = (name: string): Expr => local(name, 'f32')
const typeOf = (unit: 1 | 4): RegisterType => (unit === 1 ? 'f32' : 'f32x4')
const none = (unit: 1 | 4): Expr => (unit === 1 ? zero : filled(0))
/** A scalar for each element that is read at once. */
const spreadOver = (unit: 1 | 4, x: Expr): Expr => (unit === 1 ? x : splat(x))
const isWhole = (extent: Dim, of: number): boolean => typeof extent === 'number' && extent % of === 0
const keyAt = (at: Dim, keys: Dim, of: number): Dim => (isWhole(keys, of) ? at : min(at, sub(keys, 1)))
/** Elements of an operand that lie `stride` apart. */
const elements = (unit: 1 | 4, buffer: string, from: Dim, stride: Dim): Expr => (unit === 1 ? elementAt(buffer, from) : stride === 1 ? vectorAt(buffer, from) : vectorOf((lane) => elementAt(buffer, add(from, mul(lane, stride)))))

/** Each invocation's part of the scores of as many keys as share one. */
function products({ q, k, extents: { keys, depth } }: AttentionSite, { threads, lanes, keyUnit, steps }: Spread): Stmt[] {
  const own = range(lanes), rows = threads / lanes, type = typeOf(keyUnit), reach = keyUnit * lanes, isFull = depth === steps * reach, at: Dim = isFull ? 'e' : min('e', depth - keyUnit)
  return [
    ...own.flatMap((s) => [indexIs(`k_${s}`, add('k_at', mul(k.n, keyAt(add('j', 'row', s * rows), keys, threads)))), varOf(`sum_${s}`, none(keyUnit), type)]),
    loopOver('e0', 0, steps * reach, [
      indexIs('e', add('e0', mul(keyUnit, 'lane'))),
      letOf('query', elements(keyUnit, 'x0', add('q_i', mul(q.d, at)), q.d), type),
      ...own.map((s) => letOf(`key_${s}`, elements(keyUnit, 'x1', add(`k_${s}`, mul(k.d, at)), k.d), type)),
      ...own.map((s) => {
        const sum = local(`sum_${s}`, type), next = madd(local('query', type), local(`key_${s}`, type), sum)
        return setTo(`sum_${s}`, isFull ? next : selectExpr(spreadOver(keyUnit, isBelow('e', depth)), next, sum))
      }),
    ], reach),
    ...own.map((s) => storeTo('parts', add(mul(threads + PAD, 'lane'), 'row', s * rows), keyUnit === 1 ? f32(`sum_${s}`) : lanesOf(`sum_${s}`).reduce(plus))),
    BARRIER,
  ]
}

/** The score of each invocation's key; those beyond the last weigh nothing. */
function scores({ mask, masked, scale, extents: { keys } }: AttentionSite, { threads, lanes }: Spread): Stmt[] {
  const whole = range(lanes).map((l) => elementAt('parts', add(l * (threads + PAD), 't'))).reduce(plus), score = mask === undefined ? f32('plain') : masked(f32('plain'), elementAt('x3', add('mask_i', keyAt(add('j', 't'), keys, threads))))
  return [
    letOf('plain', times(whole, number('f32', scale)), 'f32'),
    storeTo('scores', 't', isWhole(keys, threads) ? score : selectExpr(isBelow(add('j', 't'), keys), score, number('f32', -Infinity))),
    BARRIER,
  ]
}

/** The invocations that have a team's part of the result. */
function working({ extents: { width } }: AttentionSite, { teams, side, columns, threads, valueUnit, parts }: Spread, body: readonly Stmt[]): readonly Stmt[] {
  const conditions = [...(teams * side < threads ? [isBelow('team', teams)] : []), ...(columns < side ? [isBelow('column', columns)] : []), ...(parts * columns * valueUnit > width ? [isBelow('from', width)] : [])]
  return conditions.length === 0 ? body : [{ kind: 'if', condition: conditions.reduce((a, b) => binary('and', a, b)), then: body, else: [] }]
}

/** Values times weights, on line: every invocation of a team has the weights of all of its keys. */
function weigh(site: AttentionSite, spread: Spread): readonly Stmt[] {
  const { v, extents: { keys } } = site, { teams, threads, valueUnit } = spread, type = typeOf(valueUnit), acc = local('acc', type), together = range(Math.min(AT_ONCE, threads / teams)), reach = teams * together.length
  const key = (u: number): Dim => add('n', 'team', u * teams), end: Dim = isWhole(keys, threads) ? threads : mul(reach, ceilDiv(min(threads, sub(keys, 'j')), reach))
  const value = (u: number): Expr => elements(valueUnit, 'x2', add('v_at', mul(v.n, keyAt(add('j', key(u)), keys, threads)), mul(v.d, 'from')), v.d)
  return working(site, spread, [
    varOf('top', f32('peak'), 'f32'),
    loopOver('n', 0, end, together.map((u) => setTo('top', greaterOf(f32('top'), elementAt('scores', key(u))))), reach),
    letOf('less', unary('exp', binary('sub', f32('peak'), f32('top'))), 'f32'),
    setTo('peak', f32('top')), setTo('total', times(f32('total'), f32('less'))), setTo('acc', times(acc, spreadOver(valueUnit, f32('less')))),
    loopOver('n', 0, end, [
      ...together.flatMap((u) => [letOf(`value_${u}`, value(u), type), letOf(`weight_${u}`, unary('exp', binary('sub', elementAt('scores', key(u)), f32('top'))), 'f32')]),
      ...together.flatMap((u) => [setTo('total', plus(f32('total'), f32(`weight_${u}`))), setTo('acc', madd(spreadOver(valueUnit, f32(`weight_${u}`)), local(`value_${u}`, type), acc))]),
    ], reach),
  ])
}

/** What the teams have, brought to the greatest of their peaks and added up by the first of them. */
function results(site: AttentionSite, spread: Spread): Stmt[] {
  const { y } = site, { teams, side, columns, threads, valueUnit } = spread, type = typeOf(valueUnit), acc = local('acc', type), sum = local('sum', type), pitch = columns * valueUnit
  const scaled = times(sum, spreadOver(valueUnit, f32('factor'))), at = add('y_at', mul('i', y.n)), isZero = (name: string): Expr => binary('eq', indexValue(name), constant('i32', 0))
  const store = valueUnit === 1 || y.d === 1 ? [storeTo('y0', add(at, mul(y.d, 'from')), scaled)] : [letOf('result', scaled), ...lanesOf('result').map((x, lane) => storeTo('y0', add(at, mul(y.d, add('from', lane))), x))]
  // All of a team have its total.
  const counts = teams * side < threads ? binary('and', isZero('column'), isBelow('team', teams)) : isZero('column')
  return [
    foldTo('greatest', 'max', f32('peak'), 'peaks'),
    letOf('less', unary('exp', binary('sub', f32('peak'), f32('greatest'))), 'f32'),
    ...working(site, spread, [storeTo('parts', add(mul(pitch, 'team'), mul(valueUnit, 'column')), times(acc, spreadOver(valueUnit, f32('less'))))]),
    foldTo('whole', 'add', selectExpr(counts, times(f32('total'), f32('less')), zero), 'totals'),
    { kind: 'if', condition: isZero('team'), then: working(site, spread, [
      varOf('sum', none(valueUnit), type),
      loopOver('k', 0, teams, [setTo('sum', plus(sum, elements(valueUnit, 'parts', add(mul(pitch, 'k'), mul(valueUnit, 'column')), 1)))]),
      letOf('factor', inverseOfSum(site, f32('whole'), zero, constant('f32', 1)), 'f32'),
      ...store,
    ]), else: [] },
  ]
}

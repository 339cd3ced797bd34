/**
 * Attention for workgroups: each takes 32 queries of a head, goes over the keys 32 at a time and never has more scores than
 * those. What was weighed by a smaller peak is scaled down when a greater one comes (softmax on line).
 *
 *   for keys j0, j0+32, …:  s = Q·Kᵀ, masked · peak' = max(peak, s) · w = exp(s - peak') · total = total·exp(peak - peak') + Σ w
 *                           acc = acc·exp(peak - peak') + w·V       at the end: Y = acc / total
 *
 * Of its 64 invocations, in 8 rows and 8 columns, each has the scores of 4 queries and 4 keys, and of those queries every eighth
 * vector of the result. Queries and keys beyond the last repeat it; such keys weigh nothing and such queries are not stored.
 */
import { add, ceilDiv, floorDiv, min, mod, mul, sub, type Dim } from '../dims.js'
import { binary, constant, isBelow, LANES, selectExpr, splat, unary, type Expr } from '../kernel/expr.js'
import type { SharedBuffer, Stmt } from '../kernel/kernel.js'
import { BARRIER, indexIs, setTo, storeTo } from '../kernel/statements.js'
import { LEAST, elementAt, filled, greaterOf, inverseOfSum, letOf, loopOver, range, varOf, vector, vectorAt, vectorOf, type AttentionSite } from './attention-site.js'

/** Queries and keys of a tile, invocations along a side, elements of a head that shared memory holds of both at once. */
const TILE = 32, SIDE = 8, CHUNK = 16
/** From one row of a block in shared memory to the next: neighbours lie in other banks. */
const PITCH = TILE + LANES
/** Elements of values in shared memory, and of a value for which results stay in registers. */
const VALUES = 1024, WIDEST = 128

/** Equal parts of a value's elements, each with workgroups of its own, and how many elements of one there is room for. */
function partsOf(width: number): { readonly parts: number; readonly wide: number } {
  const parts = Math.ceil(width / WIDEST)
  return { parts, wide: Math.ceil(width / parts / TILE) * TILE }
}
/** Rows of values in shared memory at once: a power of two. */
const rowsOfValues = (wide: number): number => Math.min(TILE, 2 ** Math.floor(Math.log2(VALUES / wide)))

/** Shared memory of a workgroup. */
export function groupBuffers({ extents: { width } }: AttentionSite): readonly SharedBuffer[] {
  const { wide } = partsOf(width), shared = (name: string, length: number): SharedBuffer => ({ name, dtype: 'float32', length })
  return [shared('queries', CHUNK * PITCH), shared('keys', CHUNK * PITCH), shared('peaks', SIDE * TILE), shared('weights', TILE * PITCH), shared('values', rowsOfValues(wide) * wide)]
}

/** Workgroups of all `heads` heads. `begin` says where the operands of head `z` lie. */
export function attentionGroups(site: AttentionSite, heads: Dim, begin: readonly Stmt[]): Stmt {
  const { queries, keys, width } = site.extents, blocks = ceilDiv(queries, TILE), { wide, parts } = partsOf(width), vectors = wide / TILE
  return { kind: 'for', variable: 'block', lo: 0, hi: mul(heads, parts, blocks), step: 1, parallel: true, body: [
    indexIs('z', floorDiv('block', mul(parts, blocks))), ...begin, indexIs('i', mul(TILE, mod('block', blocks))), indexIs('first', mul(wide, mod(floorDiv('block', blocks), parts))),
    { kind: 'for', variable: 't', lo: 0, hi: SIDE * SIDE, step: 1, local: true, body: [
      indexIs('row', floorDiv('t', SIDE)), indexIs('column', mod('t', SIDE)),
      varOf('peak', filled(LEAST)), varOf('total', filled(0)),
      ...range(LANES).flatMap((r) => range(vectors).map((c) => varOf(accOf(r, c), filled(0)))),
      loopOver('j', 0, mul(TILE, ceilDiv(keys, TILE)), [...scores(site), ...softmax(), ...products(site)], TILE),
      ...results(site),
    ] },
  ] }
}

const accOf = (r: number, c: number): string => `acc_${r}_${c}`
const laneOf = (name: string, lane: number): Expr => ({ kind: 'lane', x: vector(name), lane })
const isMultiple = (extent: Dim, of: number): boolean => typeof extent === 'number' && extent % of === 0
const last = (at: Dim, extent: Dim, of: number): Dim => (isMultiple(extent, of) ? at : min(at, sub(extent, 1)))

/** Brings 16 elements of 32 rows of an operand, an element of four rows in a vector. */
function bring(name: string, depth: number, element: (row: Dim, e: Dim) => Expr): Stmt[] {
  return range((CHUNK * TILE) / LANES / (SIDE * SIDE)).flatMap((k): Stmt[] => {
    const number = add('t', k * SIDE * SIDE), e = `${name}_e${k}`, first = `${name}_r${k}`, inside = isMultiple(depth, CHUNK)
    const items = vectorOf((lane) => element(add(first, lane), inside ? e : min(e, depth - 1)))
    return [
      indexIs(e, add('e0', mod(number, CHUNK))), indexIs(first, mul(LANES, floorDiv(number, CHUNK))),
      storeTo(name, add(mul(PITCH, mod(number, CHUNK)), first), inside ? items : selectExpr(splat(isBelow(e, depth)), items, filled(0))),
    ]
  })
}

/** Scores of four queries under four keys: `score_c` has the queries in its lanes. */
function scores(site: AttentionSite): Stmt[] {
  const { q, k, mask, scale, extents: { queries, keys, depth } } = site
  const masked = (c: number): Expr => {
    if (mask === undefined) return vector(`sum_${c}`)
    const key = add('mask_at', last(add('j', mul(LANES, 'column'), c), keys, TILE))
    return site.masked(vector(`sum_${c}`), mask.n === 0 ? splat(elementAt('x3', key)) : vectorOf((r) => elementAt('x3', add(key, mul(mask.n, last(add('i', mul(LANES, 'row'), r), queries, TILE))))))
  }
  const nothing: Expr = splat(constant('f32', '-inf'))
  return [
    ...range(LANES).map((c) => varOf(`sum_${c}`, filled(0))),
    loopOver('e0', 0, Math.ceil(depth / CHUNK) * CHUNK, [
      ...bring('queries', depth, (row, e) => binary('mul', elementAt('x0', add('q_at', mul(q.n, last(add('i', row), queries, TILE)), mul(q.d, e))), constant('f32', scale))),
      ...bring('keys', depth, (row, e) => elementAt('x1', add('k_at', mul(k.n, last(add('j', row), keys, TILE)), mul(k.d, e)))),
      BARRIER,
      loopOver('e', 0, CHUNK, [
        letOf('query', vectorAt('queries', add(mul(PITCH, 'e'), mul(LANES, 'row')))), letOf('key', vectorAt('keys', add(mul(PITCH, 'e'), mul(LANES, 'column')))),
        ...range(LANES).map((c) => setTo(`sum_${c}`, { kind: 'madd', a: vector('query'), b: splat(laneOf('key', c)), c: vector(`sum_${c}`) })),
      ]),
      BARRIER,
    ], CHUNK),
    ...range(LANES).map((c) => letOf(`score_${c}`, isMultiple(keys, TILE) ? masked(c) : selectExpr(splat(isBelow(add('j', mul(LANES, 'column'), c), keys)), masked(c), nothing))),
  ]
}

/** The tile's weights to shared memory; `less` is what those of tiles before now count. */
function softmax(): Stmt[] {
  const peakAt = (column: Dim): Dim => add(mul(TILE, 'row'), mul(LANES, column)), top = vector(`top_${SIDE}`)
  const greater = (name: string, a: Expr, b: Expr): Stmt => letOf(name, greaterOf(a, b))
  return [
    greater('peak_1', vector('score_0'), vector('score_1')), greater('peak_2', vector('peak_1'), vector('score_2')), greater('peak_3', vector('peak_2'), vector('score_3')),
    storeTo('peaks', peakAt('column'), vector('peak_3')), BARRIER,
    letOf('top_0', vector('peak')),
    ...range(SIDE).map((c) => greater(`top_${c + 1}`, vector(`top_${c}`), vectorAt('peaks', peakAt(c)))),
    letOf('less', unary('exp', binary('sub', vector('peak'), top))),
    setTo('peak', top),
    setTo('total', binary('mul', vector('total'), vector('less'))),
    ...range(LANES).flatMap((c) => [
      letOf(`weight_${c}`, unary('exp', binary('sub', vector(`score_${c}`), top))),
      storeTo('weights', add(mul(PITCH, add(mul(LANES, 'column'), c)), mul(LANES, 'row')), vector(`weight_${c}`)),
      setTo('total', binary('add', vector('total'), vector(`weight_${c}`))),
    ]),
  ]
}

/** Weights times values, a few rows of values at a time. */
function products({ v, inVectors, extents: { keys, width } }: AttentionSite): Stmt[] {
  const { wide, parts } = partsOf(width), vectors = wide / TILE, isFull = width === wide * parts, rows = rowsOfValues(wide), count = (rows * wide) / LANES, threads = SIDE * SIDE, each = range(LANES)
  const bringValues = range(Math.ceil(count / threads)).flatMap((k): Stmt[] => {
    const number = add('t', k * threads), row = `v_r${k}`, column = `v_c${k}`, from = add('v_at', mul(v.n, last(add('j', 'v0', row), keys, TILE))), at = add('first', column)
    const four = inVectors && v.d === 1 && isFull ? vectorAt('x2', add(from, at)) : vectorOf((lane) => elementAt('x2', add(from, mul(v.d, isFull ? add(at, lane) : min(add(at, lane), width - 1)))))
    const body: Stmt[] = [
      indexIs(row, floorDiv(number, wide / LANES)), indexIs(column, mul(LANES, mod(number, wide / LANES))),
      storeTo('values', add(mul(wide, row), column), four),
    ]
    return (k + 1) * threads <= count ? body : [{ kind: 'if', condition: isBelow(number, count), then: body, else: [] }]
  })
  return [
    ...each.flatMap((r) => range(vectors).map((c) => setTo(accOf(r, c), binary('mul', vector(accOf(r, c)), splat(laneOf('less', r)))))),
    loopOver('v0', 0, TILE, [
      ...bringValues, BARRIER,
      loopOver('jj', 0, rows, [
        letOf('weight', vectorAt('weights', add(mul(PITCH, add('v0', 'jj')), mul(LANES, 'row')))),
        ...range(vectors).map((c) => letOf(`value_${c}`, vectorAt('values', add(mul(wide, 'jj'), mul(LANES, add('column', SIDE * c)))))),
        ...each.flatMap((r) => range(vectors).map((c) => setTo(accOf(r, c), { kind: 'madd', a: splat(laneOf('weight', r)), b: vector(`value_${c}`), c: vector(accOf(r, c)) }))),
      ]),
      BARRIER,
    ], rows),
  ]
}

/** Sums over totals, and results to where they belong. */
function results(site: AttentionSite): Stmt[] {
  const { y, extents: { queries, width } } = site, { wide, parts } = partsOf(width), vectors = wide / TILE, whole = vector(`whole_${SIDE - 1}`)
  const totalAt = (column: Dim): Dim => add(mul(TILE, 'row'), mul(LANES, column))
  const store = (r: number, c: number, lane: number): Stmt[] => {
    const column = add('first', mul(LANES, add('column', SIDE * c)), lane), value = binary('mul', laneOf(accOf(r, c), lane), laneOf('factor', r))
    const stored = storeTo('y0', add('y_at', mul(y.n, `own_${r}`), mul(y.d, column)), value)
    return width === wide * parts ? [stored] : [{ kind: 'if', condition: isBelow(column, width), then: [stored], else: [] }]
  }
  return [
    storeTo('peaks', totalAt('column'), vector('total')), BARRIER,
    letOf('whole_0', vectorAt('peaks', totalAt(0))),
    ...range(SIDE - 1).map((c) => letOf(`whole_${c + 1}`, binary('add', vector(`whole_${c}`), vectorAt('peaks', totalAt(c + 1))))),
    letOf('factor', inverseOfSum(site, whole, filled(0), filled(1))),
    ...range(LANES).flatMap((r): Stmt[] => {
      const body = range(vectors).flatMap((c) => range(LANES).flatMap((lane) => store(r, c, lane))), own = indexIs(`own_${r}`, add('i', mul(LANES, 'row'), r))
      return [own, ...(isMultiple(queries, TILE) ? body : [{ kind: 'if', condition: isBelow(`own_${r}`, queries), then: body, else: [] } satisfies Stmt])]
    }),
  ]
}

/**
 * Attention for blocks of eight queries, which lie in the lanes of two vectors: a block of queries is laid side by side once,
 * an element of keys and values serves all eight, and no row needs sums across lanes.
 *
 *   scores[j] = Σ_e block[e]·K[j, e]   peaks = max_j   weights[j] = exp(scores[j] - peaks)   Y[:, c] = Σ_j weights[j]·V[j, c] / Σ_j weights[j]
 *
 * The last block, and the last tile of keys and of a head's elements, start earlier where they would not be full: what is
 * computed twice is the same both times.
 */
import { add, ceilDiv, min, mul, sub, type Dim } from '../dims.js'
import { binary, madd, splat, unary, type Expr } from '../kernel/expr.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexIs, setTo, storeTo } from '../kernel/statements.js'
import { keysArePacked, packKeys, packValues, panelsOf } from './attention-packing.js'
import { BLOCK, elementAt, filled, greaterOf, inverseOf, lanesOf, letOf, loopOver, range, varOf, vector, vectorAt, type AttentionSite } from './attention-site.js'

/** The two vectors of a block. */
const HALVES = [0, 1] as const
/** What a block of lanes starts at within an element's scratch. */
const half = (at: Dim, c: number): Dim => add(at, 4 * c)

/** All queries of head `z`, of which there are at least eight, over at least a tile of keys. */
export function attentionBlocks(site: AttentionSite): Stmt[] {
  const { queries, keys, depth } = site.extents
  return [
    ...packKeys(site), ...packValues(site),
    indexIs('block_at', mul('z', BLOCK, depth)), indexIs('peaks_at', mul('z', BLOCK)),
    loopOver('ib', 0, ceilDiv(queries, BLOCK), [
      indexIs('i', min(mul(BLOCK, 'ib'), sub(queries, BLOCK))),
      ...layQueries(site),
      ...HALVES.map((c) => storeTo('peaks', half('peaks_at', c), filled(site.least))),
      ...(site.mask === undefined || site.mask.n === 0 ? [] : range(BLOCK).map((r) => indexIs(`mask_${r}`, add('mask_at', mul(add('i', r), site.mask?.n ?? 0))))),
      loopOver('jb', 0, ceilDiv(keys, site.tile), [indexIs('j', min(mul(site.tile, 'jb'), sub(keys, site.tile))), ...scoreTile(site)]),
      ...weights(keys),
      ...columns(site),
    ]),
  ]
}

/** The block's queries side by side, scaled. */
function layQueries({ q, scale, extents }: AttentionSite): Stmt[] {
  const lane = (r: number): Expr => elementAt('x0', add('q_i', mul(r, q.n), mul('e', q.d)))
  const side = (c: number): Expr => ({ kind: 'vector', items: [lane(4 * c), lane(4 * c + 1), lane(4 * c + 2), lane(4 * c + 3)] })
  return [
    indexIs('q_i', add('q_at', mul('i', q.n))),
    loopOver('e', 0, extents.depth, HALVES.map((c) => storeTo('block', half(add('block_at', mul(BLOCK, 'e')), c), binary('mul', side(c), filled(scale))))),
  ]
}

/** Sums of products in registers: `name` t_c for each point t of a tile and half c of the block. */
const sums = (tile: number): Stmt[] => range(tile).flatMap((t) => HALVES.map((c) => varOf(`sum_${t}_${c}`, filled(0))))
const sumName = (t: number, c: number): string => `sum_${t}_${c}`

/** One step of the sums: two vectors of the block's scratch times an element for each point of the tile. */
function step(tile: number, scratch: string, at: Dim, buffer: string, elementOf: (t: number) => Dim): Stmt[] {
  return [
    ...HALVES.map((c) => letOf(`lanes_${c}`, vectorAt(scratch, half(at, c)))),
    ...range(tile).flatMap((t) => [
      letOf(`one_${t}`, splat(elementAt(buffer, elementOf(t)))),
      ...HALVES.map((c) => setTo(sumName(t, c), madd(vector(`one_${t}`), vector(`lanes_${c}`), vector(sumName(t, c))))),
    ]),
  ]
}

/** Scores of a tile of keys, and the greatest so far. */
function scoreTile(site: AttentionSite): Stmt[] {
  const { tile, extents, mask } = site, inPlace = keysArePacked(site), { depth } = extents
  const masked = (t: number, c: number): Expr => {
    if (mask === undefined) return vector(sumName(t, c))
    const lane = (r: number): Expr => elementAt('x3', add(`mask_${r}`, 'j', t))
    return site.masked(vector(sumName(t, c)), mask.n === 0 ? splat(elementAt('x3', add('mask_at', 'j', t))) : { kind: 'vector', items: [lane(4 * c), lane(4 * c + 1), lane(4 * c + 2), lane(4 * c + 3)] })
  }
  return [
    ...sums(tile),
    indexIs('k_j', add(inPlace ? 'k_at' : 'keys_at', mul('j', depth))),
    loopOver('e', 0, depth, step(tile, 'block', add('block_at', mul(BLOCK, 'e')), inPlace ? 'x1' : 'keys', (t) => add('k_j', t * depth, 'e'))),
    indexIs('scores_j', add('scores_at', mul(BLOCK, 'j'))),
    ...HALVES.flatMap((c) => [
      ...range(tile).flatMap((t) => [letOf(`score_${t}_${c}`, masked(t, c)), storeTo('scores', half(add('scores_j', BLOCK * t), c), vector(`score_${t}_${c}`))]),
      letOf(`peak_${c}`, vectorAt('peaks', half('peaks_at', c))),
      ...range(tile).map((t) => letOf(`peak_${c}_${t}`, greaterOf(vector(t === 0 ? `peak_${c}` : `peak_${c}_${t - 1}`), vector(`score_${t}_${c}`)))),
      storeTo('peaks', half('peaks_at', c), vector(`peak_${c}_${tile - 1}`)),
    ]),
  ]
}

/** Exponentials in the place of scores, and in the place of peaks what their sums divide by. */
function weights(keys: Dim): Stmt[] {
  return [
    ...HALVES.flatMap((c) => [letOf(`top_${c}`, vectorAt('peaks', half('peaks_at', c))), varOf(`total_${c}`, filled(0))]),
    loopOver('j', 0, keys, HALVES.flatMap((c) => {
      const at = half(add('scores_at', mul(BLOCK, 'j')), c)
      return [
        letOf(`weight_${c}`, unary('exp', binary('sub', vectorAt('scores', at), vector(`top_${c}`)))),
        storeTo('scores', at, vector(`weight_${c}`)),
        setTo(`total_${c}`, binary('add', vector(`total_${c}`), vector(`weight_${c}`))),
      ]
    })),
    ...HALVES.map((c) => storeTo('peaks', half('peaks_at', c), inverseOf(vector(`total_${c}`), filled(0), filled(1)))),
  ]
}

/** Elements of the result: weights times values. */
function columns(site: AttentionSite): Stmt[] {
  const { y, extents: { keys, width } } = site, panels = panelsOf(site), tile = panels.width
  return [
    indexIs('y_i', add('y_at', mul('i', y.n))),
    loopOver('p', 0, panels.count, [
      ...sums(tile),
      indexIs('panel', add('values_at', mul('p', keys, tile))),
      loopOver('j', 0, keys, step(tile, 'scores', add('scores_at', mul(BLOCK, 'j')), 'values', (t) => add('panel', mul(tile, 'j'), t))),
      indexIs('y_p', add('y_i', mul(min(mul(tile, 'p'), width - tile), y.d))),
      ...HALVES.flatMap((c) => [
        letOf(`factor_${c}`, vectorAt('peaks', half('peaks_at', c))),
        ...range(tile).flatMap((t) => [
          letOf(`result_${t}_${c}`, binary('mul', vector(sumName(t, c)), vector(`factor_${c}`))),
          ...lanesOf(`result_${t}_${c}`).map((lane, r) => storeTo('y0', add('y_p', mul(add(4 * c, r), y.n), mul(t, y.d)), lane)),
        ]),
      ]),
    ]),
  ]
}

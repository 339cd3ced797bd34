/**
 * Keys and values of a head laid side by side before blocks of queries go over them again and again: rows that are far apart in
 * memory share places in caches. Values stand in panels as wide as the tile that reads them, [panel][key][column]; the last one
 * starts earlier where it would not be full.
 */
import { add, lt, min, mul, select, type Dim } from '../dims.js'
import type { Stmt } from '../kernel/kernel.js'
import { indexIs, storeTo } from '../kernel/statements.js'
import type { PerAxis } from './attention-layout.js'
import { BLOCK, elementAt, loopOver, vectorAt, type AttentionSite } from './attention-site.js'

/** Panels of a head's values. */
export interface Panels { readonly width: number; readonly count: number }

const LANES = 4

/** The panels of values: of the width that covers them with the fewest operations, each panel costing its columns and one more. */
export function panelsOf({ tile, extents: { width } }: AttentionSite): Panels {
  const cost = (n: number): number => Math.ceil(width / n) * (n + 1)
  const widths = Array.from({ length: tile }, (_, i) => tile - i).filter((n) => n * 2 >= tile)
  const best = width <= tile ? width : widths.reduce((a, b) => (cost(b) < cost(a) ? b : a))
  return { width: best, count: Math.ceil(width / best) }
}

/** Rows of keys that lie one after another are read where they are. */
export const keysArePacked = ({ k, extents }: AttentionSite): boolean => k.n === extents.depth && k.d === 1

/** Elements of scratch that all heads' keys and values take; none where there are too few queries for a block. */
export function packedLengths(site: AttentionSite, heads: Dim): { readonly keys: Dim; readonly values: Dim } {
  const { queries, keys, depth } = site.extents
  const rows = select(lt(queries, BLOCK), 0, mul(heads, keys))
  return { keys: keysArePacked(site) ? 0 : mul(rows, depth), values: mul(rows, panelled(site)) }
}

/** Columns of a row of values in panels, for the instruction set whose panels take the most. */
function panelled(site: AttentionSite): number {
  return Math.max(...[4, 6].map((tile) => { const p = panelsOf({ ...site, tile }); return p.width * p.count }))
}

/** Copies the keys of head `z`. */
export function packKeys(site: AttentionSite): Stmt[] {
  if (keysArePacked(site)) return []
  const { k, extents: { keys, depth } } = site
  return [
    indexIs('keys_at', mul('z', keys, depth)),
    loopOver('j', 0, keys, copyRow(depth, k.d, 'x1', add('k_at', mul('j', k.n)), 'keys', add('keys_at', mul('j', depth)))),
  ]
}

/** Copies the values of head `z` into panels. */
export function packValues(site: AttentionSite): Stmt[] {
  const { v, extents: { keys, width } } = site, panels = panelsOf(site)
  return [
    indexIs('values_at', mul('z', keys, panelled(site))),
    loopOver('p', 0, panels.count, [
      indexIs('from', add('v_at', mul(min(mul(panels.width, 'p'), width - panels.width), v.d))),
      indexIs('panel', add('values_at', mul('p', keys, panels.width))),
      loopOver('j', 0, keys, writtenRow(panels.width, v, add('from', mul('j', v.n)), add('panel', mul('j', panels.width)))),
    ]),
  ]
}

/** A row of a panel, written out: vectors, the last of which overlaps the one before. */
function writtenRow(width: number, v: PerAxis<Dim>, from: Dim, to: Dim): Stmt[] {
  if (width < LANES || v.d !== 1) return Array.from({ length: width }, (_, c) => storeTo('values', add(to, c), elementAt('x2', add(from, mul(c, v.d)))))
  const starts = [...new Set([...Array.from({ length: Math.floor(width / LANES) }, (_, i) => i * LANES), width - LANES])]
  return starts.map((c) => storeTo('values', add(to, c), vectorAt('x2', add(from, c))))
}

function copyRow(length: number, stride: Dim, source: string, from: Dim, target: string, to: Dim): Stmt[] {
  const vectors = stride === 1 ? length - (length % LANES) : 0
  const copies = loopOver('e', 0, vectors, [storeTo(target, add(to, 'e'), vectorAt(source, add(from, 'e')))], LANES)
  const rest = loopOver('e', vectors, length, [storeTo(target, add(to, 'e'), elementAt(source, add(from, mul('e', stride))))])
  return [...(vectors > 0 ? [copies] : []), ...(vectors < length ? [rest] : [])]
}

/**
 * Which accesses of memory can share an address. Accesses of one buffer whose indices differ by constants go through one
 * local, the constants being part of the instructions. In an innermost loop such a local is set before the loop and moves on
 * with it, so that nothing is multiplied inside.
 */
import { visitSymbols } from '../../base/dim.js'
import { add, dimKey, sub, substituteDim, type Dim } from '../../ir/dims.js'
import type { Stmt } from '../../ir/kernel/kernel.js'
import { termsOf } from '../../ir/kernel/ranges.js'
import { childrenOf, dimsOf, exprsOf, visitExprs } from '../../ir/kernel/walk.js'

/** A local that holds an address: that of element `least` relative to what the accesses have in common. */
export interface Pointer { readonly local: number; readonly least: number; readonly bytes: number }

/** Accesses of a buffer at `moving` plus constants, of which `least` is the least. `first`: the statement that makes the first. */
export interface AddressGroup { readonly key: string; readonly buffer: string; readonly moving: Dim; readonly least: number; readonly first: number; readonly count: number }

/** A group in a loop; the address moves on by `advance` elements an iteration. */
export interface WalkedGroup extends AddressGroup { readonly advance: Dim }

/** Addresses that one loop keeps: more would not stay in registers. */
export const MOST_WALKED = 10

/** The key of the group that an access belongs to, and its constant part. */
export function splitIndex(buffer: string, index: Dim): { readonly key: string; readonly moving: Dim; readonly constant: number } {
  const constant = termsOf(index).reduce((c, t) => (t.atoms.length === 0 ? c + t.coefficient : c), 0)
  const moving = constant === 0 ? index : add(index, -constant)
  return { key: `${buffer} ${dimKey(moving)}`, moving, constant }
}

function accessesOf(s: Stmt): { readonly buffer: string; readonly index: Dim }[] {
  const out: { buffer: string; index: Dim }[] = []
  visitExprs(exprsOf(s), (e) => { if (e.kind === 'load') out.push({ buffer: e.buffer, index: e.index[0] ?? 0 }) })
  if (s.kind === 'store') out.push({ buffer: s.buffer, index: s.index })
  return out
}

/** Groups by the statements of a body that make them; nested bodies apart. */
function groupsOf(body: readonly Stmt[]): AddressGroup[] {
  const groups = new Map<string, { key: string; buffer: string; moving: Dim; least: number; first: number; count: number }>()
  body.forEach((s, at) => {
    for (const { buffer, index } of accessesOf(s)) {
      const { key, moving, constant } = splitIndex(buffer, index), known = groups.get(key)
      if (known === undefined) groups.set(key, { key, buffer, moving, least: constant, first: at, count: 1 })
      else { known.least = Math.min(known.least, constant); known.count++ }
    }
  })
  return [...groups.values()]
}

/** The number of groups in a body; nested bodies apart. */
export const countAddresses = (body: readonly Stmt[]): number => groupsOf(body).length

/** Groups of a body whose address is worth a local: several accesses at a variable index. */
export function sharedAddresses(body: readonly Stmt[]): readonly AddressGroup[] {
  return groupsOf(body).filter((g) => g.count > 1 && typeof g.moving !== 'number')
}

/**
 * Groups of an innermost loop's body that move on by the same distance in every iteration, `moving` being in names from
 * outside it; and the statements that nothing needs once the accesses go through addresses.
 */
export function walkedAddresses(variable: string, step: number, body: readonly Stmt[]): { readonly groups: readonly WalkedGroup[]; readonly unused: ReadonlySet<Stmt> } {
  if (body.some((s) => childrenOf(s).length > 0)) return { groups: [], unused: new Set() }
  const definitions = new Map<string, Dim>(), varying = new Set<string>([variable])
  for (const s of body) {
    if (s.kind === 'index') definitions.set(s.name, substituteDim(s.value, (name) => definitions.get(name)))
    else if (s.kind === 'data-index') varying.add(s.name)
  }
  const fixed = (dim: Dim): boolean => { let yes = true; visitSymbols(dim, (name) => { if (varying.has(name)) yes = false }); return yes }
  const groups = groupsOf(body).flatMap((g): WalkedGroup[] => {
    const moving = substituteDim(g.moving, (name) => definitions.get(name))
    const advance = sub(substituteDim(moving, (name) => (name === variable ? add(variable, step) : undefined)), moving)
    return fixed(advance) && fixed(substituteDim(moving, (name) => (name === variable ? 0 : undefined))) ? [{ ...g, moving, advance }] : []
  }).sort((a, b) => b.count - a.count).slice(0, MOST_WALKED)
  return { groups, unused: unusedIndices(body, new Set(groups.map((g) => g.key))) }
}

/** Index statements whose names only accesses in `walked` groups use. */
function unusedIndices(body: readonly Stmt[], walked: ReadonlySet<string>): ReadonlySet<Stmt> {
  const needed = new Set<string>(), unused = new Set<Stmt>()
  const need = (dim: Dim): void => visitSymbols(dim, (name) => needed.add(name))
  for (const s of [...body].reverse()) {
    if (s.kind === 'index') {
      if (needed.has(s.name)) need(s.value)
      else unused.add(s)
      continue
    }
    if (s.kind === 'data-index') need(s.extent)
    if (s.kind === 'store' && !walked.has(splitIndex(s.buffer, s.index).key)) need(s.index)
    visitExprs(exprsOf(s), (e) => { if (e.kind !== 'load' || !walked.has(splitIndex(e.buffer, e.index[0] ?? 0).key)) dimsOf(e).forEach(need) })
  }
  return unused
}

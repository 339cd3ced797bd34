/**
 * Arithmetic on dims with a simplifier. Every function returns the canonical form: sums of products with integer
 * coefficients, terms and factors in a fixed order, constants folded, so that equal polynomials are equal data and
 * `dimsEqual` is a comparison of keys. Symbols stand for integers ≥ 0. The same algebra serves kernel indices, where
 * names are loop variables and parameters.
 */
import type { Dim, DimExpr, DimOp } from '../base/dim.js'
export type { Dim, DimExpr, DimOp } from '../base/dim.js'

/** A product of atoms with a coefficient; `atoms` is sorted by key. An atom is a symbol or an opaque operation. `dim` is the term as a dim, where there is one already. */
interface Term { readonly coefficient: number; readonly atoms: readonly Dim[]; readonly dim?: Dim }
/** Terms by the key of their atoms. */
type Polynomial = ReadonlyMap<string, Term>

/** A constructor that gives `of` back, so that the fields of a class that extends it are put on that. */
const Onto = function onto(of: object): object { return of } as unknown as new (of: object) => object

/**
 * What was found out about an expression, in a field of it that nobody else sees. (Compiling makes millions of expressions: as many entries of
 * a WeakMap cost the garbage collector more than all arithmetic.)
 */
class Known extends Onto {
  #key: string | undefined
  /** Null where it is none. */
  #monomial: Monomial | null | undefined
  static #of(dim: DimExpr): Known { return #key in dim ? dim : new Known(dim) }
  static key(dim: DimExpr): string {
    const known = Known.#of(dim)
    return (known.#key ??= keyOf(dim))
  }
  /** A product without sums among its factors as a term of a sum. */
  static monomial(dim: DimExpr): Monomial | undefined {
    const known = Known.#of(dim)
    if (known.#monomial === undefined) known.#monomial = monomialOf(dim) ?? null
    return known.#monomial ?? undefined
  }
}

function keyOf(dim: DimExpr): string {
  let key = `${dim[0]}(`
  for (let i = 1; i < dim.length; i++) key += i === 1 ? dimKey(dim[i] as Dim) : `,${dimKey(dim[i] as Dim)}`
  return `${key})`
}

/** A term, and the key of its atoms. */
interface Monomial { readonly key: string; readonly term: Term }

function monomialOf(dim: DimExpr): Monomial | undefined {
  let coefficient = 1, isCanonical = typeof dim[1] !== 'number' || (dim[1] !== 0 && dim[1] !== 1)
  const atoms: Dim[] = []
  for (let i = 1; i < dim.length; i++) {
    const f = dim[i] as Dim
    if (typeof f === 'object' && (f[0] === '+' || f[0] === '*')) return undefined
    if (typeof f === 'number') { coefficient *= f; isCanonical &&= i === 1; continue }
    const before = atoms.at(-1)
    isCanonical &&= before === undefined || byKey(before, f) <= 0
    atoms.push(f)
  }
  isCanonical &&= atoms.length > 1 || (coefficient !== 1 && atoms.length === 1)
  if (!isCanonical) atoms.sort(byKey)
  return { key: monomialKey(atoms), term: { coefficient, atoms, ...(isCanonical && { dim }) } }
}

/** A string that is equal for equal canonical dims; also the sorting key. */
export function dimKey(dim: Dim): string {
  if (typeof dim === 'number') return String(dim)
  return typeof dim === 'string' ? dim : Known.key(dim)
}

/** True when both are provably the same number: their canonical forms coincide. */
export function dimsEqual(a: Dim, b: Dim): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && dimKey(a) === dimKey(b))
}

/** True when both shapes have the same rank and provably equal extents. */
export function shapesEqual(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((d, i) => dimsEqual(d, b[i] as Dim))
}

/** True for a shape whose every extent is a number. */
export function isStatic(shape: readonly Dim[]): shape is readonly number[] {
  return shape.every((d) => typeof d === 'number')
}

function monomialKey(atoms: readonly Dim[]): string {
  const [only] = atoms
  return atoms.length === 1 && only !== undefined ? dimKey(only) : atoms.map(dimKey).join('·')
}

function toPolynomial(dim: Dim): Polynomial {
  const out = new Map<string, Term>()
  addInto(out, dim, 1, [])
  return out
}

function addInto(out: Map<string, Term>, dim: Dim, coefficient: number, atoms: readonly Dim[]): void {
  if (coefficient === 0) return
  if (typeof dim === 'number') return addTerm(out, coefficient * dim, atoms)
  if (typeof dim === 'object' && dim[0] === '+') {
    for (let i = 1; i < dim.length; i++) addInto(out, dim[i] as Dim, coefficient, atoms)
    return
  }
  if (typeof dim === 'object' && dim[0] === '*') {
    const monomial = atoms.length === 0 ? Known.monomial(dim) : undefined
    if (monomial !== undefined) return addKeyed(out, monomial.key, coefficient === 1 ? monomial.term : { coefficient: coefficient * monomial.term.coefficient, atoms: monomial.term.atoms })
    return addProduct(out, dim.slice(1) as Dim[], coefficient, atoms)
  }
  if (atoms.length === 0) addKeyed(out, dimKey(dim), { coefficient, atoms: [dim] })
  else addTerm(out, coefficient, [...atoms, dim])
}

/** Adds the product of `factors`, times `coefficient` and `atoms`. */
function addProduct(out: Map<string, Term>, factors: readonly Dim[], coefficient: number, atoms: readonly Dim[]): void {
  let c = coefficient
  let sums: Polynomial | undefined
  const rest: Dim[] = [...atoms]
  for (const f of factors) {
    if (typeof f === 'number') c *= f
    else if (typeof f === 'object' && (f[0] === '+' || f[0] === '*')) sums = sums === undefined ? toPolynomial(f) : multiply(sums, toPolynomial(f))
    else rest.push(f)
  }
  if (sums === undefined) return addTerm(out, c, rest)
  for (const t of sums.values()) addTerm(out, c * t.coefficient, rest.length === 0 ? t.atoms : [...rest, ...t.atoms])
}

function addTerm(out: Map<string, Term>, coefficient: number, atoms: readonly Dim[]): void {
  const sorted = atoms.length > 1 ? [...atoms].sort(byKey) : atoms
  addKeyed(out, monomialKey(sorted), { coefficient, atoms: sorted })
}

/** `key` is that of the term's atoms. */
function addKeyed(out: Map<string, Term>, key: string, term: Term): void {
  const known = out.get(key), sum = (known?.coefficient ?? 0) + term.coefficient
  if (sum === 0) out.delete(key)
  else out.set(key, known === undefined ? term : { coefficient: sum, atoms: term.atoms })
}

function multiply(a: Polynomial, b: Polynomial): Polynomial {
  const out = new Map<string, Term>()
  for (const x of a.values()) for (const y of b.values()) addTerm(out, x.coefficient * y.coefficient, [...x.atoms, ...y.atoms])
  return out
}

function byKey(a: Dim, b: Dim): number {
  const ka = dimKey(a), kb = dimKey(b)
  return ka < kb ? -1 : ka > kb ? 1 : 0
}

/** Terms of higher degree first, then by key; the constant last. They are few, and mostly in order already. */
function sortedTerms(p: Polynomial): readonly Term[] {
  const keys: string[] = [], terms: Term[] = []
  for (const [key, t] of p) {
    const degree = t.atoms.length
    let at = terms.length
    for (; at > 0; at--) {
      const before = terms[at - 1] as Term, key_ = keys[at - 1] as string
      if (before.atoms.length > degree || (before.atoms.length === degree && key_ < key)) break
      terms[at] = before
      keys[at] = key_
    }
    terms[at] = t
    keys[at] = key
  }
  return terms
}

function fromPolynomial(polynomial: Polynomial): Dim {
  const terms = sortedTerms(recombine(polynomial)).map((t): Dim => {
    if (t.dim !== undefined) return t.dim
    if (t.atoms.length === 0) return t.coefficient
    if (t.coefficient === 1 && t.atoms.length === 1) return t.atoms[0] as Dim
    return t.coefficient === 1 ? ['*', ...t.atoms] : ['*', t.coefficient, ...t.atoms]
  })
  if (terms.length === 0) return 0
  return terms.length === 1 ? (terms[0] as Dim) : ['+', ...terms]
}

/** Replaces `a*floordiv(x, a) + mod(x, a)` (times anything) by `x`: what is left where an index is split and joined again. */
function recombine(p: Polynomial): Polynomial {
  for (const t of p.values()) {
    const at = t.atoms.findIndex((x) => typeof x === 'object' && x[0] === 'mod')
    if (at < 0 || p.size < 2) continue
    const [, x, a] = t.atoms[at] as readonly ['mod', Dim, Dim]
    const rest: Term = { coefficient: t.coefficient, atoms: t.atoms.filter((_, i) => i !== at) }
    const whole = toPolynomial(['*', rest.coefficient, ...rest.atoms, a, floorDiv(x, a)])
    if (![...whole].every(([key, w]) => p.get(key)?.coefficient === w.coefficient)) continue
    const next = new Map(p)
    addTerm(next, -t.coefficient, t.atoms)
    for (const w of whole.values()) addTerm(next, -w.coefficient, w.atoms)
    addInto(next, x, rest.coefficient, rest.atoms)
    return recombine(next)
  }
  return p
}

/** True for what stands in a polynomial as it is; an operation's remainder may cancel with others, but not alone. */
const isAtom = (dim: Dim | undefined): dim is Dim => typeof dim === 'string' || (typeof dim === 'object' && dim[0] !== '+' && dim[0] !== '*')

/** Sum. */
export function add(...dims: readonly Dim[]): Dim {
  if (dims.every((d) => typeof d === 'number')) return (dims as readonly number[]).reduce((s, d) => s + d, 0)
  const moving = dims.filter((d) => d !== 0), [only] = moving
  if (moving.length === 1 && isAtom(only)) return only
  const sum = new Map<string, Term>()
  for (const d of moving) addInto(sum, d, 1, [])
  return fromPolynomial(sum)
}

/** Difference `a - b`; may be negative. */
export function sub(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const difference = new Map<string, Term>()
  addInto(difference, a, 1, [])
  addInto(difference, b, -1, [])
  return fromPolynomial(difference)
}

/** Product. */
export function mul(...dims: readonly Dim[]): Dim {
  if (dims.every((d) => typeof d === 'number')) return (dims as readonly number[]).reduce((s, d) => s * d, 1) + 0 // never minus zero
  const scale = (dims.filter((d) => typeof d === 'number') as readonly number[]).reduce((p, d) => p * d, 1)
  const moving = dims.filter((d) => typeof d !== 'number'), [only] = moving
  if (moving.length === 1 && isAtom(only)) return scale === 0 ? 0 : scale === 1 ? only : ['*', scale, only]
  const out = new Map<string, Term>()
  addProduct(out, moving, scale, [])
  return fromPolynomial(out)
}

/** Number of elements of a shape: the product of its extents. */
export function product(shape: readonly Dim[]): Dim {
  return mul(1, ...shape)
}

/** `a / b` where the division leaves no remainder as polynomials; undefined otherwise. */
export function divExact(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return undefined
  if (b === 1 || a === 0) return a
  if (typeof a === 'number' && typeof b === 'number') return a % b === 0 ? a / b : undefined
  const divisor = toPolynomial(b)
  const lead = sortedTerms(divisor)[0]
  if (lead === undefined) return undefined
  let rest = toPolynomial(a)
  const quotient = new Map<string, Term>()
  for (let guard = 0; rest.size > 0; guard++) {
    const ratio = guard < 64 ? divideTerm(sortedTerms(rest)[0] as Term, lead) : undefined
    if (ratio === undefined) return undefined
    addTerm(quotient, ratio.coefficient, ratio.atoms)
    const next = new Map(rest)
    for (const t of divisor.values()) addTerm(next, -ratio.coefficient * t.coefficient, [...ratio.atoms, ...t.atoms])
    rest = next
  }
  return fromPolynomial(quotient)
}

function divideTerm(a: Term, b: Term): Term | undefined {
  const coefficient = a.coefficient / b.coefficient
  if (!Number.isInteger(coefficient)) return undefined
  const atoms = [...a.atoms]
  for (const atom of b.atoms) {
    const i = atoms.findIndex((x) => dimsEqual(x, atom))
    if (i < 0) return undefined
    atoms.splice(i, 1)
  }
  return { coefficient, atoms }
}

/** Splits the terms of `a` into those that `b` divides and the rest, when `b` is a positive number. */
function splitByDivisor(a: Dim, b: number): { readonly multiple: Dim; readonly rest: Dim } {
  const multiple = new Map<string, Term>(), rest = new Map<string, Term>()
  for (const [key, t] of toPolynomial(a)) {
    if (t.atoms.length > 0 && t.coefficient % b === 0) { multiple.set(key, t); continue }
    if (t.atoms.length > 0) { rest.set(key, t); continue }
    const low = ((t.coefficient % b) + b) % b
    if (low !== t.coefficient) multiple.set(key, { coefficient: t.coefficient - low, atoms: [] })
    if (low !== 0) rest.set(key, { coefficient: low, atoms: [] })
  }
  return { multiple: fromPolynomial(multiple), rest: fromPolynomial(rest) }
}

/** Quotient rounded to minus infinity; `b` must not be 0. */
export function floorDiv(a: Dim, b: Dim): Dim {
  if (b === 1) return a
  if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b) + 0
  const exact = divExact(a, b)
  if (exact !== undefined) return exact
  if (typeof b !== 'number' || b < 0) return ['floordiv', a, b]
  const { multiple, rest } = splitByDivisor(a, b)
  if (typeof rest === 'number') return divExact(multiple, b) as Dim
  if (typeof rest === 'object' && rest[0] === 'floordiv' && typeof rest[2] === 'number' && rest[2] > 0) {
    return add(divExact(multiple, b) as Dim, floorDiv(rest[1] as Dim, rest[2] * b))
  }
  if (multiple !== 0) return add(divExact(multiple, b) as Dim, floorDiv(rest, b))
  return ['floordiv', rest, b]
}

/** Quotient rounded to plus infinity. */
export function ceilDiv(a: Dim, b: Dim): Dim {
  return typeof b === 'number' && b > 0 ? floorDiv(add(a, b - 1), b) : mul(-1, floorDiv(mul(-1, a), b))
}

/** Remainder with the sign of `b`. */
export function mod(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return (((a % b) + b) % b) + 0
  if (b === 1 || divExact(a, b) !== undefined) return 0
  if (typeof b !== 'number' || b < 0) return ['mod', a, b]
  const { rest } = splitByDivisor(a, b)
  return typeof rest === 'number' ? rest : ['mod', rest, b]
}

function extremum(op: 'min' | 'max', dims: readonly Dim[]): Dim {
  const flat = dims.flatMap((d) => (typeof d === 'object' && d[0] === op ? (d.slice(1) as Dim[]) : [d]))
  const kept: Dim[] = []
  for (const d of flat) {
    const at = kept.findIndex((k) => typeof sub(d, k) === 'number')
    if (at < 0) { kept.push(d); continue }
    const difference = sub(d, kept[at] as Dim) as number
    if (op === 'min' ? difference < 0 : difference > 0) kept[at] = d
  }
  return kept.length === 1 ? (kept[0] as Dim) : [op, ...kept.sort(byKey)]
}

/** Least of the given dims. */
export const min = (...dims: readonly Dim[]): Dim => extremum('min', dims)
/** Greatest of the given dims. */
export const max = (...dims: readonly Dim[]): Dim => extremum('max', dims)

/** 1 where `a` equals `b`, else 0. */
export function eq(a: Dim, b: Dim): Dim {
  const difference = sub(a, b)
  return typeof difference === 'number' ? (difference === 0 ? 1 : 0) : ['eq', a, b]
}

/** 1 where `a < b`, else 0. */
export function lt(a: Dim, b: Dim): Dim {
  const difference = sub(a, b)
  return typeof difference === 'number' ? (difference < 0 ? 1 : 0) : ['lt', a, b]
}

/** `a` where `condition` is not 0, else `b`. */
export function select(condition: Dim, a: Dim, b: Dim): Dim {
  if (typeof condition === 'number') return condition !== 0 ? a : b
  return dimsEqual(a, b) ? a : ['select', condition, a, b]
}

/** Replaces symbols by what `replace` gives (undefined keeps one) and simplifies again. */
export function substituteDim(dim: Dim, replace: (symbol: string) => Dim | undefined): Dim {
  if (typeof dim === 'number') return dim
  if (typeof dim === 'string') return replace(dim) ?? dim
  const args = (dim.slice(1) as Dim[]).map((d) => substituteDim(d, replace))
  return applyDimOp(dim[0], args)
}

/** The simplified application of `op` to `args`. */
export function applyDimOp(op: DimOp, args: readonly Dim[]): Dim {
  const [a, b, c] = args as [Dim, Dim, Dim]
  switch (op) {
    case '+': return add(...args)
    case '*': return mul(...args)
    case 'floordiv': return floorDiv(a, b)
    case 'mod': return mod(a, b)
    case 'min': return min(...args)
    case 'max': return max(...args)
    case 'eq': return eq(a, b)
    case 'lt': return lt(a, b)
    case 'select': return select(a, b, c)
  }
}

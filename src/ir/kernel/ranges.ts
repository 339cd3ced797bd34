/**
 * Interval analysis of index dims. Names with a range (loop variables, index locals) vary; all other names are parameters,
 * integers ≥ 0. Bounds are dims over parameters; what cannot be bounded is undefined.
 */
import { add, applyDimOp, dimKey, dimsEqual, floorDiv, max, min, mul, sub, type Dim, type DimExpr } from '../dims.js'

/** Least and greatest value of a name, both inclusive, where the loops around it run at all; and a number that it is always a multiple of. */
export interface Range { readonly lo: Dim | undefined; readonly hi: Dim | undefined; readonly multiple?: number }
export type RangeOf = (name: string) => Range | undefined

/** A product with a numeric coefficient; the atoms are names or operations other than sums and products. */
export interface Term { readonly coefficient: number; readonly atoms: readonly Dim[] }

/** The terms of a canonical dim; the constant is a term without atoms. */
export function termsOf(dim: Dim): readonly Term[] {
  if (typeof dim === 'number') return dim === 0 ? [] : [{ coefficient: dim, atoms: [] }]
  if (typeof dim === 'string' || (dim[0] !== '+' && dim[0] !== '*')) return [{ coefficient: 1, atoms: [dim] }]
  if (dim[0] === '*') return [termOf(dim)]
  const terms: Term[] = []
  for (let i = 1; i < dim.length; i++) {
    const d = dim[i] as Dim
    if (typeof d === 'number') terms.push({ coefficient: d, atoms: [] })
    else terms.push(typeof d === 'object' && d[0] === '*' ? termOf(d) : { coefficient: 1, atoms: [d] })
  }
  return terms
}

function termOf(product: DimExpr): Term {
  const first = product[1] as Dim
  return typeof first === 'number' ? { coefficient: first, atoms: product.slice(2) as Dim[] } : { coefficient: 1, atoms: product.slice(1) as Dim[] }
}

/** The dim that is the sum of `terms`. */
export function sumOf(terms: readonly Term[]): Dim {
  return add(...terms.map((t) => mul(t.coefficient, ...t.atoms)))
}

const argsOf = (dim: Dim): readonly Dim[] => (typeof dim === 'object' ? (dim.slice(1) as Dim[]) : [])

/** True where some name in `dim` has a range. */
export function varies(dim: Dim, rangeOf: RangeOf): boolean {
  return typeof dim === 'string' ? rangeOf(dim) !== undefined : argsOf(dim).some((d) => varies(d, rangeOf))
}

const UNKNOWN: Range = { lo: undefined, hi: undefined }
const allKnown = (ends: readonly (Dim | undefined)[]): ends is readonly Dim[] => ends.every((d) => d !== undefined)
const total = (ends: readonly (Dim | undefined)[]): Dim | undefined => (allKnown(ends) ? add(...ends) : undefined)

/** Bounds of `dim` over all values of the names that vary. Correlations between terms are lost. */
export function boundsOf(dim: Dim, rangeOf: RangeOf): Range {
  if (typeof dim === 'string') return rangeOf(dim) ?? { lo: dim, hi: dim }
  if (!varies(dim, rangeOf)) return { lo: dim, hi: dim }
  const ranges = termsOf(dim).map((t) => boundsOfTerm(t, rangeOf))
  return { lo: total(ranges.map((r) => r.lo)), hi: total(ranges.map((r) => r.hi)) }
}

function boundsOfTerm(t: Term, rangeOf: RangeOf): Range {
  const fixed = t.atoms.filter((a) => !varies(a, rangeOf)), moving = t.atoms.filter((a) => varies(a, rangeOf))
  const scale = mul(t.coefficient, ...fixed)
  if (moving.length === 0) return { lo: scale, hi: scale }
  if (!fixed.every(isNonNegative)) return UNKNOWN
  const ranges = moving.map((a) => boundsOfAtom(a, rangeOf))
  if (ranges.length > 1 && !ranges.every((r) => r.lo !== undefined && isNonNegative(r.lo))) return UNKNOWN
  const one = (end: 'lo' | 'hi'): Dim | undefined => {
    const ends = ranges.map((r) => r[end])
    return allKnown(ends) ? mul(scale, ...ends) : undefined
  }
  return t.coefficient > 0 ? { lo: one('lo'), hi: one('hi') } : { lo: one('hi'), hi: one('lo') }
}

function boundsOfAtom(atom: Dim, rangeOf: RangeOf): Range {
  if (typeof atom !== 'object') return boundsOf(atom, rangeOf)
  const args = argsOf(atom)
  const ranges = args.map((d) => boundsOf(d, rangeOf))
  const [a, b] = ranges as [Range, Range]
  const divisor = args[1]
  switch (atom[0]) {
    case 'floordiv': {
      if (divisor === undefined || varies(divisor, rangeOf) || !isNonNegative(divisor)) return UNKNOWN
      const divide = (d: Dim | undefined): Dim | undefined => (d === undefined ? undefined : floorDiv(d, divisor))
      return { lo: divide(a.lo), hi: divide(a.hi) }
    }
    case 'mod': return b.hi === undefined || !isNonNegative(b.hi) ? UNKNOWN : { lo: 0, hi: sub(b.hi, 1) }
    case 'min': return { lo: extreme('min', ranges.map((r) => r.lo), false), hi: extreme('min', ranges.map((r) => r.hi), true) }
    case 'max': return { lo: extreme('max', ranges.map((r) => r.lo), true), hi: extreme('max', ranges.map((r) => r.hi), false) }
    case 'eq': case 'lt': return { lo: 0, hi: 1 }
    case 'select': return { lo: extreme('min', ranges.slice(1).map((r) => r.lo), false), hi: extreme('max', ranges.slice(1).map((r) => r.hi), false) }
    default: return boundsOf(atom, rangeOf)
  }
}

/** `partial`: a bound of some arguments bounds the result already. */
function extreme(op: 'min' | 'max', ends: readonly (Dim | undefined)[], partial: boolean): Dim | undefined {
  const known = ends.filter((d): d is Dim => d !== undefined)
  if (known.length === 0 || (!partial && known.length < ends.length)) return undefined
  return op === 'min' ? min(...known) : max(...known)
}

/** Steps that one proof may take: enough for every index of the ops, and a limit for what people may write. */
const PROOF_STEPS = 24
interface Fuel { steps: number }

/** What was proven, by the dims' keys: a kernel asks the same at each of its points, and kernels of a model are alike. Emptied when it is full. */
const proofs = new Map<string, boolean>()
const MOST_PROOFS = 5_000

/** True where `dim`, over parameters ≥ 0, is proven to be ≥ 0. */
export function isNonNegative(dim: Dim): boolean {
  if (typeof dim !== 'object') return typeof dim === 'string' || dim >= 0
  const key = dimKey(dim), known = proofs.get(key)
  if (known !== undefined) return known
  const proven = proveNonNegative(dim, { steps: PROOF_STEPS })
  if (proofs.size >= MOST_PROOFS) proofs.clear()
  proofs.set(key, proven)
  return proven
}

function proveNonNegative(dim: Dim, fuel: Fuel): boolean {
  if (typeof dim === 'number') return dim >= 0
  if (typeof dim === 'string') return true
  if (fuel.steps-- <= 0) return false
  const terms = termsOf(dim)
  if (terms.every((t) => t.coefficient >= 0 && t.atoms.every((a) => isAtomNonNegative(a, fuel)))) return true
  return terms.some((t, i) => t.atoms.some((atom, j) => {
    if (typeof atom !== 'object') return false
    const others = t.atoms.filter((_, k) => k !== j)
    if (!others.every((a) => isAtomNonNegative(a, fuel))) return false
    const rest = sumOf(terms.filter((_, k) => k !== i))
    /** The whole with `bound` in place of the atom, all of it times `scale` (a positive number). */
    const replaced = (bound: Dim, scale = 1): boolean => fuel.steps > 0 && proveNonNegative(add(mul(scale, rest), mul(t.coefficient, ...others, bound)), fuel)
    return withBounds(atom, t.coefficient > 0, replaced)
  }))
}

function isAtomNonNegative(atom: Dim, fuel: Fuel): boolean {
  if (typeof atom !== 'object') return typeof atom === 'string' || atom >= 0
  const proves = (d: Dim): boolean => proveNonNegative(d, fuel)
  const args = argsOf(atom), [a, b] = args as [Dim, Dim]
  switch (atom[0]) {
    case 'floordiv': return proves(a) && proves(b)
    case 'mod': return proves(b)
    case 'min': return args.every(proves)
    case 'max': return args.some(proves)
    case 'select': return args.slice(1).every(proves)
    case 'eq': case 'lt': return true
    default: return proves(atom)
  }
}

/** Tries to prove with `atom` replaced by a bound of it: below where its coefficient is positive, else above. */
function withBounds(atom: Dim, positive: boolean, replaced: (bound: Dim, scale?: number) => boolean): boolean {
  const args = argsOf(atom)
  const [a, b] = args as [Dim, Dim]
  switch (typeof atom === 'object' ? atom[0] : '+') {
    case 'min': return positive ? args.every((d) => replaced(d)) : args.some((d) => replaced(d))
    case 'max': return positive ? args.some((d) => replaced(d)) : args.every((d) => replaced(d))
    case 'select': return args.slice(1).every((d) => replaced(d))
    case 'eq': case 'lt': return replaced(positive ? 0 : 1)
    case 'mod': return positive ? replaced(0) : replaced(sub(b, 1))
    case 'floordiv': return typeof b === 'number' && b > 0 && replaced(positive ? add(a, 1 - b) : a, b)
    default: return false
  }
}

/** True where `dim` is proven to be ≥ 0 for all values of the names that vary. */
export function isNeverNegative(dim: Dim, rangeOf: RangeOf): boolean {
  const { lo } = boundsOf(dim, rangeOf)
  return lo !== undefined && isNonNegative(lo)
}

/** True where `index` is proven to be in [0, extent) for all values of the names that vary. */
export function isInside(index: Dim, extent: Dim, rangeOf: RangeOf): boolean {
  if (index === 0 && dimsEqual(extent, 1)) return true
  if (varies(extent, rangeOf)) return isNeverNegative(index, rangeOf) && isNeverNegative(sub(sub(extent, 1), index), rangeOf)
  const { lo, hi } = boundsOf(index, rangeOf)
  return lo !== undefined && hi !== undefined && isNonNegative(lo) && isNonNegative(add(extent, -1, mul(-1, hi)))
}

/** The range of a loop variable `lo ≤ v < hi` with `step`, given the ranges around the loop. Loops that begin at another place in each iteration of one around them may end anywhere before `hi`. */
export function loopRange(lo: Dim, hi: Dim, step: number, rangeOf: RangeOf): Range {
  const last = sub(hi, step === 1 || !varies(lo, rangeOf) || multipleOf(sub(hi, lo), rangeOf) % step === 0 ? step : 1)
  const multiple = multipleOf(lo, rangeOf, step)
  return { lo: boundsOf(lo, rangeOf).lo, hi: boundsOf(last, rangeOf).hi, ...(multiple > 1 && { multiple }) }
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b))

/** A number that `dim`, and `also`, are always multiples of; 0 where both are 0. */
export function multipleOf(dim: Dim, rangeOf: RangeOf, also = 0): number {
  return termsOf(dim).reduce((g, t) => {
    const known = t.atoms.map((a) => (typeof a === 'string' ? (rangeOf(a)?.multiple ?? 1) : typeof a === 'object' && (a[0] === 'min' || a[0] === 'max' || a[0] === 'mod') ? multipleOf(a[2] as Dim, rangeOf, multipleOf(a[1] as Dim, rangeOf)) : 1))
    return gcd(g, known.reduce((p, m) => p * m, t.coefficient))
  }, also)
}

/** `dim` with its operation applied to other arguments, simplified. */
export function rebuild(dim: Dim, args: readonly Dim[]): Dim {
  return typeof dim === 'object' ? applyDimOp(dim[0], args) : dim
}

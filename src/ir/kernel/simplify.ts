/**
 * Simplification of index dims by known ranges of loop variables: `floordiv(4*i + ii, 4)` with 0 ≤ ii < 4 is `i`,
 * `mod(i, n)` with i < n is `i`; min, max, comparisons and selects are decided where ranges decide them.
 */
import { add, divExact, eq, floorDiv, lt, max, min, mod, mul, select, sub, type Dim } from '../dims.js'
import { boundsOf, isNeverNegative, isNonNegative, multipleOf, rebuild, sumOf, termsOf, type RangeOf } from './ranges.js'

/** `dim` in a simpler form that is equal wherever every name is within its range. */
export function simplifyDim(dim: Dim, rangeOf: RangeOf): Dim {
  if (typeof dim !== 'object') return dim
  const args = (dim.slice(1) as Dim[]).map((d) => simplifyDim(d, rangeOf))
  const [a, b, c] = args as [Dim, Dim, Dim]
  switch (dim[0]) {
    case 'floordiv': return divide(a, b, rangeOf)?.quotient ?? floorDiv(a, b)
    case 'mod': return divide(a, b, rangeOf)?.remainder ?? mod(a, b)
    case 'min': return min(...undominated(args, (x, y) => isNeverNegative(sub(y, x), rangeOf)))
    case 'max': return max(...undominated(args, (x, y) => isNeverNegative(sub(x, y), rangeOf)))
    case 'lt': return isNeverNegative(sub(sub(b, a), 1), rangeOf) ? 1 : isNeverNegative(sub(a, b), rangeOf) ? 0 : lt(a, b)
    case 'eq': return isNeverNegative(sub(sub(b, a), 1), rangeOf) || isNeverNegative(sub(sub(a, b), 1), rangeOf) ? 0 : eq(a, b)
    case 'select': return select(a, b, c)
    default: return rebuild(dim, args)
  }
}

/** The arguments without those that another one always wins against. */
function undominated(args: readonly Dim[], wins: (x: Dim, y: Dim) => boolean): Dim[] {
  const kept: Dim[] = []
  for (const d of args) {
    if (kept.some((k) => wins(k, d))) continue
    for (let i = kept.length - 1; i >= 0; i--) if (wins(d, kept[i] as Dim)) kept.splice(i, 1)
    kept.push(d)
  }
  return kept
}

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b))

/** Quotient and remainder of `a` by `b` where ranges give them; undefined where they do not. */
function divide(a: Dim, b: Dim, rangeOf: RangeOf): { readonly quotient: Dim; readonly remainder: Dim } | undefined {
  if (typeof b === 'number' && b <= 0) return undefined
  const terms = termsOf(a)
  const whole: Dim[] = [], rest: Dim[] = []
  for (const t of terms) {
    const term = sumOf([t]), quotient = divExact(term, b)
    if (quotient !== undefined) whole.push(quotient)
    // A loop variable that goes in steps of `b`: its quotient is exact, though it has no shorter form.
    else if (typeof b === 'number' && multipleOf(term, rangeOf) % b === 0) whole.push(floorDiv(term, b))
    else rest.push(term)
  }
  const low = add(...rest), bounds = boundsOf(low, rangeOf)
  if (bounds.lo === undefined || bounds.hi === undefined) return undefined
  if (isNonNegative(bounds.lo) && isNonNegative(sub(sub(b, 1), bounds.hi))) return { quotient: add(...whole), remainder: low }
  if (typeof b !== 'number') return undefined
  if (typeof bounds.lo === 'number' && typeof bounds.hi === 'number' && Math.floor(bounds.lo / b) === Math.floor(bounds.hi / b)) {
    const q = Math.floor(bounds.lo / b)
    return { quotient: add(...whole, q), remainder: sub(low, q * b) }
  }
  return divideByFactor(a, b, rangeOf)
}

/** `a = g*m + r` with 0 ≤ r < g and g dividing b: the quotient is that of m by b/g. */
function divideByFactor(a: Dim, b: number, rangeOf: RangeOf): { readonly quotient: Dim; readonly remainder: Dim } | undefined {
  const terms = termsOf(a)
  const factors = [...new Set(terms.filter((t) => t.atoms.length > 0).map((t) => gcd(b, t.coefficient)))].filter((g) => g > 1 && g < b).sort((x, y) => y - x)
  for (const g of factors) {
    const multiple = sumOf(terms.filter((t) => t.coefficient % g === 0)), rest = sumOf(terms.filter((t) => t.coefficient % g !== 0))
    const m = divExact(multiple, g)
    if (m === undefined || !isNeverNegative(rest, rangeOf) || !isNeverNegative(sub(g - 1, rest), rangeOf)) continue
    return { quotient: simplifyDim(floorDiv(m, b / g), rangeOf), remainder: add(mul(g, simplifyDim(mod(m, b / g), rangeOf)), rest) }
  }
  return undefined
}

/** Which taps of sliding windows fall on a point, where windows are added up as transposed convolutions do. */
import { add, ceilDiv, eq, floorDiv, max, min, mod, mul, select, sub, type Dim } from '../dims.js'
import type { WindowAxis } from './window.js'

/** What one output coordinate sums over: taps `k = first + step*t` for t in lo … hi, which read the input at `index(t)`. */
export interface TapRun { readonly first: Dim; readonly step: number; readonly lo: Dim; readonly hi: Dim; readonly index: (t: Dim) => Dim }

/**
 * Tap k of input point i adds to output point `i*stride + k*dilation - before`. So output point o takes the taps k with
 * `k*dilation ≡ o + before (mod stride)`: every (stride/gcd)-th from the first that solves it, or none.
 */
export function tapRun(w: WindowAxis, o: Dim): TapRun {
  const shifted = add(o, w.before)
  const common = gcd(w.stride, w.dilation), step = w.stride / common, back = w.dilation / common
  const first = mod(mul(floorDiv(shifted, common), inverse(back, step)), step)
  // Without dilation the first tap is the remainder that this division drops anyway.
  const start = w.dilation === 1 ? floorDiv(shifted, w.stride) : floorDiv(sub(shifted, mul(first, w.dilation)), w.stride)
  const solvable = eq(mod(shifted, common), 0)
  return {
    first, step,
    lo: max(0, ceilDiv(add(start, 1, mul(-1, w.extent)), back)),
    hi: select(solvable, min(ceilDiv(sub(w.kernel, first), step), add(floorDiv(start, back), 1)), 0),
    index: (t) => sub(start, mul(t, back)),
  }
}

function gcd(a: number, b: number): number { return b === 0 ? a : gcd(b, a % b) }

/** The number below `modulus` whose product with `a` leaves 1; `a` and `modulus` have no common factor. */
function inverse(a: number, modulus: number): number {
  for (let x = 1; x < modulus; x++) if ((a * x) % modulus === 1) return x
  return 0
}

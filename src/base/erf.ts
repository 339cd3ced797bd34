/**
 * The error function, 2/√π ∫₀ˣ exp(-t²) dt, to a few units in the last place of a double. Source: Abramowitz & Stegun
 * 7.1.6, erf x = 2/√π exp(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)); all terms are positive, so nothing cancels.
 */
export function erf(x: number): number {
  const size = Math.abs(x)
  // erfc(6) = 2e-17 is below half a unit of 1.
  if (size >= 6) return Math.sign(x)
  let term = x, sum = x
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return Math.max(-1, Math.min(1, (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum))
}

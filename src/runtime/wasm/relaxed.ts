/** Whether this engine's relaxed SIMD is worth using: it knows the instructions, and its multiply-add rounds once. */

/** `f()` is lane 0 of relaxed_madd(a, b, -1) with a·b = 1 - 2^-26, which rounds to 1. Source: WebAssembly relaxed SIMD, §binary. */
const PROBE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 125, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 31, 1, 29, 0,
  67, 0, 4, 128, 63, 253, 19, 67, 0, 248, 127, 63, 253, 19, 67, 0, 0, 128, 191, 253, 19, 253, 133, 2, 253, 31, 0, 11,
)

/** True where programs should use their `wasm-relaxed` section. */
export function hasFusedMadd(): boolean {
  try {
    return (new WebAssembly.Instance(new WebAssembly.Module(PROBE)).exports['f'] as () => number)() !== 0
  } catch {
    return false
  }
}

/** The lanes of the artefact's checksum over constants that lie in WebAssembly memory: fast from the first word on, where a script has to run for a while until an engine compiles it well. */
import type { Lanes } from '../digest.js'

/**
 * Imports `m.m`, a memory; exports `f(from, to, a, b)`, both lanes of `digest.ts` over the words from address `from` up to `to`,
 * at least two: `do { a = mix(a, word(from), P); b = mix(b, word(from + 4), Q) } while ((from += 8) < to)`.
 */
const MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 10, 1, 96, 4, 127, 127, 127, 127, 2, 127, 127, 2, 8, 1, 1, 109, 1, 109, 2, 0, 1, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0,
  10, 75, 1, 73, 1, 1, 127, 3, 64,
  32, 2, 32, 0, 40, 2, 0, 115, 65, 177, 243, 221, 241, 121, 108, 34, 4, 32, 4, 65, 15, 118, 115, 33, 2,
  32, 3, 32, 0, 40, 2, 4, 115, 65, 247, 148, 175, 175, 120, 108, 34, 4, 32, 4, 65, 15, 118, 115, 33, 3,
  32, 0, 65, 8, 106, 34, 0, 32, 1, 73, 13, 0, 11, 32, 2, 32, 3, 11,
)

type Lane = (from: number, to: number, a: number, b: number) => readonly number[]

let compiled: WebAssembly.Module | undefined

/** Lanes over views of `memory`, which is not shared; undefined where a page's policy forbids them. Compiled at once: it is too short to be worth a wait. */
export function digestLanes(memory: WebAssembly.Memory): Lanes | undefined {
  try {
    compiled ??= new WebAssembly.Module(MODULE)
    const lane = new WebAssembly.Instance(compiled, { m: { m: memory } }).exports['f'] as Lane
    return ({ byteOffset, byteLength }, a, b) => lane(byteOffset, byteOffset + byteLength, a, b)
  } catch {
    return undefined
  }
}

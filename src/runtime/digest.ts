/**
 * The artefact's checksum: 64 bits from two independent multiply-shift lanes over little-endian words. It finds damage;
 * it is no defence against forgery, which is why everything in a header is validated besides.
 */

/** A bijection of `h` for every `word` and of `word` for every `h`. The shift brings the upper bits, which a product only moves up, down again. */
const mix = (h: number, word: number, prime: number): number => {
  const product = Math.imul(h ^ word, prime)
  return product ^ (product >>> 15)
}

const P = 0x9e3779b1, Q = 0x85ebca77

/** Takes both lanes over an even number of words: the first over every other one from the first on, with the prime 0x9e3779b1, the second over the rest, with 0x85ebca77. */
export type Lanes = (words: Uint32Array, a: number, b: number) => readonly number[]

const someWords: Lanes = (words, a, b) => {
  for (let i = 0; i < words.length; i += 2) {
    a = mix(a, words[i] as number, P)
    b = mix(b, words[i + 1] as number, Q)
  }
  return [a, b]
}

/** Words at a time: engines make a function fast once it was called often, and later while it runs. */
const AT_ONCE = 8192

/** The checksum of `bytes` as 16 hexadecimal digits. Each step is a bijection of its lane, so a single changed word always shows. */
export function digest(bytes: Uint8Array, lanes: Lanes = someWords, atOnce = AT_ONCE): string {
  // `new Uint8Array(bytes)` and not `slice`: that of Node's Buffer does not copy.
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  const count = length >>> 2, even = count & ~1, words = new Uint32Array(buffer, byteOffset, count)
  let a = P, b = mix(Q, length, P)
  for (let i = 0; i < even; i += atOnce) [a, b] = lanes(words.subarray(i, Math.min(even, i + atOnce)), a, b) as [number, number]
  if (count > even) [a, b] = [mix(a, words[even] as number, P), mix(b, 0, Q)]
  for (const byte of new Uint8Array(buffer, byteOffset + count * 4, length % 4)) a = mix(a, byte, P)
  const low = mix(mix(a, b, Q), b, P), high = mix(mix(b, low, Q), low, P)
  return [high, low].map((h) => (h >>> 0).toString(16).padStart(8, '0')).join('')
}

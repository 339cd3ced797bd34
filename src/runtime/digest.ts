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

/** The checksum of `bytes` as 16 hexadecimal digits. Each step is a bijection of its lane, so a single changed word always shows. */
export function digest(bytes: Uint8Array): string {
  // `new Uint8Array(bytes)` and not `slice`: that of Node's Buffer does not copy.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  const count = aligned.length >>> 2, words = new Uint32Array(aligned.buffer, aligned.byteOffset, count)
  let a = P, b = mix(Q, aligned.length, P)
  for (let i = 0; i < count; i += 2) {
    a = mix(a, words[i] as number, P)
    b = mix(b, words[i + 1] as number, Q)
  }
  for (let i = count * 4; i < aligned.length; i++) a = mix(a, aligned[i] as number, P)
  const low = mix(mix(a, b, Q), b, P), high = mix(mix(b, low, Q), low, P)
  return [high, low].map((h) => (h >>> 0).toString(16).padStart(8, '0')).join('')
}

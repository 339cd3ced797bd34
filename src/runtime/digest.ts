/**
 * The artefact's checksum: 64 bits from four independent multiply-shift lanes over little-endian words. It finds damage;
 * it is no defence against forgery, which is why everything in a header is validated besides.
 */

const PRIMES = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const

const finish = (h: number): number => {
  const a = Math.imul(h ^ (h >>> 16), PRIMES[1])
  const b = Math.imul(a ^ (a >>> 13), PRIMES[2])
  return (b ^ (b >>> 16)) >>> 0
}

const hex = (h: number): string => h.toString(16).padStart(8, '0')

/** The checksum of `bytes` as 16 hexadecimal digits. Each step is a bijection of its lane, so a single changed word always shows. */
export function digest(bytes: Uint8Array): string {
  // `new Uint8Array(bytes)` and not `slice`: that of Node's Buffer does not copy.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes)
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2)
  const [p0, p1, p2, p3] = PRIMES
  let a: number = p0, b: number = p1, c: number = p2, d: number = p3
  const whole = words.length & ~3
  // The shift after the product brings the upper bits, which a product only moves up, down again.
  for (let i = 0; i < whole; i += 4) {
    a = Math.imul(a ^ (words[i] as number), p0); a ^= a >>> 15
    b = Math.imul(b ^ (words[i + 1] as number), p1); b ^= b >>> 15
    c = Math.imul(c ^ (words[i + 2] as number), p2); c ^= c >>> 15
    d = Math.imul(d ^ (words[i + 3] as number), p3); d ^= d >>> 15
  }
  for (let i = whole * 4; i < aligned.length; i++) {
    a = Math.imul(a ^ (aligned[i] as number), p0); a ^= a >>> 15
  }
  const low = finish(a ^ finish(b ^ finish(c ^ finish(d ^ aligned.length))))
  const high = finish(d + finish(c + finish(b + finish(a + low))))
  return hex(high) + hex(low)
}

/** The import of a module's memory, made one of a shared memory. */

/** `env.memory` as the compiler writes it: unshared, at least one page, that number in five bytes. */
const IMPORT = Uint8Array.of(3, 101, 110, 118, 6, 109, 101, 109, 111, 114, 121, 2, 0, 129, 128, 128, 128, 0)
/** From the flags on: shared, at least one page (two bytes), at most 65,536 (three). */
const SHARED = Uint8Array.of(3, 129, 0, 128, 128, 4)

/** A copy of a module's bytes whose memory is a shared one; undefined where the import is not written so that it could be. */
export function withSharedMemory(code: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  // The import stands behind the types.
  for (let at = 8; at + IMPORT.length <= code.length; at++) {
    if (!IMPORT.every((byte, k) => code[at + k] === byte)) continue
    const copy = new Uint8Array(code)
    copy.set(SHARED, at + IMPORT.length - SHARED.length)
    return copy
  }
  return undefined
}

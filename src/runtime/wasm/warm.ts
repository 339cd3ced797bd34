/**
 * Asking an engine to compile a module's loops well before a run needs them. V8 does so for functions that have been called often, while its
 * caller goes on; a run that comes first would go through its long loops slowly to their end.
 */

/** Budget of a function until V8 compiles it well, in bytes of its first code that were run: of versions with relaxed SIMD, and of earlier ones. Source: its flag `wasm-tiering-budget`. */
const BUDGET = 13_000_000, BUDGET_BEFORE = 1_800_000
/** Bytes of it that a call of `loops.warm` counts as in each function, at least: see `codegen/wasm/render.ts`. */
const RUN_BY_CALL = 24_000
/** Milliseconds after which calls end in any case. */
const MOST_MS = 20

/** Calls `loops.warm` of a valid module over a memory of its own. What a module does is not known: it is called only where it must end, see `warmingEnds`. */
export function warmUp(code: Uint8Array, module: WebAssembly.Module, memory: WebAssembly.Memory, relaxed: boolean): void {
  const bodies = bodiesOf(code)
  if (bodies === undefined) return
  const warm = new WebAssembly.Instance(module, { env: { memory } }).exports['loops.warm'] as (() => void) | undefined
  // The name of an exported function is its number.
  if (warm === undefined || !warmingEnds(code, bodies, Number(warm.name))) return
  const until = performance.now() + MOST_MS
  for (let left = (relaxed ? BUDGET : BUDGET_BEFORE) / RUN_BY_CALL; left > 0 && (left % 8 >= 1 || performance.now() < until); left--) warm()
}

/** Reads unsigned numbers of a module from `at` on. */
function reader(code: Uint8Array, at: number): { at: number; next(): number } {
  return {
    at,
    next() {
      let n = 0
      for (let shift = 0, byte = 128; byte > 127; shift += 7) n |= ((byte = code[this.at++] ?? 0) & 127) << shift
      return n >>> 0
    },
  }
}

/** Where the instructions of each function begin; undefined for modules that would run something when instantiated, or that have locals of other types than numbers and vectors. */
function bodiesOf(code: Uint8Array): readonly number[] | undefined {
  const bodies: number[] = [], read = reader(code, 8)
  while (read.at < code.length) {
    const id = code[read.at++], size = read.next(), end = read.at + size
    if (id === 8) return undefined
    if (id === 10) {
      for (let left = read.next(); left > 0; left--) {
        const bytes = read.next(), next = read.at + bytes
        for (let groups = read.next(); groups > 0; groups--) {
          read.next()
          if ((code[read.at++] ?? 0) < 0x7b) return undefined
        }
        bodies.push(read.at)
        read.at = next
      }
    }
    read.at = end
  }
  return bodies
}

/** True where number `warm` does nothing but to call functions, which are given zeros and return. */
function warmingEnds(code: Uint8Array, bodies: readonly number[], warm: number): boolean {
  const read = reader(code, bodies[warm] ?? code.length)
  for (;;) {
    const op = code[read.at++]
    if (op === 0x0b) return true
    if (op === 0x41 && code[read.at++] === 0) continue
    // A vector: two bytes of its opcode, and 16 of its own, which are no matter.
    if (op === 0xfd && code[read.at] === 12) read.at += 17
    else if (op !== 0x10 || !returnsEarly(code, bodies[read.next()] ?? code.length)) return false
  }
}

/** True for `if (x >= y) { if (x) { if (x) return; … } return }`: instructions of a function that end, where it is given zeros. Its locals are of one byte. */
function returnsEarly(code: Uint8Array, at: number): boolean {
  const is = (...bytes: readonly number[]): boolean => bytes.every((byte, k) => (byte < 0 ? (code[at + k] as number) < 128 : code[at + k] === byte)) && (at += bytes.length) > 0
  if (!is(0x20, -1, 0x20, -1, 0x4e, 0x04, 0x40)) return false
  if (!is(0x20, -1, 0x04, 0x40)) return false
  while (is(0x20, -1, 0x0d, 2));
  return is(0x0b, 0x0f)
}

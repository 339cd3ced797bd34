/** A WebAssembly module as data, and its bytes. Source: WebAssembly core specification 2.0, §5.5; the name section is its appendix. */
import { flatten, signed, unsigned, VALUE_TYPES, type Code, type ValueType } from './instructions.js'

/** A function: parameters are locals 0…, `locals` follow them. */
export interface WasmFunction {
  readonly name: string
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
  readonly locals: readonly ValueType[]
  readonly body: Code
  readonly exported: boolean
}

/** A mutable global with an integer start value, exported under its name. */
export interface WasmGlobal { readonly name: string; readonly type: 'i32' | 'i64'; readonly value: bigint }

/** The module imports one memory, `env.memory`, of at least `pages` of 64 KiB (fewer than 2^14). */
export interface WasmModule {
  readonly pages: number
  readonly functions: readonly WasmFunction[]
  readonly globals: readonly WasmGlobal[]
}

const text = (s: string): Code => { const bytes = new TextEncoder().encode(s); return [...unsigned(bytes.length), ...bytes] }
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items]
const sized = (code: Code): Code => { const bytes = flatten(code); return [...unsigned(bytes.length), bytes] }
const section = (id: number, content: Code): Code => [id, sized(content)]

/** The module's bytes. The same module gives the same bytes. */
export function encodeModule(module: WasmModule): Uint8Array {
  const types = new Map<string, number>()
  const encoded: Code[] = []
  const typeOf = (f: WasmFunction): number => {
    const key = `${f.params.join()}>${f.results.join()}`
    const known = types.get(key)
    if (known !== undefined) return known
    encoded.push([0x60, vector(f.params.map((p) => [VALUE_TYPES[p]])), vector(f.results.map((r) => [VALUE_TYPES[r]]))])
    types.set(key, types.size)
    return types.size - 1
  }
  const { functions, globals } = module
  const functionTypes = functions.map((f): Code => unsigned(typeOf(f)))
  // Five bytes for one number, so that a loader can make it a shared memory in place: with flags 3, a minimum in two of them and a maximum in three.
  const memory: Code = [0x00, (module.pages & 127) | 128, (module.pages >> 7) | 128, 128, 128, 0]
  const exports = [
    ...functions.flatMap((f, i): Code[] => (f.exported ? [[text(f.name), 0x00, ...unsigned(i)]] : [])),
    ...globals.map((g, i): Code => [text(g.name), 0x03, ...unsigned(i)]),
  ]
  return Uint8Array.from(flatten([
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
    section(1, vector(encoded)),
    section(2, vector([[text('env'), text('memory'), 0x02, memory]])),
    section(3, vector(functionTypes)),
    section(6, vector(globals.map((g): Code => [VALUE_TYPES[g.type], 0x01, g.type === 'i32' ? 0x41 : 0x42, ...signed(g.value), 0x0b]))),
    section(7, vector(exports)),
    section(10, vector(functions.map((f) => sized([localGroups(f.locals), f.body, 0x0b])))),
    section(0, [text('name'), 1, sized(vector(functions.map((f, i): Code => [...unsigned(i), text(f.name)])))]),
  ]))
}

/** Locals as runs of one type. */
function localGroups(locals: readonly ValueType[]): Code {
  const groups: { type: ValueType; count: number }[] = []
  for (const type of locals) {
    const last = groups.at(-1)
    if (last?.type === type) last.count++
    else groups.push({ type, count: 1 })
  }
  return vector(groups.map((g): Code => [...unsigned(g.count), VALUE_TYPES[g.type]]))
}

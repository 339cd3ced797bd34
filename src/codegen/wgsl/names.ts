/** Names of kernels and buffers as WGSL identifiers. Reserved words: WebGPU Shading Language, §16. */

const RESERVED: ReadonlySet<string> = new Set((
  'alias break case const const_assert continue continuing default diagnostic discard else enable false fn for if let loop override requires return struct switch true var while '
  + 'NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become cast catch class co_await co_return co_yield coherent column_major common compile compile_fragment '
  + 'concept const_cast consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough filter final finally '
  + 'friend from fxgroup get goto groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut mutable namespace new nil noexcept '
  + 'noinline nointerpolation non_coherent noncoherent noperspective null nullptr of operator package packoffset partial pass patch pixelfragment precise precision premerge priv protected pub public readonly '
  + 'ref regardless register reinterpret_cast require resource restrict self set shared sizeof smooth snorm static static_assert static_cast std subroutine super target template this thread_local throw trait '
  + 'try type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual volatile wgsl where with writeonly yield '
  + 'array atomic bool bitcast f16 f32 i32 u32 vec2 vec3 vec4 vec2f ptr sampler texture abs acos acosh asin asinh atan atan2 atanh ceil clamp cos cosh exp floor inverseSqrt log max min pow round select sign sin sinh '
  + 'sqrt tan tanh trunc pack2x16float unpack2x16float params Params enable fault group local groups').split(/\s+/))

/** Makes identifiers: word characters, no reserved word, each name of each kind its own. */
export class Identifiers {
  readonly #taken: Set<string>
  readonly #ids = new Map<string, string>()

  constructor(taken: Iterable<string> = []) { this.#taken = new Set(taken) }

  /** The identifier of a name; kinds (`index`, `register`, `buffer`) have their own names. */
  of(kind: string, name: string): string {
    const key = `${kind} ${name}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const stem = name.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[^A-Za-z])_*/, 'v_')
    let id = stem
    for (let k = 1; this.#taken.has(id) || RESERVED.has(id); k++) id = `${stem}_${k}`
    this.#taken.add(id)
    this.#ids.set(key, id)
    return id
  }
}

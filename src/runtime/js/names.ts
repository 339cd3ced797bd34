/**
 * Names of a kernel file made into JavaScript identifiers. No name from a file reaches program text: identifiers consist
 * of word characters, differ from reserved words and helpers, and a use of an undeclared name is refused.
 */
import { IngotError } from '../../base/error.js'
import { HELPER_NAMES } from './helpers.js'

/** Error `artefact-damaged` about a kernel that no compiler of ours makes; `value` is what was found. */
export function damaged(what: string, value?: unknown): IngotError {
  return new IngotError('artefact-damaged', `a kernel of this program is not valid: ${what}${value === undefined ? '' : ` ${JSON.stringify(value)}`}`, { hint: 'compile the model again' })
}

const RESERVED = new Set(('abstract arguments as async await boolean break case catch class const continue debugger default delete do else enum eval export extends false final finally for function get if implements import in '
  + 'instanceof interface let native new null of package private protected public return set static super switch this throw throws true try typeof undefined var void while with yield '
  + 'Math Number BigInt NaN Infinity Object RangeError Float32Array Uint32Array kernels data decode atob Uint8Array').split(' ').concat(HELPER_NAMES))

/** Kinds of names: each has its own namespace in kernels. */
export type NameKind = 'buffer' | 'index' | 'register'

/** What a declared name is: its identifier and its type (a dtype for buffers, `''` for indices known to be ≥ 0, `'-'` for others). */
export interface Declared { readonly id: string; readonly type: string }

/** An identifier near `wish` that is not in `taken`, added to it. */
export function identifier(wish: unknown, taken: Set<string>): string {
  if (typeof wish !== 'string') throw damaged('a name is not text')
  let id = wish.slice(0, 120).replace(/\W/g, '_')
  if (!/^[A-Za-z]/.test(id)) id = `_${id}`
  const stem = id
  for (let k = 1; taken.has(id) || RESERVED.has(id); k++) id = `${stem}_${k}`
  taken.add(id)
  return id
}

/** The names that are visible at one place of a kernel. */
export class Names {
  readonly #taken: Set<string>
  /** One identifier per name and function, so that sibling loops share theirs. */
  readonly #ids = new Map<string, string>()
  readonly #visible = new Map<string, Declared>()
  /** Of the innermost block: what each name that it declares meant before. */
  #hidden: (readonly [key: string, before: Declared | undefined])[] = []

  constructor(taken: ReadonlySet<string>) { this.#taken = new Set(taken) }

  /** Makes a name visible until the end of the block around it. */
  declare(kind: NameKind, name: unknown, type: string): string {
    const key = `${kind} ${String(name)}`
    const id = this.#ids.get(key) ?? identifier(name, this.#taken)
    this.#ids.set(key, id)
    this.#hidden.push([key, this.#visible.get(key)])
    this.#visible.set(key, { id, type })
    return id
  }

  /** The visible name; throws `artefact-damaged` where there is none. */
  get(kind: NameKind, name: unknown): Declared {
    const found = this.#visible.get(`${kind} ${String(name)}`)
    if (found === undefined) throw damaged(`no such ${kind} here:`, name)
    return found
  }

  /** Runs `inner`; names declared in it end with it. */
  block<T>(inner: () => T): T {
    const outer = this.#hidden
    this.#hidden = []
    const result = inner()
    for (const [key, before] of this.#hidden.reverse()) if (before === undefined) this.#visible.delete(key); else this.#visible.set(key, before)
    this.#hidden = outer
    return result
  }
}

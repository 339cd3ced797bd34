/**
 * Names of a kernel file made into JavaScript identifiers. No name from a file reaches program text: identifiers consist
 * of word characters, differ from reserved words, and a use of an undeclared name is refused.
 */
import { IngotError } from '../../base/error.js'

/** Error `artefact-damaged` about kernel code that no compiler of ours makes. */
export function damaged(what: unknown): IngotError {
  return new IngotError('artefact-damaged', `the artefact is damaged: a kernel holds ${JSON.stringify(what)}`, { hint: 'fetch the file or compile the model again' })
}

const RESERVED = new Set(('arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof '
  + 'interface let new null package private protected public return static super switch this throw true try typeof var void while with yield').split(' '))

/** Kinds of names: each has its own namespace in kernels. */
export type NameKind = 'buffer' | 'index' | 'register'

/** What a declared name is: its identifier and its type (a dtype for buffers, `''` for indices known to be ≥ 0, `'-'` for others). */
export interface Declared { readonly id: string; readonly type: string }

/** An identifier near `wish` that is not in `taken`, added to it. Globals that kernels use begin with a capital, helpers with a `$`. */
export function identifier(wish: unknown, taken: Set<string>): string {
  if (typeof wish !== 'string') throw damaged(wish)
  const stem = wish.slice(0, 120).replace(/\W/g, '_').replace(/^(?![a-z])/, '_')
  let id = stem
  for (let k = 1; taken.has(id) || RESERVED.has(id); k++) id = `${stem}_${k}`
  taken.add(id)
  return id
}

/** The names that are visible at one place of a kernel. */
export class Names {
  readonly #taken: Set<string>
  /** One identifier per name and function, so that sibling loops share theirs. */
  readonly #ids = new Map<string, string>()
  /** Each block's names inherit those around it. */
  #visible: Record<string, Declared> = Object.create(null)

  constructor(taken: ReadonlySet<string>) { this.#taken = new Set(taken) }

  /** Makes a name visible until the end of the block around it. */
  declare(kind: NameKind, name: unknown, type: string): string {
    const key = `${kind} ${name}`
    const id = this.#ids.get(key) ?? identifier(name, this.#taken)
    this.#ids.set(key, id)
    this.#visible[key] = { id, type }
    return id
  }

  /** The visible name; throws `artefact-damaged` where there is none. */
  get(kind: NameKind, name: unknown): Declared {
    const found = this.#visible[`${kind} ${name}`]
    if (found === undefined) throw damaged(name)
    return found
  }

  /** Runs `inner`; names declared in it end with it. */
  block<T>(inner: () => T): T {
    const outer = this.#visible
    this.#visible = Object.create(outer) as Record<string, Declared>
    const result = inner()
    this.#visible = outer
    return result
  }
}

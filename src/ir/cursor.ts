/** A place in a text that is being read, with errors that name line, column and what was expected. */
import { IngotError } from '../base/error.js'
import type { Dim } from './dims.js'
import { parseDim } from './dims-text.js'
import { readNumber } from './elements-text.js'
import { NAME_PATTERN, unquoteName } from './names-text.js'

const SPACE = /(?:\s+|\/\/[^\n]*)*/y
const NAME = new RegExp(NAME_PATTERN, 'y')
const NUMBER = /-?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|inf)|nan(?:\(0x[0-9a-f]+\))?/iy
const STRING = /"(?:[^"\\\n]|\\.)*"/y
const SHOWN = /\S{1,24}/y

export class Cursor {
  readonly text: string
  #at = 0

  constructor(text: string) {
    this.text = text
    this.#skip()
  }

  /** Offset of the next token. */
  get offset(): number { return this.#at }

  /** True where nothing is left but space and comments. */
  get atEnd(): boolean { return this.#at >= this.text.length }

  /** Throws `parse-text`: `wanted` was expected at `offset`. */
  fail(wanted: string, offset = this.#at, hint = 'compare with the text that `ingot compile MODEL --dump-ir` prints'): never {
    const before = this.text.slice(0, offset)
    const line = before.split('\n').length
    const column = offset - before.lastIndexOf('\n')
    SHOWN.lastIndex = offset
    const found = SHOWN.exec(this.text)?.[0]
    throw new IngotError('parse-text', `line ${line}, column ${column}: ${wanted} expected, found ${found === undefined ? 'the end' : `'${found}'`}`, { hint })
  }

  /** Takes `mark` if it stands here. */
  take(mark: string): boolean {
    if (!this.text.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    this.#skip()
    return true
  }

  expect(mark: string): void { if (!this.take(mark)) this.fail(`'${mark}'`) }

  /** True where `mark` stands here; takes nothing. */
  sees(mark: string): boolean { return this.text.startsWith(mark, this.#at) }

  /** Takes the word if it stands here as a whole identifier. */
  takeWord(word: string): boolean {
    NAME.lastIndex = this.#at
    if (NAME.exec(this.text)?.[1] !== word) return false
    return this.take(word)
  }

  expectWord(word: string): void { if (!this.takeWord(word)) this.fail(`'${word}'`) }

  /** A name, bare or in back quotes. */
  name(what: string): string {
    const m = this.#match(NAME)
    return m === undefined ? this.fail(what) : m[1] ?? unquoteName(m[2] as string)
  }

  /** A quoted string. */
  string(what: string): string {
    const at = this.#at
    const m = this.#match(STRING)
    if (m === undefined) return this.fail(`${what} in double quotes`)
    try {
      return JSON.parse(m[0]) as string
    } catch {
      return this.fail('a string with JSON escapes', at)
    }
  }

  /** The text of a number, as tensor elements have it. */
  numberText(): string {
    return this.#match(NUMBER)?.[0] ?? this.fail('a number')
  }

  number(): number {
    const at = this.#at
    return readNumber(this.numberText()) ?? this.fail('a number', at)
  }

  int(what = 'a whole number'): number {
    const at = this.#at
    const n = this.number()
    return Number.isInteger(n) ? n : this.fail(what, at)
  }

  bool(): boolean {
    return this.takeWord('true') ? true : this.takeWord('false') ? false : this.fail("'true' or 'false'")
  }

  /** An extent: all up to the next `,` `]` `}` `"` `=` or `<` outside of parentheses and quotes. */
  dim(): Dim {
    const start = this.#at
    let depth = 0
    let at = start
    for (; at < this.text.length; at++) {
      const c = this.text[at] as string
      if (c === '`') { at = this.#endOfQuoted(at); continue }
      if (c === '(') depth++
      else if (c === ')' && --depth < 0) break
      else if (c === '\n' || (depth === 0 && ',]}"=<'.includes(c))) break
    }
    try {
      const dim = parseDim(this.text.slice(start, at))
      this.#at = at
      this.#skip()
      return dim
    } catch (error) {
      return this.fail(error instanceof IngotError ? `an extent (${error.message.split('\n')[0]})` : 'an extent', start)
    }
  }

  /** Items between `open` and `close`, with commas. */
  list<T>(open: string, close: string, item: () => T): T[] {
    this.expect(open)
    const out: T[] = []
    if (this.take(close)) return out
    do out.push(item()); while (this.take(','))
    if (!this.take(close)) this.fail(`',' or '${close}'`)
    return out
  }

  #endOfQuoted(start: number): number {
    NAME.lastIndex = start
    return NAME.test(this.text) ? NAME.lastIndex - 1 : this.fail('a closing back quote', start)
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const m = pattern.exec(this.text)
    if (m === null) return undefined
    this.#at = pattern.lastIndex
    this.#skip()
    return m
  }

  #skip(): void {
    SPACE.lastIndex = this.#at
    SPACE.exec(this.text)
    this.#at = Math.max(this.#at, SPACE.lastIndex)
  }
}

/**
 * The text form of dims: `4*h + 1`, `past + seq`, `floordiv(h - 1, 2)`, `min(a, b)`, `select(eq(s, -1), n, s)`.
 * `parseDim(printDim(d))` is `d` for canonical `d`. Symbols are names as `ir/names-text.ts` has them.
 */
import { IngotError } from '../base/error.js'
import { add, applyDimOp, floorDiv, mod, mul, sub, type Dim, type DimOp } from './dims.js'
import { NAME_PATTERN, printName, unquoteName } from './names-text.js'

/** The text of a dim as it stands in graph and kernel text. */
export function printDim(dim: Dim): string {
  if (typeof dim === 'number') return String(dim)
  if (typeof dim === 'string') return printName(dim)
  const args = dim.slice(1) as Dim[]
  if (dim[0] === '*') return args.map((d) => (typeof d === 'object' && d[0] === '+' ? `(${printDim(d)})` : printDim(d))).join('*').replace(/^-1\*/, '-')
  if (dim[0] === '+') return args.map(printDim).reduce((s, t) => (t.startsWith('-') ? `${s} - ${t.slice(1)}` : `${s} + ${t}`))
  return `${dim[0]}(${args.map(printDim).join(', ')})`
}

/** A shape's text: `[batch, 3, 224]`. */
export function printShape(shape: readonly Dim[]): string {
  return `[${shape.map(printDim).join(', ')}]`
}

const TOKEN = new RegExp(`\\s*(?:(\\d+)|${NAME_PATTERN}|([-+*/%(),]))`, 'y')
const FUNCTIONS = new Set<string>(['floordiv', 'mod', 'min', 'max', 'eq', 'lt', 'select'])

type Token = { readonly kind: 'number' | 'name' | 'mark'; readonly text: string }

function tokenize(text: string): Token[] {
  const out: Token[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex
    const m = TOKEN.exec(text)
    if (m === null) throw new IngotError('parse-text', `cannot read the extent '${text}' from character ${at + 1}`, { hint: "write numbers, names, + - * / % and floordiv, mod, min, max, eq, lt, select; put other names in `back quotes`" })
    if (m[1] !== undefined) out.push({ kind: 'number', text: m[1] })
    else if (m[4] !== undefined) out.push({ kind: 'mark', text: m[4] })
    else out.push({ kind: 'name', text: m[2] ?? unquoteName(m[3] as string) })
  }
  return out
}

/** Reads a dim's text; `/` is floordiv and `%` is mod. Throws `parse-text`. */
export function parseDim(text: string): Dim {
  const tokens = tokenize(text)
  let at = 0
  const fail = (wanted: string): never => { throw new IngotError('parse-text', `cannot read the extent '${text}': ${wanted} expected${at < tokens.length ? ` before '${tokens[at]?.text}'` : ' at the end'}`) }
  const isMark = (mark: string): boolean => tokens[at]?.kind === 'mark' && tokens[at]?.text === mark
  const take = (mark: string): boolean => { const yes = isMark(mark); if (yes) at++; return yes }
  const atom = (): Dim => {
    if (take('-')) return mul(-1, atom())
    if (take('(')) { const d = sum(); if (!take(')')) fail("')'"); return d }
    const token = tokens[at]
    if (token === undefined || token.kind === 'mark') return fail('a number or a name')
    at++
    if (token.kind === 'number') return Number(token.text)
    if (!FUNCTIONS.has(token.text) || !take('(')) return token.text
    const args = [sum()]
    while (take(',')) args.push(sum())
    if (!take(')')) fail("')'")
    return applyDimOp(token.text as DimOp, args)
  }
  const term = (): Dim => {
    let d = atom()
    for (;;) {
      if (take('*')) d = mul(d, atom())
      else if (take('/')) d = floorDiv(d, atom())
      else if (take('%')) d = mod(d, atom())
      else return d
    }
  }
  const sum = (): Dim => {
    let d = term()
    for (;;) {
      if (take('+')) d = add(d, term())
      else if (take('-')) d = sub(d, term())
      else return d
    }
  }
  const dim = sum()
  if (at < tokens.length) fail('nothing more')
  return dim
}

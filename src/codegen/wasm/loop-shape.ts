/** Loops apart from names and numbers: what two loops have in common whose code differs in addresses and extents alone. */
import { applyDimOp, substituteDim, type Dim, type DimOp } from '../../ir/dims.js'
import type { Expr, RegisterType } from '../../ir/kernel/expr.js'
import type { Kernel, KernelBuffer, Stmt } from '../../ir/kernel/kernel.js'
import { childrenOf, operandsOf, visitExprs, withOperands } from '../../ir/kernel/walk.js'

type Loop = Extract<Stmt, { kind: 'for' }>

/** A loop over names of its own. Loops of the same `key` differ in `numbers`, which stand in `body` in that order. */
export interface CanonicalLoop {
  readonly key: string
  readonly body: readonly Stmt[]
  readonly numbers: readonly number[]
  /** Those of them that innermost loops compute addresses with. */
  readonly addressing: readonly number[]
  /** What the loop takes from around it, in its own names: as a function does. */
  readonly buffers: readonly KernelBuffer[]
  readonly indices: readonly string[]
  readonly registers: readonly { readonly name: string; readonly type: RegisterType }[]
  /** The same in the names of its kernel. */
  readonly names: { readonly buffers: readonly string[]; readonly indices: readonly string[]; readonly registers: readonly string[] }
}

/** Calls of one kind of name in the order in which they first appear. */
class Names {
  readonly #prefix: string
  readonly #own = new Map<string, string>()
  readonly free: string[] = []
  #count = 0

  constructor(prefix: string) { this.#prefix = prefix }

  declare(name: string): string {
    const own = `${this.#prefix}${this.#count++}`
    this.#own.set(name, own)
    return own
  }

  use(name: string): string {
    const known = this.#own.get(name)
    if (known !== undefined) return known
    this.free.push(name)
    return this.declare(name)
  }

  get(name: string): string { return this.#own.get(name) ?? name }
}

/** The loop of `kernel` in canonical names, from `from` to `to`. Registers from around it that are constants are declared anew. */
export function canonicalLoop(loop: Loop, kernel: Kernel): CanonicalLoop {
  const indices = new Names('i'), registers = new Names('r'), buffers = new Names('b'), types = new Map<string, RegisterType>()
  const dim = (d: Dim): Dim => substituteDim(d, (name) => indices.use(name))
  const expr = (e: Expr): Expr => mapTree(e, (x) => {
    if (x.kind === 'load') return { ...x, buffer: buffers.use(x.buffer), index: x.index.map(dim) }
    if (x.kind === 'index') return { ...x, index: dim(x.index) }
    if (x.kind !== 'local') return x
    types.set(x.name, x.type)
    return { ...x, name: registers.use(x.name) }
  })
  const all = (body: readonly Stmt[]): readonly Stmt[] => body.map((s): Stmt => {
    switch (s.kind) {
      case 'for': { const lo = dim(s.lo), hi = dim(s.hi); return { ...s, variable: indices.declare(s.variable), lo, hi, body: all(s.body) } }
      case 'index': { const value = dim(s.value); return { ...s, name: indices.declare(s.name), value } }
      case 'data-index': { const value = expr(s.value), extent = dim(s.extent); return { ...s, name: indices.declare(s.name), value, extent } }
      case 'let': case 'var': case 'fold': { const value = expr(s.value); return { ...s, name: registers.declare(s.name), value } }
      case 'set': return { ...s, name: registers.use(s.name), value: expr(s.value) }
      case 'set-all': return { ...s, sets: s.sets.map((t) => ({ name: registers.use(t.name), value: expr(t.value) })) }
      case 'store': return { ...s, buffer: buffers.use(s.buffer), index: dim(s.index), value: expr(s.value) }
      case 'if': return { ...s, condition: expr(s.condition), then: all(s.then), else: all(s.else) }
      case 'barrier': return s
    }
  })
  const variable = indices.declare(loop.variable), inside = all(loop.body)
  const constants = constantsOf(kernel, new Set(registers.free))
  const body: readonly Stmt[] = [...constants.map((s): Stmt => ({ ...s, name: registers.get(s.name) })), { kind: 'for', variable, lo: 'from', hi: 'to', step: loop.step, body: inside }]
  const given = registers.free.filter((name) => !constants.some((c) => c.name === name))
  const dtypes = new Map(kernel.buffers.map((b) => [b.name, b]))
  const taken = buffers.free.map((name): KernelBuffer => ({ name: buffers.get(name), dtype: dtypes.get(name)?.dtype ?? 'float32', length: 0, role: 'temp' }))
  const own = given.map((name) => ({ name: registers.get(name), type: types.get(name) as RegisterType })), numbers: number[] = [], addressing: number[] = []
  const shape = mapNumbers(body, (n, innermost) => { numbers.push(n); if (innermost) addressing.push(n); return '#' }, (op, args) => [op, ...args])
  return {
    key: JSON.stringify([shape, taken.map((b) => b.dtype), own]), body, numbers, addressing, buffers: taken, indices: indices.free.map((name) => indices.get(name)), registers: own,
    names: { buffers: buffers.free, indices: indices.free, registers: given },
  }
}

/** Registers among `names` that a kernel declares as constants. */
function constantsOf(kernel: Kernel, names: ReadonlySet<string>): readonly Extract<Stmt, { kind: 'let' }>[] {
  const found = new Map<string, Extract<Stmt, { kind: 'let' }> | undefined>()
  const visit = (body: readonly Stmt[]): void => {
    for (const s of body) {
      if (s.kind === 'for') visit(s.body)
      else if (s.kind === 'if') { visit(s.then); visit(s.else) }
      else if ((s.kind === 'let' || s.kind === 'var') && names.has(s.name)) {
        let constant = s.kind === 'let' && !found.has(s.name)
        visitExprs([s.value], (e) => { constant &&= e.kind === 'const' || e.kind === 'splat' })
        found.set(s.name, constant ? (s as Extract<Stmt, { kind: 'let' }>) : undefined)
      }
    }
  }
  visit(kernel.body)
  return [...found.values()].filter((s) => s !== undefined)
}

/** `body` with `values` in the places of its numbers. */
export function withNumbers(body: readonly Stmt[], values: readonly Dim[]): readonly Stmt[] {
  let at = 0
  return mapNumbers(body, () => values[at++] as Dim, applyDimOp)
}

/** `e` rebuilt bottom-up; an expression that stands in two places is rebuilt in each, so that places come in one order in all loops of a shape. */
const mapTree = (e: Expr, rewrite: (e: Expr) => Expr): Expr => rewrite(withOperands(e, operandsOf(e).map((x) => mapTree(x, rewrite))))

/** `body` with other values for the numbers ≥ 0 that are bounds, terms or factors of indices; `build` puts dims together again. */
function mapNumbers(body: readonly Stmt[], replace: (n: number, innermost: boolean) => Dim, build: (op: DimOp, args: readonly Dim[]) => Dim, innermost = false): readonly Stmt[] {
  const dim = (d: Dim): Dim => {
    if (typeof d === 'number') return d >= 0 ? replace(d, innermost) : d
    if (typeof d === 'string') return d
    const [op, ...args] = d
    return build(op, op === '+' || op === '*' ? args.map(dim) : args.map((a) => (typeof a === 'number' ? a : dim(a))))
  }
  const expr = (e: Expr): Expr => mapTree(e, (x) => (x.kind === 'load' ? { ...x, index: x.index.map(dim) } : x.kind === 'index' ? { ...x, index: dim(x.index) } : x))
  const inner = (inside: readonly Stmt[]): readonly Stmt[] => mapNumbers(inside, replace, build, inside.every((s) => childrenOf(s).length === 0))
  return body.map((s): Stmt => {
    switch (s.kind) {
      case 'for': { const lo = dim(s.lo), hi = dim(s.hi); return { ...s, lo, hi, body: inner(s.body) } }
      case 'index': return { ...s, value: dim(s.value) }
      case 'store': { const index = dim(s.index); return { ...s, index, value: expr(s.value) } }
      case 'set-all': return { ...s, sets: s.sets.map((t) => ({ ...t, value: expr(t.value) })) }
      case 'if': {
        const condition = expr(s.condition), then = mapNumbers(s.then, replace, build, innermost)
        return { ...s, condition, then, else: mapNumbers(s.else, replace, build, innermost) }
      }
      case 'data-index': case 'barrier': return s
      default: return { ...s, value: expr(s.value) }
    }
  })
}

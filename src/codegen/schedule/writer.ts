/**
 * Writes statements into nested loops. Every value and every part of an index is written in the outermost loop that it is
 * constant in: inner loops are left with additions. Values used once stay inside the expression that uses them.
 */
import { invariant } from '../../base/error.js'
import { add, dimKey, mul, sub, type Dim } from '../../ir/dims.js'
import type { Expr } from '../../ir/kernel/expr.js'
import type { Fold, Stmt } from '../../ir/kernel/kernel.js'
import { boundsOf, isNeverNegative, loopRange, rebuild, termsOf, type Range, type Term } from '../../ir/kernel/ranges.js'
import { simplifyDim } from '../../ir/kernel/simplify.js'
import { withOperands } from '../../ir/kernel/walk.js'
import { LANE, LANE_RANGE } from './lanes.js'
import type { ValueContext, ValueNode } from './values.js'

/** The statements of one loop, or of the kernel itself. */
interface Scope {
  readonly stmts: Stmt[]
  /** Locals written here: by value id and by dim. */
  readonly values: Map<number, string>
  readonly dims: Map<string, string>
  /** False for a loop that may not run at all. */
  readonly runs: boolean
}

/** One statement whose values are still to be written. */
export type Pending =
  | { readonly kind: 'var'; readonly name: string; readonly value: ValueNode }
  | { readonly kind: 'set'; readonly name: string; readonly value: ValueNode }
  | { readonly kind: 'set-all'; readonly sets: readonly { readonly name: string; readonly value: ValueNode }[] }
  | { readonly kind: 'store'; readonly buffer: string; readonly index: Dim; readonly value: ValueNode }
  /** Writes the value now if nothing wrote it before: for what may change later. */
  | { readonly kind: 'keep'; readonly value: ValueNode }

/** Operations of one step, where values are computed step by step. */
const STEP = 3

const rootsOf = (p: Pending): readonly ValueNode[] => (p.kind === 'set-all' ? p.sets.map((s) => s.value) : [p.value])

const freshScope = (runs: boolean): Scope => ({ stmts: [], values: new Map(), dims: new Map(), runs })

export class KernelWriter implements ValueContext {
  readonly #scopes: Scope[] = [freshScope(true)]
  readonly #taken: Set<string>
  /** Per wish the last number that `fresh` appended, so that many equal wishes stay linear. */
  readonly #lastOf = new Map<string, number>()
  readonly #loopNames = new Set<string>()
  readonly #ranges = new Map<string, Range>()
  readonly #loopDepth = new Map<string, number>()
  readonly #dataIndices = new Map<string, ValueNode>()
  /** Of the statements being written: how often each value and each sum of an index is used. */
  #uses = new Map<number, number>()
  #sums = new Map<string, number>()
  /** Depths of values as seen from the innermost open loop. */
  #levels = new Map<number, number>()

  /** `taken`: names that the kernel has already (parameters and buffers). */
  constructor(taken: Iterable<string>) { this.#taken = new Set(taken) }

  readonly rangeOf = (name: string): Range | undefined => (name === LANE ? LANE_RANGE : this.#ranges.get(name))
  get depth(): number { return this.#scopes.length - 1 }
  get #scope(): Scope { return this.#scopes[this.depth] as Scope }

  /** All statements, once every loop is closed. */
  finish(): readonly Stmt[] {
    invariant(this.depth === 0, 'a loop was left open')
    return this.#scope.stmts
  }

  /** A name that the kernel does not use yet, as near to `wish` as can be. */
  fresh(wish: string): string {
    let name = wish, k = this.#lastOf.get(wish) ?? 0
    while (this.#taken.has(name)) name = `${wish}_${++k}`
    this.#lastOf.set(wish, k)
    this.#taken.add(name)
    return name
  }

  freshSymbol(wish: string, extent: Dim): string {
    const name = this.fresh(wish)
    this.#ranges.set(name, { lo: 0, hi: boundsOf(sub(extent, 1), this.rangeOf).hi })
    return name
  }

  /** Makes the integer that `node` reads from data known, so that indices may use its symbol. */
  declare(node: ValueNode): void {
    if (node.symbol !== undefined) this.#dataIndices.set(node.symbol, node)
  }

  /** A loop around what `body` writes; `body` gets its variable, or the only value where there is just one iteration. */
  loop(wish: string, lo: Dim, hi: Dim, step: number, spread: 'parallel' | 'local' | undefined, body: (variable: Dim) => void): void {
    const first = simplifyDim(lo, this.rangeOf), end = simplifyDim(hi, this.rangeOf), extent = sub(end, first)
    if (typeof extent === 'number' && extent <= 0) return
    if (extent === step && spread !== 'local') return body(first)
    const runs = isNeverNegative(sub(extent, step), this.rangeOf)
    const written = { lo: this.#bound(first), hi: this.#bound(end) }
    const variable = this.#loopVariable(wish)
    this.#ranges.set(variable, loopRange(first, end, step, this.rangeOf))
    this.#loopDepth.set(variable, this.depth + 1)
    this.#scopes.push(freshScope(runs))
    this.#levels = new Map()
    body(variable)
    this.#levels = new Map()
    const inner = this.#scopes.pop() as Scope
    this.#loopDepth.delete(variable)
    if (inner.stmts.length > 0) this.#scope.stmts.push({ kind: 'for', variable, ...written, step, ...(spread === 'parallel' && { parallel: true }), ...(spread === 'local' && { local: true }), body: inner.stmts })
  }

  /** What `body` writes happens only where `condition` holds, what `otherwise` writes where it does not. */
  when(condition: ValueNode, body: () => void, otherwise?: () => void): void {
    const test = this.#written(condition)
    const branch = (write: () => void): readonly Stmt[] => {
      this.#scopes.push(freshScope(false))
      this.#levels = new Map()
      write()
      this.#levels = new Map()
      return (this.#scopes.pop() as Scope).stmts
    }
    const then = branch(body), rest = otherwise === undefined ? [] : branch(otherwise)
    if (then.length > 0 || rest.length > 0) this.#scope.stmts.push({ kind: 'if', condition: test, then, else: rest })
  }

  /** A barrier here; values of shared memory that were built before must not be used after it. */
  barrier(): void { this.#scope.stmts.push({ kind: 'barrier' }) }

  /** A fold of `value` among the invocations of a workgroup; see `Fold`. */
  fold(fold: Omit<Fold, 'kind' | 'value'>, value: ValueNode): void { this.#scope.stmts.push({ kind: 'fold', ...fold, value: this.#written(value) }) }

  #written(value: ValueNode): Expr {
    this.#uses = new Map()
    this.#sums = new Map()
    this.#count(value)
    return this.#value(value, this.depth)
  }

  /** A loop bound: evaluated once, before the loop. */
  #bound(dim: Dim): Dim {
    const placed = this.#placeDim(dim, this.depth)
    return typeof placed === 'object' ? this.#bindDim(placed, this.depth, 'end') : placed
  }

  #loopVariable(wish: string): string {
    let name = wish
    for (let k = 1; this.#loopDepth.has(name) || (this.#taken.has(name) && !this.#loopNames.has(name)); k++) name = `${wish}_${k}`
    this.#taken.add(name)
    this.#loopNames.add(name)
    return name
  }

  /** Writes statements that belong together into the innermost open loop; so many of them step by step, so that the steps of one fill the time in which those of another wait. */
  write(pending: readonly Pending[], together = 1): void {
    this.#uses = new Map()
    this.#sums = new Map()
    for (const p of pending) {
      for (const root of rootsOf(p)) this.#count(root)
      if (p.kind === 'store') this.#countSum(p.index)
    }
    pending.forEach((p, i) => {
      if (together > 1 && i % together === 0) this.#writeSteps(pending.slice(i, i + together).flatMap(rootsOf))
      const stmt = this.#statement(p)
      if (stmt !== undefined) this.#scope.stmts.push(stmt)
    })
  }

  /** Writes parts of the values at `roots` into locals: the first part of each, then the second of each, and so on. */
  #writeSteps(roots: readonly ValueNode[]): void {
    const steps = roots.map((root) => this.#stepsOf(root))
    for (let k = 0; steps.some((s) => k < s.length); k++) for (const s of steps) {
      const node = s[k]
      if (node !== undefined) this.#bindValue(node)
    }
  }

  /** Nodes below `root` with a few operations between one and the next, operands first. */
  #stepsOf(root: ValueNode): readonly ValueNode[] {
    const steps: ValueNode[] = [], known = new Map<number, number>()
    const size = (node: ValueNode): number => {
      if (node.operands.length === 0 || known.has(node.id) || this.#find(node) !== undefined) return 0
      known.set(node.id, 0)
      const operations = node.operands.reduce((n, o) => n + size(o), 1)
      if (node === root || node.symbol !== undefined || (operations < STEP && (this.#uses.get(node.id) ?? 0) < 2)) return operations
      steps.push(node)
      return 0
    }
    size(root)
    return steps
  }

  #statement(p: Pending): Stmt | undefined {
    const at = this.depth
    switch (p.kind) {
      case 'var': return { kind: 'var', name: p.name, type: p.value.type, value: this.#value(p.value, at) }
      case 'set': return { kind: 'set', name: p.name, value: this.#value(p.value, at) }
      case 'set-all': return { kind: 'set-all', sets: p.sets.map((s) => ({ name: s.name, value: this.#value(s.value, at) })) }
      case 'store': { const value = this.#value(p.value, at); return { kind: 'store', buffer: p.buffer, index: this.#placeDim(p.index, at), value } }
      case 'keep': if (p.value.operands.length > 0 || p.value.dims.length > 0) this.#bindValue(p.value); return undefined
    }
  }

  #count(node: ValueNode): void {
    const uses = this.#uses.get(node.id) ?? 0
    this.#uses.set(node.id, uses + 1)
    if (uses > 0 || this.#find(node) !== undefined) return
    node.operands.forEach((o) => this.#count(o))
    node.dims.forEach((d) => this.#countSum(d))
  }

  #countSum(dim: Dim): void {
    const key = dimKey(add(...termsOf(dim).filter((t) => t.atoms.length > 0).map(dimOfTerm)))
    this.#sums.set(key, (this.#sums.get(key) ?? 0) + 1)
  }

  /** The local that holds `node`, with its depth. */
  #find(node: ValueNode): { readonly name: string; readonly depth: number } | undefined {
    for (let depth = this.depth; depth >= 0; depth--) {
      const name = this.#scopes[depth]?.values.get(node.id)
      if (name !== undefined) return { name, depth }
    }
    return undefined
  }

  /** The outermost depth at which `node` can be written. */
  levelOf(node: ValueNode): number {
    const known = this.#levels.get(node.id)
    if (known !== undefined) return known
    const found = this.#find(node)
    let level = found?.depth ?? Math.max(0, node.pinned)
    if (found === undefined) {
      for (const o of node.operands) level = Math.max(level, this.levelOf(o))
      for (const d of node.dims) level = Math.max(level, this.#levelOfDim(d))
      if (!node.safe) for (let depth = this.depth; depth > level; depth--) if (this.#scopes[depth]?.runs === false) level = depth
    }
    this.#levels.set(node.id, level)
    return level
  }

  #levelOfDim(dim: Dim): number {
    if (typeof dim === 'number') return 0
    if (typeof dim === 'object') return Math.max(...(dim.slice(1) as Dim[]).map((d) => this.#levelOfDim(d)))
    const data = this.#dataIndices.get(dim)
    return data === undefined ? (this.#loopDepth.get(dim) ?? 0) : this.levelOf(data)
  }

  /** The expression of `node` for use at depth `at`, with what it needs written before. */
  #value(node: ValueNode, at: number): Expr {
    if (node.shell.kind === 'const' || node.shell.kind === 'local') return node.shell
    const found = this.#find(node)
    if (found !== undefined) return { kind: 'local', name: found.name, type: node.type }
    if (node.shell.kind !== 'index' && (this.levelOf(node) < at || (this.#uses.get(node.id) ?? 0) > 1)) return { kind: 'local', name: this.#bindValue(node), type: node.type }
    return this.#expression(node, at)
  }

  #expression(node: ValueNode, at: number): Expr {
    const { shell } = node
    if (shell.kind === 'index') return { kind: 'index', index: this.#placeDim(shell.index, at) }
    if (shell.kind === 'load') return { ...shell, index: shell.index.map((d) => this.#placeDim(d, at)) }
    return withOperands(shell, node.operands.map((o) => this.#value(o, at)))
  }

  /** Writes `node` into a local at its level. */
  #bindValue(node: ValueNode): string {
    const found = this.#find(node)
    if (found !== undefined) return found.name
    const level = this.levelOf(node), scope = this.#scopes[level] as Scope
    if (node.symbol !== undefined) {
      const [value] = node.operands, [extent] = node.dims
      scope.stmts.push({ kind: 'data-index', name: node.symbol, value: this.#value(value as ValueNode, level), extent: this.#placeDim(extent as Dim, level) })
      scope.values.set(node.id, node.symbol)
      return node.symbol
    }
    const value = this.#expression(node, level)
    const name = this.fresh(node.shell.kind === 'load' ? node.shell.buffer.replace(/\W/g, '_') + '_' : 't')
    scope.stmts.push({ kind: 'let', name, type: node.type, value })
    scope.values.set(node.id, name)
    return name
  }

  /** `dim` for use at depth `at`: parts that are constant in inner loops become index locals further out; a constant offset stays last. */
  #placeDim(dim: Dim, at: number): Dim {
    if (typeof dim === 'number') return dim
    const terms = termsOf(dim), moving = terms.filter((t) => t.atoms.length > 0), offset = terms.find((t) => t.atoms.length === 0)?.coefficient ?? 0
    const shared = moving.length > 0 && (this.#sums.get(dimKey(add(...moving.map(dimOfTerm)))) ?? 0) > 1
    const placed = moving.map((t) => ({ level: Math.min(at, this.#levelOfDim(dimOfTerm(t))), term: t }))
    let sum: Dim = 0
    for (const level of [...new Set(placed.map((p) => p.level))].sort((a, b) => a - b)) {
      const here = placed.filter((p) => p.level === level).map((p) => this.#placeTerm(p.term))
      const hasProduct = here.some((d) => typeof d === 'object')
      sum = add(sum, ...here)
      if (typeof sum === 'object' && (level < at || shared || (hasProduct && moving.length > 1))) sum = this.#bindDim(sum, level, 'p')
    }
    return add(sum, offset)
  }

  #placeTerm(term: Term): Dim {
    return mul(term.coefficient, ...term.atoms.map((atom): Dim => {
      if (typeof atom === 'object') {
        return this.#bindDim(rebuild(atom, (atom.slice(1) as Dim[]).map((d) => this.#placeDim(d, this.#levelOfDim(d)))), this.#levelOfDim(atom), 'q')
      }
      const data = typeof atom === 'string' ? this.#dataIndices.get(atom) : undefined
      if (data !== undefined) this.#bindValue(data)
      return atom
    }))
  }

  /** Writes `dim` into an index local at depth `level`. */
  #bindDim(dim: Dim, level: number, wish: string): Dim {
    const key = dimKey(dim)
    for (let depth = level; depth >= 0; depth--) {
      const known = this.#scopes[depth]?.dims.get(key)
      if (known !== undefined) return known
    }
    if (typeof dim !== 'object') return dim
    const name = this.fresh(wish), scope = this.#scopes[level] as Scope
    scope.stmts.push({ kind: 'index', name, value: dim })
    scope.dims.set(key, name)
    return name
  }
}

const dimOfTerm = (t: Term): Dim => mul(t.coefficient, ...t.atoms)

/**
 * 64-bit integers as 32-bit ones, for WGSL, which has no others: only in kernels where every 64-bit value is proved to fit, by
 * what is known of the elements of the buffers. An index that is only looked up needs no proof: it is compared with an extent
 * below 2^31, and whatever lies outside 32 bits may be stored as the nearest value that fits.
 */
import type { Dim } from '../../base/dim.js'
import type { DType } from '../../base/dtype.js'
import { typeOfExpr, type Expr, type RegisterType } from '../../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { boundsOf, type RangeOf } from '../../ir/kernel/ranges.js'
import { exprsOf, mapExpr, operandsOf, visitStmts } from '../../ir/kernel/walk.js'
import { binaryInterval, EVERYTHING, intervalOfDType, intervalOfRegister, isWithin, narrowed, unaryInterval, union, type Interval } from '../../ir/kernel/interval.js'

export interface Narrowed {
  /** The kernel in 32-bit integers; undefined where it may have values that do not fit. */
  readonly kernel: Kernel | undefined
  /** What the elements written to each buffer can be. */
  readonly written: ReadonlyMap<string, Interval>
}

const NARROW: Readonly<Partial<Record<RegisterType, RegisterType>>> = { i64: 'i32', u64: 'u32' }
const NARROW_DTYPE: Readonly<Partial<Record<DType, DType>>> = { int64: 'int32', uint64: 'uint32' }
/** How often intervals of registers that change may grow before they count as unbounded. */
const ROUNDS = 4

/** `kernel` without 64-bit integers, given what its buffers' elements can be; those of its temps where other kernels wrote them. */
export function narrowIntegers(kernel: Kernel, elementsOf: (buffer: string) => Interval | undefined): Narrowed {
  const facts = new Facts(kernel, elementsOf)
  const written = facts.written()
  return { kernel: facts.fits() ? rewrite(kernel) : undefined, written }
}

class Facts {
  readonly #kernel: Kernel
  readonly #dtypes: ReadonlyMap<string, DType>
  readonly #elementsOf: (buffer: string) => Interval | undefined
  readonly #registers = new Map<string, Interval>()
  readonly #indices = new Map<string, { readonly lo: Dim | undefined; readonly hi: Dim | undefined }>()
  readonly #written: ReadonlySet<string>
  readonly #stored = new Map<string, Interval>()
  #memo = new Map<Expr, Interval>()

  constructor(kernel: Kernel, elementsOf: (buffer: string) => Interval | undefined) {
    this.#kernel = kernel
    this.#elementsOf = elementsOf
    const shared = kernel.shared ?? []
    this.#written = new Set([...kernel.buffers.filter((b) => b.role !== 'in'), ...shared].map((b) => b.name))
    this.#dtypes = new Map([...kernel.buffers, ...shared].map((b) => [b.name, b.dtype]))
    for (const { name, role } of kernel.buffers) { const before = role === 'temp' ? elementsOf(name) : undefined; if (before !== undefined) this.#stored.set(name, before) }
    for (let round = 0; round <= ROUNDS; round++) {
      this.#memo = new Map()
      if (!this.#grow(round === ROUNDS)) break
    }
    this.#memo = new Map()
  }

  /** Joins to every register what is assigned to it; true where one grew. */
  #grow(last: boolean): boolean {
    let grew = false
    const assign = (name: string, value: Expr, map = this.#registers): void => {
      const known = map.get(name), found = this.intervalOf(value), joined = known === undefined ? found : union(known, found)
      if (known !== undefined && isWithin(joined, known)) return
      grew = true
      map.set(name, last && known !== undefined ? EVERYTHING : joined)
    }
    const range: RangeOf = (name) => this.#indices.get(name)
    visitStmts(this.#kernel.body, (s) => {
      if (s.kind === 'for') this.#indices.set(s.variable, { lo: boundsOf(s.lo, range).lo, hi: lessOne(boundsOf(s.hi, range).hi) })
      else if (s.kind === 'index') this.#indices.set(s.name, boundsOf(s.value, range))
      else if (s.kind === 'data-index') this.#indices.set(s.name, { lo: 0, hi: lessOne(boundsOf(s.extent, range).hi) })
      else if (s.kind === 'let' || s.kind === 'var' || s.kind === 'set') assign(s.name, s.value)
      else if (s.kind === 'store') assign(s.buffer, s.value, this.#stored)
      else if (s.kind === 'set-all') for (const t of s.sets) assign(t.name, t.value)
    })
    return grew
  }

  #typeOf(e: Expr): RegisterType { return typeOfExpr(e, (buffer) => this.#dtypes.get(buffer) ?? 'float32') }

  intervalOf(e: Expr): Interval {
    const known = this.#memo.get(e)
    if (known !== undefined) return known
    const found = this.#compute(e)
    this.#memo.set(e, found)
    return found
  }

  #compute(e: Expr): Interval {
    const type = this.#typeOf(e), whole = intervalOfRegister(type)
    // What leaves a 32-bit type wraps; what leaves a 64-bit one is beyond all that could be proved.
    const held = (x: Interval): Interval => (isWithin(x, whole) ? x : whole)
    switch (e.kind) {
      case 'const': { const x = Number(e.value); return Number.isFinite(x) ? { lo: x, hi: x } : EVERYTHING }
      case 'local': return this.#registers.get(e.name) ?? whole
      // What the kernel reads again was written by it: the stores so far, joined until nothing grows.
      case 'load': return this.#written.has(e.buffer) ? (this.#stored.get(e.buffer) ?? { lo: 0, hi: 0 }) : (this.#elementsOf(e.buffer) ?? intervalOfDType(this.#dtypes.get(e.buffer) ?? 'float32'))
      case 'index': {
        const { lo, hi } = boundsOf(e.index, (name) => this.#indices.get(name))
        return { lo: typeof lo === 'number' ? lo : whole.lo, hi: typeof hi === 'number' ? hi : whole.hi }
      }
      case 'unary': return type === 'f32' || type === 'f64' ? EVERYTHING : held(unaryInterval(e.op, this.intervalOf(e.x)))
      case 'binary': return type === 'f32' || type === 'f64' ? EVERYTHING : type === 'bool' ? whole : held(binaryInterval(e.op, this.intervalOf(e.a), this.intervalOf(e.b)))
      case 'select': return union(this.intervalOf(e.a), this.intervalOf(e.b))
      case 'cast': { const from = this.#typeOf(e.x); return from === 'f32' || from === 'f64' ? whole : held(this.intervalOf(e.x)) }
      case 'narrow': { const least = intervalOfDType(e.dtype), x = this.intervalOf(e.x); return isWithin(x, least) ? x : least }
      default: return whole
    }
  }

  /** Whether every 64-bit value there is fits in 32 bits, but for elements that only serve as indices. */
  fits(): boolean {
    let fits = true
    const seen = new Set<Expr>()
    const check = (e: Expr): void => {
      if (seen.has(e) || !fits) return
      seen.add(e)
      operandsOf(e).forEach(check)
      const type = this.#typeOf(e)
      if (NARROW[type] !== undefined && !isWithin(this.intervalOf(e), narrowed(type))) fits = false
    }
    visitStmts(this.#kernel.body, (s) => {
      if (s.kind === 'data-index' && s.value.kind === 'load') return
      exprsOf(s).forEach(check)
    })
    return fits
  }

  written(): ReadonlyMap<string, Interval> { return this.#stored }
}

const lessOne = (hi: Dim | undefined): Dim | undefined => (typeof hi === 'number' ? hi - 1 : undefined)

function rewrite(kernel: Kernel): Kernel {
  const expr = (e: Expr): Expr => mapExpr(e, (x) => {
    if ((x.kind === 'const' || x.kind === 'local') && NARROW[x.type] !== undefined) return { ...x, type: NARROW[x.type] as RegisterType }
    if ((x.kind === 'cast' || x.kind === 'bitcast') && NARROW[x.to] !== undefined) return { ...x, to: NARROW[x.to] as RegisterType }
    return x.kind === 'narrow' && NARROW_DTYPE[x.dtype] !== undefined ? { ...x, dtype: NARROW_DTYPE[x.dtype] as DType } : x
  })
  const stmt = (s: Stmt): Stmt => {
    switch (s.kind) {
      case 'for': return { ...s, body: s.body.map(stmt) }
      case 'index': case 'barrier': return s
      case 'if': return { ...s, condition: expr(s.condition), then: s.then.map(stmt), else: s.else.map(stmt) }
      case 'set-all': return { ...s, sets: s.sets.map((t) => ({ ...t, value: expr(t.value) })) }
      case 'let': case 'var': return { ...s, type: NARROW[s.type] ?? s.type, value: expr(s.value) }
      default: return { ...s, value: expr(s.value) }
    }
  }
  const narrow = <B extends { readonly dtype: DType }>(b: B): B => ({ ...b, dtype: NARROW_DTYPE[b.dtype] ?? b.dtype })
  return { ...kernel, buffers: kernel.buffers.map(narrow), ...(kernel.shared !== undefined && { shared: kernel.shared.map(narrow) }), body: kernel.body.map(stmt) }
}

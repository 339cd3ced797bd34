/**
 * What holds true of every kernel: names are defined before use and mean one thing, types fit, loads have one index, roles
 * are respected, loops are sane, and no access is certainly out of bounds. Accesses that ranges prove are counted.
 */
import { visitSymbols } from '../../base/dim.js'
import { IngotError } from '../../base/error.js'
import { add, sub, substituteDim, type Dim } from '../dims.js'
import { printDim } from '../dims-text.js'
import { isVector, LANES, REGISTER, VECTOR_DTYPES, VECTOR_OF, type Expr, type RegisterType } from './expr.js'
import type { Kernel, KernelBuffer, Stmt } from './kernel.js'
import { boundsOf, isInside, isNeverNegative, loopRange, termsOf, type Range } from './ranges.js'
import { printStmt } from './print.js'
import { hasFolds, spellFolds } from './spell-folds.js'
import { checkExpr } from './verify-expr.js'
import { childrenOf, visitExprs } from './walk.js'

/** How many loads and stores there are, and how many of them are proven to stay inside their buffers for all parameters ≥ 0. */
export interface KernelFacts { readonly accesses: number; readonly proven: number }

/** What is visible at one place. The maps are shared by all places: a block takes its own names out again where it ends. */
interface Scope {
  readonly kernel: Kernel
  readonly buffers: ReadonlyMap<string, KernelBuffer>
  /** Integer names with their ranges; parameters have none. */
  readonly ints: Map<string, Range | undefined>
  readonly registers: Map<string, { readonly type: RegisterType; readonly mutable: boolean }>
  /** Index locals in terms of loop variables and parameters. */
  readonly definitions: Map<string, Dim>
  /** True where every statement here certainly runs: loops around are not empty and no `if` is. */
  readonly certain: boolean
  /** Names whose bounds are reached: variables of loops with numeric bounds. */
  readonly exact: Set<string>
  readonly facts: { accesses: number; proven: number }
  /** Inside a local loop: what is the same in all its invocations, and whether all of them are here. Undefined outside. */
  readonly local?: { readonly uniform: Set<string>; readonly together: boolean }
}

/** Throws `verify-kernel` with the statement at fault where `kernel` breaks a rule. */
export function verifyKernel(kernel: Kernel): KernelFacts {
  if (hasFolds(kernel.body)) return verifyKernel(spellFolds(kernel))
  const buffers = new Map<string, KernelBuffer>()
  const names = new Set<string>()
  const declare = (name: string): void => {
    if (names.has(name)) fail(kernel, `${name} is declared twice`)
    names.add(name)
  }
  kernel.params.forEach(declare)
  for (const b of kernel.buffers) {
    declare(b.name)
    buffers.set(b.name, b)
    visitSymbols(b.length, (s) => { if (!kernel.params.includes(s)) fail(kernel, `the length ${printDim(b.length)} of ${b.name} uses ${s}, which is no parameter`) })
  }
  for (const b of kernel.shared ?? []) {
    declare(b.name)
    buffers.set(b.name, { ...b, role: 'temp' })
  }
  checkShared(kernel)
  const facts = { accesses: 0, proven: 0 }
  checkBody(kernel.body, { kernel, buffers, ints: new Map(kernel.params.map((p) => [p, undefined])), registers: new Map(), definitions: new Map(), certain: true, exact: new Set(), facts })
  return facts
}

function fail(kernel: Kernel, what: string, stmt?: Stmt): never {
  throw new IngotError('verify-kernel', `kernel ${kernel.name}: ${what}${stmt === undefined ? '' : `\n  in: ${printStmt(stmt).split('\n')[0]}`}`, { where: { origin: kernel.name } })
}

function checkBody(body: readonly Stmt[], scope: Scope): void {
  const { ints, registers, definitions } = scope
  const own: string[] = []
  const define = (s: Stmt, name: string): void => {
    if (ints.has(name) || registers.has(name) || scope.buffers.has(name)) fail(scope.kernel, `${name} is defined already`, s)
    own.push(name)
  }
  for (const s of body) {
    switch (s.kind) {
      case 'for':
        if (scope.local === undefined && s.local !== true && s.parallel !== true && hasLocal(s)) fail(scope.kernel, 'a local loop stands in a loop that is not parallel', s)
        define(s, s.variable)
        checkFor(s, scope)
        break
      case 'barrier':
        if (scope.local === undefined) fail(scope.kernel, 'a barrier stands outside local loops', s)
        if (scope.local?.together === false) fail(scope.kernel, 'invocations may not all come to a barrier', s)
        break
      case 'index':
        checkDim(s.value, s, scope)
        define(s, s.name)
        ints.set(s.name, undefined)
        if (isUniform(s.value, scope)) scope.local?.uniform.add(s.name)
        definitions.set(s.name, expand(s.value, scope))
        break
      case 'data-index': {
        const type = typeOf(s.value, s, scope)
        if (type === 'f32' || type === 'f64' || type === 'bool') fail(scope.kernel, `an index is read from a ${type}`, s)
        checkDim(s.extent, s, scope)
        define(s, s.name)
        ints.set(s.name, { lo: 0, hi: boundsOf(sub(expand(s.extent, scope), 1), rangeIn(scope)).hi })
        break
      }
      case 'let': case 'var':
        requireType(typeOf(s.value, s, scope), s.type, s, scope)
        define(s, s.name)
        registers.set(s.name, { type: s.type, mutable: s.kind === 'var' })
        break
      case 'set': checkSet(s.name, s.value, s, scope); break
      case 'set-all':
        if (new Set(s.sets.map((t) => t.name)).size < s.sets.length) fail(scope.kernel, 'one register is set twice at once', s)
        for (const t of s.sets) checkSet(t.name, t.value, s, scope)
        break
      case 'store': checkStore(s, scope); break
      case 'if':
        requireType(typeOf(s.condition, s, scope), 'bool', s, scope)
        for (const inner of [s.then, s.else]) checkBody(inner, { ...scope, certain: false, ...together(scope, isUniformExpr(s.condition, scope)) })
        break
    }
  }
  for (const name of own) for (const names of [ints, registers, definitions, ...(scope.local === undefined ? [] : [scope.local.uniform])]) names.delete(name)
}

const rangeIn = (scope: Scope) => (name: string): Range | undefined => scope.ints.get(name)

const expand = (dim: Dim, scope: Scope): Dim => substituteDim(dim, (name) => scope.definitions.get(name))

/** True where the bounds of `dim` are reached: a sum in which each loop variable occurs once, and all of them reach theirs. */
function isExact(dim: Dim, scope: Scope): boolean {
  const moving = termsOf(dim).flatMap((t) => t.atoms).filter((a) => typeof a !== 'string' || scope.ints.get(a) !== undefined)
  const names = new Set(moving)
  return names.size === moving.length && moving.every((a) => typeof a === 'string' && scope.exact.has(a))
}

function checkDim(dim: Dim, s: Stmt, scope: Scope): void {
  visitSymbols(dim, (name) => { if (!scope.ints.has(name)) fail(scope.kernel, `${printDim(dim)} uses ${name}, which is no integer name here`, s) })
  const visit = (d: Dim): void => {
    if (typeof d === 'number' && !Number.isSafeInteger(d)) fail(scope.kernel, `${d} in ${printDim(dim)} is not an integer`, s)
    if (typeof d !== 'object') return
    if ((d[0] === 'floordiv' || d[0] === 'mod') && d[2] === 0) fail(scope.kernel, `${printDim(dim)} divides by 0`, s)
    for (const a of d.slice(1) as Dim[]) visit(a)
  }
  visit(dim)
}

function checkFor(s: Extract<Stmt, { kind: 'for' }>, scope: Scope): void {
  checkDim(s.lo, s, scope)
  checkDim(s.hi, s, scope)
  if (!Number.isInteger(s.step) || s.step < 1) fail(scope.kernel, `the step ${s.step} is not a positive integer`, s)
  const lo = expand(s.lo, scope), hi = expand(s.hi, scope), extent = sub(hi, lo)
  if (typeof extent === 'number' && extent > 0 && extent % s.step !== 0) fail(scope.kernel, `the step ${s.step} does not divide the extent ${extent}`, s)
  const certain = scope.certain && isNeverNegative(sub(extent, s.step), rangeIn(scope))
  scope.ints.set(s.variable, loopRange(lo, hi, s.step, rangeIn(scope)))
  if (typeof lo === 'number' && typeof hi === 'number') scope.exact.add(s.variable)
  const uniform = isUniform(s.lo, scope) && isUniform(s.hi, scope)
  if (s.local === true) checkBody(s.body, { ...scope, certain, local: beginLocal(s, scope) })
  else {
    if (uniform) scope.local?.uniform.add(s.variable)
    checkBody(s.body, { ...scope, certain, ...together(scope, uniform) })
    scope.local?.uniform.delete(s.variable)
  }
  scope.ints.delete(s.variable)
  scope.exact.delete(s.variable)
}

/** What lies in workgroups: the limits that every WebGPU device has. */
const MOST_INVOCATIONS = 256, MOST_SHARED_BYTES = 16384

function checkShared(kernel: Kernel): void {
  // A shader has a 32-bit word for each element, whatever its dtype.
  const bytes = (kernel.shared ?? []).reduce((n, b) => n + 4 * b.length, 0)
  if (bytes > MOST_SHARED_BYTES) fail(kernel, `${bytes} bytes of shared buffers; a workgroup has ${MOST_SHARED_BYTES}`)
}

const hasLocal = (s: Stmt): boolean => (s.kind === 'for' && s.local === true) || childrenOf(s).some((body) => body.some(hasLocal))

function beginLocal(s: Extract<Stmt, { kind: 'for' }>, scope: Scope): NonNullable<Scope['local']> {
  if (scope.local !== undefined) fail(scope.kernel, 'a local loop stands in another', s)
  if (s.lo !== 0 || s.step !== 1 || typeof s.hi !== 'number' || s.hi > MOST_INVOCATIONS) fail(scope.kernel, `a local loop counts its invocations from 0 up to ${MOST_INVOCATIONS} at most`, s)
  return { uniform: new Set([...scope.ints.keys()].filter((name) => name !== s.variable)), together: true }
}

const together = ({ local }: Scope, uniform: boolean): Pick<Scope, 'local'> => (local === undefined ? {} : { local: { ...local, together: local.together && uniform } })

/** True where `dim` is the same in all invocations of the local loop. */
function isUniform(dim: Dim, { local }: Scope): boolean {
  let uniform = true
  visitSymbols(dim, (name) => { uniform &&= local?.uniform.has(name) === true })
  return uniform
}

function isUniformExpr(e: Expr, scope: Scope): boolean {
  let uniform = true
  visitExprs([e], (x) => { if (x.kind === 'load' || x.kind === 'local' || (x.kind === 'index' && !isUniform(x.index, scope))) uniform = false })
  return uniform
}

function typeOf(e: Expr, s: Stmt, scope: Scope): RegisterType {
  return checkExpr(e, {
    fail: (what) => fail(scope.kernel, what, s),
    dtypeOf: (name) => (scope.buffers.get(name) ?? fail(scope.kernel, `there is no buffer ${name}`, s)).dtype,
    typeOfLocal: (name) => (scope.registers.get(name) ?? fail(scope.kernel, `${name} is read before it is defined`, s)).type,
    checkIndex: (dim) => checkDim(dim, s, scope),
    checkAccess: (buffer, index, lanes) => checkAccess(buffer, index, lanes, s, scope),
  })
}

function requireType(actual: RegisterType, wanted: RegisterType, s: Stmt, scope: Scope): void {
  if (actual !== wanted) fail(scope.kernel, `a value of type ${actual} stands where ${wanted} is needed`, s)
}

function checkSet(name: string, value: Expr, s: Stmt, scope: Scope): void {
  const register = scope.registers.get(name)
  if (register === undefined) fail(scope.kernel, `${name} is set before it is defined`, s)
  if (!register.mutable) fail(scope.kernel, `${name} is a let and cannot be set`, s)
  requireType(typeOf(value, s, scope), register.type, s, scope)
}

function checkStore(s: Extract<Stmt, { kind: 'store' }>, scope: Scope): void {
  const buffer = scope.buffers.get(s.buffer) ?? fail(scope.kernel, `there is no buffer ${s.buffer}`, s)
  if (buffer.role === 'in') fail(scope.kernel, `${s.buffer} is an input and cannot be written`, s)
  const type = typeOf(s.value, s, scope), wanted = REGISTER[buffer.dtype]
  requireType(type, isVector(type) && VECTOR_DTYPES.has(buffer.dtype) ? VECTOR_OF[wanted] ?? wanted : wanted, s, scope)
  checkDim(s.index, s, scope)
  checkAccess(s.buffer, s.index, isVector(type) ? LANES : 1, s, scope)
}

/** Counts the access, and throws where it certainly leaves the buffer in some iteration. */
function checkAccess(name: string, written: Dim, lanes: number, s: Stmt, scope: Scope): void {
  const first = expand(written, scope), index = add(first, lanes - 1)
  const buffer = scope.buffers.get(name) ?? fail(scope.kernel, `there is no buffer ${name}`, s)
  scope.facts.accesses++
  if (isInside(index, buffer.length, rangeIn(scope)) && (lanes === 1 || isNeverNegative(first, rangeIn(scope)))) { scope.facts.proven++; return }
  if (!scope.certain || !isExact(index, scope)) return
  const { hi } = boundsOf(index, rangeIn(scope)), { lo } = boundsOf(first, rangeIn(scope))
  const over = hi !== undefined && isNeverNegative(sub(hi, buffer.length), () => undefined)
  const under = typeof lo === 'number' && lo < 0
  if (over || under) fail(scope.kernel, `${name}[${printDim(written)}] reaches element ${printDim((over ? hi : lo) as Dim)} of ${printDim(buffer.length)}`, s)
}

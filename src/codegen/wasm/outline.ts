/**
 * Loops that become functions of their own, shared by all kernels that have the same loop but for numbers and names. An engine compiles
 * a module's functions twice, at once and well, and code that runs is not replaced before it is called again: a few small functions
 * that are called often are fast soon, where one long loop per kernel would run slowly to its end when it runs first.
 *
 *   for m in 0..96 by 8 { … for c in 0..16 { … x[c + p + 32] … } … }   ⇒   loop_3(w, x, p, 0, 96, 16, 32)
 */
import { add, mul, type Dim } from '../../ir/dims.js'
import type { RegisterType } from '../../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { childrenOf, visitStmts } from '../../ir/kernel/walk.js'
import { countAddresses, MOST_WALKED } from './addresses.js'
import { canonicalLoop, withNumbers, type CanonicalLoop } from './loop-shape.js'

type Loop = Extract<Stmt, { kind: 'for' }>

/** A loop as a function: `kernel` has the buffers, then as parameters indices from around it, the bounds and the numbers; `registers` come last. */
export interface LoopFunction {
  readonly kernel: Kernel
  readonly registers: readonly { readonly name: string; readonly type: RegisterType }[]
  /** Parameters that may be below 0. */
  readonly signed: ReadonlySet<string>
  /** Statements that all kernels do in it, where a batch is one. */
  readonly work: number
}

/** What a kernel calls function number `index` with in a loop's place; the bounds stand between the indices and the numbers. */
export interface LoopCall { readonly index: number; readonly buffers: readonly string[]; readonly indices: readonly string[]; readonly numbers: readonly number[]; readonly registers: readonly string[] }

/** Statements that a call is worth: half a microsecond or more. */
const LEAST_WORK = 2500
/** Statements in all that a function of a single kernel is worth: some dozens of microseconds or more, and a millisecond in an engine's first code. */
export const LEAST_ALONE = 250_000
/** Indices and registers that a function takes from around its loop at most. */
const MOST_GIVEN = 16
/** What a loop is taken to run where that is open: a batch of one is the most common. */
const OPEN_ITERATIONS = 1
/** Numbers that a function takes at most: more would not stay in registers. */
const MOST_NUMBERS = 6

/** The functions, and the calls by the bodies of the loops. */
export function outlineLoops(kernels: readonly Kernel[]): { readonly functions: readonly LoopFunction[]; readonly calls: ReadonlyMap<readonly Stmt[], LoopCall> } {
  const groups = new Map<string, Member[]>()
  for (const kernel of kernels) {
    for (const { loop, work, positive } of loopsOf(kernel)) {
      const shape = canonicalLoop(loop, kernel)
      if (shape.indices.length + shape.registers.length > MOST_GIVEN) continue
      const signed = [...shape.names.indices.map((name) => positive.has(name)), isPositive(loop.lo, positive)]
      const key = `${shape.key} ${signed.join()}`, group = groups.get(key)
      const member: Member = { loop, shape, work, signed: new Set([...shape.indices, 'from'].filter((_, k) => signed[k] === false)) }
      if (group === undefined) groups.set(key, [member])
      else group.push(member)
    }
  }
  const functions: LoopFunction[] = [], calls = new Map<readonly Stmt[], LoopCall>()
  const emit = (members: readonly Member[], { values, numbers }: Numbers): void => {
    const [{ shape, signed }] = members as readonly [Member], work = members.reduce((sum, m) => sum + m.work, 0)
    if (members.length === 1 && work < LEAST_ALONE) return
    const body = withNumbers(shape.body, values)
    functions.push({ kernel: { name: `loop_${functions.length}`, params: [...shape.indices, 'from', 'to', ...numbers.map((_, k) => `n${k}`)], buffers: shape.buffers, body }, registers: shape.registers, signed, work })
    members.forEach(({ loop, shape: own }, m) => calls.set(loop.body, { index: functions.length - 1, ...own.names, numbers: numbers.map((all) => all[m] as number) }))
  }
  // All of a shape, or those with the same addresses, or those that are the same.
  const divide = (group: readonly Member[], keys: readonly ((shape: CanonicalLoop) => readonly number[])[]): void => {
    const [key, ...finer] = keys, body = group[0]?.shape.body ?? [], shared = numbersOf(group.map((g) => g.shape.numbers))
    if (key === undefined || (shared.numbers.length <= MOST_NUMBERS && fits(withNumbers(body, shared.values), body))) { emit(group, shared); return }
    const alike = new Map<string, Member[]>()
    for (const g of group) alike.set(key(g.shape).join(), [...(alike.get(key(g.shape).join()) ?? []), g])
    for (const same of alike.values()) divide(same, finer)
  }
  for (const group of groups.values()) divide(group, [(shape) => shape.addressing, (shape) => shape.numbers])
  return { functions, calls }
}

interface Member { readonly loop: Loop; readonly shape: CanonicalLoop; readonly work: number; readonly signed: ReadonlySet<string> }

/** Statements of an innermost loop for each address that it moves on, at least, where these are more than with the numbers as they were. */
const WORK_PER_ADDRESS = 8

/** True where moving addresses on costs the innermost loops of `body` next to nothing more than those of `before`. */
function fits(body: readonly Stmt[], before: readonly Stmt[]): boolean {
  const was = innermost(before)
  return innermost(body).every((inner, i) => { const n = countAddresses(inner); return n <= countAddresses(was[i] ?? []) || (n <= MOST_WALKED && n * WORK_PER_ADDRESS <= inner.length) })
}

/** The bodies of the innermost loops. */
function innermost(body: readonly Stmt[]): readonly (readonly Stmt[])[] {
  const found: (readonly Stmt[])[] = []
  visitStmts(body, (s) => { if (s.kind === 'for' && s.body.every((t) => childrenOf(t).length === 0)) found.push(s.body) })
  return found
}

interface Numbers { readonly values: readonly Dim[]; readonly numbers: readonly (readonly number[])[] }

/** What stands in each place of loops with these numbers: a number, or a parameter times a number plus a number; and what the parameters are in each loop. */
function numbersOf(all: readonly (readonly number[])[]): Numbers {
  const numbers: (readonly number[])[] = [], first = all[0] ?? []
  const values: Dim[] = [...first]
  const places = first.map((_, p) => p).filter((p) => all.some((own) => own[p] !== first[p])).sort((a, b) => (first[a] as number) - (first[b] as number))
  for (const p of places) {
    const column = all.map((own) => own[p] as number)
    const found = numbers.map((base) => multipleOf(column, base)).findIndex((m) => m !== undefined)
    const { by, plus } = (found < 0 ? undefined : multipleOf(column, numbers[found] as readonly number[])) ?? { by: 1, plus: 0 }
    values[p] = add(mul(by, `n${found < 0 ? numbers.push(column) - 1 : found}`), plus)
  }
  return { values, numbers }
}

/** `column` as a multiple of `base` plus a number, both ≥ 0. */
function multipleOf(column: readonly number[], base: readonly number[]): { readonly by: number; readonly plus: number } | undefined {
  const other = base.findIndex((b) => b !== base[0])
  const by = ((column[other] as number) - (column[0] as number)) / ((base[other] as number) - (base[0] as number)), plus = (column[0] as number) - by * (base[0] as number)
  return Number.isInteger(by) && by > 0 && plus >= 0 && column.every((c, i) => c === by * (base[i] as number) + plus) ? { by, plus } : undefined
}

interface Found { readonly loop: Loop; readonly work: number; readonly positive: ReadonlySet<string> }

/** The loops of a kernel that become functions: the innermost that carry nothing over in registers and do enough. `work`: what all of its runs do; `positive`: names that are ≥ 0. */
function loopsOf(kernel: Kernel): readonly Found[] {
  const chosen: Found[] = []
  const visit = (body: readonly Stmt[], positive: ReadonlySet<string>, times: number): boolean => {
    const known = new Set(positive)
    let any = false
    for (const s of body) {
      if (s.kind === 'index' && isPositive(s.value, known)) known.add(s.name)
      else if (s.kind === 'data-index') known.add(s.name)
      if (s.kind === 'if') for (const inner of childrenOf(s)) any = visit(inner, known, times) || any
      if (s.kind !== 'for') continue
      const main = typeof s.lo === 'number' ? times : 0
      if (visit(s.body, isPositive(s.lo, known) ? new Set([...known, s.variable]) : known, main * iterationsOf(s))) any = true
      else if (isWorthIt(s) && isApart(s)) {
        // What another loop leaves over of an open extent may be all there is, and little: it is run where it stands.
        if (main > 0) chosen.push({ loop: s, work: main * workOf([s]), positive: new Set(known) })
        any = true
      }
    }
    return any
  }
  visit(kernel.body, new Set(kernel.params), 1)
  return chosen
}

/** True where a call costs next to nothing beside the loop, and no loop in it is for threads to share. */
function isWorthIt(loop: Loop): boolean {
  let parallel = false
  visitStmts(loop.body, (s) => { parallel ||= s.kind === 'for' && s.parallel === true })
  return !parallel && workOf([loop]) >= LEAST_WORK
}

const iterationsOf = ({ lo, hi, step }: Loop): number => (typeof lo === 'number' && typeof hi === 'number' ? Math.max(0, hi - lo) / step : OPEN_ITERATIONS)

/** Statements that are done each time. */
function workOf(body: readonly Stmt[]): number {
  return body.reduce((sum, s) => {
    if (s.kind === 'if') return sum + childrenOf(s).reduce((n, inner) => n + workOf(inner), 1)
    return sum + (s.kind === 'for' ? workOf(s.body) * iterationsOf(s) : 1)
  }, 0)
}

/** True where the loop sets no register from outside and cannot fail. */
function isApart(loop: Loop): boolean {
  const own = new Set<string>()
  let apart = true
  visitStmts(loop.body, (s) => {
    if (s.kind === 'let' || s.kind === 'var') own.add(s.name)
    else if (s.kind === 'set') apart &&= own.has(s.name)
    else if (s.kind === 'set-all') apart &&= s.sets.every((t) => own.has(t.name))
    else if (s.kind === 'data-index') apart = false
  })
  return apart
}

/** True where a dim is known to be ≥ 0, given the names that are. */
function isPositive(dim: Dim, known: ReadonlySet<string>): boolean {
  if (typeof dim === 'number') return dim >= 0
  if (typeof dim === 'string') return known.has(dim)
  const args = (dim.slice(1) as Dim[]).map((d) => isPositive(d, known))
  switch (dim[0]) {
    case 'mod': return args[1] === true
    case 'max': return args.includes(true)
    case 'eq': case 'lt': return true
    case 'select': return args[1] === true && args[2] === true
    default: return !args.includes(false)
  }
}

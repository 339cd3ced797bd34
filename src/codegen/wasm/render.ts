/**
 * The `wasm` target's renderer: all kernels of a program as one module. Each kernel is an exported function of
 * its name: the byte address of each buffer, then the parameters, all i32. The module imports `env.memory` and nothing else;
 * one module serves any number of threads, `sharing.ts` says how. An index out of range traps after the globals
 * `fault.kernel` (number of the kernel, else -1), `fault.value` (i64) and `fault.extent` are set.
 */
import { IngotError } from '../../base/error.js'
import type { DType } from '../../base/dtype.js'
import { add, substituteDim, type Dim } from '../../ir/dims.js'
import type { RegisterType } from '../../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { sharedAddresses, splitIndex, walkedAddresses, type AddressGroup, type Pointer } from './addresses.js'
import { encodeModule, type WasmFunction } from './encode.js'
import { elementBytes, renderExpr, renderIndex, renderStore, type FunctionScope, type Typed } from './expression.js'
import { FAULT_GLOBALS, getHelper, WASM_TYPE } from './helpers.js'
import { branch, call, constant, get, loadFrom, loop, op, set, setGlobal, vectorConstant, type Code, type ValueType } from './instructions.js'
import type { CallHelper } from './math.js'
import { LEAST_ALONE, outlineLoops, type LoopCall, type LoopFunction } from './outline.js'
import { shareKernel } from './share.js'
import { renderParts, type PartRenderer } from './shared-parts.js'
import { endSteps, renderStep, SHARE_GLOBALS } from './sharing.js'
import { numberIn } from './vector.js'

export interface WasmOptions {
  /** Pages of 64 KiB that the imported memory has at least; 1 when absent. */
  readonly pages?: number
  /** The kernel of each step: adds `steps.share`, which calls them in turn with the i32 words that stand in memory from its parameter on (for each step what `renderStep` takes, then its arguments), and the global `steps.at`, the step it is at. */
  readonly steps?: readonly number[]
  /** Lets the module use relaxed SIMD: multiply-adds that round once. */
  readonly relaxed?: boolean
}

/** The module's bytes. The same kernels and options give the same bytes. Throws `verify-kernel` for kernels that are not well typed, `unsupported-dtype` for buffers without kernels. */
export function renderWasmModule(kernels: readonly Kernel[], options: WasmOptions = {}): Uint8Array {
  const helpers = new Map<string, number>(), loops = outlineLoops(kernels)
  const first = kernels.length + loops.functions.length + (options.steps === undefined ? 0 : 2)
  const callHelper: CallHelper = (name, ...operands) => {
    let index = helpers.get(name)
    if (index === undefined) helpers.set(name, (index = helpers.size))
    return call(first + index, ...operands)
  }
  const relaxed = options.relaxed === true
  const outlined = loops.functions.map((f) => renderLoopFunction(f, callHelper, relaxed))
  const functions = [...kernels.map((k, i) => renderFunction(k, i, { callHelper, relaxed, calls: loops.calls, firstLoop: kernels.length })), ...outlined]
  if (options.steps !== undefined) functions.push(renderSteps(kernels, options.steps, callHelper), renderWarmUp(outlined.map((f, i) => (isWarmed(loops.functions[i]) ? f : undefined)), kernels.length))
  // Helpers that helpers call are appended while this loop runs.
  for (const [name] of helpers) {
    const helper = getHelper(name)
    functions.push({ name, params: helper.params, results: helper.result === undefined ? [] : [helper.result], locals: helper.locals ?? [], body: helper.body(callHelper), exported: name === 'share.meet' })
  }
  const [kernel, value, extent] = FAULT_GLOBALS
  return encodeModule({
    pages: options.pages ?? 1, functions,
    globals: [{ name: kernel, type: 'i32', value: -1n }, { name: value, type: 'i64', value: 0n }, { name: extent, type: 'i32', value: 0n }, ...SHARE_GLOBALS.map((g) => ({ ...g, type: 'i32' } as const)), ...(options.steps === undefined ? [] : [{ name: 'steps.at', type: 'i32', value: -1n } as const])],
  })
}

/** A program's straight line as one function: the caller crosses into the module once. */
function renderSteps(kernels: readonly Kernel[], steps: readonly number[], callHelper: CallHelper): WasmFunction {
  let at = 0
  const next = (): Code => loadFrom('i32.load', 4, get(0), 4 * at++)
  const body = steps.map((number, i): Code => {
    const kernel = kernels[number], word = next()
    const args = [...(kernel?.buffers ?? []), ...(kernel?.params ?? [])].map(next)
    return [setGlobal(FAULT_GLOBALS.length + SHARE_GLOBALS.length, constant('i32', i)), renderStep(word, 1, call(number, ...args), callHelper('share.meet'))]
  })
  return { name: 'steps.share', params: ['i32'], results: [], locals: ['i32'], body: [body, endSteps], exported: true }
}

const PARTS: PartRenderer<KernelScope> = {
  stmt: renderStmt, block: renderBlock,
  loop: ({ variable, step, body }, lo, hi, scope, inside) => renderFor(variable, lo, hi, step, body, scope, inside),
}

/** What all kernels of a module are rendered with: `calls` stand in the place of loops that are functions, the first of which is number `firstLoop`. */
interface Surroundings { readonly callHelper: CallHelper; readonly relaxed: boolean; readonly calls?: ReadonlyMap<readonly Stmt[], LoopCall>; readonly firstLoop?: number }

function renderFunction(kernel: Kernel, number: number, surroundings: Surroundings): WasmFunction {
  const scope = new KernelScope(kernel, number, surroundings), parts = shareKernel(kernel)
  const body = parts === undefined ? renderBlock(kernel.body, scope) : scope.block(() => renderParts(parts, scope, PARTS))
  return { name: kernel.name, params: [...kernel.buffers, ...kernel.params].map(() => 'i32'), results: [], locals: scope.locals, body, exported: true }
}

/** Loops around a loop in a function of its own. V8 writes a loop out the more often the deeper it stands, as long as it has no relaxed SIMD: without them products are up to 6 % slower. */
const LOOPS_AROUND = 3

/** A loop that runs once, which an engine does not see. */
function runOnce(body: Code, scope: KernelScope): Code {
  const times = scope.temporary('i32')
  return loop([body, set(times, op('i32.add', get(times), constant('i32', 1)))], op('i32.lt_s', get(times), constant('i32', 1)))
}

/** A loop that kernels share. */
function renderLoopFunction(f: LoopFunction, callHelper: CallHelper, relaxed: boolean): WasmFunction {
  const { kernel, registers, signed } = f, scope = new KernelScope(kernel, -1, { callHelper, relaxed }, registers, signed)
  const params: ValueType[] = [...[...kernel.buffers, ...kernel.params].map(() => 'i32' as const), ...registers.map((r) => WASM_TYPE[r.type])]
  let body = renderBlock(kernel.body, scope)
  if (!relaxed) for (let k = 0; k < LOOPS_AROUND; k++) body = runOnce(body, scope)
  return { name: kernel.name, params, results: [], locals: scope.locals, body: [isWarmed(f) ? returnEarly(get(scope.index('from').local), get(scope.index('to').local)) : [], body], exported: false }
}

const isWarmed = (f: LoopFunction | undefined): boolean => f !== undefined && f.work >= LEAST_ALONE

/** Returns in the branch of `returnEarly`. V8 counts the bytes of its first code up to where a call returns, not what was run of them, and a return takes some dozens: so few calls are many bytes. */
const EARLY_RETURNS = 100

/** Returns where there is nothing to do; all of it in a form that `runtime/wasm/warm.ts` knows. */
function returnEarly(from: Code, to: Code): Code {
  const all: Code = Array.from({ length: EARLY_RETURNS }, () => [from, 0x0d, 2])
  return branch(undefined, op('i32.ge_s', from, to), [branch(undefined, from, all, []), op('return')], [])
}

/** Calls of each function in `loops.warm`, so that those of `loops.warm` itself cost little beside them. */
const WARMING_CALLS = 8

/** `loops.warm` calls each loop function with nothing to do, zeros being all it is given: an engine that counts calls then compiles it well. Nothing else stands in it, so that a loader can see that it ends: see `runtime/wasm/warm.ts`. */
function renderWarmUp(functions: readonly (WasmFunction | undefined)[], first: number): WasmFunction {
  const zero = (type: ValueType): Code => (type === 'v128' ? vectorConstant('i32', [0, 0, 0, 0]) : constant(type, 0))
  const calls = functions.map((f, i): Code => (f?.params.every((type) => type === 'i32' || type === 'v128') === true ? call(first + i, ...f.params.map(zero)) : []))
  return { name: 'loops.warm', params: [], results: [], locals: [], body: Array.from({ length: WARMING_CALLS }, () => calls), exported: true }
}

interface IndexName { readonly local: number; readonly positive: boolean }
/** `constant`: the number that all lanes of it are, where that is known. */
interface RegisterName { readonly local: number; readonly type: RegisterType; readonly constant?: number }

/** Names in scope, and the function's locals. Sibling blocks share the locals of names that they both declare. */
class KernelScope implements FunctionScope {
  readonly kernel: Kernel
  readonly number: number
  readonly call: CallHelper
  readonly relaxed: boolean
  readonly locals: ValueType[] = []
  readonly #first: number
  readonly #buffers: ReadonlyMap<string, { readonly local: number; readonly dtype: DType }>
  readonly #slots = new Map<string, number>()
  readonly #calls: Surroundings['calls']
  readonly #firstLoop: number
  #indices: Map<string, IndexName>
  #registers = new Map<string, RegisterName>()
  #pointers: ReadonlyMap<string, Pointer> = new Map()

  constructor(kernel: Kernel, number: number, { callHelper, relaxed, calls, firstLoop = 0 }: Surroundings, registers: LoopFunction['registers'] = [], signed: LoopFunction['signed'] = new Set()) {
    this.relaxed = relaxed
    this.kernel = kernel
    this.number = number
    this.call = callHelper
    this.#calls = calls
    this.#firstLoop = firstLoop
    const before = kernel.buffers.length + kernel.params.length
    this.#first = before + registers.length
    registers.forEach(({ name, type }, i) => this.#registers.set(name, { local: before + i, type }))
    this.#buffers = new Map(kernel.buffers.map((b, local) => [b.name, { local, dtype: b.dtype }]))
    this.#indices = new Map(kernel.params.map((p, i) => [p, { local: kernel.buffers.length + i, positive: !signed.has(p) }]))
  }

  index(name: string): IndexName { return this.#indices.get(name) ?? this.#unknown(`index ${name}`) }
  register(name: string): RegisterName { return this.#registers.get(name) ?? this.#unknown(`register ${name}`) }
  buffer(name: string): { readonly local: number; readonly dtype: DType } { return this.#buffers.get(name) ?? this.#unknown(`buffer ${name}`) }

  pointer(buffer: string, index: Dim): { readonly local: number; readonly offset: number } | undefined {
    if (this.#pointers.size === 0) return undefined
    const { key, constant: at } = splitIndex(buffer, index), known = this.#pointers.get(key)
    return known === undefined ? undefined : { local: known.local, offset: (at - known.least) * known.bytes }
  }

  /** The call that stands for the loop with this body; undefined where it stands here. */
  loopCall(body: readonly Stmt[], lo: Dim, hi: Dim): Code | undefined {
    const found = this.#calls?.get(body)
    if (found === undefined) return undefined
    const { index, buffers, indices, numbers, registers } = found
    return call(this.#firstLoop + index, ...buffers.map((b) => get(this.buffer(b).local)), ...indices.map((i) => get(this.index(i).local)),
      renderIndex(lo, this).code, renderIndex(hi, this).code, ...numbers.map((n) => constant('i32', n)), ...registers.map((r) => get(this.register(r).local)))
  }

  /** Runs `inner` with accesses going through `pointers`. */
  withPointers<T>(pointers: ReadonlyMap<string, Pointer>, inner: () => T): T {
    const outer = this.#pointers
    this.#pointers = pointers
    const result = inner()
    this.#pointers = outer
    return result
  }

  temporary(type: ValueType): number {
    this.locals.push(type)
    return this.#first + this.locals.length - 1
  }

  declareIndex(name: string, positive: boolean): number {
    const local = this.#slot(`index ${name}`, 'i32', this.#indices.has(name))
    this.#indices.set(name, { local, positive })
    return local
  }

  declareRegister(name: string, type: RegisterType, known?: number): number {
    const local = this.#slot(`${WASM_TYPE[type]} ${name}`, WASM_TYPE[type], this.#registers.has(name))
    this.#registers.set(name, { local, type, ...(known !== undefined && { constant: known }) })
    return local
  }

  /** Runs `inner`; names declared in it end with it. */
  block<T>(inner: () => T): T {
    const indices = this.#indices, registers = this.#registers
    this.#indices = new Map(indices)
    this.#registers = new Map(registers)
    const result = inner()
    this.#indices = indices
    this.#registers = registers
    return result
  }

  #slot(key: string, type: ValueType, shadows: boolean): number {
    const known = this.#slots.get(key)
    if (known !== undefined && !shadows) return known
    const local = this.temporary(type)
    this.#slots.set(key, local)
    return local
  }

  #unknown(what: string): never {
    throw new IngotError('verify-kernel', `kernel ${this.kernel.name} uses ${what}, which is not declared`, { where: { origin: this.kernel.name } })
  }
}

function renderBlock(body: readonly Stmt[], scope: KernelScope): Code {
  return scope.block(() => scope.withPointers(new Map(), () => renderSharing(body, scope)))
}

/** Statements in turn; an address that several of them access memory near is computed once, before the first. */
function renderSharing(body: readonly Stmt[], scope: KernelScope): Code {
  const groups = sharedAddresses(body)
  const pointers = new Map<string, Pointer>()
  return scope.withPointers(pointers, () => body.map((s, at) => {
    const starts = groups.filter((g) => g.first === at).map((g) => startPointer(g, g.moving, pointers, scope))
    return [...starts, renderStmt(s, scope)]
  }))
}

/** Sets a new local to the address of the first element that the accesses of `group` touch, `moving` being what they have in common. */
function startPointer(group: AddressGroup, moving: Dim, pointers: Map<string, Pointer>, scope: KernelScope): Code {
  const bytes = elementBytes(scope.buffer(group.buffer).dtype), local = scope.temporary('i32')
  const element = renderIndex(add(moving, group.least), scope).code
  const code = set(local, op('i32.add', get(scope.buffer(group.buffer).local), bytes === 1 ? element : op('i32.shl', element, constant('i32', Math.log2(bytes)))))
  pointers.set(group.key, { local, least: group.least, bytes })
  return code
}

function renderStmt(s: Stmt, scope: KernelScope): Code {
  switch (s.kind) {
    case 'for': return renderFor(s.variable, s.lo, s.hi, s.step, s.body, scope)
    case 'index': { const { code, positive } = renderIndex(s.value, scope); return set(scope.declareIndex(s.name, positive), code) }
    case 'data-index': {
      const value = renderExpr(s.value, scope), extent = renderIndex(s.extent, scope).code
      if (s.sure === true && value.type === 'i32') return set(scope.declareIndex(s.name, true), value.code)
      return set(scope.declareIndex(s.name, true), scope.call('data_index', wide(value, scope), extent, constant('i32', scope.number)))
    }
    case 'let': case 'var': {
      const value = typed(renderExpr(s.value, scope), s.type, scope)
      return set(scope.declareRegister(s.name, s.type, s.kind === 'let' ? numberIn(s.value, scope) : undefined), value)
    }
    case 'set': { const { local, type } = scope.register(s.name); return set(local, typed(renderExpr(s.value, scope), type, scope)) }
    case 'set-all': {
      // All values are on the stack before the first is taken off.
      const targets = s.sets.map((t) => scope.register(t.name))
      const values = s.sets.map((t, i) => typed(renderExpr(t.value, scope), (targets[i] as RegisterName).type, scope))
      return [...values, ...targets.reverse().map((t) => set(t.local, []))]
    }
    case 'barrier': case 'fold': throw new IngotError('internal', `kernel ${scope.kernel.name} is one for workgroups`)
    case 'store': return renderStore(s.buffer, s.index, renderExpr(s.value, scope), scope)
    case 'if': return branch(undefined, typed(renderExpr(s.condition, scope), 'bool', scope), renderBlock(s.then, scope), s.else.length > 0 ? renderBlock(s.else, scope) : [])
  }
}

function typed(value: Typed, type: RegisterType, scope: KernelScope): Code {
  if (value.type !== type) throw new IngotError('verify-kernel', `kernel ${scope.kernel.name} gives a ${value.type} where a ${type} is due`, { where: { origin: scope.kernel.name } })
  return value.code
}

/** An integer register as i64. A u64 beyond i64 turns negative, which no extent reaches from below. */
function wide(value: Typed, scope: KernelScope): Code {
  switch (value.type) {
    case 'i64': case 'u64': return value.code
    case 'i32': return op('i64.extend_i32_s', value.code)
    case 'u32': return op('i64.extend_i32_u', value.code)
    default: return typed(value, 'i64', scope)
  }
}

const NOT_WALKED = { groups: [], unused: new Set<Stmt>() } as const

/** The loop is tested at its end, and before it where it may have no iteration at all. `code` stands inside it in the place of `body`. */
function renderFor(variable: string, lo: Dim, hi: Dim, step: number, body: readonly Stmt[], scope: KernelScope, code?: () => Code): Code {
  const called = code === undefined ? scope.loopCall(body, lo, hi) : undefined
  if (called !== undefined) return called
  const low = renderIndex(lo, scope), high = renderIndex(hi, scope)
  return scope.block(() => {
    const local = scope.declareIndex(variable, low.positive)
    const fixed = high.constant !== undefined || typeof hi === 'string'
    const bound = fixed ? -1 : scope.temporary('i32')
    const limit = fixed ? high.code : get(bound)
    const test = op('i32.lt_s', get(local), limit)
    const next = set(local, op('i32.add', get(local), constant('i32', step)))
    const moved = code === undefined ? walkedAddresses(variable, step, body) : NOT_WALKED
    const pointers = new Map<string, Pointer>()
    const walks = moved.groups.map((g) => {
      const start = startPointer(g, substituteDim(g.moving, (s) => (s === variable ? lo : undefined)), pointers, scope)
      const { local: pointer, bytes } = pointers.get(g.key) as Pointer
      if (g.advance === 0) return { start, step: [] }
      if (typeof g.advance === 'number') return { start, step: set(pointer, op('i32.add', get(pointer), constant('i32', g.advance * bytes))) }
      const by = scope.temporary('i32')
      return { start: [start, set(by, op('i32.mul', renderIndex(g.advance, scope).code, constant('i32', bytes)))], step: set(pointer, op('i32.add', get(pointer), get(by))) }
    })
    const inside = code !== undefined ? code() : walks.length === 0 ? renderBlock(body, scope) : scope.block(() => scope.withPointers(pointers, () => body.filter((s) => !moved.unused.has(s)).map((s) => renderStmt(s, scope))))
    const run: Code = [walks.map((w) => w.start), loop([inside, walks.map((w) => w.step), next], test)]
    const start: Code = [set(local, low.code), fixed ? [] : set(bound, high.code)]
    if (low.constant !== undefined && high.constant !== undefined) return low.constant < high.constant ? [start, run] : []
    return [start, branch(undefined, test, run, [])]
  })
}

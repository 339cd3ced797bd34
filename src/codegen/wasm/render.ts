/**
 * The `wasm` target's renderer: all kernels of a program as one module of scalar code. Each kernel is an exported function of
 * its name: the byte address of each buffer, then the parameters, all i32. The module imports `env.memory` and nothing else.
 * An index out of range traps after the globals `fault.kernel` (number of the kernel, else -1), `fault.value` (i64) and
 * `fault.extent` are set.
 */
import { IngotError } from '../../base/error.js'
import type { DType } from '../../base/dtype.js'
import type { Dim } from '../../base/dim.js'
import type { RegisterType } from '../../ir/kernel/expr.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { encodeModule, type WasmFunction } from './encode.js'
import { renderExpr, renderIndex, renderStore, type FunctionScope, type Typed } from './expression.js'
import { FAULT_GLOBALS, getHelper, WASM_TYPE } from './helpers.js'
import { branch, call, constant, get, loop, op, set, type Code, type ValueType } from './instructions.js'
import type { CallHelper } from './math.js'

export interface WasmOptions {
  /** Pages of 64 KiB that the imported memory has at least; 1 when absent. */
  readonly pages?: number
  /** Makes the imported memory a shared one of at most so many pages. */
  readonly maxPages?: number
}

/** The module's bytes. The same kernels and options give the same bytes. Throws `verify-kernel` for kernels that are not well typed, `unsupported-dtype` for buffers without kernels. */
export function renderWasmModule(kernels: readonly Kernel[], options: WasmOptions = {}): Uint8Array {
  const helpers = new Map<string, number>()
  const callHelper: CallHelper = (name, ...operands) => {
    let index = helpers.get(name)
    if (index === undefined) helpers.set(name, (index = helpers.size))
    return call(kernels.length + index, ...operands)
  }
  const functions = kernels.map((k, i) => renderFunction(k, i, callHelper))
  // Helpers that helpers call are appended while this loop runs.
  for (const [name] of helpers) {
    const helper = getHelper(name)
    functions.push({ name, params: helper.params, results: [helper.result], locals: helper.locals ?? [], body: helper.body(callHelper), exported: false })
  }
  const [kernel, value, extent] = FAULT_GLOBALS
  return encodeModule({
    pages: options.pages ?? 1, ...(options.maxPages !== undefined && { maxPages: options.maxPages }), functions,
    globals: [{ name: kernel, type: 'i32', value: -1n }, { name: value, type: 'i64', value: 0n }, { name: extent, type: 'i32', value: 0n }],
  })
}

function renderFunction(kernel: Kernel, number: number, callHelper: CallHelper): WasmFunction {
  const scope = new KernelScope(kernel, number, callHelper)
  const body = renderBlock(kernel.body, scope)
  return { name: kernel.name, params: [...kernel.buffers, ...kernel.params].map(() => 'i32'), results: [], locals: scope.locals, body, exported: true }
}

interface IndexName { readonly local: number; readonly positive: boolean }
interface RegisterName { readonly local: number; readonly type: RegisterType }

/** Names in scope, and the function's locals. Sibling blocks share the locals of names that they both declare. */
class KernelScope implements FunctionScope {
  readonly kernel: Kernel
  readonly number: number
  readonly call: CallHelper
  readonly locals: ValueType[] = []
  readonly #first: number
  readonly #buffers: ReadonlyMap<string, { readonly local: number; readonly dtype: DType }>
  readonly #slots = new Map<string, number>()
  #indices: Map<string, IndexName>
  #registers = new Map<string, RegisterName>()

  constructor(kernel: Kernel, number: number, callHelper: CallHelper) {
    this.kernel = kernel
    this.number = number
    this.call = callHelper
    this.#first = kernel.buffers.length + kernel.params.length
    this.#buffers = new Map(kernel.buffers.map((b, local) => [b.name, { local, dtype: b.dtype }]))
    this.#indices = new Map(kernel.params.map((p, i) => [p, { local: kernel.buffers.length + i, positive: true }]))
  }

  index(name: string): IndexName { return this.#indices.get(name) ?? this.#unknown(`index ${name}`) }
  register(name: string): RegisterName { return this.#registers.get(name) ?? this.#unknown(`register ${name}`) }
  buffer(name: string): { readonly local: number; readonly dtype: DType } { return this.#buffers.get(name) ?? this.#unknown(`buffer ${name}`) }

  temporary(type: ValueType): number {
    this.locals.push(type)
    return this.#first + this.locals.length - 1
  }

  declareIndex(name: string, positive: boolean): number {
    const local = this.#slot(`index ${name}`, 'i32', this.#indices.has(name))
    this.#indices.set(name, { local, positive })
    return local
  }

  declareRegister(name: string, type: RegisterType): number {
    const local = this.#slot(`${WASM_TYPE[type]} ${name}`, WASM_TYPE[type], this.#registers.has(name))
    this.#registers.set(name, { local, type })
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
  return scope.block(() => body.map((s) => renderStmt(s, scope)))
}

function renderStmt(s: Stmt, scope: KernelScope): Code {
  switch (s.kind) {
    case 'for': return renderFor(s.variable, s.lo, s.hi, s.step, s.body, scope)
    case 'index': { const { code, positive } = renderIndex(s.value, scope); return set(scope.declareIndex(s.name, positive), code) }
    case 'data-index': {
      const value = renderExpr(s.value, scope), extent = renderIndex(s.extent, scope).code
      return set(scope.declareIndex(s.name, true), scope.call('data_index', wide(value, scope), extent, constant('i32', scope.number)))
    }
    case 'let': case 'var': {
      const value = typed(renderExpr(s.value, scope), s.type, scope)
      return set(scope.declareRegister(s.name, s.type), value)
    }
    case 'set': { const { local, type } = scope.register(s.name); return set(local, typed(renderExpr(s.value, scope), type, scope)) }
    case 'set-all': {
      // All values are on the stack before the first is taken off.
      const targets = s.sets.map((t) => scope.register(t.name))
      const values = s.sets.map((t, i) => typed(renderExpr(t.value, scope), (targets[i] as RegisterName).type, scope))
      return [...values, ...targets.reverse().map((t) => set(t.local, []))]
    }
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

/** The loop is tested at its end, and before it where it may have no iteration at all. */
function renderFor(variable: string, lo: Dim, hi: Dim, step: number, body: readonly Stmt[], scope: KernelScope): Code {
  const low = renderIndex(lo, scope), high = renderIndex(hi, scope)
  return scope.block(() => {
    const local = scope.declareIndex(variable, low.positive)
    const fixed = high.constant !== undefined || typeof hi === 'string'
    const bound = fixed ? -1 : scope.temporary('i32')
    const limit = fixed ? high.code : get(bound)
    const test = op('i32.lt_s', get(local), limit)
    const run = loop([renderBlock(body, scope), set(local, op('i32.add', get(local), constant('i32', step)))], test)
    const start: Code = [set(local, low.code), fixed ? [] : set(bound, high.code)]
    if (low.constant !== undefined && high.constant !== undefined) return low.constant < high.constant ? [start, run] : []
    return [start, branch(undefined, test, run, [])]
  })
}

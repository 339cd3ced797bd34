/**
 * The `wgsl` target's renderer: a kernel as one WebGPU compute shader. Outermost loops, where all are parallel, are spread
 * over invocations in groups of 64, the groups over two dimensions so that neither exceeds the 65,535 that WebGPU allows;
 * a kernel with others runs in one invocation. Every element of a buffer takes 32 bits, whatever its dtype: see `base/stored-as.ts`.
 */
import type { Dim } from '../../base/dim.js'
import type { DType } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { add, ceilDiv, max, min, sub } from '../../ir/dims.js'
import { isVector, LANES, REGISTER } from '../../ir/kernel/expr.js'
import type { Kernel, SharedBuffer, Stmt } from '../../ir/kernel/kernel.js'
import { spellFolds } from '../../ir/kernel/spell-folds.js'
import { visitStmts } from '../../ir/kernel/walk.js'
import { quarterOf, renderExpr, renderIndex, renderStored, typeText, wgslType, type Typed, type WgslScope, type WgslType } from './expression.js'
import { renderFold, SUBGROUP, type FoldScope } from './fold.js'
import { HELPERS, helperText } from './helpers.js'
import { Identifiers } from './names.js'
import { storedAs } from '../../base/stored-as.js'
import { wideBuffers } from './wide-buffers.js'

/** Most workgroups in one dimension of a dispatch: `maxComputeWorkgroupsPerDimension` of every WebGPU device. */
const MAX_GROUPS = 65535
const GROUP_SIZE = 64

/** What is bound at `@group(0)`: a kernel's buffer, its parameters (i32 each, in a uniform block) or the fault cell (4 i32: 1 where an index was out of range, the index, the extent, 0). */
export type WgslBinding =
  | { readonly kind: 'buffer'; readonly binding: number; readonly name: string; readonly access: 'read' | 'read_write' }
  | { readonly kind: 'params'; readonly binding: number; readonly names: readonly string[] }
  | { readonly kind: 'fault'; readonly binding: number }

export interface WgslKernel {
  readonly code: string
  /** The compute entry point; also fit as a label. */
  readonly entryPoint: string
  /** Groups to dispatch, over the kernel's parameters. A zero means that there is nothing to do. */
  readonly workgroups: readonly [Dim, Dim, Dim]
  readonly bindings: readonly WgslBinding[]
}

export interface WgslOptions {
  /** Where the kernel comes from; stands in the shader's comment. */
  readonly origins?: readonly string[]
  /** Inputs that may lie in one GPU buffer with what the kernel writes: WebGPU wants the same access to all of that. */
  readonly shared?: ReadonlySet<string>
  /** Buffers of floats that lie in memory as float16. */
  readonly half?: ReadonlySet<string>
  /** Folds of a workgroup by the subgroups of the device, which has to have that feature. */
  readonly subgroups?: boolean
}

/** The shader of a kernel. Throws `unsupported-dtype` for what WGSL lacks. */
export function renderWgsl(given: Kernel, { origins = [], shared = new Set(), half = new Set(), subgroups = false }: WgslOptions = {}): WgslKernel {
  const kernel = subgroups ? given : spellFolds(given)
  const scope = new ShaderScope(kernel, half)
  const loops = spreadLoops(kernel.body), invocations = invocationsOf(kernel.body)
  // An invocation has a point of the parallel loops, or with a local loop inside a workgroup has.
  const each = invocations === undefined ? GROUP_SIZE : 1, size = invocations ?? (loops === undefined ? 1 : GROUP_SIZE)
  const lines = loops === undefined ? renderBlock(kernel.body, scope, '  ') : renderSpread(kernel.body, loops, each, scope)
  const bindings = bindingsOf(kernel, scope.used.has('data_index'), shared)
  const code = [
    `// ${[kernel.name, ...origins].join(' · ').replace(/[^ -~·]/g, '?')}`,
    ...(half.size > 0 ? ['enable f16;'] : []),
    ...(subgroups ? ['enable subgroups;'] : []),
    ...bindings.flatMap((b) => declare(b, kernel, scope)),
    ...(kernel.shared ?? []).map((b) => declareShared(b, kernel, scope)),
    ...[helperText(scope.used)].filter((t) => t !== ''),
    '',
    `@compute @workgroup_size(${size})`,
    `fn ${scope.entryPoint}(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {`,
    ...(subgroups ? [SUBGROUP] : []),
    lines.trimEnd(),
    '}', '',
  ].join('\n')
  const groups = loops === undefined ? Math.min(1, kernel.body.length) : ceilDiv(max(...loops.map(countOf)), each)
  return { code, entryPoint: scope.entryPoint, bindings, workgroups: [min(groups, MAX_GROUPS), ceilDiv(groups, MAX_GROUPS), 1] }
}

type For = Extract<Stmt, { readonly kind: 'for' }>

const countOf = (s: For): Dim => ceilDiv(sub(s.hi, s.lo), s.step)

/** The loops whose iterations invocations share; undefined where something else than they and immutable names stands outside. */
function spreadLoops(body: readonly Stmt[]): readonly For[] | undefined {
  const loops = body.filter((s): s is For => s.kind === 'for')
  return loops.length > 0 && loops.every((s) => s.parallel === true) && body.every((s) => s.kind === 'for' || s.kind === 'index' || s.kind === 'let') ? loops : undefined
}

/** How many invocations a workgroup has, where a local loop says so. */
function invocationsOf(body: readonly Stmt[]): number | undefined {
  let found: number | undefined
  visitStmts(body, (s) => { if (s.kind === 'for' && s.local === true && typeof s.hi === 'number') found = s.hi })
  return found
}

/** The bodies of the parallel loops, each for the iteration that this invocation has; one that has none of the last one's is done. */
function renderSpread(body: readonly Stmt[], loops: readonly For[], each: number, scope: ShaderScope): string {
  const lines = body.map((s): string => {
    if (s.kind !== 'for') return `  ${renderStmt(s, scope, '  ')}\n`
    const last = s === loops.at(-1), indent = last ? '  ' : '    '
    return scope.block(() => {
      const count = renderIndex(countOf(s), scope), lo = renderIndex(s.lo, scope)
      const variable = scope.declareIndex(s.variable, lo.positive)
      const start = s.lo === 0 && s.step === 1 ? 'point' : `${lo.text} + point * ${s.step}`
      const inner = `${indent}let ${variable} = ${start};\n${renderBlock(s.body, scope, indent)}`
      return last ? `  if (point >= ${count.level < 2 ? `(${count.text})` : count.text}) { return; }\n${inner}` : `  if (point < ${count.level < 2 ? `(${count.text})` : count.text}) {\n${inner}  }\n`
    })
  })
  const number = each === 1 ? 'group.y * groups.x + group.x' : `(group.y * groups.x + group.x) * ${each}u + local`
  return `  let point = i32(${number});\n${lines.join('')}`
}

function bindingsOf(kernel: Kernel, faults: boolean, shared: ReadonlySet<string>): WgslBinding[] {
  const bindings = kernel.buffers.map((b, binding): WgslBinding => ({ kind: 'buffer', binding, name: b.name, access: b.role === 'in' && !shared.has(b.name) ? 'read' : 'read_write' }))
  if (kernel.params.length > 0) bindings.push({ kind: 'params', binding: bindings.length, names: kernel.params })
  if (faults) bindings.push({ kind: 'fault', binding: bindings.length })
  return bindings
}

const ELEMENTS: Readonly<Partial<Record<DType, string>>> = { float32: 'f32', int32: 'i32', uint32: 'u32' }

function declare(b: WgslBinding, kernel: Kernel, scope: ShaderScope): string[] {
  const place = `@group(0) @binding(${b.binding})`
  switch (b.kind) {
    case 'params': return [`struct Params { ${b.names.map((n) => `${scope.paramField(n)}: i32`).join(', ')} }`, `${place} var<uniform> params: Params;`]
    case 'fault': return [`${place} var<storage, read_write> fault: vec4<i32>;`]
    case 'buffer': {
      return [`${place} var<storage, ${b.access}> ${scope.buffer(b.name).id}: array<${elementText(b.name, kernel, scope)}>;`]
    }
  }
}

function declareShared({ name, length }: SharedBuffer, kernel: Kernel, scope: ShaderScope): string {
  const { id, wide } = scope.buffer(name)
  return `var<workgroup> ${id}: array<${elementText(name, kernel, scope)}, ${wide ? length / LANES : length}>;`
}

function elementText(name: string, kernel: Kernel, scope: ShaderScope): string {
  const { dtype, wide, half } = scope.buffer(name), stored = storedAs(dtype), element = half ? 'f16' : stored && ELEMENTS[stored]
  if (element === undefined) throw new IngotError('unsupported-dtype', `kernel ${kernel.name} has the ${dtype} buffer ${name}, which the wgsl target does not have`, { where: { origin: kernel.name, dtype }, hint: 'compile for the wasm or js target' })
  return wide ? `vec4<${element}>` : element
}

/** Names in scope and helpers used. */
class ShaderScope implements FoldScope {
  readonly used = new Set<string>()
  readonly entryPoint: string
  readonly #kernel: Kernel
  readonly #ids = new Identifiers(['point', 'subgroup_rank', 'subgroup_count', 'slot', ...Object.keys(HELPERS)])
  readonly #wide: ReadonlySet<string>
  readonly #half: ReadonlySet<string>
  #indices: Map<string, boolean>
  #registers = new Map<string, WgslType>()

  constructor(kernel: Kernel, half: ReadonlySet<string>) {
    this.#kernel = kernel
    this.#half = half
    this.#indices = new Map(kernel.params.map((p) => [p, true]))
    this.#wide = wideBuffers(kernel)
    for (const b of [...kernel.buffers, ...(kernel.shared ?? [])]) this.#ids.of('buffer', b.name)
    this.entryPoint = this.#ids.of('kernel', kernel.name)
  }

  paramField(name: string): string { return this.#ids.of('param', name) }

  index(name: string): { readonly id: string; readonly positive: boolean } {
    const positive = this.#indices.get(name)
    if (positive === undefined) return this.#unknown(`index ${name}`)
    return { id: this.#kernel.params.includes(name) ? `params.${this.paramField(name)}` : this.#ids.of('index', name), positive }
  }

  register(name: string): { readonly id: string; readonly type: WgslType } {
    const type = this.#registers.get(name)
    return type === undefined ? this.#unknown(`register ${name}`) : { id: this.#ids.of('register', name), type }
  }

  buffer(name: string): ReturnType<WgslScope['buffer']> {
    const found = [...this.#kernel.buffers, ...(this.#kernel.shared ?? [])].find((b) => b.name === name)
    return found === undefined ? this.#unknown(`buffer ${name}`) : { id: this.#ids.of('buffer', name), dtype: found.dtype, wide: this.#wide.has(name), half: this.#half.has(name) }
  }

  lengthOf(buffer: string): number { return this.#kernel.shared?.find((b) => b.name === buffer)?.length ?? 0 }

  use(helper: string): string {
    this.used.add(helper)
    return helper
  }

  declareIndex(name: string, positive: boolean): string {
    this.#indices.set(name, positive)
    return this.#ids.of('index', name)
  }

  declareRegister(name: string, type: WgslType): string {
    this.#registers.set(name, type)
    return this.#ids.of('register', name)
  }

  temporary(name: string): string { return this.#ids.of('next', `next_${name}`) }

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

  #unknown(what: string): never {
    throw new IngotError('verify-kernel', `kernel ${this.#kernel.name} uses ${what}, which is not declared`, { where: { origin: this.#kernel.name } })
  }
}

function renderBlock(body: readonly Stmt[], scope: ShaderScope, indent: string): string {
  return scope.block(() => body.map((s) => `${indent}${renderStmt(s, scope, indent)}\n`).join(''))
}

function renderStmt(s: Stmt, scope: ShaderScope, indent: string): string {
  const inner = (body: readonly Stmt[]): string => `{\n${renderBlock(body, scope, `${indent}  `)}${indent}}`
  switch (s.kind) {
    case 'barrier': return 'workgroupBarrier();'
    case 'fold': return renderFold(s, scope, indent)
    case 'for': return scope.block(() => {
      if (s.local === true) return `{\n${indent}  let ${scope.declareIndex(s.variable, true)} = i32(local);\n${renderBlock(s.body, scope, `${indent}  `)}${indent}}`
      const lo = renderIndex(s.lo, scope), hi = renderIndex(s.hi, scope)
      const v = scope.declareIndex(s.variable, lo.positive)
      return `for (var ${v}: i32 = ${lo.text}; ${v} < ${hi.level < 2 ? `(${hi.text})` : hi.text}; ${s.step === 1 ? `${v}++` : `${v} += ${s.step}`}) ${inner(s.body)}`
    })
    case 'index': { const value = renderIndex(s.value, scope); return `let ${scope.declareIndex(s.name, value.positive)}: i32 = ${value.text};` }
    case 'data-index': {
      const value = renderExpr(s.value, scope), extent = renderIndex(s.extent, scope)
      if (value.type === 'f32' || value.type === 'bool') throw new IngotError('verify-kernel', `a ${value.type} is used as an index`)
      const number = value.type === 'u32' ? `i32(${value.text})` : value.text
      return `let ${scope.declareIndex(s.name, true)} = ${s.sure === true ? number : `${scope.use('data_index')}(${number}, ${extent.text})`};`
    }
    case 'let': case 'var': {
      const value = typed(renderExpr(s.value, scope), wgslType(s.type))
      return `${s.kind} ${scope.declareRegister(s.name, wgslType(s.type))}: ${typeText(wgslType(s.type))} = ${value};`
    }
    case 'set': { const { id, type } = scope.register(s.name); return `${id} = ${typed(renderExpr(s.value, scope), type)};` }
    case 'set-all': {
      const targets = s.sets.map((t) => ({ ...scope.register(t.name), next: scope.temporary(t.name), value: t.value }))
      const lines = [...targets.map((t) => `let ${t.next} = ${typed(renderExpr(t.value, scope), t.type)};`), ...targets.map((t) => `${t.id} = ${t.next};`)]
      return `{\n${lines.map((l) => `${indent}  ${l}\n`).join('')}${indent}}`
    }
    case 'store': {
      const { id, dtype, half } = scope.buffer(s.buffer), value = renderExpr(s.value, scope)
      if (isVector(value.type)) return renderWideStore(s.buffer, s.index, value, scope, indent)
      typed(value, wgslType(REGISTER[dtype]))
      return `${id}[${renderIndex(s.index, scope).text}] = ${half ? `f16(${value.text})` : renderStored(dtype, value, scope).text};`
    }
    case 'if': {
      const otherwise = s.else.length > 0 ? ` else ${inner(s.else)}` : ''
      return `if (${typed(renderExpr(s.condition, scope), 'bool')}) ${inner(s.then)}${otherwise}`
    }
  }
}

/** Four elements: one of an array of vectors, or each by itself. */
function renderWideStore(buffer: string, index: Dim, value: Typed, scope: ShaderScope, indent: string): string {
  const { id, wide, half } = scope.buffer(buffer), text = half ? `vec4<f16>(${value.text})` : value.text
  if (wide) return `${id}[${quarterOf(index, scope)}] = ${text};`
  const four = scope.temporary('four')
  const lines = [`let ${four} = ${text};`, ...Array.from({ length: LANES }, (_, k) => `${id}[${renderIndex(add(index, k), scope).text}] = ${four}[${k}];`)]
  return `{\n${lines.map((l) => `${indent}  ${l}\n`).join('')}${indent}}`
}

function typed(value: Typed, type: WgslType): string {
  if (value.type !== type) throw new IngotError('verify-kernel', `a ${value.type} stands where a ${type} is due`)
  return value.text
}

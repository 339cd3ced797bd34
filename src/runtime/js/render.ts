/**
 * The `js` target's renderer: Kernel IR to plain JavaScript functions, `name(buffer…, param…)`, buffers as typed arrays that
 * start at their element 0, params as numbers ≥ 0. It stands in the runtime because artefacts carry kernels as IR, never as
 * program text; loading one renders it. f32 registers are doubles, rounded by stores, casts and `narrow`.
 */
import { IngotError } from '../../base/error.js'
import { at, registerOf, renderElement, renderExpr, renderIndex, type Piece, type Place } from './expression.js'
import { helperText } from './helpers.js'
import type { ExprCode, KernelCode, SetCode, StmtCode } from './kernel-code.js'
import { damaged, identifier, Names } from './names.js'

/** A rendered kernel, ready to be called. An index out of range throws an error with `code` `'index-out-of-range'`, `kernel`, `value` and `extent`. */
export type JsKernelFunction = (...args: readonly (ArrayBufferView | number)[]) => void

/** Kernels as program text. `names` are the functions' identifiers, in the order of the kernels. */
export interface JsText { readonly text: string; readonly names: readonly string[] }

/**
 * The text of one function per kernel, after the helpers that they use. `origins` gives, per kernel, what its comment says
 * beside its name. Throws `artefact-damaged` for what is not a kernel.
 */
export function renderJsKernels(kernels: readonly KernelCode[], origins: readonly (readonly string[])[] = []): JsText {
  const used = new Set<string>()
  const taken = new Set<string>()
  try {
    const names = kernels.map((k) => identifier(k.name, taken))
    const functions = kernels.map((k, i) => renderFunction(k, names[i] as string, origins[i] ?? [], { names: new Names(taken), used }))
    return { names, text: [helperText(used), ...functions].filter((t) => t !== '').join('\n\n') }
  } catch (error) {
    throw error instanceof IngotError ? error : damaged(String(error))
  }
}

/** The text of one kernel's function, after the helpers that it uses. */
export function renderJsKernel(kernel: KernelCode, origins: readonly string[] = []): string {
  return renderJsKernels([kernel], [origins]).text
}

/**
 * The functions of a program's kernels. The one place where Ingot evaluates text, all of it made by `renderJsKernels`.
 * Throws `eval-forbidden` where a content security policy forbids it.
 */
export function instantiateJsKernels(kernels: readonly KernelCode[]): readonly JsKernelFunction[] {
  const { text, names } = renderJsKernels(kernels)
  try {
    return new Function(`'use strict'\n${text}\nreturn [${names.join(', ')}]`)() as JsKernelFunction[]
  } catch (cause) {
    if (cause instanceof SyntaxError) throw damaged(cause.message)
    throw new IngotError('eval-forbidden', `this page or process forbids making functions from text, which the js target needs: ${String(cause)}`, {
      hint: 'compile with --emit module and import the module, or use the wasm target', cause,
    })
  }
}

function renderFunction(kernel: KernelCode, name: string, origins: readonly string[], place: Place): string {
  const buffers = kernel.buffers.map((b) => { registerOf(b.dtype); return place.names.declare('buffer', b.name, b.dtype) })
  const params = kernel.params.map((p) => place.names.declare('index', p, ''))
  const comment = [kernel.name, ...origins].join(' · ').replace(/[^ -~·]/g, '?')
  return `// ${comment}\nfunction ${name}(${[...buffers, ...params].join(', ')}) {\n${renderBlock(kernel.body, place, name, '  ')}}`
}

/** The statements as lines that end in newlines. */
function renderBlock(body: readonly StmtCode[], place: Place, kernel: string, indent: string): string {
  return place.names.block(() => body.map((s) => renderStmt(s, place, kernel, indent)).join(''))
}

function renderStmt(s: StmtCode, place: Place, kernel: string, indent: string): string {
  const { names } = place
  switch (s.kind) {
    case 'for': {
      if (!Number.isInteger(s.step) || s.step < 1) throw damaged('step', s.step)
      const lo = renderIndex(s.lo, place), hi = renderIndex(s.hi, place)
      return names.block(() => {
        const v = names.declare('index', s.variable, lo.type)
        return `${indent}for (let ${v} = ${lo.text}; ${v} < ${at(hi, 11)}; ${s.step === 1 ? `${v}++` : `${v} += ${s.step}`}) {\n${renderBlock(s.body, place, kernel, `${indent}  `)}${indent}}\n`
      })
    }
    case 'index': {
      const value = renderIndex(s.value, place)
      return `${indent}const ${names.declare('index', s.name, value.type)} = ${value.text}\n`
    }
    case 'data-index': {
      const value = renderExpr(s.value, place), extent = renderIndex(s.extent, place)
      if (value.type === 'f32' || value.type === 'f64' || value.type === 'bool') throw damaged(`a ${value.type} as an index`)
      place.used.add('dataIndex')
      const number = value.type.endsWith('64') ? `Number(${value.text})` : value.text
      return `${indent}const ${names.declare('index', s.name, '')} = dataIndex('${kernel}', ${number}, ${extent.text})\n`
    }
    case 'let': case 'var': {
      const value = typed(renderExpr(s.value, place), s.type)
      return `${indent}${s.kind === 'let' ? 'const' : 'let'} ${names.declare('register', s.name, s.type)} = ${value.text}\n`
    }
    case 'set': return `${indent}${renderSet(s, place)}\n`
    case 'set-all': return renderSetAll(s.sets, place, indent)
    case 'store': {
      const { id, type } = names.get('buffer', s.buffer)
      const value = renderElement(type, renderExpr(s.value, place), place)
      return `${indent}${id}[${renderIndex(s.index, place).text}] = ${value.text}\n`
    }
    case 'if': {
      const condition = typed(renderExpr(s.condition, place), 'bool')
      const otherwise = s.else.length > 0 ? ` else {\n${renderBlock(s.else, place, kernel, `${indent}  `)}${indent}}` : ''
      return `${indent}if (${condition.text}) {\n${renderBlock(s.then, place, kernel, `${indent}  `)}${indent}}${otherwise}\n`
    }
  }
  throw damaged('statement', s)
}

function typed(value: Piece, type: string): Piece {
  if (value.type !== type) throw damaged(`a ${value.type} stands for a`, type)
  return value
}

/** `a += b` where the value is a float sum or product onto the register itself. */
function renderSet(s: SetCode, place: Place): string {
  const { id, type } = place.names.get('register', s.name)
  const { value } = s
  if (value.kind === 'binary' && value.a.kind === 'local' && value.a.name === s.name && type[0] === 'f') {
    const op = value.op === 'add' ? '+=' : value.op === 'sub' ? '-=' : value.op === 'mul' ? '*=' : undefined
    if (op !== undefined) return `${id} ${op} ${typed(renderExpr(value.b, place), type).text}`
  }
  return `${id} = ${typed(renderExpr(value, place), type).text}`
}

/** One assignment after the other where none reads what an earlier one wrote, else through temporaries. */
function renderSetAll(sets: readonly SetCode[], place: Place, indent: string): string {
  const written = new Set<string>()
  const clash = sets.some((s) => { const reads = readsAny(s.value, written); written.add(s.name); return reads })
  if (!clash) return sets.map((s) => `${indent}${renderSet(s, place)}\n`).join('')
  return place.names.block(() => {
    const ids = sets.map((s) => place.names.get('register', s.name))
    const values = sets.map((s, i) => typed(renderExpr(s.value, place), (ids[i] as { type: string }).type).text)
    const next = sets.map((s) => place.names.declare('buffer', `next_${s.name}`, ''))
    const lines = [...next.map((n, i) => `const ${n} = ${values[i]}`), ...ids.map((d, i) => `${d.id} = ${next[i]}`)]
    return `${indent}{\n${lines.map((l) => `${indent}  ${l}\n`).join('')}${indent}}\n`
  })
}

function readsAny(e: ExprCode, names: ReadonlySet<string>): boolean {
  switch (e.kind) {
    case 'local': return names.has(e.name)
    case 'unary': case 'cast': case 'narrow': return readsAny(e.x, names)
    case 'binary': return readsAny(e.a, names) || readsAny(e.b, names)
    case 'select': return readsAny(e.condition, names) || readsAny(e.a, names) || readsAny(e.b, names)
    default: return false
  }
}

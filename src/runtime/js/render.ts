/**
 * The `js` target's renderer: Kernel IR to plain JavaScript functions, `name(buffer…, param…)`, buffers as typed arrays that
 * start at their element 0, params as numbers ≥ 0. It stands in the runtime because artefacts carry kernels as IR, never as
 * program text; loading one renders it. f32 registers are doubles, rounded by stores, casts and `narrow`.
 */
import { IngotError } from '../../base/error.js'
import { registerOf, renderElement, renderExpr, renderIndex } from './expression.js'
import { helperText } from './helpers.js'
import type { ExprCode, KernelCode, SetCode, StmtCode } from './kernel-code.js'
import { damaged, identifier, Names } from './names.js'
import { at, type Piece } from './operations.js'

/** A rendered kernel, ready to be called. An index out of range throws an error with `code` `'index-out-of-range'`, `kernel`, `value` and `extent`. */
export type JsKernelFunction = (...args: readonly (ArrayBufferView | number)[]) => void

/** Kernels as program text. `names` are the functions' identifiers, in the order of the kernels. */
export interface JsText { readonly text: string; readonly names: readonly string[] }

/**
 * The text of one function per kernel, after the helpers that they use. `origins` gives, per kernel, what its comment says
 * beside its name. Throws `artefact-damaged` for what is not a kernel.
 */
export function renderJsKernels(kernels: readonly KernelCode[], origins: readonly (readonly string[])[] = []): JsText {
  const taken = new Set<string>()
  try {
    const names = kernels.map((k) => identifier(k.name, taken))
    const functions = kernels.map((k, i) => renderFunction(k, names[i] as string, origins[i] ?? [], new Names(taken)))
    const helpers = helperText(functions.map((f) => f.text).join('\n'))
    return { names, text: [...(helpers === '' ? [] : [helpers]), ...functions.map((f) => `${f.comment}\n${f.text}`)].join('\n\n') }
  } catch (error) {
    throw error instanceof IngotError ? error : damaged(String(error))
  }
}

/** The text of one kernel's function, after the helpers that it uses. */
export function renderJsKernel(kernel: KernelCode, origins: readonly string[] = []): string {
  return renderJsKernels([kernel], [origins]).text
}

/**
 * The functions of a program's kernels. The one names where Ingot evaluates text, all of it made by `renderJsKernels`.
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

function renderFunction(kernel: KernelCode, name: string, origins: readonly string[], names: Names): { readonly comment: string; readonly text: string } {
  const buffers = kernel.buffers.map((b) => { registerOf(b.dtype); return names.declare('buffer', b.name, b.dtype) })
  const params = kernel.params.map((p) => names.declare('index', p, ''))
  const comment = [kernel.name, ...origins].join(' · ').replace(/[^ -~·]/g, '?')
  return { comment: `// ${comment}`, text: `function ${name}(${[...buffers, ...params].join(', ')}) {\n${renderBlock(kernel.body, names, name, '  ')}}` }
}

/** The statements as lines that end in newlines. */
function renderBlock(body: readonly StmtCode[], names: Names, kernel: string, indent: string): string {
  return names.block(() => body.map((s) => renderStmt(s, names, kernel, indent)).join(''))
}

function renderStmt(s: StmtCode, names: Names, kernel: string, indent: string): string {
  switch (s.kind) {
    case 'for': {
      if (!Number.isInteger(s.step) || s.step < 1) throw damaged('step', s.step)
      const lo = renderIndex(s.lo, names), hi = renderIndex(s.hi, names)
      return names.block(() => {
        const v = names.declare('index', s.variable, lo.type)
        return `${indent}for (let ${v} = ${lo.text}; ${v} < ${at(hi, 11)}; ${s.step === 1 ? `${v}++` : `${v} += ${s.step}`}) {\n${renderBlock(s.body, names, kernel, `${indent}  `)}${indent}}\n`
      })
    }
    case 'index': {
      const value = renderIndex(s.value, names)
      return `${indent}const ${names.declare('index', s.name, value.type)} = ${value.text}\n`
    }
    case 'data-index': {
      const value = renderExpr(s.value, names), extent = renderIndex(s.extent, names)
      if (value.type === 'f32' || value.type === 'f64' || value.type === 'bool') throw damaged(`a ${value.type} as an index`)
      const number = value.type.endsWith('64') ? `Number(${value.text})` : value.text
      return `${indent}const ${names.declare('index', s.name, '')} = dataIndex('${kernel}', ${number}, ${extent.text})\n`
    }
    case 'let': case 'var': {
      const value = typed(renderExpr(s.value, names), s.type)
      return `${indent}${s.kind === 'let' ? 'const' : 'let'} ${names.declare('register', s.name, s.type)} = ${value.text}\n`
    }
    case 'set': return `${indent}${renderSet(s, names)}\n`
    case 'set-all': return renderSetAll(s.sets, names, indent)
    case 'store': {
      const { id, type } = names.get('buffer', s.buffer)
      const value = renderElement(type, renderExpr(s.value, names))
      return `${indent}${id}[${renderIndex(s.index, names).text}] = ${value.text}\n`
    }
    case 'if': {
      const condition = typed(renderExpr(s.condition, names), 'bool')
      const otherwise = s.else.length > 0 ? ` else {\n${renderBlock(s.else, names, kernel, `${indent}  `)}${indent}}` : ''
      return `${indent}if (${condition.text}) {\n${renderBlock(s.then, names, kernel, `${indent}  `)}${indent}}${otherwise}\n`
    }
  }
  throw damaged('statement', s)
}

function typed(value: Piece, type: string): Piece {
  if (value.type !== type) throw damaged(`a ${value.type} stands for a`, type)
  return value
}

/** `a += b` where the value is a float sum or product onto the register itself. */
function renderSet(s: SetCode, names: Names): string {
  const { id, type } = names.get('register', s.name)
  const { value } = s
  if (value.kind === 'binary' && value.a.kind === 'local' && value.a.name === s.name && type[0] === 'f') {
    const op = value.op === 'add' ? '+=' : value.op === 'sub' ? '-=' : value.op === 'mul' ? '*=' : undefined
    if (op !== undefined) return `${id} ${op} ${typed(renderExpr(value.b, names), type).text}`
  }
  return `${id} = ${typed(renderExpr(value, names), type).text}`
}

/** One assignment after the other where none reads what an earlier one wrote, else through temporaries. */
function renderSetAll(sets: readonly SetCode[], names: Names, indent: string): string {
  const written = new Set<string>()
  const clash = sets.some((s) => { const reads = readsAny(s.value, written); written.add(s.name); return reads })
  if (!clash) return sets.map((s) => `${indent}${renderSet(s, names)}\n`).join('')
  return names.block(() => {
    const ids = sets.map((s) => names.get('register', s.name))
    const values = sets.map((s, i) => typed(renderExpr(s.value, names), (ids[i] as { type: string }).type).text)
    const next = sets.map((s) => names.declare('buffer', `next_${s.name}`, ''))
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

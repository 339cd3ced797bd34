/**
 * The `js` target's renderer: Kernel IR to plain JavaScript functions, `name(buffer…, param…)`, buffers as typed arrays that
 * start at their element 0, params as numbers ≥ 0. It stands in the runtime because artefacts carry kernels as IR, never as
 * program text; loading one renders it. f32 registers are doubles, rounded by stores, casts and `narrow`.
 */
import { IngotError } from '../../base/error.js'
import { registerOf, renderElement, renderExpr, renderIndex, typed } from './expression.js'
import { HELPERS } from './helpers.js'
import type { KernelCode, SetCode, StmtCode } from './kernel-code.js'
import { damaged, identifier, Names } from './names.js'
import { at } from './operations.js'

/** A rendered kernel, ready to be called. An index out of range throws an error with `code` `'index-out-of-range'`, `kernel`, `value` and `extent`. */
export type JsKernelFunction = (...args: readonly (ArrayBufferView | number)[]) => void

/** Kernels as functions, each with its name and its text. They call helpers as `$name`. */
interface JsFunction { readonly name: string; readonly text: string }

/** The function of every kernel, under names that are not in `taken`. Throws `artefact-damaged` for what is not a kernel. */
export function renderJsFunctions(kernels: readonly KernelCode[], taken = new Set<string>()): readonly JsFunction[] {
  try {
    const names = kernels.map((kernel) => identifier(kernel.name, taken))
    return kernels.map((kernel, i) => ({ name: names[i] as string, text: renderFunction(kernel, names[i] as string, new Names(taken)) }))
  } catch (error) {
    throw error instanceof IngotError ? error : damaged(`${error}`)
  }
}

/**
 * The functions of a program's kernels. The one place where Ingot evaluates text, all of it made by `renderJsFunctions`.
 * Throws `eval-forbidden` where a content security policy forbids it.
 */
export function instantiateJsKernels(kernels: readonly KernelCode[]): readonly JsKernelFunction[] {
  const functions = renderJsFunctions(kernels)
  try {
    const helpers = Object.keys(HELPERS).map((name) => `${name}: $${name}`)
    return new Function('helpers', `'use strict'\nconst {${helpers}} = helpers\n${functions.map(({ text }) => text).join('\n')}\nreturn [${functions.map(({ name }) => name)}]`)(HELPERS) as JsKernelFunction[]
  } catch (cause) {
    if (cause instanceof SyntaxError) throw damaged(cause.message)
    throw new IngotError('eval-forbidden', `this page or process forbids making functions from text, which the js target needs: ${cause}`, {
      hint: 'compile with --emit module and import the module, or use the wasm target', cause,
    })
  }
}

function renderFunction({ buffers, params, body }: KernelCode, name: string, names: Names): string {
  const args = [...buffers.map((b) => { registerOf(b.dtype); return names.declare('buffer', b.name, b.dtype) }), ...params.map((p) => names.declare('index', p, ''))]
  return `function ${name}(${args.join(', ')}) ${renderBlock(body, names, name)}`
}

/** Statements in braces. */
const renderBlock = (body: readonly StmtCode[], names: Names, kernel: string): string => names.block(() => inBraces(body.map((s) => renderStmt(s, names, kernel))))

const inBraces = (lines: readonly string[]): string => `{\n${lines.join('\n').replace(/^/gm, '  ')}\n}`

function renderStmt(s: StmtCode, names: Names, kernel: string): string {
  switch (s.kind) {
    case 'for': {
      if (!Number.isInteger(s.step) || s.step < 1) throw damaged(s.step)
      const lo = renderIndex(s.lo, names), hi = renderIndex(s.hi, names)
      return names.block(() => {
        const v = names.declare('index', s.variable, lo.type)
        return `for (let ${v} = ${lo.text}; ${v} < ${at(hi, 1)}; ${s.step === 1 ? `${v}++` : `${v} += ${s.step}`}) ${renderBlock(s.body, names, kernel)}`
      })
    }
    case 'index': {
      const value = renderIndex(s.value, names)
      return `const ${names.declare('index', s.name, value.type)} = ${value.text}`
    }
    case 'data-index': {
      const value = renderExpr(s.value, names), extent = renderIndex(s.extent, names)
      if (value.type < 'i') throw damaged(s)
      return `const ${names.declare('index', s.name, '')} = ${s.sure ? value.text : `$index('${kernel}', Number(${value.text}), ${extent.text})`}`
    }
    case 'let': case 'var': {
      const value = typed(renderExpr(s.value, names), s.type)
      return `${s.kind === 'let' ? 'const' : 'let'} ${names.declare('register', s.name, s.type)} = ${value.text}`
    }
    case 'set': return renderSet(s, names)
    case 'set-all': return renderSetAll(s.sets, names)
    case 'store': {
      const { id, type } = names.get('buffer', s.buffer)
      return `${id}[${renderIndex(s.index, names).text}] = ${renderElement(type, renderExpr(s.value, names))}`
    }
    case 'if': {
      const otherwise = s.else.length > 0 ? ` else ${renderBlock(s.else, names, kernel)}` : ''
      return `if (${typed(renderExpr(s.condition, names), 'bool').text}) ${renderBlock(s.then, names, kernel)}${otherwise}`
    }
  }
  throw damaged(s)
}

/** `a += b` where the value is a float sum onto the register itself. */
function renderSet({ name, value }: SetCode, names: Names): string {
  const { id, type } = names.get('register', name)
  const sum = type[0] === 'f' && value.kind === 'binary' && value.op === 'add' && value.a.kind === 'local' && value.a.name === name
  return `${id} ${sum ? '+=' : '='} ${typed(renderExpr(sum ? value.b : value, names), type).text}`
}

/** Simultaneous assignments go through temporaries. */
function renderSetAll(sets: readonly SetCode[], names: Names): string {
  return names.block(() => {
    const next = sets.map(({ name, value }) => {
      const { id, type } = names.get('register', name)
      const { text } = typed(renderExpr(value, names), type)
      return { id, text, temporary: names.declare('buffer', `next_${name}`, '') }
    })
    return inBraces([...next.map(({ temporary, text }) => `const ${temporary} = ${text}`), ...next.map(({ id, temporary }) => `${id} = ${temporary}`)])
  })
}

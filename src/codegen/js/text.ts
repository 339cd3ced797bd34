/** Kernels of the js target as program text that stands alone: what the runtime makes functions of, with the helpers it would hand them. */
import { HELPERS } from '../../runtime/js/helpers.js'
import type { KernelCode } from '../../runtime/js/kernel-code.js'
import { renderJsFunctions } from '../../runtime/js/render.js'

/** Kernels as program text. `names` are the functions' identifiers, in the order of the kernels. */
export interface JsText { readonly text: string; readonly names: readonly string[] }

/** Names that an emitted module has beside its kernels. */
const MODULE_NAMES = ['kernels', 'data', 'decode', 'atob']

/**
 * The text of one function per kernel, after the helpers that they use. `origins` gives, per kernel, what its comment says
 * beside its name. Throws `artefact-damaged` for what is not a kernel.
 */
export function renderJsKernels(kernels: readonly KernelCode[], origins: readonly (readonly string[])[] = []): JsText {
  const functions = renderJsFunctions(kernels, new Set(MODULE_NAMES))
  const used = new Set(functions.flatMap(({ text }) => text.match(/\$\w+/g) ?? []))
  const helpers = Object.entries(HELPERS).filter(([name]) => used.has(`$${name}`)).map(([name, helper]) => `const $${name} = ${functionText(name, helper)}`)
  const comment = (i: number): string => [kernels[i]?.name, ...(origins[i] ?? [])].join(' · ').replace(/[^ -~·]/g, '?')
  return {
    names: functions.map(({ name }) => name),
    text: [...(helpers.length === 0 ? [] : [helpers.join('\n')]), ...functions.map(({ text }, i) => `// ${comment(i)}\n${text}`)].join('\n\n'),
  }
}

/** The text of one kernel's function, after the helpers that it uses. */
export function renderJsKernel(kernel: KernelCode, origins: readonly string[] = []): string {
  return renderJsKernels([kernel], [origins]).text
}

/** The function's own text as an expression; that of a method lacks the word. Lines after the first lose the indentation of their place in the table. */
function functionText(name: string, helper: (...args: never[]) => unknown): string {
  const text = String(helper)
  const indent = /\n( *)\}$/.exec(text)?.[1] ?? ''
  return `${text.startsWith(`${name}(`) ? 'function ' : ''}${text}`.replaceAll(`\n${indent}`, '\n')
}

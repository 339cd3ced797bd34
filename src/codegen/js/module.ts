/** A js program as the text of an ES module: kernels as functions that are simply there, so that no page has to allow evaluation. */
import type { ProgramData } from '../../runtime/format.js'
import type { KernelCode } from '../../runtime/js/kernel-code.js'
import { renderJsKernels } from './text.js'

/** A multiple of 3, so that pieces of base64 join without padding. */
const BASE64_CHUNK = 24576

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += BASE64_CHUNK) text += btoa(String.fromCharCode(...bytes.subarray(i, i + BASE64_CHUNK)))
  return text
}

/**
 * The module's text: it exports `data` (header and sections, the constants in base64) and `kernels`, and imports nothing.
 * `load(await import('./model.mjs'))` makes a session of it. The same program gives the same text.
 */
export function renderJsModule({ header, sections }: ProgramData): string {
  const origins = header.kernels.map((_, k) => [...new Set(header.steps.filter((s) => s.kernel === k).map((s) => s.origin))])
  const { text, names } = renderJsKernels(header.kernels.map((k) => k.code as KernelCode), origins)
  // The functions stand in for the kernels' bodies; `load` still checks calls against their signatures.
  const plain = { ...header, kernels: header.kernels.map((k) => ({ ...k, code: { ...(k.code as KernelCode), body: [] } })) }
  const constants = sections.constants ?? new Uint8Array(0)
  return `// ${header.name.replace(/[^ -~]/g, '?')}, compiled by Ingot ${header.producer.replace(/[^ -~]/g, '?')}
// import * as model from './this-file.mjs'
// const session = await load(model)

${text}

export const kernels = [${names.join(', ')}]

function decode(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export const data = {
  header: ${JSON.stringify(plain)},
  sections: {${constants.length > 0 ? ` constants: decode('${base64(constants)}') ` : ''}},
}
`
}

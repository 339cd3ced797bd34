/** The `js` target: kernels are functions over typed arrays, which are views of the constants section and of one arena. */
import type { callingHost, KernelFunction } from '../calls.js'
import type { ProgramData } from '../format.js'
import type { Host } from '../host.js'
import type { damaged } from '../validate.js'

/** What this needs of the runtime around: given, so that bundlers leave it in the file that all pages load. */
interface Tools { readonly callingHost: typeof callingHost; readonly damaged: typeof damaged }

/** A host over functions, one for each of the program's kernels. Where none are given they are rendered from the kernels' code: `eval-forbidden` where the page's policy forbids that. */
export async function jsHost({ header, sections }: ProgramData, given: readonly KernelFunction[] | undefined, { callingHost, damaged }: Tools): Promise<Host> {
  const kernels = given ?? (await import('./render.js')).instantiateJsKernels(header.kernels.map((kernel) => kernel.code as never)) as readonly KernelFunction[]
  if (kernels.length !== header.kernels.length) damaged('kernels', `are ${header.kernels.length}, the module's functions ${kernels.length}`)
  const section = sections.constants ?? new Uint8Array(0)
  const constants = section.byteOffset % 8 === 0 ? section : new Uint8Array(section)
  return callingHost(header, (arenaBytes) => ({
    constants, kernels,
    arena: new Uint8Array(arenaBytes),
    argument: (view) => view,
    fault: (thrown) => (thrown as { readonly code?: unknown }).code === 'index-out-of-range' ? (thrown as Error).message : undefined,
  }))
}

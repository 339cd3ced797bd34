/** The `js` target: kernels are functions over typed arrays, which are views of the constants section and of one arena. */
import { allocating, bindCalls, viewOf, type KernelFunction } from '../calls.js'
import type { ProgramData } from '../format.js'
import type { Host } from '../host.js'
import { damaged } from '../validate.js'

/** A host over functions, one for each of the program's kernels. Where none are given they are rendered from the kernels' code: `eval-forbidden` where the page's policy forbids that. */
export async function jsHost({ header, sections }: ProgramData, given: readonly KernelFunction[] | null): Promise<Host> {
  const kernels = given ?? (await import('./render.js')).instantiateJsKernels(header.kernels.map((kernel) => kernel.code as never)) as readonly KernelFunction[]
  if (kernels.length !== header.kernels.length) damaged('kernels', `are ${header.kernels.length}, the module's functions ${kernels.length}`)
  const section = sections.constants ?? new Uint8Array(0)
  const constants = section.byteOffset % 8 === 0 ? section : new Uint8Array(section)
  let arena = new ArrayBuffer(0)
  return {
    sync: true,
    get arenaBytes() { return arena.byteLength },
    release() { arena = new ArrayBuffer(0) },
    bind(layout) {
      return allocating(layout.arenaBytes, () => {
        if (layout.arenaBytes > arena.byteLength) arena = new ArrayBuffer(layout.arenaBytes)
        const views = layout.buffers.map((place) => (place.constant ? viewOf(place, constants.buffer, constants.byteOffset) : viewOf(place, arena, 0)))
        const view = (buffer: number): (typeof views)[number] => views[buffer] as (typeof views)[number]
        const calls = header.steps.map((step) => kernels[step.kernel] as KernelFunction)
        const args = header.steps.map((step, i) => [...step.buffers.map(view), ...(layout.params[i] ?? [])])
        return bindCalls(header, calls, args, view, (thrown) => {
          const { code, message } = thrown as { readonly code?: unknown; readonly message?: unknown }
          return code === 'index-out-of-range' ? String(message) : undefined
        })
      })
    },
  }
}

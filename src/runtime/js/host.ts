/** The `js` target: kernels are functions over typed arrays, which are views of the constants section and of one arena. */
import { DTYPES } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { NumericStorage } from '../feeds.js'
import type { Port, ProgramData } from '../format.js'
import { allocating, stepFault, type Binding, type Host } from '../host.js'
import type { Layout } from '../layout.js'

/** A kernel as a function: `fn(...buffers, ...params)` with typed arrays that start at the buffer's first element. */
export type JsKernel = (...args: never[]) => unknown

/** The kernels of a program rendered from their code. Throws `eval-forbidden` where the page's policy forbids it, `artefact-damaged` where the code is none. */
export async function renderKernels(program: ProgramData): Promise<readonly JsKernel[]> {
  const { instantiateJsKernels } = await import('./render.js')
  try {
    return instantiateJsKernels(program.header.kernels.map((kernel) => kernel.code as never)) as readonly JsKernel[]
  } catch (cause) {
    if (cause instanceof IngotError) throw cause
    throw new IngotError('artefact-damaged', `the artefact is damaged: kernels cannot be rendered: ${String(cause)}`, { cause, hint: 'compile the model again' })
  }
}

/** A host over functions, one for each of the program's kernels. */
export function jsHost(program: ProgramData, kernels: readonly JsKernel[]): Host {
  const { header } = program
  if (kernels.length !== header.kernels.length || kernels.some((kernel) => typeof kernel !== 'function')) {
    throw new IngotError('artefact-damaged', `the program has ${header.kernels.length} kernels, its module ${kernels.length} functions`, { hint: 'emit the module again: its data and kernels come from different compilations' })
  }
  const section = program.sections.constants ?? new Uint8Array(0)
  const constants = section.byteOffset % 8 === 0 ? section : new Uint8Array(section)
  let arena = new ArrayBuffer(0)
  return {
    sync: true,
    get arenaBytes() { return arena.byteLength },
    release() { arena = new ArrayBuffer(0) },
    bind(layout) {
      if (layout.arenaBytes > arena.byteLength) {
        // The old one may go before the new one comes.
        arena = new ArrayBuffer(0)
        arena = allocating(layout.arenaBytes, () => new ArrayBuffer(layout.arenaBytes))
      }
      return bindSteps(program, kernels, layout, viewsOf(layout, arena, constants))
    },
  }
}

/** Typed arrays of all buffers of a layout over the arena and the constants. */
export function viewsOf(layout: Layout, arena: ArrayBuffer, constants: Uint8Array, arenaStart = 0): NumericStorage[] {
  return allocating(layout.arenaBytes, () => layout.buffers.map(({ dtype, constant, offset, length }) => {
    const Storage = DTYPES[dtype].array ?? Uint8Array
    return constant ? new Storage(constants.buffer as ArrayBuffer, constants.byteOffset + offset, length) : new Storage(arena, arenaStart + offset, length)
  }))
}

/** Copies a feed into its place; a Float16Array or Uint8ClampedArray never gets here as such. */
export function copyIn(views: readonly NumericStorage[], ports: readonly Port[], feeds: readonly NumericStorage[]): void {
  for (let i = 0; i < ports.length; i++) views[ports[i]?.buffer ?? -1]?.set(feeds[i] as never)
}

/** The outputs as fresh storage. */
export function copyOut(views: readonly NumericStorage[], ports: readonly Port[]): NumericStorage[] {
  return ports.map((port) => (views[port.buffer] as NumericStorage).slice())
}

function bindSteps(program: ProgramData, kernels: readonly JsKernel[], layout: Layout, views: readonly NumericStorage[]): Binding {
  const { steps, inputs, outputs } = program.header
  const calls = steps.map((step) => kernels[step.kernel] as JsKernel)
  const args = steps.map((step, i) => [...step.buffers.map((b) => views[b]), ...(layout.params[i] ?? [])] as never[])
  return {
    run(feeds, times) {
      copyIn(views, inputs, feeds)
      let at = 0
      try {
        if (times === null) for (; at < calls.length; at++) calls[at]?.apply(undefined, args[at] as never[])
        else for (; at < calls.length; at++) {
          const start = performance.now()
          calls[at]?.apply(undefined, args[at] as never[])
          times[at] = (times[at] ?? 0) + performance.now() - start
        }
      } catch (cause) {
        throw stepFault(cause, steps[at])
      }
      return copyOut(views, outputs)
    },
  }
}

/** The `wasm` target: one module, one memory that holds the constants and after them the arena. */
import { callingHost, type KernelFunction } from '../calls.js'
import type { ProgramData } from '../format.js'
import type { Host } from '../host.js'
import { align64 } from '../plan.js'
import { damaged } from '../validate.js'

/** A host of a program whose `wasm` section exports one function per kernel and imports `env.memory`. Throws `artefact-damaged` where it does not. */
export async function wasmHost({ header, sections }: ProgramData): Promise<Host> {
  const invalid = (cause: unknown): never => damaged('the wasm section', `is not valid: ${cause}`, cause)
  const module = await WebAssembly.compile(sections.wasm as Uint8Array<ArrayBuffer>).catch(invalid)
  const constants = sections.constants ?? new Uint8Array(0), start = align64(constants.length)
  return callingHost(header, (arenaBytes) => {
    // The module's import asks for at least one page.
    const memory = new WebAssembly.Memory({ initial: Math.max(1, Math.ceil((start + arenaBytes) / 65536)) })
    const all = new Uint8Array(memory.buffer)
    all.set(constants)
    let exported: WebAssembly.Exports = {}
    try {
      exported = new WebAssembly.Instance(module, { env: { memory } }).exports
    } catch (cause) {
      invalid(cause)
    }
    const fault = (name: string): WebAssembly.Global | undefined => exported[`fault.${name}`] as WebAssembly.Global | undefined
    return {
      constants: all, arena: all.subarray(start),
      kernels: header.kernels.map(({ code }) => {
        const found = exported[code as string]
        return typeof found === 'function' ? (found as KernelFunction) : invalid(`no function "${code as string}"`)
      }),
      argument: (view) => view.byteOffset,
      fault() {
        const kernel = fault('kernel'), number: number = kernel?.value ?? -1
        if (kernel === undefined || number < 0) return undefined
        kernel.value = -1
        return `index ${fault('value')?.value} is outside an axis of extent ${fault('extent')?.value} in kernel ${header.kernels[number]?.name}`
      },
    }
  })
}

/** The `wasm` target: one module, one memory that holds the constants and after them the arena. */
import { IngotError } from '../../base/error.js'
import { callingHost, type KernelFunction } from '../calls.js'
import type { ProgramData } from '../format.js'
import type { Host } from '../host.js'
import { align64 } from '../plan.js'
import { damaged } from '../validate.js'
import { hasFusedMadd } from './relaxed.js'

/**
 * A host of a program whose `wasm` or `wasm-relaxed` section exports one function per kernel and imports `env.memory`; with `steps.run`,
 * a run is one call. Throws `artefact-damaged` where it does not, `target-unavailable` where this engine lacks what it needs.
 */
export async function wasmHost({ header, sections }: ProgramData): Promise<Host> {
  const invalid = (cause: unknown): never => damaged('the wasm section', `is not valid: ${cause}`, cause)
  const relaxed = sections['wasm-relaxed']
  const code = relaxed !== undefined && hasFusedMadd() ? relaxed : sections.wasm
  if (code === undefined) throw new IngotError('target-unavailable', 'the program was compiled for relaxed SIMD, which this engine lacks', { hint: 'compile it with features: auto' })
  const module = await WebAssembly.compile(code as Uint8Array<ArrayBuffer>).catch(invalid)
  const constants = sections.constants ?? new Uint8Array(0), start = align64(constants.length)
  return callingHost(header, (arenaBytes, argumentCount) => {
    // The module's import asks for at least one page. The arguments of all steps stand behind the arena.
    const table = start + align64(arenaBytes)
    const memory = new WebAssembly.Memory({ initial: Math.max(1, Math.ceil((table + 4 * argumentCount) / 65536)) })
    const all = new Uint8Array(memory.buffer)
    all.set(constants)
    let exported: WebAssembly.Exports = {}
    try {
      exported = new WebAssembly.Instance(module, { env: { memory } }).exports
    } catch (cause) {
      invalid(cause)
    }
    const runAll = exported['steps.run'] as ((table: number) => void) | undefined
    let written: readonly number[] | null = null
    const fault = (name: string): WebAssembly.Global | undefined => exported[`fault.${name}`] as WebAssembly.Global | undefined
    return {
      constants: all, arena: all.subarray(start),
      kernels: header.kernels.map(({ code }) => {
        const found = exported[code as string]
        return typeof found === 'function' ? (found as KernelFunction) : invalid(`no function "${code as string}"`)
      }),
      argument: (view) => view.byteOffset,
      ...(runAll !== undefined && {
        segment: {
          run(args: readonly number[]) {
            // Only another binding's arguments are others.
            if (args !== written) new Int32Array(memory.buffer, table).set(args)
            written = args
            runAll(table)
          },
          step: () => (exported['steps.at'] as WebAssembly.Global).value as number,
        },
      }),
      fault() {
        const kernel = fault('kernel'), number: number = kernel?.value ?? -1
        if (kernel === undefined || number < 0) return undefined
        kernel.value = -1
        return `index ${fault('value')?.value} is outside an axis of extent ${fault('extent')?.value} in kernel ${header.kernels[number]?.name}`
      },
    }
  })
}

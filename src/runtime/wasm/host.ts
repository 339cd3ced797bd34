/** The `wasm` target: one module, one memory that holds the constants and after them the arena. */
import { IngotError } from '../../base/error.js'
import { allocated, bindCalls, callingHost, wordCount, type KernelFunction, type Memory } from '../calls.js'
import type { ProgramData } from '../format.js'
import type { Host } from '../host.js'
import { align64 } from '../plan.js'
import { damaged } from '../validate.js'
import { hasFusedMadd } from './relaxed.js'

const invalid = (cause: unknown): never => damaged('the wasm section', `is not valid: ${cause}`, cause)

/**
 * A host of a program whose `wasm` or `wasm-relaxed` section exports one function per kernel and imports `env.memory`; with `steps.share`,
 * a run is one call. Throws `artefact-damaged` where it does not, `target-unavailable` where this engine lacks what it needs, `bad-option`
 * for threads that cannot be.
 */
export async function wasmHost(program: ProgramData, threads = 1): Promise<Host> {
  if (threads !== 1) return (await import('./threads.js')).threadedHost(program, threads, HOST_TOOLS)
  const module = await compileModule(codeFor(program))
  return callingHost(program.header, (arenaBytes) => wasmMemory(program, module, arenaBytes, 4 * wordCount(program.header)))
}

/** What hosts with threads are made of too: they are loaded on demand, and bundlers keep in one piece what only comes as an argument. */
export const HOST_TOOLS = { allocated, bindCalls, wordCount, codeFor, compileModule, wasmHost, wasmMemory }
export type HostTools = typeof HOST_TOOLS

/** The section that this engine can make the most of. */
function codeFor({ sections }: ProgramData): Uint8Array {
  const relaxed = sections['wasm-relaxed']
  const code = relaxed !== undefined && hasFusedMadd() ? relaxed : sections.wasm
  if (code === undefined) throw new IngotError('target-unavailable', 'the program was compiled for relaxed SIMD, which this engine lacks', { hint: 'compile it with features: auto' })
  return code
}

function compileModule(code: Uint8Array): Promise<WebAssembly.Module> {
  return WebAssembly.compile(code as Uint8Array<ArrayBuffer>).catch(invalid)
}

/** Memory with an instance of the module; `behind` is where the bytes behind the arena begin, of which the first hold the words of all steps. */
export interface WasmMemory extends Memory { readonly memory: WebAssembly.Memory; readonly exports: WebAssembly.Exports; readonly behind: number }

/** Memory for constants, an arena and `extraBytes` behind it, shared or not. */
function wasmMemory({ header, sections }: ProgramData, module: WebAssembly.Module, arenaBytes: number, extraBytes: number, shared = false): WasmMemory {
  const constants = sections.constants ?? new Uint8Array(0), start = align64(constants.length), behind = start + align64(arenaBytes)
  // The module's import asks for at least one page.
  const initial = Math.max(1, Math.ceil((behind + extraBytes) / 65536))
  const memory = new WebAssembly.Memory(shared ? { initial, maximum: initial, shared } : { initial })
  const all = new Uint8Array(memory.buffer)
  all.set(constants)
  let exported: WebAssembly.Exports = {}
  try {
    exported = new WebAssembly.Instance(module, { env: { memory } }).exports
  } catch (cause) {
    invalid(cause)
  }
  const runAll = exported['steps.share'] as ((table: number) => void) | undefined
  let written: readonly number[] | null = null
  const fault = (name: string): WebAssembly.Global | undefined => exported[`fault.${name}`] as WebAssembly.Global | undefined
  return {
    constants: all, arena: all.subarray(start), memory, exports: exported, behind,
    kernels: header.kernels.map(({ code }) => {
      const found = exported[code as string]
      return typeof found === 'function' ? (found as KernelFunction) : invalid(`no function "${code as string}"`)
    }),
    argument: (view) => view.byteOffset,
    ...(runAll !== undefined && {
      segment: {
        run(words: readonly number[]) {
          // Only another binding's words are others.
          if (words !== written) new Int32Array(memory.buffer, behind).set(words)
          written = words
          runAll(behind)
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
}

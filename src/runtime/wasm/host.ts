/** The `wasm` target: one module, one memory that holds the constants and after them the arena. */
import { storageBytes } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import { allocated, bindCalls, callingHost, wordCount, type KernelFunction, type Memory } from '../calls.js'
import type { ProgramData, ProgramHeader } from '../format.js'
import type { Host } from '../host.js'
import { keptBytes } from '../layout.js'
import { align64 } from '../plan.js'
import { damaged } from '../validate.js'
import { hasFusedMadd } from './relaxed.js'

const invalid = (cause: unknown): never => damaged('the wasm section', `is not valid: ${cause}`, cause)

/**
 * A host of a program whose `wasm` or `wasm-relaxed` section exports one function per kernel and imports `env.memory`; with `steps.share`,
 * a run is one call. Throws `artefact-damaged` where it does not, `target-unavailable` where this engine lacks what it needs, `bad-option`
 * for threads that cannot be. `given` holds what lives as long as the session already; else it is made, and constants are copied once.
 */
export async function wasmHost(program: ProgramData, threads = 1, given?: Kept): Promise<Host> {
  if (threads !== 1) return (await import('./threads.js')).threadedHost(program, threads, HOST_TOOLS)
  const { header, sections: { constants = new Uint8Array(0) } } = program, module = given?.module ?? await compileModule(codeFor(program))
  const memory = given?.memory ?? (header.prepare ? (await import('../prepare.js')).keep(program, module, HOST_TOOLS) : holding(constants))
  return hostOver(memory, keptBytes(program), module, header)
}

/** A memory that begins with what lives as long as a session, and the module, where that is compiled already. */
export interface Kept { readonly memory: WebAssembly.Memory; readonly module?: WebAssembly.Module | undefined }

function holding(bytes: Uint8Array): WebAssembly.Memory {
  const memory = memoryOf(bytes.length)
  new Uint8Array(memory.buffer).set(bytes)
  return memory
}

/** Not in `wasmHost`, whose program would then live as long as the host, with all that was read. */
function hostOver(memory: WebAssembly.Memory, constantBytes: number, module: WebAssembly.Module, header: ProgramHeader): Host {
  return callingHost(header, (arenaBytes) => wasmMemory(memory, constantBytes, module, header, arenaBytes, 4 * wordCount(header)), () => { memory = holding(new Uint8Array(memory.buffer, 0, constantBytes)) })
}

const PAGE = 65536

/** Memory for as many bytes; the module's import asks for at least one page. */
export function memoryOf(bytes: number, shared = false): WebAssembly.Memory {
  return allocated(bytes, () => {
    const initial = Math.max(1, Math.ceil(bytes / PAGE))
    return new WebAssembly.Memory({ initial, maximum: shared ? initial : undefined, shared } as WebAssembly.MemoryDescriptor)
  })
}

/** What hosts with threads and readers of files are made of too: they are loaded on demand, and bundlers keep in one piece what only comes as an argument. */
export const HOST_TOOLS = { bindCalls, wordCount, storageBytes, keptBytes, codeFor, compileModule, wasmHost, memoryOf, wasmMemory }
export type HostTools = typeof HOST_TOOLS

/** The section that this engine can make the most of. */
function codeFor({ sections }: ProgramData): Uint8Array {
  const relaxed = sections['wasm-relaxed']
  const code = relaxed && hasFusedMadd() ? relaxed : sections.wasm
  if (!code) throw new IngotError('target-unavailable', 'the program was compiled for relaxed SIMD, which this engine lacks', { hint: 'compile it with features: auto' })
  return code
}

function compileModule(code: Uint8Array): Promise<WebAssembly.Module> {
  return WebAssembly.compile(code as Uint8Array<ArrayBuffer>).catch(invalid)
}

/** Memory with an instance of the module; `behind` is where the bytes behind the arena begin, of which the first hold the words of all steps. */
export interface WasmMemory extends Memory { readonly memory: WebAssembly.Memory; readonly exports: WebAssembly.Exports; readonly behind: number }

/** Over a memory that begins with what lives as long as the session: an arena behind that and `extraBytes` behind it. It grows where it is too small, which detaches all views of it. */
function wasmMemory(memory: WebAssembly.Memory, constantBytes: number, module: WebAssembly.Module, header: ProgramHeader, arenaBytes: number, extraBytes: number): WasmMemory {
  const start = align64(constantBytes), behind = start + align64(arenaBytes)
  const missing = Math.ceil((behind + extraBytes - memory.buffer.byteLength) / PAGE)
  if (missing > 0) memory.grow(missing)
  const all = new Uint8Array(memory.buffer)
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
    ...(runAll && {
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
      if (number < 0) return;
      (kernel as WebAssembly.Global).value = -1
      return `index ${fault('value')?.value} is outside an axis of extent ${fault('extent')?.value} in kernel ${header.kernels[number]?.name}`
    },
  }
}

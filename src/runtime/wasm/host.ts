/** The `wasm` target: one module, one memory that holds the constants and after them the arena. */
import { allocating, bindCalls, viewOf, type KernelFunction } from '../calls.js'
import type { ProgramData } from '../format.js'
import type { Host } from '../host.js'
import { damaged } from '../validate.js'

const PAGE_BYTES = 65536

/** A host of a program whose `wasm` section exports one function per kernel and imports `env.memory`. Throws `artefact-damaged` where it does not. */
export async function wasmHost({ header, sections }: ProgramData): Promise<Host> {
  let module: WebAssembly.Module
  try {
    module = await WebAssembly.compile((sections.wasm ?? new Uint8Array(0)) as Uint8Array<ArrayBuffer>)
  } catch (cause) {
    damaged('wasm', `is no module: ${String(cause)}`)
  }
  const constants = sections.constants ?? new Uint8Array(0)
  const start = Math.ceil(constants.length / 64) * 64
  let memory: ArrayBuffer | null = null
  let exported: WebAssembly.Exports = {}
  const global = (name: string): unknown => (exported[`fault.${name}`] as WebAssembly.Global | undefined)?.value

  const instantiate = (arenaBytes: number): void => {
    // The module's import asks for at least one page.
    const initial = Math.max(1, Math.ceil((start + arenaBytes) / PAGE_BYTES))
    const created = allocating(start + arenaBytes, () => new WebAssembly.Memory({ initial }))
    memory = created.buffer
    new Uint8Array(memory).set(constants)
    try {
      exported = new WebAssembly.Instance(module, { env: { memory: created } }).exports
    } catch (cause) {
      damaged('wasm', `cannot be linked: ${String(cause)}`)
    }
  }
  return {
    sync: true,
    get arenaBytes() { return memory === null ? 0 : memory.byteLength - start },
    release() { memory = null; exported = {} },
    bind(layout) {
      if (memory === null || layout.arenaBytes > memory.byteLength - start) instantiate(layout.arenaBytes)
      const held = memory as unknown as ArrayBuffer
      const calls = header.steps.map(({ kernel }) => {
        const name = String(header.kernels[kernel]?.code), found = exported[name]
        return typeof found === 'function' ? (found as KernelFunction) : damaged('wasm', `exports no function "${name}"`)
      })
      const base = (buffer: number): number => (layout.buffers[buffer]?.constant === true ? 0 : start)
      const args = header.steps.map((step, i) => [...step.buffers.map((b) => base(b) + (layout.buffers[b]?.offset ?? 0)), ...(layout.params[i] ?? [])])
      return bindCalls(header, calls, args, (b) => viewOf(layout.buffers[b] as (typeof layout.buffers)[number], held, base(b)), () => {
        const kernel = exported['fault.kernel'] as WebAssembly.Global | undefined
        if (kernel === undefined || kernel.value === -1) return undefined
        const name = header.kernels[Number(kernel.value)]?.name
        kernel.value = -1
        return `index ${String(global('value'))} is outside an axis of extent ${String(global('extent'))} in kernel ${name}`
      })
    },
  }
}

/** Runs one kernel of a module made by `renderWasmModule` on copies of typed arrays. */
import { bytesOf, type TensorStorage } from '../../../src/base/dtype.js'
import type { Kernel } from '../../../src/ir/kernel/kernel.js'
import { renderWasmModule, type WasmOptions } from '../../../src/codegen/wasm/render.js'

export interface WasmRun {
  /** Copies buffers in, calls the kernel, copies them back. */
  run(buffers: readonly TensorStorage[], params: readonly number[]): void
  readonly exports: WebAssembly.Exports
}

/** The instance of a module with one memory that grows as runs need. */
export function instantiate(kernels: readonly Kernel[], which = 0, options: WasmOptions = {}): WasmRun {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const bytes = renderWasmModule(kernels, options)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), { env: { memory } })
  const fn = exports[(kernels[which] as Kernel).name] as (...args: number[]) => void
  return {
    exports,
    run(buffers, params) {
      let end = 64
      const addresses = buffers.map((b) => { const at = end; end = Math.ceil((end + bytesOf(b).length) / 64) * 64; return at })
      if (end > memory.buffer.byteLength) memory.grow(Math.ceil((end - memory.buffer.byteLength) / 65536))
      buffers.forEach((b, i) => new Uint8Array(memory.buffer).set(bytesOf(b), addresses[i]))
      fn(...addresses, ...params)
      buffers.forEach((b, i) => { const own = bytesOf(b), at = addresses[i] as number; own.set(new Uint8Array(memory.buffer, at, own.length)) })
    },
  }
}

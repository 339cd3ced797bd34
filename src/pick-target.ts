/** `target: 'auto'`: what there is where the compiler runs. */
import { IngotError } from './base/error.js'
import type { Target } from './runtime/format.js'
import { findGpu } from './runtime/webgpu/device.js'

/** A target, and why it. */
export interface PickedTarget { readonly target: Target; readonly why: string }

/** A module with one SIMD instruction: `(func (drop (v128.const i32x4 0 0 0 0)))`. */
const SIMD = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 23, 1, 21, 0, 253, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 11])

/** What pages and processes may have: the navigator's `gpu` or the package `webgpu`, and WebAssembly. */
export interface Platform { readonly gpu: () => Promise<GPU>; readonly wasm: Pick<typeof WebAssembly, 'validate'> | undefined }

const HERE: Platform = { gpu: findGpu, get wasm() { return (globalThis as { WebAssembly?: typeof WebAssembly }).WebAssembly } }

/** `wgsl` where WebGPU has an adapter that is no software, else `wasm` where it has SIMD, else `js`. */
export async function pickTarget(platform: Platform = HERE): Promise<PickedTarget> {
  const { adapter, why } = await findAdapter(platform)
  if (adapter !== undefined) return { target: 'wgsl', why }
  if (platform.wasm?.validate(SIMD) === true) return { target: 'wasm', why }
  return { target: 'js', why: `${why}, and no WebAssembly with SIMD` }
}

async function findAdapter({ gpu }: Platform): Promise<{ readonly adapter?: GPUAdapter; readonly why: string }> {
  try {
    const adapter = await (await gpu()).requestAdapter({ powerPreference: 'high-performance' })
    if (adapter === null) return { why: 'WebGPU finds no adapter here' }
    const { vendor, architecture, description } = adapter.info, name = [description || vendor, architecture].filter((t) => t !== '').join(', ')
    if (adapter.info.isFallbackAdapter) return { why: `the adapter of WebGPU is software (${name})` }
    return { adapter, why: `WebGPU has an adapter (${name})` }
  } catch (error) {
    if (error instanceof IngotError) return { why: error.message.split('\n')[0]?.replace(/ \(.*/, '') ?? '' }
    return { why: `WebGPU does not work here: ${String(error)}` }
  }
}

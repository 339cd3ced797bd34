/** Finding a WebGPU device: the page's or worker's own, or in Node that of the package `webgpu`, which users install. */
import { IngotError } from '../../base/error.js'

/** Limits that are asked for as far as the adapter goes, because shapes decide what is needed: kernels need no more than what every device has of the others. */
const RAISED = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const
const FEATURES: readonly GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups']

const HINT = 'in Node, npm install webgpu, and a Vulkan driver (without a GPU: Mesa 25 or later with lavapipe, named by VK_DRIVER_FILES); in a browser, one with WebGPU and a page served over https; or pass load a device; or compile for wasm'

let found: Promise<GPUDevice> | undefined

/** The device that all sessions share which are given none, with the largest buffers that its adapter has. Throws `target-unavailable` where there is none. */
export function findDevice(): Promise<GPUDevice> {
  found ??= requestDevice().then((device) => {
    // A lost device is replaced by the next call.
    void device.lost.then(() => { found = undefined })
    return device
  }, (error: unknown) => { found = undefined; throw error })
  return found
}

async function requestDevice(): Promise<GPUDevice> {
  const gpu = await findGpu()
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) throw new IngotError('target-unavailable', 'WebGPU finds no adapter here', { hint: HINT })
  const requiredLimits: Record<string, number> = {}
  for (const name of RAISED) requiredLimits[name] = adapter.limits[name]
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures: FEATURES.filter((name) => adapter.features.has(name)) })
  } catch (cause) {
    throw new IngotError('target-unavailable', `the WebGPU adapter gives no device: ${cause}`, { hint: HINT, cause })
  }
}

/** The page's or worker's `GPU`, or that of the package `webgpu`. Throws `target-unavailable` where there is neither. */
export async function findGpu(): Promise<GPU> { return (globalThis.navigator as Navigator | undefined)?.gpu ?? nodeGpu() }

/** The `GPU` of the package `webgpu`. It is kept on `globalThis`, because Dawn must not be freed while the process lives. */
async function nodeGpu(): Promise<GPU> {
  const kept = globalThis as { ingotGpu?: GPU }
  if (kept.ingotGpu !== undefined) return kept.ingotGpu
  try {
    // The name stands in a variable so that bundlers for browsers do not look for the package.
    const name = 'webgpu'
    const { create } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as { create(options: readonly string[]): GPU }
    // Another call may have made it while the package was read: a second one in its place would free the first.
    return (kept.ingotGpu ??= create([]))
  } catch (cause) {
    throw new IngotError('target-unavailable', 'there is no WebGPU here: no navigator.gpu and no package webgpu', { hint: HINT, cause })
  }
}

/** What this browser gives to programs. */
import type { Environment } from './messages.js'

/** Looks for threads and for WebGPU, as the runtime will. */
export async function lookAround(): Promise<Environment> {
  const isolated = globalThis.crossOriginIsolated && typeof SharedArrayBuffer !== 'undefined'
  return { isolated, threads: isolated ? Math.max(1, Math.min(8, navigator.hardwareConcurrency)) : 1, webgpu: await lookForWebgpu() }
}

async function lookForWebgpu(): Promise<Environment['webgpu']> {
  const gpu = (navigator as Partial<Navigator>).gpu
  if (gpu === undefined) return { missing: globalThis.isSecureContext ? 'this browser has no WebGPU, or it is turned off' : 'WebGPU is there on https:// and localhost only' }
  const adapter = await gpu.requestAdapter().catch(() => null)
  if (adapter === null) return { missing: 'WebGPU finds no graphics adapter' }
  const { vendor, architecture, description } = adapter.info
  return { adapter: description || [vendor, architecture].filter(Boolean).join(' ') || 'an adapter without a name' }
}

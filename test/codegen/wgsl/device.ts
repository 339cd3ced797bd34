/** A WebGPU device for tests, where the optional package `webgpu` is installed and finds an adapter. */
import { createRequire } from 'node:module'
import { evaluateDim } from '../../../src/base/dim.js'
import { bytesOf, type TensorStorage } from '../../../src/base/dtype.js'
import type { WgslKernel } from '../../../src/codegen/wgsl/render.js'

const FLAGS = { storage: 0x80, uniform: 0x40, copySource: 0x4, copyTarget: 0x8, mapRead: 0x1 }

/** What all devices of this process come from, kept on `globalThis`: when Dawn's instance is freed under the event loop, the process dies. */
const kept = globalThis as { gpuOfTests?: GPU }

/** A device with these features, a new one each time, or undefined where there is none. */
export async function findDevice(features: readonly GPUFeatureName[] = []): Promise<GPUDevice | undefined> {
  try {
    const { create } = createRequire(import.meta.url)('webgpu') as { create(options: string[]): GPU }
    return await (await (kept.gpuOfTests ??= create([])).requestAdapter())?.requestDevice({ requiredFeatures: [...features] })
  } catch {
    return undefined
  }
}

/** Errors that the device's own compiler finds in the text. */
export async function compileErrors(device: GPUDevice, code: string): Promise<readonly string[]> {
  device.pushErrorScope('validation')
  const info = await device.createShaderModule({ code }).getCompilationInfo()
  await device.popErrorScope()
  return info.messages.filter((m) => m.type === 'error').map((m) => `${m.lineNum}: ${m.message}`)
}

/** Runs a kernel on buffers in its order; storage that the kernel writes is overwritten. Gives the fault cell, if there is one. */
export async function runKernel(device: GPUDevice, kernel: WgslKernel, buffers: readonly TensorStorage[], params: Readonly<Record<string, number>>): Promise<Int32Array | undefined> {
  const [x, y, z] = kernel.workgroups.map((d) => evaluateDim(d, (s) => params[s] as number)) as [number, number, number]
  if (x * y * z === 0) return kernel.bindings.some((b) => b.kind === 'fault') ? new Int32Array(4) : undefined
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module: device.createShaderModule({ code: kernel.code }), entryPoint: kernel.entryPoint } })
  const made = kernel.bindings.map((b) => {
    const bytes = b.kind === 'buffer' ? bytesOf(buffers[b.binding] as TensorStorage) : b.kind === 'params' ? bytesOf(Int32Array.from(b.names, (n) => params[n] as number)) : new Uint8Array(16)
    const usage = (b.kind === 'params' ? FLAGS.uniform : FLAGS.storage) | FLAGS.copySource | FLAGS.copyTarget
    const buffer = device.createBuffer({ size: Math.max(16, bytes.length), usage })
    device.queue.writeBuffer(buffer, 0, bytes as Uint8Array<ArrayBuffer>)
    return { binding: b, buffer, bytes }
  })
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: made.map((m) => ({ binding: m.binding.binding, resource: { buffer: m.buffer } })) }))
  pass.dispatchWorkgroups(x, y, z)
  pass.end()
  const results = made.filter((m) => m.binding.kind === 'fault' || (m.binding.kind === 'buffer' && m.binding.access === 'read_write')).map((m) => {
    const read = device.createBuffer({ size: m.buffer.size, usage: FLAGS.mapRead | FLAGS.copyTarget })
    encoder.copyBufferToBuffer(m.buffer, 0, read, 0, m.buffer.size)
    return { ...m, read }
  })
  device.queue.submit([encoder.finish()])
  let fault: Int32Array | undefined
  for (const { read, bytes, binding } of results) {
    await read.mapAsync(1)
    const got = new Uint8Array(read.getMappedRange()).slice()
    if (binding.kind === 'fault') fault = new Int32Array(got.buffer)
    else bytes.set(got.subarray(0, bytes.length))
    read.destroy()
  }
  for (const { buffer } of made) buffer.destroy()
  return fault
}

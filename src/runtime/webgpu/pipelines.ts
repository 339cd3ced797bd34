/** The compute pipelines of a program, made in parallel when it is loaded. */
import { IngotError } from '../../base/error.js'
import type { ProgramData, ShaderCode, WgslCode } from '../format.js'

export interface Pipeline { readonly pipeline: GPUComputePipeline; readonly layout: GPUBindGroupLayout; readonly code: ShaderCode }

const COMPUTE = 4

/** A pipeline for each kernel that is a shader, undefined for the others. Throws `shader-invalid` with the line at fault, `target-unavailable` where the device has too little. */
export function makePipelines(device: GPUDevice, { header, sections }: ProgramData): Promise<(Pipeline | undefined)[]> {
  for (const feature of header.requires ?? []) {
    if (!device.features.has(feature as GPUFeatureName)) throw new IngotError('target-unavailable', `the program needs the feature ${feature}, which this WebGPU device has not`, { hint: 'use another device, or compile without precision f16' })
  }
  const text = sections.wgsl ?? new Uint8Array(0), decoder = new TextDecoder()
  const isGpu = device.adapterInfo?.isFallbackAdapter !== true, inSubgroups = device.features.has('subgroups')
  return Promise.all(header.kernels.map(async ({ name, code: given }, number): Promise<Pipeline | undefined> => {
    const shader = given as WgslCode
    if (shader.kind !== 'shader') return undefined
    const code = (isGpu ? inSubgroups && shader.subgroups : shader.plain) || shader
    const origin = header.steps.find((step) => step.kernel === number)?.origin ?? ''
    const buffers = code.access.length + (code.fault ? 1 : 0), most = device.limits.maxStorageBuffersPerShaderStage
    if (buffers > most) throw new IngotError('target-unavailable', `the kernel ${name} uses ${buffers} buffers, this WebGPU device binds at most ${most}`, { where: { origin }, hint: 'use a device with more storage buffers per shader stage, or compile for wasm' })
    const source = decoder.decode(text.slice(code.offset, code.offset + code.bytes))
    const layout = device.createBindGroupLayout({ label: name, entries: bindingsOf(code) })
    // What is wrong with it is told below; nothing is to be reported to the console too.
    device.pushErrorScope('validation')
    const module = device.createShaderModule({ label: name, code: source })
    void device.popErrorScope()
    try {
      const pipeline = await device.createComputePipelineAsync({ label: name, layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }), compute: { module, entryPoint: code.entryPoint } })
      return { pipeline, layout, code }
    } catch (cause) {
      const message = (await module.getCompilationInfo()).messages.find((m) => m.type === 'error')
      const line = message === undefined ? '' : `\n  ${name}:${message.lineNum}: ${source.split('\n')[message.lineNum - 1]?.trim() ?? ''}`
      throw new IngotError('shader-invalid', `the device refuses the shader of ${name}: ${message?.message ?? String(cause)}${line}`, { where: { origin }, hint: 'this is a bug in Ingot or in the driver; please report it with this message', cause })
    }
  }))
}

function bindingsOf({ access, params, fault }: ShaderCode): GPUBindGroupLayoutEntry[] {
  const types: GPUBufferBindingType[] = access.map((a) => (a === 'read' ? 'read-only-storage' : 'storage'))
  if (params.length > 0) types.push('uniform')
  if (fault) types.push('storage')
  return types.map((type, binding) => ({ binding, visibility: COMPUTE, buffer: { type } }))
}

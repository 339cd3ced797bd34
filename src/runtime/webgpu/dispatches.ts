/** A layout's dispatches: each step's bind group, parameters and group counts, made once. */
import { IngotError } from '../../base/error.js'
import type { Step } from '../format.js'
import type { DeviceContext } from './binding.js'
import type { Pipeline } from './pipelines.js'
import { spansOf, type Span } from './spans.js'

export interface Dispatch { readonly step: number; readonly pipeline: GPUComputePipeline; readonly group: GPUBindGroup; readonly counts: readonly [number, number, number] }

export interface Dispatches {
  /** By step; steps with nothing to do are left out. */
  readonly byStep: ReadonlyMap<number, Dispatch>
  readonly faults: GPUBuffer | undefined
  readonly uniforms: GPUBuffer | undefined
}

/** Multiples at which uniform blocks and fault cells may be bound on every device. */
export const CELL = 256
const COPY_SRC = 4, COPY_DST = 8, UNIFORM = 0x40, STORAGE = 0x80

interface Draft { readonly step: Step; readonly number: number; readonly pipeline: Pipeline; readonly spans: readonly Span[]; readonly params: readonly number[]; readonly uniform: number; readonly fault: number }

/** Makes them. Throws `out-of-memory` for what the device cannot bind. */
export function makeDispatches(context: DeviceContext): Dispatches {
  const { device, program: { header }, pipelines, layout, constants, arena, tools } = context
  let uniformBytes = 0, faultBytes = 0
  const drafts = header.steps.flatMap((step, number): Draft[] => {
    const pipeline = pipelines[step.kernel]
    if (pipeline === undefined) return []
    const spans = spansOf(step, pipeline.code, (b) => layout.buffers[b] as never), shared = spans.filter((s) => s.buffers.length > 1)
    const bases = step.buffers.flatMap((b) => { const span = shared.find((s) => s.buffers.includes(b)); return span ? [((layout.buffers[b]?.offset as number) - span.lo) / CELL] : [] })
    const params = [...layout.params[number] as number[], ...bases], draft = { step, number, pipeline, spans, params, uniform: uniformBytes, fault: faultBytes }
    uniformBytes += Math.ceil(params.length * 4 / CELL) * CELL
    if (pipeline.code.fault) faultBytes += CELL
    return [draft]
  })
  const buffer = (size: number, usage: number, label: string): GPUBuffer | undefined => (size === 0 ? undefined : device.createBuffer({ label, size, usage: usage | COPY_DST }))
  const uniforms = buffer(uniformBytes, UNIFORM, 'parameters'), faults = buffer(faultBytes, STORAGE | COPY_SRC, 'faults')
  const words = new Int32Array(uniformBytes / 4)
  const byStep = new Map<number, Dispatch>()
  for (const { step, number, pipeline: { pipeline, layout: groupLayout, code }, spans, params, uniform, fault } of drafts) {
    const entries: GPUBindingResource[] = spans.map(({ constant, lo, hi }) => {
      const size = Math.ceil((hi - lo) / 4) * 4, most = device.limits.maxStorageBufferBindingSize
      if (size > most) throw new IngotError('out-of-memory', `a kernel needs ${size} bytes at once, this WebGPU device binds at most ${most}`, { where: { origin: step.origin }, hint: 'feed smaller inputs, or compile for wasm' })
      return constant ? { ...constants.at(lo), size } : { buffer: arena, offset: lo, size }
    })
    words.set(params, uniform / 4)
    if (params.length > 0) entries.push({ buffer: uniforms as GPUBuffer, offset: uniform, size: Math.ceil(params.length / 4) * 16 })
    if (code.fault) entries.push({ buffer: faults as GPUBuffer, offset: fault, size: 16 })
    const counts = code.groups.map((dim) => tools.evaluate(dim, (name) => params[code.params.indexOf(name)] ?? NaN)) as [number, number, number]
    const group = device.createBindGroup({ label: `${header.kernels[step.kernel]?.name} of ${step.origin}`, layout: groupLayout, entries: entries.map((resource, binding) => ({ binding, resource })) })
    if (!counts.includes(0)) byStep.set(number, { step: number, pipeline, group, counts })
  }
  if (uniforms !== undefined) device.queue.writeBuffer(uniforms, 0, words)
  return { byStep, faults, uniforms }
}

/**
 * Programs for WebGPU: the steps, a shader for each kernel and way of binding it, and the parts that run on the host. All that
 * shaders write lies in one GPU buffer, so what else of it a dispatch reads is bound for writing too, and never twice.
 */
import type { Graph } from '../../ir/graph.js'
import type { Kernel, Stmt } from '../../ir/kernel/kernel.js'
import { exprsOf, mapExpr } from '../../ir/kernel/walk.js'
import type { ProgramBuffer, ProgramKernel, SectionName, Step, WgslCode } from '../../runtime/format.js'
import type { LoweredStep } from '../lower.js'
import type { MemoryPlan } from '../plan-memory.js'
import type { DeviceLowered } from './lower.js'
import { renderWgsl } from './render.js'

export interface EmittedDevice {
  readonly steps: readonly Step[]
  readonly kernels: readonly ProgramKernel[]
  readonly sections: Readonly<Partial<Record<SectionName, Uint8Array>>>
}

/** Origins that a shader's comment names at most. */
const NAMED = 4

/** Steps, kernels and code of a program. `compilePart` makes the artefact of a part that runs on the host. */
export function emitDevice(lowered: DeviceLowered, plan: MemoryPlan, compilePart: (graph: Graph) => Uint8Array): EmittedDevice {
  const text = new Section(), host = new Section()
  const variants = new Map<string, Variant>(), order: (Variant | HostKernel)[] = []
  const calls = lowered.steps.filter((s) => s.kind !== 'alias')
  const drafts = calls.map((call, i): Draft => {
    const buffers = plan.callBuffers[i] ?? []
    if (call.kind === 'host') {
      const name = lowered.parts[call.part]?.graph.name ?? 'host'
      return { call, buffers, kernel: order.push({ name, code: { kind: 'host', ...host.add(compilePart(lowered.parts[call.part]?.graph as Graph)) } }) - 1 }
    }
    const places = placesOf(buffers, plan.buffers), key = `${call.kernel} ${places.join()}`
    let variant = variants.get(key)
    if (variant === undefined) {
      const kernel = lowered.kernels[call.kernel]?.kernel as Kernel
      variant = { ...bindOnce(kernel, places), number: order.length, origins: [] }
      variants.set(key, variant)
      order.push(variant)
    }
    variant.origins.push(call.origin)
    return { call, buffers: variant.kept.map((k) => buffers[k] as number), kernel: variant.number }
  })
  const kernels = order.map((item): ProgramKernel => ('code' in item ? item : { name: item.kernel.name, code: shaderOf(item, text) }))
  const steps = drafts.map(({ call, buffers, kernel }): Step => ({
    kernel, buffers, params: call.kind === 'host' ? [] : call.params, ...(call.kind === 'call' && call.flops !== 0 && { flops: call.flops }), origin: call.origin,
  }))
  return { steps, kernels, sections: { wgsl: text.bytes(), ...(host.length > 0 && { host: host.bytes() }) } }
}

interface Draft { readonly call: Exclude<LoweredStep, { kind: 'alias' }>; readonly buffers: readonly number[]; readonly kernel: number }
interface HostKernel { readonly name: string; readonly code: WgslCode }
interface Variant { readonly kernel: Kernel; readonly kept: readonly number[]; readonly shared: ReadonlySet<string>; readonly number: number; readonly origins: string[] }

/** Where each buffer of a call lies: the first of the call's buffers in the same place of the arena, or -1 for constants. */
function placesOf(buffers: readonly number[], all: readonly ProgramBuffer[]): readonly number[] {
  const roots = buffers.map((b) => all[b]?.alias ?? b)
  return roots.map((root) => (all[root]?.place === 'constant' ? -1 : roots.indexOf(root)))
}

/** The kernel with one buffer for each place of the arena. */
function bindOnce(kernel: Kernel, places: readonly number[]): Pick<Variant, 'kernel' | 'kept' | 'shared'> {
  const kept = places.flatMap((first, i) => (first === i || first < 0 ? [i] : []))
  const nameAt = (i: number): string => kernel.buffers[i]?.name ?? ''
  const renamed = new Map(places.flatMap((first, i) => (first >= 0 && first !== i ? [[nameAt(i), nameAt(first)] as const] : [])))
  const shared = new Set(places.flatMap((first, i) => (first === i ? [nameAt(i)] : [])))
  if (renamed.size === 0) return { kernel, kept, shared }
  return { kernel: { ...kernel, buffers: kept.map((i) => kernel.buffers[i] as Kernel['buffers'][number]), body: kernel.body.map((s) => renameLoads(s, renamed)) }, kept, shared }
}

function renameLoads(s: Stmt, renamed: ReadonlyMap<string, string>): Stmt {
  const [first] = exprsOf(s)
  const expr = (e: NonNullable<typeof first>): NonNullable<typeof first> => mapExpr(e, (x) => (x.kind === 'load' ? { ...x, buffer: renamed.get(x.buffer) ?? x.buffer } : x))
  switch (s.kind) {
    case 'for': return { ...s, body: s.body.map((inner) => renameLoads(inner, renamed)) }
    case 'index': return s
    // oxlint-disable-next-line unicorn/no-thenable -- a statement is data and is never awaited
    case 'if': return { ...s, condition: expr(s.condition), then: s.then.map((inner) => renameLoads(inner, renamed)), else: s.else.map((inner) => renameLoads(inner, renamed)) }
    case 'set-all': return { ...s, sets: s.sets.map((t) => ({ ...t, value: expr(t.value) })) }
    default: return { ...s, value: expr(s.value) }
  }
}

function shaderOf({ kernel, shared, origins }: Variant, text: Section): WgslCode {
  const { code, entryPoint, bindings, workgroups } = renderWgsl(kernel, { shared, origins: [...new Set(origins)].slice(0, NAMED) })
  return {
    kind: 'shader', ...text.add(new TextEncoder().encode(code)), entryPoint,
    access: bindings.flatMap((b) => (b.kind === 'buffer' ? [b.access] : [])),
    params: kernel.params, fault: bindings.some((b) => b.kind === 'fault'), groups: workgroups,
  }
}

/** Bytes one after the other. */
class Section {
  readonly #chunks: Uint8Array[] = []
  length = 0

  add(chunk: Uint8Array): { readonly offset: number; readonly bytes: number } {
    // Artefacts within one begin where they can be read in place.
    const offset = Math.ceil(this.length / 8) * 8
    this.#chunks.push(new Uint8Array(offset - this.length).fill(10), chunk)
    this.length = offset + chunk.length
    return { offset, bytes: chunk.length }
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.length)
    let at = 0
    for (const chunk of this.#chunks) { all.set(chunk, at); at += chunk.length }
    return all
  }
}

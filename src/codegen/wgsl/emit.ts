/**
 * Programs for WebGPU: the steps, a shader for each kernel and way of binding it, and the parts that run on the host. All that
 * shaders write lies in one GPU buffer, so what else of it a dispatch reads is bound for writing too, and never twice.
 */
import type { Graph } from '../../ir/graph.js'
import type { Kernel } from '../../ir/kernel/kernel.js'
import { hasFolds } from '../../ir/kernel/spell-folds.js'
import type { ProgramBuffer, ProgramKernel, SectionName, ShaderCode, Step, WgslCode } from '../../runtime/format.js'
import type { LoweredKernel, LoweredStep } from '../lower.js'
import type { MemoryPlan } from '../plan-memory.js'
import type { DeviceLowered } from './lower.js'
import { bindingSlots, MOST_BYTES, poolBindings, type ConstantRange } from './pool-bindings.js'
import { rebind } from './rebind.js'
import { renderWgsl } from './render.js'
import { splitWeights, type Piece, type Split } from './split-weights.js'

export interface EmittedDevice {
  readonly steps: readonly Step[]
  readonly kernels: readonly ProgramKernel[]
  readonly sections: Readonly<Partial<Record<SectionName, Uint8Array>>>
  /** Parts of the plan's buffers, numbered after them. */
  readonly pieces?: readonly ProgramBuffer[]
  /** Features that a device has to have. */
  readonly requires?: readonly string[]
}

/** Origins that a shader's comment names at most. */
const NAMED = 4
/** Elements of a constant that every device binds at once. */
const MOST_ELEMENTS = MOST_BYTES / 4

/** Steps, kernels and code of a program. `compilePart` makes the artefact of a part that runs on the host. */
export function emitDevice(lowered: DeviceLowered, plan: MemoryPlan, compilePart: (graph: Graph) => Uint8Array): EmittedDevice {
  const text = new Section(), host = new Section(), table = new Variants(lowered, plan)
  const steps = lowered.steps.filter((s) => s.kind !== 'alias').map((call, i): Step => {
    const buffers = plan.callBuffers[i] ?? []
    if (call.kind === 'call') return { ...table.bind(call, buffers), params: call.params, ...(call.flops !== 0 && { flops: call.flops }), origin: call.origin }
    const part = lowered.parts[call.part]?.graph as Graph
    return { kernel: table.order.push({ name: part.name, code: { kind: 'host', ...host.add(compilePart(part)) } }) - 1, buffers, params: [], origin: call.origin }
  })
  const kernels = table.order.map((item): ProgramKernel => ('code' in item ? item : { name: item.kernel.name, code: shaderOf(item, text) }))
  return { steps, kernels, sections: { wgsl: text.bytes(), ...(host.length > 0 && { host: host.bytes() }) }, pieces: table.pieces, ...(table.usesHalf && { requires: ['shader-f16'] }) }
}

interface HostKernel { readonly name: string; readonly code: WgslCode }
interface Variant { readonly kernel: Kernel; readonly plain?: Kernel; readonly slots: readonly number[]; readonly shared: ReadonlySet<string>; readonly half: ReadonlySet<string>; readonly number: number; readonly origins: string[] }
type Call = Extract<LoweredStep, { readonly kind: 'call' }>

/** The kernels of a program, once for each way of binding them. */
class Variants {
  readonly order: (Variant | HostKernel)[] = []
  readonly pieces: ProgramBuffer[] = []
  usesHalf = false
  readonly #lowered: DeviceLowered
  readonly #plan: MemoryPlan
  readonly #known = new Map<string, Variant>()
  readonly #pieceNumbers = new Map<string, number>()

  constructor(lowered: DeviceLowered, plan: MemoryPlan) {
    this.#lowered = lowered
    this.#plan = plan
  }

  /** Kernel and buffers of a call's step. */
  bind(call: Call, buffers: readonly number[]): Pick<Step, 'kernel' | 'buffers'> {
    const places = placesOf(buffers, this.#plan.buffers), lowered = this.#lowered.kernels[call.kernel] as LoweredKernel, once = bindOnce(lowered.kernel, places)
    const splitIn = (kernel: Kernel): Split | undefined => splitWeights(kernel, (i) => places[once.kept[i] as number] === -1, MOST_ELEMENTS)
    const split = splitIn(once.kernel), kernel = split?.kernel ?? once.kernel
    const bound = (split?.pieces ?? once.kept.map((_, of) => ({ of, start: 0, length: -1 }))).map((piece) => this.#pieceOf(buffers[once.kept[piece.of] as number] as number, piece))
    const half = new Set(kernel.buffers.flatMap((b, i) => (isHalf(this.#bufferAt(bound[i] as number)) ? [b.name] : [])))
    const slots = bindingSlots(kernel, bound.map((b) => this.#rangeOf(b)), half)
    const key = `${call.kernel} ${places.join()} ${slots.join()} ${[...half].join()}`
    let variant = this.#known.get(key)
    if (variant === undefined) {
      const other = lowered.plain && bindOnce(lowered.plain, places).kernel
      const pooled = poolBindings(kernel, slots, half), ofPools = new Set(kernel.buffers.flatMap((b, i) => (half.has(b.name) ? [pooled.buffers[slots[i] as number]?.name as string] : [])))
      variant = { kernel: pooled, ...(other !== undefined && { plain: poolBindings(splitIn(other)?.kernel ?? other, slots, half) }), slots, shared: once.shared, half: ofPools, number: this.order.length, origins: [] }
      this.#known.set(key, variant)
      this.usesHalf ||= half.size > 0
      this.order.push(variant)
    }
    variant.origins.push(call.origin)
    return { kernel: variant.number, buffers: bound }
  }

  /** The number of a piece of a buffer: the buffer's own where it is whole. */
  #pieceOf(buffer: number, { start, length }: Piece): number {
    if (length < 0) return buffer
    const key = `${buffer} ${start}`, known = this.#pieceNumbers.get(key)
    if (known !== undefined) return known
    const { offset: _, ...whole } = this.#plan.buffers[buffer] as ProgramBuffer
    const number = this.#plan.buffers.length + this.pieces.push({ ...whole, length, alias: buffer, aliasOffset: start * (isHalf(whole) ? 2 : 4) }) - 1
    this.#pieceNumbers.set(key, number)
    return number
  }

  /** The bytes of a constant, which its root has the offset of. */
  #rangeOf(buffer: number): ConstantRange {
    const { buffers } = this.#plan, piece = this.#bufferAt(buffer)
    const root = piece.alias === undefined ? piece : buffers[piece.alias] as ProgramBuffer
    return root.place === 'constant' ? { offset: (root.offset ?? 0) + Number(piece.aliasOffset ?? 0), bytes: (piece.length as number) * (isHalf(piece) ? 2 : 4) } : undefined
  }

  #bufferAt(number: number): ProgramBuffer { return this.pieces[number - this.#plan.buffers.length] ?? this.#plan.buffers[number] as ProgramBuffer }
}

/** Where each buffer of a call lies: the first of the call's buffers in the same place of the arena, or -1 for constants. */
function placesOf(buffers: readonly number[], all: readonly ProgramBuffer[]): readonly number[] {
  const roots = buffers.map((b) => all[b]?.alias ?? b)
  return roots.map((root) => (all[root]?.place === 'constant' ? -1 : roots.indexOf(root)))
}

/** The kernel with one buffer for each place of the arena. */
function bindOnce(kernel: Kernel, places: readonly number[]): { readonly kernel: Kernel; readonly kept: readonly number[]; readonly shared: ReadonlySet<string> } {
  const kept = places.flatMap((first, i) => (first === i || first < 0 ? [i] : []))
  const nameAt = (i: number): string => kernel.buffers[i]?.name ?? ''
  const renamed = new Map(places.flatMap((first, i) => (first >= 0 && first !== i ? [[nameAt(i), nameAt(first)] as const] : [])))
  const shared = new Set(places.flatMap((first, i) => (first === i ? [nameAt(i)] : [])))
  if (renamed.size === 0) return { kernel, kept, shared }
  const buffers = kept.map((i) => kernel.buffers[i] as Kernel['buffers'][number])
  return { kernel: rebind(kernel, buffers, (name) => { const other = renamed.get(name); return other === undefined ? undefined : { load: (from) => ({ ...from, buffer: other }) } }), kept, shared }
}

/** Whether a buffer's elements take 16 bits. */
const isHalf = ({ dtype, stored = dtype }: Pick<ProgramBuffer, 'dtype' | 'stored'>): boolean => stored === 'float16'

function shaderOf({ kernel, plain, ...bound }: Variant, text: Section): WgslCode {
  const code = shaderText(kernel, bound, text), subgroups = hasFolds(kernel.body) && { subgroups: shaderText(kernel, bound, text, true) }
  return { ...code, ...subgroups, ...(plain !== undefined && { plain: shaderText(plain, bound, text) }) }
}

function shaderText(kernel: Kernel, { slots, shared, half, origins }: Pick<Variant, 'slots' | 'shared' | 'half' | 'origins'>, text: Section, subgroups = false): ShaderCode {
  const { code, entryPoint, bindings, workgroups } = renderWgsl(kernel, { shared, half, subgroups, origins: [...new Set(origins)].slice(0, NAMED) })
  return {
    kind: 'shader', ...text.add(new TextEncoder().encode(code)), entryPoint,
    access: bindings.flatMap((b) => (b.kind === 'buffer' ? [b.access] : [])), ...(slots.some((s, i) => s !== i) && { slots }),
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

/** Lowered graph + memory plan → Program data: header and sections for one target. */
import { visitSymbols, type Dim } from '../base/dim.js'
import { IngotError, invariant } from '../base/error.js'
import { tensorOf, type Graph, type Value } from '../ir/graph.js'
import type { Port, Prepare, ProgramData, ProgramHeader, ProgramKernel, Step, Target } from '../runtime/format.js'
import type { FeatureSet, Lowered, LoweredCall, LoweredKernel } from './lower.js'
import type { MemoryPlan } from './plan-memory.js'
import { renderWasmModule } from './wasm/render.js'
import { shareKernel } from './wasm/share.js'
import { emitDevice, type EmittedDevice } from './wgsl/emit.js'
import type { DeviceLowered, ElementBounds } from './wgsl/lower.js'

export interface EmitOptions {
  readonly target: Target
  /** The instruction sets that kernels were lowered for. */
  readonly features?: FeatureSet
  /** Ingot's version. */
  readonly producer: string
  /** Threads that sessions use unless they are told. */
  readonly threads?: number
  /** What callers say the elements of inputs can be, which runs check. */
  readonly bounds?: ElementBounds
  /** Text of the graph, to be kept in the artefact. */
  readonly graphText?: string
}

/** The program. The same graph and options give the same data. */
export function emitProgram(graph: Graph, lowered: Lowered, plan: MemoryPlan, options: EmitOptions): ProgramData {
  return assemble(graph, plan, options, emitCalls(lowered, plan, options))
}

/** The program for WebGPU; `compilePart` makes the artefacts of its parts on the host. */
export function emitDeviceProgram(graph: Graph, lowered: DeviceLowered, plan: MemoryPlan, options: EmitOptions, compilePart: (graph: Graph) => Uint8Array): ProgramData {
  return assemble(graph, plan, options, emitDevice(lowered, plan, compilePart))
}

/** What a target makes of the calls. */
interface Emitted extends EmittedDevice { readonly prepare?: Prepare }

function emitCalls(lowered: Lowered, plan: MemoryPlan, options: EmitOptions): Emitted {
  const steps = stepsOf(lowered.steps.filter((s) => s.kind === 'call'), plan.callBuffers)
  const kernels = lowered.kernels.map((k) => programKernel(k, options.target))
  const sections = codeSections(lowered, steps, options)
  if (plan.prepare === undefined) return { steps, kernels, sections }
  const { bytes, raw, rawBytes, callBuffers } = plan.prepare
  return { steps, kernels, sections: { ...sections, ...Object.fromEntries(rawBytes.map((content, i) => [`raw${i}`, content])) }, prepare: { bytes, steps: stepsOf(lowered.prepare, callBuffers), raw } }
}

function stepsOf(calls: readonly LoweredCall[], callBuffers: MemoryPlan['callBuffers']): Step[] {
  return calls.map((s, i): Step => ({ kernel: s.kernel, buffers: callBuffers[i] ?? [], params: s.params, ...(s.flops !== 0 && { flops: s.flops }), origin: s.origin }))
}

function assemble(graph: Graph, plan: MemoryPlan, options: EmitOptions, { steps, kernels, sections, prepare, pieces = [], requires }: Emitted): ProgramData {
  const { inputs, outputs } = portsOf(graph, (value) => plan.bufferOf(value), options)
  const header: ProgramHeader = {
    name: graph.name, target: options.target, ...(options.threads !== undefined && { threads: options.threads }), producer: options.producer,
    symbols: usedSymbols(graph, inputs, steps, plan),
    constraints: graph.constraints,
    inputs, outputs,
    buffers: [...plan.buffers, ...pieces],
    steps,
    kernels,
    constants: plan.constants,
    ...(requires !== undefined && { requires }),
    ...(prepare !== undefined && { prepare }),
    ...(options.graphText !== undefined && { graph: options.graphText }),
  }
  return { header, sections: { ...(plan.constantBytes.length > 0 && { constants: plan.constantBytes }), ...sections } }
}

function programKernel({ kernel, relaxed }: LoweredKernel, target: Target): ProgramKernel {
  const shared = target === 'wasm' && [kernel, relaxed ?? kernel].every((k) => shareKernel(k) !== undefined)
  return { name: kernel.name, code: target === 'js' ? kernel : kernel.name, ...(shared && { shared }) }
}

function codeSections({ kernels }: Lowered, steps: readonly Step[], { target, features = 'baseline' }: EmitOptions): ProgramData['sections'] {
  const order = steps.map((s) => s.kernel)
  switch (target) {
    case 'js': return {}
    case 'wasm': return {
      ...(features !== 'relaxed' && { wasm: renderWasmModule(kernels.map((k) => k.kernel), { steps: order }) }),
      ...(features !== 'baseline' && { 'wasm-relaxed': renderWasmModule(kernels.map((k) => k.relaxed ?? k.kernel), { steps: order, relaxed: true }) }),
    }
    case 'wgsl': throw new IngotError('internal', 'programs for wgsl are emitted by emitDeviceProgram')
  }
}

/** The program's inputs and outputs; `bufferOf` numbers the buffers of values, those of the inputs first. */
export function portsOf(graph: Graph, bufferOf: (value: Value) => number, { bounds = {} }: Pick<EmitOptions, 'bounds'>): Pick<ProgramHeader, 'inputs' | 'outputs'> {
  const port = (name: string, value: Value): Port => ({ name, dtype: tensorOf(value).dtype, shape: tensorOf(value).shape, buffer: bufferOf(value) })
  const inputs = graph.inputs.map((v): Port => { const own = bounds[v.name]; return { ...port(v.name, v), ...(own && { bounds: [own.lo, own.hi] as const }) } })
  return { inputs, outputs: graph.outputs.map((o) => port(o.name, o.value)) }
}

/** Declared symbols that anything in the program mentions. */
function usedSymbols(graph: Graph, inputs: readonly Port[], steps: readonly Step[], plan: MemoryPlan): ProgramHeader['symbols'] {
  const used = new Set<string>()
  const visit = (d: Dim): void => visitSymbols(d, (s) => used.add(s))
  for (const p of inputs) p.shape.forEach(visit)
  for (const o of graph.outputs) tensorOf(o.value).shape.forEach(visit)
  for (const b of plan.buffers) visit(b.length)
  for (const s of steps) s.params.forEach(visit)
  for (const c of graph.constraints) { visit(c.a); visit(c.b) }
  return graph.symbols.filter((s) => used.has(s.name)).map(({ name, source }) => {
    invariant(source.kind !== 'measured', `'${name}' is given by no input`)
    return { name, ...source }
  })
}

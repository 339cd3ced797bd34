/**
 * Graph at stage fused → kernels and the calls of them. Each node becomes a compute (or brings hand-written kernel IR), a
 * schedule is picked for the target and applied, the kernel is legalised and verified. Kernels that differ only in the
 * names of symbols are made once.
 */
import { invariant } from '../base/error.js'
import { applyDimOp, dimKey, max, mul, sub, substituteDim, type Dim } from '../ir/dims.js'
import { isGraph, shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import type { Compute } from '../ir/kernel/compute.js'
import type { Kernel, KernelBuffer } from '../ir/kernel/kernel.js'
import type { Plan } from '../ir/kernel/schedule.js'
import { verifyKernel } from '../ir/kernel/verify.js'
import { isNonNegative } from '../ir/kernel/ranges.js'
import { getOp } from '../ir/ops/index.js'
import { SymbolSubstitution } from '../ir/substitute-symbols.js'
import type { Target } from '../runtime/format.js'
import { bindConstants } from './bind-constants.js'
import { checkTypes } from './check-types.js'
import { composeBody } from './compose.js'
import { expandMath } from './expand-math.js'
import { keepInResult } from './keep-in-result.js'
import { countOperations, isParametric, kernelName } from './kernel-name.js'
import { lanesOfLoops } from './lanes-of-loops.js'
import { layOut } from './lay-out.js'
import { legalize } from './legalize.js'
import { BufferNames, computeOf, handWrittenChain, handWrittenKernel, refuseNode } from './node-compute.js'
import { nodeKey } from './node-key.js'
import { lowerOnce, OnceNodes } from './once-nodes.js'
import { applySchedule } from './schedule/apply.js'
import { flattenCompute } from './schedule/flatten.js'
import { prepareCompute, type Packing } from './schedule/prepare.js'
import { partsInPlace, windowsOf, withoutCopies, type Placement, type Window } from './windows.js'
import { packedOperand, type PackingPart } from './pack-operands.js'
import { scheduleFor, type Features } from './schedules/index.js'
import { tileDepth } from './schedules/wasm/tile.js'
import { spellOut } from './spell-out.js'
import { splitExtremes } from './split-extremes.js'
import { storeInPanels } from './store-in-panels.js'
import { besideEachOther, spreadStores } from './wgsl/spread-stores.js'
import { unrollLoops } from './unroll-loops.js'
import { writeKernel } from './schedule/write-kernel.js'
import { schedulePoints } from './schedules/wgsl/points.js'
import { scheduleTransposes } from './schedules/wgsl/transposes.js'

/** What a call passes for a kernel's buffer: a value of the graph, or scratch memory of so many elements. */
export type CallBuffer =
  | { readonly kind: 'value'; readonly value: Value; readonly packing?: Packing }
  /** Temps of one name are the same memory in all calls that come of a node. */
  | { readonly kind: 'temp'; readonly node: Node; readonly name: string; readonly dtype: KernelBuffer['dtype']; readonly length: Dim }

/** Instruction sets that a wasm program is made for; `auto` is both. */
export type FeatureSet = Features | 'auto'

/** A kernel, and the same in other loops over the same buffers: with the features `auto` for relaxed SIMD, on wgsl `plain` for adapters that are no GPUs. */
export interface LoweredKernel { readonly kernel: Kernel; readonly relaxed?: Kernel; readonly plain?: Kernel; readonly flops?: Dim }

/** One step before memory is planned: a kernel call, or a result that is another value's storage. */
export type LoweredStep =
  | { readonly kind: 'call'; readonly kernel: number; readonly buffers: readonly CallBuffer[]; readonly params: readonly Dim[]; readonly flops: Dim; readonly origin: string }
  | { readonly kind: 'alias'; readonly value: Value; readonly of: Value }
  /** Part number `part` of the program, which runs on the host of a GPU. */
  | { readonly kind: 'host'; readonly part: number; readonly inputs: readonly Value[]; readonly outputs: readonly Value[]; readonly origin: string }

/** The call of a kernel. */
export type LoweredCall = Extract<LoweredStep, { kind: 'call' }>

/** `prepare` are calls that depend on constants alone: made once, before the first run. */
export interface Lowered { readonly kernels: readonly LoweredKernel[]; readonly steps: readonly LoweredStep[]; readonly prepare: readonly LoweredCall[] }

/** Called with each kernel as it is made: for dumps. */
export type OnKernel = (stages: { readonly compute: Compute | undefined; readonly schedule: Plan | undefined; readonly kernel: Kernel; readonly origin: string }) => void

/** Lowers all nodes of `graph` for `target`. Throws `unsupported-op`, `unsupported-type` or `unsupported-dtype` naming the node. */
export function lowerGraph(graph: Graph, target: Target, onKernel?: OnKernel, features: FeatureSet = 'baseline'): Lowered {
  checkTypes(graph, target)
  const table = new KernelTable(onKernel), lowering = new NodeLowering(graph, target, features, table), { once } = lowering
  const pack = (part: PackingPart, from: Value, to: Value, origin: string): LoweredCall => (
    { kind: 'call', kernel: table.add(packingKernel(part, target), origin), buffers: [from, to].map((value) => ({ kind: 'value', value })), params: [], flops: 0, origin })
  const steps = graph.nodes.flatMap((node): LoweredStep[] => {
    if (once.nodes.has(node)) return []
    if (getOp(node.op).pattern === 'alias') return [{ kind: 'alias', value: node.outputs[0] as Value, of: once.plain(node.inputs[0] as Value) }]
    const call = lowering.call(node)
    if (call === undefined) return []
    const buffers = once.buffers(call), operands = buffers.map(packedOperand)
    const before = operands.flatMap((o) => (o === undefined ? [] : o.parts.map((part) => pack(part, o.from, o.to, node.origin))))
    return [...before, { ...call, buffers: buffers.map((b, i): CallBuffer => { const to = operands[i]?.to; return to === undefined ? b : { kind: 'value', value: to } }) }]
  })
  for (const { value } of graph.outputs) once.plain(value)
  return { kernels: table.kernels, steps, prepare: lowerOnce(once, { call: (node, panels) => lowering.call(node, panels) as LoweredCall, pack }) }
}

/** Lowers nodes of one graph, those that are alike once. */
class NodeLowering {
  readonly once: OnceNodes
  readonly #target: Target
  readonly #features: FeatureSet
  readonly #table: KernelTable
  readonly #windows: ReadonlyMap<Value, Window>
  readonly #byNode = new Map<string, { readonly made: LoweredNode; readonly kernel: number }>()

  constructor(graph: Graph, target: Target, features: FeatureSet, table: KernelTable) {
    this.once = new OnceNodes(target === 'wasm' ? graph.nodes : [])
    this.#target = target
    this.#features = features
    this.#table = table
    // What runs do not make cannot lie in what they make.
    this.#windows = target === 'wasm' ? windowsOf({ ...graph, nodes: graph.nodes.filter((n) => !this.once.nodes.has(n)) }) : new Map<Value, Window>()
  }

  /** The call of a node's kernel, which stores its result in panels where they are given and that can be; undefined where its result is there already. */
  call(node: Node, panels?: Packing): LoweredCall | undefined {
    const windows = this.#windows, inPlace = partsInPlace(node, windows)
    if (node.op === 'concat' && inPlace.length === node.inputs.length) return undefined
    const { local, symbols, placements } = localSymbols(node, windows)
    const marks = [...local.inputs, ...local.outputs].map((v) => (v === null ? null : (placements.get(v) ?? null)))
    const made = node.inputs.map((v) => v !== null && this.once.makes(v))
    const key = [nodeKey(local), ...(placements.size > 0 ? [JSON.stringify(marks), node.inputs.map((v) => v !== null && inPlace.includes(v)).join()] : []), ...(made.includes(true) ? [made.join()] : []), ...(panels === undefined ? [] : [JSON.stringify(panels)])].join(' ')
    let known = this.#byNode.get(key)
    if (known === undefined) {
      const valuesWhere = (is: (v: Value, i: number) => boolean): readonly Value[] => node.inputs.flatMap((v, i) => (v !== null && is(v, i) ? [local.inputs[i] as Value] : []))
      const lowered = lowerNode({ local, symbols, placements, inPlace: valuesWhere((v) => inPlace.includes(v)), constants: valuesWhere((_, i) => made[i] === true), panels }, this.#target, this.#features)
      this.#byNode.set(key, (known = { made: lowered, kernel: this.#table.add(lowered, node.origin) }))
    }
    return callOf(known.made, known.kernel, node, symbols, windows)
  }
}

/** The call of kernel number `kernel` that `node` becomes. */
export function callOf(made: LoweredNode, kernel: number, node: Node, symbols: ReadonlyMap<string, Dim>, windows: ReadonlyMap<Value, Window>): LoweredCall {
  const back = (d: Dim): Dim => substituteDim(d, (s) => symbols.get(s))
  return { kind: 'call', kernel, buffers: made.kernel.buffers.map((b, i) => callBuffer(b, made.slots[i], node, windows, back)), params: made.kernel.params.map((p) => back(made.params?.[p] ?? p)), flops: back(made.flops), origin: node.origin }
}

/** The kernels of a program, each once, with names of their own. */
export class KernelTable {
  readonly kernels: LoweredKernel[] = []
  readonly #byCode = new Map<string, number>()
  readonly #names = new Set<string>()
  readonly #onKernel: OnKernel | undefined

  constructor(onKernel: OnKernel | undefined) { this.#onKernel = onKernel }

  /** The number of a node's kernel: that of an equal one, where there is one. */
  add(made: LoweredNode, origin: string): number {
    const code = JSON.stringify([{ ...made.kernel, name: '' }, { ...made.relaxed, name: '' }, { ...made.plain, name: '' }])
    const known = this.#byCode.get(code)
    if (known !== undefined) return known
    const kernel = { ...made.kernel, name: unique(made.kernel.name, this.#names) }
    const relaxed = made.relaxed && { ...made.relaxed, name: kernel.name }
    const plain = made.plain && { ...made.plain, name: kernel.name }
    for (const one of [kernel, relaxed, plain]) if (one !== undefined) verifyKernel(one)
    this.#onKernel?.({ compute: made.compute, schedule: made.schedule, kernel, origin })
    this.#byCode.set(code, this.kernels.push({ kernel, ...(relaxed !== undefined && { relaxed }), ...(plain !== undefined && { plain }) }) - 1)
    return this.kernels.length - 1
  }
}

function unique(wish: string, taken: Set<string>): string {
  let name = wish
  for (let k = 2; taken.has(name); k++) name = `${wish}_v${k}`
  taken.add(name)
  return name
}

/** Which of a node's tensors a kernel's buffer holds, and how it is packed: a constant that is read, or a result that is stored in panels. */
export interface Slot { readonly side: 'inputs' | 'outputs'; readonly index: number; readonly packing?: Packing }

/** A node's kernel; `slots` in the order of its buffers, undefined for temps; `params` are parameters that are no symbols, `then` kernels to be called after it. Dims are over the node's local symbols. */
export interface LoweredNode { readonly kernel: Kernel; readonly relaxed?: Kernel; readonly plain?: Kernel; readonly params?: Readonly<Record<string, Dim>>; readonly compute: Compute | undefined; readonly schedule: Plan | undefined; readonly slots: readonly (Slot | undefined)[]; readonly flops: Dim; readonly then?: readonly LoweredNode[] }

/** A node over local symbols; `symbols` says what they stand for, which shows in the kernel's name only. */
export interface LocalNode {
  readonly local: Node
  readonly symbols: ReadonlyMap<string, Dim>
  /** Tensors of the node that lie within others. */
  readonly placements: ReadonlyMap<Value, Placement>
  /** Inputs that lie in the node's result already. */
  readonly inPlace: readonly Value[]
  /** Inputs that are as good as constants: made before the first run. */
  readonly constants?: readonly Value[]
  /** The panels to store the result in, where that can be. */
  readonly panels?: Packing | undefined
}

/** The kernel of one node. */
export function lowerNode({ local, symbols, placements, inPlace, constants = [], panels }: LocalNode, target: Target, features: FeatureSet): LoweredNode {
  const symbolName = (param: string): string => { const d = symbols.get(param); return typeof d === 'string' ? d : param }
  const slotOf = (value: Value | undefined): Slot | undefined => {
    if (value === undefined) return undefined
    const input = local.inputs.indexOf(value)
    return input >= 0 ? { side: 'inputs', index: input } : { side: 'outputs', index: local.outputs.indexOf(value) }
  }
  const opName = kernelName([local.op], undefined, symbolName), chain = target === 'wgsl' ? lowerChain(local, opName, slotOf) : undefined
  if (chain !== undefined) return chain
  const written = lowerHandWritten(local, target, features, opName)
  if (written !== undefined) {
    const { values, ...kernels } = written
    return { ...kernels, compute: undefined, schedule: undefined, slots: values.map(slotOf), flops: 0 }
  }
  const names = new BufferNames()
  const body = local.attrs['body']
  const fused = local.op === 'fused' && body !== undefined && isGraph(body)
  const whole = fused ? composeBody(body, names, target) : (computeOf(local, names) ?? refuseNode(local, target))
  const compute = withoutCopies(whole, inPlace.map((v) => names.of(v)))
  const ops = fused ? body.nodes.map((n) => n.op).filter((op) => getOp(op).pattern !== 'alias') : [local.op]
  const ordered = { ...compute, buffers: [...compute.buffers.filter((b) => b.role === 'in'), ...compute.buffers.filter((b) => b.role === 'out'), ...compute.buffers.filter((b) => b.role === 'temp')] }
  const name = kernelName(ops, ordered, symbolName)
  const inner = fused ? new Map([...body.inputs.map((v, i) => [v, local.inputs[i] as Value] as const), ...body.outputs.map((o, i) => [o.value, local.outputs[i] as Value] as const)]) : new Map<Value, Value>()
  const valueOf = (buffer: string): Value | undefined => { const value = names.valueOf(buffer); return value === undefined ? undefined : (inner.get(value) ?? value) }
  const isConstant = (value: Value | undefined): boolean => value !== undefined && (value.data !== undefined || constants.includes(value))
  const withConstants = { ...ordered, buffers: ordered.buffers.map((b) => (isConstant(valueOf(b.name)) ? { ...b, constant: true } : b)) }
  const laid = layOut(target === 'wasm' ? keepInResult(withConstants) : withConstants, (buffer) => { const value = valueOf(buffer), within = value && placements.get(value); return value && { shape: shapeOf(value), order: value.order, ...(within !== undefined && { within }) } })
  if (target === 'wgsl') return lowerSpread(laid, name, (buffer) => slotOf(valueOf(buffer)))
  const inPanels = panels === undefined ? undefined : storeInPanels(laid, panels), flat = flattenCompute(inPanels ?? laid)
  const variant = (set: Features): Pick<LoweredNode, 'kernel' | 'schedule' | 'slots'> => {
    const schedule = scheduleFor(flat, target, set)
    const prepared = prepareCompute(flat, schedule)
    const spelled = target === 'wasm' ? expandMath(splitExtremes(prepared.compute), set === 'relaxed' ? 'fused' : 'paired') : prepared.compute
    const kernel = legalize(applySchedule(spelled, prepared.schedule, name, { madd: target === 'wasm' }), target)
    const slots = kernel.buffers.map((b): Slot | undefined => {
      const slot = slotOf(valueOf(b.name)), packing = b.role === 'out' && inPanels !== undefined ? panels : prepared.packings.get(b.name)
      return slot === undefined || packing === undefined ? slot : { ...slot, packing }
    })
    return { kernel, schedule, slots }
  }
  const main = variant(features === 'relaxed' ? 'relaxed' : 'baseline')
  const other = target === 'wasm' && features === 'auto' ? variant('relaxed') : undefined
  // Both work on the same constants: one that wants them packed in another way has no variant of its own.
  const relaxed = other !== undefined && JSON.stringify(other.slots) === JSON.stringify(main.slots) ? other.kernel : undefined
  const flops = countOperations(ordered)
  return { ...main, ...(relaxed !== undefined && { relaxed }), compute: flat, flops: isParametric(flops, new Set(symbols.keys())) ? flops : 0 }
}

/** The kernels of a node that brings its own, for `features` or a GPU, and the values in its buffers. */
function lowerHandWritten(node: Node, target: Target, features: FeatureSet, name: string): Pick<LoweredNode, 'kernel' | 'relaxed' | 'plain'> & { readonly values: readonly (Value | undefined)[] } | undefined {
  const variant = (set: Features, gpu?: 'groups' | 'points'): ReturnType<typeof handWrittenKernel> => {
    const written = handWrittenKernel(node, { ...(target === 'wasm' && { tileRows: tileDepth(set) }), ...(gpu !== undefined && { gpu }) })
    if (written === undefined) return undefined
    const named = { ...written.kernel, name }
    if (target === 'wgsl') return { ...written, kernel: named }
    const kernel = legalize(target === 'wasm' ? bindConstants(lanesOfLoops(spellOut(named))) : named, target)
    return { ...written, kernel: target === 'wasm' && set === 'relaxed' ? unrollLoops(kernel) : kernel }
  }
  const main = target === 'wgsl' ? variant('baseline', 'groups') : variant(features === 'relaxed' ? 'relaxed' : 'baseline')
  const relaxed = target === 'wasm' && features === 'auto' ? variant('relaxed') : undefined, plain = main?.kernel.shared === undefined ? undefined : variant('baseline', 'points')
  return main && { ...main, ...(relaxed !== undefined && { relaxed: relaxed.kernel }), ...(plain?.kernel.shared === undefined && plain !== undefined && { plain: plain.kernel }) }
}

/** The kernels of a node that does its work in several: the first, and those that follow it. */
function lowerChain(node: Node, name: string, slotOf: (value: Value | undefined) => Slot | undefined): LoweredNode | undefined {
  const plain = handWrittenChain(node, 'points'), all = handWrittenChain(node, 'groups')?.map(({ kernel, params, values }, i): LoweredNode => {
    const named = `${name}_${kernel.name}`, single = plain?.[i]?.kernel, other = kernel.shared === undefined || single?.shared !== undefined ? undefined : single
    return { kernel: { ...kernel, name: named }, ...(other !== undefined && { plain: { ...other, name: named } }), ...(params !== undefined && { params }), compute: undefined, schedule: undefined, slots: values.map(slotOf), flops: 0 }
  })
  const [first, ...then] = all ?? []
  return first && { ...first, then }
}

/** A kernel that packs an operand. */
function packingKernel({ compute, schedule }: PackingPart, target: Target): LoweredNode {
  return { kernel: legalize(applySchedule(compute, schedule, compute.name), target), compute, schedule, slots: [], flops: 0 }
}

function callBuffer(buffer: KernelBuffer, slot: Slot | undefined, node: Node, windows: ReadonlyMap<Value, Window>, back: (d: Dim) => Dim): CallBuffer {
  if (buffer.role === 'temp') return { kind: 'temp', node, name: buffer.name, dtype: buffer.dtype, length: back(buffer.length) }
  const value = slot === undefined ? undefined : node[slot.side][slot.index]
  invariant(value !== undefined && value !== null, `kernel buffer ${buffer.name} holds no value`)
  return { kind: 'value', value: windows.get(value)?.into ?? value, ...(slot?.packing !== undefined && { packing: slot.packing }) }
}

/** The kernels of a compute on WebGPU, still with all its types: one, and where stages overwrite each other those that follow it. */
function lowerSpread(compute: Compute, name: string, slotOf: (buffer: string) => Slot | undefined): LoweredNode {
  // Parts that go through shared memory have workgroups of their own.
  const moves = (part: Compute): boolean => scheduleTransposes(flattenCompute(part)) !== undefined
  const groups = spreadStores(compute).flatMap((group) => {
    const apart = new Set(group.filter(moves)), others = group.filter((part) => !apart.has(part))
    return [...[...apart].map((part) => [part]), ...(others.length > 0 ? [others] : [])]
  })
  const [first, ...then] = groups.map((group): LoweredNode => {
    const flats = group.map(flattenCompute), schedules = flats.map((flat) => (group.length === 1 ? scheduleFor(flat, 'wgsl') : schedulePoints(flat)))
    const kernelBy = (plans: readonly Plan[]): Kernel => besideEachOther(flats.map((flat, i) => {
      const prepared = prepareCompute(flat, plans[i] as Plan)
      return writeKernel(prepared.compute, prepared.schedule, name)
    }))
    const kernel = kernelBy(schedules), plain = kernel.shared === undefined ? undefined : kernelBy(flats.map(schedulePoints))
    return { kernel, ...(plain !== undefined && { plain }), schedule: schedules.flat(), compute, slots: kernel.buffers.map((b) => slotOf(b.name)), flops: 0 }
  }) as [LoweredNode, ...LoweredNode[]]
  return { ...first, then }
}

/** The node with its symbols renamed `dim0`, `dim1`… in order of appearance: names that no op uses for an axis, the same for all nodes alike. */
export function localSymbols(node: Node, windows: ReadonlyMap<Value, Window>): Omit<LocalNode, 'inPlace'> {
  const symbols = new Map<string, Dim>(), dims = new LocalDims(symbols)
  const local = dims.node(node), placements = new Map<Value, Placement>()
  for (const v of [...node.inputs, ...node.outputs]) {
    const window = v === null ? undefined : windows.get(v)
    if (v !== null && window !== undefined) placements.set(dims.value(v), { shape: shapeOf(window.into).map((d) => dims.dim(d)), order: window.into.order, before: window.before })
  }
  return { local, symbols, placements }
}

/** Operations that kernels do; others are done once, outside. */
const PLAIN: ReadonlySet<string> = new Set(['+', '*', 'floordiv', 'mod'])

/**
 * Names symbols `dim0`, `dim1`…, and comparisons and extrema as a whole: kernels take their parameters to be ≥ 0, which an
 * element of an input inside `select(lt(start, 0), start + n, start)` need not be, while the whole is: but for amounts that may be
 * negative, which are the difference of what they are above 0 and below it.
 */
class LocalDims extends SymbolSubstitution {
  readonly #parameters: Map<string, Dim>
  readonly #names = new Map<string, string>()

  /** `parameters` receives what each name stands for. */
  constructor(parameters: Map<string, Dim>) {
    super((symbol) => this.#name(symbol))
    this.#parameters = parameters
  }

  override dim(dim: Dim): Dim {
    if (typeof dim !== 'object') return super.dim(dim)
    return PLAIN.has(dim[0]) ? applyDimOp(dim[0], (dim.slice(1) as Dim[]).map((d) => this.dim(d))) : this.#name(dim)
  }

  protected override amount(dim: Dim): Dim {
    if (typeof dim !== 'object' || isNonNegative(dim)) return this.dim(dim)
    if (PLAIN.has(dim[0])) return applyDimOp(dim[0], (dim.slice(1) as Dim[]).map((d) => this.amount(d)))
    return sub(this.#name(max(0, dim)), this.#name(max(0, mul(-1, dim))))
  }

  #name(dim: Dim): string {
    const key = dimKey(dim)
    let name = this.#names.get(key)
    if (name === undefined) {
      this.#names.set(key, (name = `dim${this.#names.size}`))
      this.#parameters.set(name, dim)
    }
    return name
  }
}


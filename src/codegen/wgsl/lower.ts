/**
 * Lowering for WebGPU: nodes whose kernels shaders can say become calls of them; the others are gathered into parts that run on
 * the host, each a graph of its own. What integers can be is followed from node to node, so that 64-bit ones that fit in 32
 * bits stay on the GPU.
 */
import { DTYPES } from '../../base/dtype.js'
import { IngotError } from '../../base/error.js'
import type { Graph, Node, Value } from '../../ir/graph.js'
import { tensorOf } from '../../ir/graph.js'
import { getOp } from '../../ir/ops/index.js'
import { checkTypes } from '../check-types.js'
import { callOf, KernelTable, localSymbols, lowerNode, type Lowered, type LoweredNode, type LoweredStep, type OnKernel } from '../lower.js'
import { nodeKey } from '../node-key.js'
import { SYMBOLS, withFedSymbols } from '../fed-symbols.js'
import { legalize } from '../legalize.js'
import { intervalOfDType, union, type Interval } from '../../ir/kernel/interval.js'
import { narrowIntegers, type Narrowed } from './narrow-integers.js'
import { placeNodes } from './place.js'

/** Nodes that run on the host, as a graph: its inputs are what they need, its outputs what others need of them. */
export interface HostPart { readonly graph: Graph; readonly reasons: readonly HostReason[] }

/** Why a node runs on the host. */
export interface HostReason { readonly origin: string; readonly op: string; readonly why: string }

export interface DeviceLowered extends Lowered { readonly parts: readonly HostPart[] }

/** What the elements of inputs can be, by name, where a caller knows. */
export type ElementBounds = Readonly<Record<string, Interval>>

interface Made { readonly made: LoweredNode; readonly written: readonly (Interval | undefined)[] }

/** Lowers `graph` for WebGPU. Throws as `lowerGraph` does. */
export function lowerForDevice(graph: Graph, onKernel?: OnKernel, bounds: ElementBounds = {}): DeviceLowered {
  checkTypes(graph, 'wgsl')
  const table = new KernelTable(onKernel), lowering = new DeviceNodes(graph, bounds)
  const reasons = new Map<Node, HostReason>(), made = new Map<Node, LoweredNode>()
  for (const node of graph.nodes) {
    const found = lowering.lower(node)
    if (found === undefined) continue
    if (found instanceof IngotError) reasons.set(node, { origin: node.origin, op: node.op, why: (found.message.split('\n')[0] as string).replace(/ \[[^[\]]*\]$/, '') })
    else made.set(node, found)
  }
  const parts: HostPart[] = [], steps: LoweredStep[] = []
  for (const { side, nodes } of placeNodes(graph, (node) => reasons.has(node))) {
    if (side === 'host') {
      const part = partOf(graph, nodes, parts.length)
      steps.push({ kind: 'host', part: parts.length, inputs: part.inputs.filter((v) => v.name !== SYMBOLS), outputs: part.outputs.map((o) => o.value), origin: nodes.map((n) => n.origin).join(' + ') })
      parts.push({ graph: part, reasons: nodes.flatMap((n) => reasons.get(n) ?? []) })
      continue
    }
    for (const node of nodes) {
      const lowered = made.get(node)
      if (lowered === undefined) steps.push({ kind: 'alias', value: node.outputs[0] as Value, of: node.inputs[0] as Value })
      else for (const one of [lowered, ...(lowered.then ?? [])]) steps.push(callOf(one, table.add(one, node.origin), node, localSymbols(node, new Map()).symbols, new Map()))
    }
  }
  return { kernels: table.kernels, steps, prepare: [], parts }
}

/** The nodes of a graph that is not fused yet which will run on the host, as far as integers and float64 decide: the only types that shaders may lack. */
export function nodesForHost(graph: Graph, bounds: ElementBounds): ReadonlySet<Node> {
  checkTypes(graph, 'wgsl')
  const lowering = new DeviceNodes(graph, bounds), found = new Set<Node>()
  for (const node of graph.nodes) {
    const whole = [...node.inputs, ...node.outputs].every((v) => v === null || v.type.kind !== 'tensor' || v.type.dtype === 'float32')
    if (!whole && lowering.lower(node) instanceof IngotError) found.add(node)
  }
  return found
}

/** Nodes of a graph, lowered once for each kind, with what is known of the integers in every value. */
class DeviceNodes {
  readonly #elements = new Map<Value, Interval>()
  readonly #known = new Map<string, Made | IngotError>()

  constructor(graph: Graph, bounds: ElementBounds) {
    for (const input of graph.inputs) {
      const given = bounds[input.name]
      if (given !== undefined) this.#elements.set(input, given)
    }
  }

  /** The node's kernel, or why it has none; undefined for a view. */
  lower(node: Node): LoweredNode | IngotError | undefined {
    if (getOp(node.op).pattern === 'alias') {
      const [from] = node.inputs, elements = from && this.#elementsOf(from), to = tensorOf(node.outputs[0] as Value)
      // Shaders have a word for each byte; and what the host has of a word, it has as elements of one type.
      if (node.op === 'reinterpret' && DTYPES[to.dtype].bits !== 8) return new IngotError('unsupported-dtype', `the bits of ${to.dtype} are looked at on the host`, { where: { origin: node.origin, dtype: to.dtype } })
      if (elements && from.type.kind === 'tensor' && from.type.dtype === to.dtype) this.#elements.set(node.outputs[0] as Value, elements)
      return undefined
    }
    const { local, symbols, placements } = localSymbols(node, new Map())
    const elements = node.inputs.map((v) => (v === null ? undefined : this.#elementsOf(v)))
    const key = `${nodeKey(local)} ${elements.map((e) => (e === undefined ? '' : `${e.lo}:${e.hi}`)).join()}`
    let found = this.#known.get(key)
    if (found === undefined) {
      found = attempt(() => deviceNode(lowerNode({ local, symbols, placements, inPlace: [] }, 'wgsl', 'baseline'), node, elements))
      this.#known.set(key, found)
    }
    if (found instanceof IngotError) return found
    found.written.forEach((interval, i) => { if (interval !== undefined) this.#elements.set(node.outputs[i] as Value, interval) })
    return found.made
  }

  #elementsOf(value: Value): Interval | undefined {
    const known = this.#elements.get(value)
    if (known !== undefined || value.data === undefined || value.type.kind !== 'tensor' || !/int|bool/.test(value.type.dtype)) return known
    let lo = Infinity, hi = -Infinity
    for (const x of value.data.data as Iterable<number | bigint>) { lo = Math.min(lo, Number(x)); hi = Math.max(hi, Number(x)) }
    const found = lo <= hi ? { lo, hi } : intervalOfDType(value.type.dtype)
    this.#elements.set(value, found)
    return found
  }
}

/** What `lower` gives, or the error by which it says that there is no such kernel. */
function attempt<T>(lower: () => T): T | IngotError {
  try {
    return lower()
  } catch (error) {
    if (error instanceof IngotError && error.code.startsWith('unsupported-')) return error
    throw error
  }
}

/** The kernel with only what shaders have. Throws `unsupported-dtype` where it cannot be had. */
function deviceNode(made: LoweredNode, node: Node, elements: readonly (Interval | undefined)[], temps = new Map<string, Interval>()): Made {
  const slotOf = (buffer: string): LoweredNode['slots'][number] => made.slots[made.kernel.buffers.findIndex((b) => b.name === buffer)]
  const narrowed = [made.plain, made.kernel].flatMap((k) => (k === undefined ? [] : [narrowIntegers(k, (buffer) => { const slot = slotOf(buffer); return slot === undefined ? temps.get(buffer) : slot.side === 'inputs' ? elements[slot.index] : undefined })]))
  // Sums across invocations are harder to bound: where the kernel for workgroups cannot be had, the plain one is the only one.
  const [{ kernel: first, written: stored }, last] = narrowed as [Narrowed, Narrowed?], kernel = last?.kernel ?? first
  if (kernel === undefined) throw new IngotError('unsupported-dtype', '64-bit integers are not known to fit in 32 bits', { where: { origin: node.origin, op: node.op } })
  const outputs = node.outputs.map((value, i) => {
    const buffer = made.kernel.buffers.find((_, k) => made.slots[k]?.side === 'outputs' && made.slots[k]?.index === i)
    return buffer === undefined || tensorOf(value).dtype.startsWith('float') ? undefined : stored.get(buffer.name)
  })
  for (const { written } of narrowed) for (const [name, found] of written) { const before = temps.get(name); if (slotOf(name) === undefined) temps.set(name, before === undefined ? found : union(before, found)) }
  const then = (made.then ?? []).map((one) => deviceNode(one, node, elements, temps))
  const written = outputs.map((own, i) => then.reduce((all, one) => { const more = one.written[i]; return all && more ? union(all, more) : (all ?? more) }, own))
  const { plain: _, ...rest } = made
  return { made: { ...rest, kernel: legalize(kernel, 'wgsl'), ...(first !== undefined && first !== kernel && { plain: legalize(first, 'wgsl') }), then: then.map((one) => one.made) }, written }
}

/** The graph of a host part. */
function partOf(graph: Graph, nodes: readonly Node[], number: number): Graph {
  const own = new Set(nodes.flatMap((n) => n.outputs)), inside = new Set(nodes)
  const inputs = new Set<Value>(), needed = new Set<Value>()
  for (const n of graph.nodes) for (const v of n.inputs) if (v !== null && v.data === undefined && own.has(v) !== inside.has(n)) (inside.has(n) ? inputs : needed).add(v)
  for (const o of graph.outputs) if (own.has(o.value)) needed.add(o.value)
  const part: Graph = { ...graph, name: `${graph.name}.host${number}`, constraints: [], nodes, inputs: [...inputs], outputs: [...needed].map((value) => ({ name: value.name, value })) }
  // The program around it gives the values of the symbols.
  return withFedSymbols(part, graph.symbols.map((s) => s.name))
}

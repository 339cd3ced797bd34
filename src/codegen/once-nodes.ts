/**
 * Nodes that depend on constants alone. What they give is made once, when a program is loaded, packed as the kernels that read it
 * want it. Passes leave such nodes only where their results would cost more to store (choose-prepared).
 */
import { storageBytes } from '../base/dtype.js'
import { product } from '../ir/dims.js'
import { dtypeOf, shapeOf, tensorOf, type Node, type Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { isMadeOnce } from '../ir/once.js'
import { tensorType } from '../ir/types.js'
import type { CallBuffer, LoweredCall } from './lower.js'
import { packedOperand, type PackingPart } from './pack-operands.js'
import type { Packing } from './schedule/prepare.js'
import { packedShape } from './stored-constants.js'

interface Packed { readonly packing: Packing; readonly to: Value }

/** The nodes of a graph that run once, and in which forms others want what they give. */
export class OnceNodes {
  readonly nodes = new Set<Node>()
  readonly #made = new Set<Value>()
  /** What a view is a view of. */
  readonly #sources = new Map<Value, Value>()
  readonly #plain = new Set<Value>()
  readonly #packed = new Map<Value, Map<string, Packed>>()

  /** Of `nodes`, in their order. */
  constructor(nodes: readonly Node[]) {
    for (const node of nodes) {
      const [first] = node.inputs, [result] = node.outputs
      if (getOp(node.op).pattern === 'alias' && first != null && result !== undefined) this.#sources.set(result, this.#sourceOf(first))
      else if (isMadeOnce(node, (v) => this.makes(v) || this.#sourceOf(v).data !== undefined)) {
        this.nodes.add(node)
        for (const v of node.outputs) this.#made.add(v)
      }
    }
  }

  /** Whether `value` is, or is a view of, what such a node gives. */
  makes(value: Value): boolean { return this.#made.has(this.#sourceOf(value)) }

  /** Notes that `value` is wanted as it is, and gives it back. */
  plain(value: Value): Value {
    if (this.makes(value)) this.#plain.add(this.#sourceOf(value))
    return value
  }

  /** A call's buffers, in which what such nodes give is the value in the form that the call wants. */
  buffers({ buffers }: LoweredCall): readonly CallBuffer[] {
    return buffers.map((b): CallBuffer => {
      if (b.kind !== 'value' || !this.makes(b.value)) return b
      if (b.packing === undefined) return { kind: 'value', value: this.plain(b.value) }
      return { kind: 'value', value: this.#wanted(this.#sourceOf(b.value), b.packing) }
    })
  }

  /** `buffers` of a call that runs once: of views, what they are views of. */
  sources(buffers: readonly CallBuffer[]): readonly CallBuffer[] {
    return buffers.map((b) => (b.kind === 'value' ? { ...b, value: this.#sourceOf(b.value) } : b))
  }

  /** The forms in which `value`, which is no view, is wanted. */
  formsOf(value: Value): { readonly plain: boolean; readonly packed: readonly Packed[] } {
    return { plain: this.#plain.has(value), packed: [...(this.#packed.get(value)?.values() ?? [])] }
  }

  #sourceOf(value: Value): Value { return this.#sources.get(value) ?? value }

  #wanted(value: Value, packing: Packing): Value {
    const forms = this.#packed.get(value) ?? new Map<string, Packed>(), key = JSON.stringify(packing)
    this.#packed.set(value, forms)
    const known = forms.get(key) ?? { packing, to: { name: `${value.name}@${packing.factor}`, type: tensorType(dtypeOf(value), packedShape(product(shapeOf(value)) as number, packing)) } }
    forms.set(key, known)
    return known.to
  }
}

/** How the calls of a node are made: its own, whose result is in panels where that can be, and those that pack. */
export interface CallMaker {
  call(node: Node, panels?: Packing): LoweredCall
  pack(part: PackingPart, from: Value, to: Value, origin: string): LoweredCall
}

/** Calls that belong together, and what they read. */
interface Group { readonly calls: readonly LoweredCall[]; readonly makes: readonly Value[]; readonly bytes: number }

/**
 * The calls that make what is wanted of `once`. Those that read most come first: what they read takes up memory of results that are yet
 * to come, so that it adds little to the most that is needed at a time.
 */
export function lowerOnce(once: OnceNodes, make: CallMaker): LoweredCall[] {
  // Backwards: what a node is wanted for is known when all that read it are lowered.
  const groups = [...once.nodes].reverse().map((node) => groupOf(node, once, make))
  const out: LoweredCall[] = [], done = new Set<Value>(), waiting = groups.filter((g) => g.calls.length > 0).reverse()
  const made = new Set(waiting.flatMap((g) => g.makes))
  while (waiting.length > 0) {
    const isReady = (g: Group): boolean => g.calls.every((c) => c.buffers.every((b) => b.kind !== 'value' || !made.has(b.value) || done.has(b.value) || g.makes.includes(b.value)))
    const next = waiting.reduce<Group | undefined>((best, g) => (isReady(g) && (best === undefined || g.bytes > best.bytes) ? g : best), undefined) as Group
    waiting.splice(waiting.indexOf(next), 1)
    out.push(...next.calls)
    for (const v of next.makes) done.add(v)
  }
  return out
}

function groupOf(node: Node, once: OnceNodes, make: CallMaker): Group {
  const forms = node.outputs.map((v) => once.formsOf(v)), calls: LoweredCall[] = [], makes: Value[] = []
  const [only] = node.outputs.length === 1 ? node.outputs : []
  const own = (panels?: Packing): LoweredCall => make.call(node, panels)
  const add = (call: LoweredCall, rename: (b: CallBuffer) => CallBuffer = (b) => b): void => { calls.push({ ...call, buffers: once.sources(once.buffers({ ...call, buffers: call.buffers.map(rename) })) }) }
  const left: { readonly value: Value; readonly packed: Packed }[] = []
  node.outputs.forEach((value, i) => forms[i]?.packed.forEach((packed) => {
    const call = only === undefined ? undefined : own(packed.packing)
    const stores = call?.buffers.some((b) => b.kind === 'value' && b.value === value && b.packing !== undefined) === true
    if (call === undefined || !stores) { left.push({ value, packed }); return }
    makes.push(packed.to)
    add(call, (b) => (b.kind === 'value' && b.value === value ? { kind: 'value', value: packed.to } : b))
  }))
  if (left.length > 0 || forms.some((f) => f.plain)) {
    makes.push(...node.outputs)
    add(own())
    for (const { value, packed } of left) {
      makes.push(packed.to)
      for (const part of packedOperand({ kind: 'value', value, packing: packed.packing })?.parts ?? []) calls.push(make.pack(part, value, packed.to, node.origin))
    }
  }
  const constants = new Set(calls.flatMap((c) => c.buffers.flatMap((b) => (b.kind === 'value' && b.value.data !== undefined ? [b.value] : []))))
  return { calls, makes, bytes: [...constants].reduce((sum, v) => sum + storageBytes(tensorOf(v).dtype, product(shapeOf(v)) as number), 0) }
}

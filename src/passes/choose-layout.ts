/**
 * Goal: images lie with their channels side by side where convolutions work on them, so that vectors of channels are one
 * load: tensors around convolutions get the order channels last, and copies stand only where such a region begins or ends.
 *
 *   %p = pad(%x)                                  %p order [0, 2, 3, 1] = pad(%x)
 *   %c = conv(%p, w)                              %c order [0, 2, 3, 1] = conv(%p, w order [2, 3, 1, 0])
 *   %r = relu(%c)   return %r               ⇒     %r = relu(%c)   return %r
 *
 * Nodes that copy anyway (elementwise, pad, concat) read one order and write the other at a border; a `relayout` is placed
 * where none does. A reshape that splits or joins what lies together keeps the order. Weights of convolutions and the
 * right-hand constants of products change order for free: output channels, and columns, side by side.
 * Does not: touch ports, row-major kernels, or regions where the copies would cost more than the convolutions gain (see layout-gain.ts: some are as fast in planes).
 * Stage: fused; stage unchanged. Preserves bits to an interpreter, which knows no memory (compiled sums of windows may be
 * taken in another order). Linear in nodes. A policy of targets, so not in the default pipeline.
 */
import { GraphBuilder } from '../ir/build.js'
import { shapeOf, tensorOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { channelsLast, normalOrder, reshapedOrder, sameLayout, type Order } from '../ir/layout.js'
import { outputValues, usedBy, usersOf } from '../ir/rewrite.js'
import { channelsLastValues } from './layout-regions.js'
import { roleOf, type Role } from './layout-roles.js'
import type { Pass } from './pass.js'
import { countUses, reserveNames } from './rewriter.js'

export const chooseLayout: Pass = {
  name: 'choose-layout',
  doc: 'Lays images out with channels last around convolutions, and copies only where such a region begins or ends.',
  needs: 'fused',
  preserves: 'bits',
  run(graph) {
    const roles = new Map(graph.nodes.map((n) => [n, roleOf(n)]))
    return new Layouting(graph, (n) => roles.get(n) ?? roleOf(n)).run()
  },
}

class Layouting {
  readonly #graph: Graph
  readonly #roleOf: (node: Node) => Role
  readonly #names: GraphBuilder
  readonly #uses: ReadonlyMap<Value, number>
  /** The order that each value's readers want; absent for row-major. Ports and results of fixed nodes are row-major all the same. */
  readonly #wanted = new Map<Value, Order>()
  /** Values that nested graphs use as they are. */
  readonly #pinned: ReadonlySet<Value>
  /** New values: as their node makes them, and copied into the other order. */
  readonly #made = new Map<Value, Value>()
  readonly #copies = new Map<Value, Map<string, Value>>()
  readonly #constants = new Map<Value, Map<string, Value>>()
  readonly #nodes: Node[] = []

  constructor(graph: Graph, role: (node: Node) => Role) {
    this.#graph = graph
    this.#roleOf = role
    this.#uses = countUses(graph)
    this.#pinned = new Set(graph.nodes.filter((n) => role(n).kind === 'fixed').flatMap((n) => [...usedBy(n)].filter((v) => !n.inputs.includes(v))))
    this.#names = new GraphBuilder({ name: graph.name, stage: graph.stage })
    reserveNames(this.#names, graph)
  }

  run(): Graph {
    this.#decide()
    for (const node of this.#graph.nodes) this.#place(node)
    const outputs = this.#graph.outputs.map((o) => ({ ...o, value: this.#inOrder(o.value, undefined, `output ${o.name}`) }))
    const changed = this.#made.size > 0 || this.#constants.size > 0
    return changed ? { ...this.#graph, nodes: this.#nodes, outputs } : this.#graph
  }

  /** Fills `#wanted`: regions, and going backwards what a reshape asks of its input. */
  #decide(): void {
    const region = channelsLastValues(this.#graph, this.#roleOf)
    const users = usersOf(this.#graph), outputs = outputValues(this.#graph)
    for (const v of region) this.#wanted.set(v, channelsLast(shapeOf(v).length))
    for (const node of [...this.#graph.nodes].reverse()) {
      const [from] = node.inputs, [to] = node.outputs
      const kind = this.#roleOf(node).kind
      if (kind === 'alias' && from != null && to !== undefined && !this.#wanted.has(from) && this.#uses.get(from) === 1) {
        const order = this.#wanted.get(to)
        const before = order === undefined ? undefined : reshapedOrder(shapeOf(to), order, shapeOf(from))
        if (before?.order !== undefined) this.#wanted.set(from, before.order)
      }
      if (to === undefined || kind !== 'copies') continue
      const readers = users.get(to) ?? []
      const borders = readers.filter((n) => ['fixed', 'row-major'].includes(this.#roleOf(n).kind)).length + Number(outputs.has(to))
      if (borders > 0 && readers.every((n) => ['fixed', 'row-major'].includes(this.#roleOf(n).kind))) this.#wanted.delete(to)
    }
  }

  #place(node: Node): void {
    const role = this.#roleOf(node), { kind } = role
    if (kind === 'alias') return this.#placeAlias(node)
    const weight = kind === 'window' || kind === 'row-major' ? role.outside(role.anchor.inputs[1]) : undefined
    const inputs = node.inputs.map((v): Value | null => {
      if (v === null) return null
      if (v.data !== undefined) return this.#constant(v, v === weight ? weightOrder(role, v, this.#isLaidOut(node)) : this.#sideOrder(v, node))
      switch (kind) {
        case 'window': case 'follows': return this.#inOrder(v, v === weight ? undefined : this.#wanted.get(v), node.origin)
        case 'copies': return this.#asIs(v, this.#wanted.get(v))
        case 'moves': return this.#current(v)
        case 'row-major': case 'fixed': return this.#inOrder(v, undefined, node.origin)
      }
    })
    const outputs = node.outputs.map((v) => (kind === 'fixed' ? v : this.#define(v, this.#wanted.get(v))))
    const same = outputs.every((v, i) => v === node.outputs[i]) && inputs.every((v, i) => v === node.inputs[i])
    this.#nodes.push(same ? node : { ...node, inputs, outputs })
  }

  /** The result lies as the input does, where it has an order for that; else the input must be row-major. */
  #placeAlias(node: Node): void {
    const [from, ...others] = node.inputs, [to] = node.outputs
    if (from == null || to === undefined || from.type.kind !== 'tensor' || to.type.kind !== 'tensor') return void this.#nodes.push(node)
    const current = this.#current(from)
    const kept = this.#pinned.has(to) ? undefined : reshapedOrder(shapeOf(from), current.order, shapeOf(to))
    const input = kept === undefined ? this.#inOrder(from, undefined, node.origin) : current
    const output = this.#define(to, kept?.order)
    this.#nodes.push(input === from && output === to ? node : { ...node, inputs: [input, ...others], outputs: [output] })
  }

  #define(value: Value, order: Order | undefined): Value {
    const normal = value.type.kind === 'tensor' && !this.#pinned.has(value) ? normalOrder(value.type.shape, order) : undefined
    if (normal === undefined) return value
    const made = { ...value, order: normal }
    this.#made.set(value, made)
    return made
  }

  #current(value: Value): Value { return this.#made.get(value) ?? value }

  /** The value, or a copy of it that there is already in the order wanted. */
  #asIs(value: Value, order: Order | undefined): Value {
    return this.#copies.get(value)?.get(String(order)) ?? this.#current(value)
  }

  /** The value in `order`: as it is, or copied once for all that want it so. */
  #inOrder(value: Value, order: Order | undefined, origin: string): Value {
    const current = this.#current(value)
    if (value.type.kind !== 'tensor' || value.data !== undefined || sameLayout(value.type.shape, current.order, order)) return current
    const copies = this.#copies.get(value) ?? new Map<string, Value>()
    this.#copies.set(value, copies)
    let copy = copies.get(String(order))
    if (copy === undefined) {
      const normal = normalOrder(value.type.shape, order)
      copy = { name: this.#names.uniqueName(`${value.name}_laid`), type: value.type, ...(normal !== undefined && { order: normal }) }
      copies.set(String(order), copy)
      this.#made.set(copy, copy)
      this.#nodes.push({ op: 'relayout', inputs: [current], attrs: {}, outputs: [copy], origin })
    }
    return copy
  }

  #isLaidOut(node: Node): boolean {
    return node.outputs.some((v) => this.#wanted.has(v)) || node.inputs.some((v) => v !== null && this.#wanted.has(v))
  }

  /** A constant as large as the result lies as the result does. */
  #sideOrder(value: Value, node: Node): Order | undefined {
    const [y] = node.outputs
    const order = y === undefined ? undefined : this.#wanted.get(y)
    return order !== undefined && value.type.kind === 'tensor' && value.type.shape.length === order.length ? order : undefined
  }

  /** The constant in `order`; a constant of its own for each order it is used in. */
  #constant(value: Value, order: Order | undefined): Value {
    const normal = value.type.kind === 'tensor' ? normalOrder(value.type.shape, order) : undefined
    if (normal === undefined) return value
    const known = this.#constants.get(value) ?? new Map<string, Value>()
    this.#constants.set(value, known)
    let made = known.get(String(normal))
    if (made === undefined) {
      made = { ...value, name: this.#uses.get(value) === 1 ? value.name : this.#names.uniqueName(value.name), order: normal }
      known.set(String(normal), made)
    }
    return made
  }
}

/** Output channels innermost: [kernel…, c, m] for convolutions, [kernel…, m] for depthwise ones, [kernel…, c, m] for transposed ones; columns for a product. */
function weightOrder(role: Role, weight: Value, laidOut: boolean): Order | undefined {
  const { anchor } = role, { shape } = tensorOf(weight), rank = shape.length
  const kernel = Array.from({ length: Math.max(0, rank - 2) }, (_, i) => i + 2)
  switch (anchor.op) {
    case 'conv': case 'paired_conv': return laidOut ? [...kernel, 1, 0] : undefined
    case 'conv_transpose': return laidOut ? [...kernel, 0, 1] : undefined
    case 'matmul': case 'paired_matmul': {
      const batch = shape.map((_, i) => i).slice(0, -2)
      return anchor.attrs['trans_b'] === true && rank >= 2 ? [...batch, rank - 1, rank - 2] : undefined
    }
    default: return undefined
  }
}

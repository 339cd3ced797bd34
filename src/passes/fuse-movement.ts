/**
 * Goal: no kernel that only moves elements beside one that makes or takes them: products, reductions and joins store where a
 * transpose would put their elements, and contractions read where a slice would take theirs from.
 *
 *   %p = fused(%x, %w, %b) { matmul … add }                    %t = fused(%x, %w, %b) { matmul … add
 *   %r = reshape(%p)  %t = transpose{perm: [0, 2, 1, 3]}(%r)  ⇒                         reshape … transpose }
 *
 *   %s = slice{axis: 1, start: 24, …}(%x)  %y = conv(%s, %w)  ⇒   %y = fused(%x, %w) { slice … conv }
 *
 * Reads computes, never op names: a move copies each element of one tensor once, under its axes in another order or from a
 * place of its own on; views between a kernel and its move come along. Does not: move what is used otherwise too, or put anything with
 * arithmetic into a contraction, which would do it again and again. A policy of targets for which starting a kernel is dear and the order of
 * stores matters less, so not in the default pipeline.
 * Stage: fused; stage unchanged. Preserves bits. Linear in nodes.
 */
import { GraphBuilder } from '../ir/build.js'
import { shapesEqual, type Dim } from '../ir/dims.js'
import { nestedGraphs, shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { movedIndex } from '../ir/kernel/permutation.js'
import { getOp } from '../ir/ops/index.js'
import type { Pattern } from '../ir/op.js'
import { definersOf } from '../ir/rewrite.js'
import { MAX_FUSED_NODES } from '../ir/verify-stage.js'
import { fusedNode } from './fuse.js'
import { computeOf, hasKernels, readsOf } from './fuse-cost.js'
import type { Pass } from './pass.js'
import { countUses, reserveNames } from './rewriter.js'

export const fuseMovement: Pass = {
  name: 'fuse-movement',
  doc: 'Lets kernels store and read where a transpose or slice beside them would move elements to or from.',
  needs: 'fused',
  preserves: 'bits',
  run(graph) {
    const names = new GraphBuilder({ name: graph.name, stage: 'fused' })
    reserveNames(names, graph)
    return new Moves(graph, names).result()
  },
}

/** What is known of the nodes so far; a node that another has taken up is gone. */
class Moves {
  readonly #graph: Graph
  readonly #names: GraphBuilder
  readonly #uses: ReadonlyMap<Value, number>
  readonly #definers: Map<Value, Node>
  readonly #kept = new Set<Node>()

  constructor(graph: Graph, names: GraphBuilder) {
    this.#graph = graph
    this.#names = names
    this.#uses = countUses(graph)
    this.#definers = definersOf(graph)
  }

  result(): Graph {
    let changed = false
    for (const node of this.#graph.nodes) {
      const parts = this.#afterAnchor(node) ?? this.#intoContraction(node)
      if (parts === undefined) { this.#kept.add(node); continue }
      changed = true
      const nodes = parts.flatMap(flatten), made = fusedNode(nodes, nodes.at(-1) as Node, this.#names)
      for (const part of parts) this.#kept.delete(part)
      this.#kept.add(made)
      for (const v of made.outputs) this.#definers.set(v, made)
    }
    return changed ? { ...this.#graph, nodes: [...this.#kept] } : this.#graph
  }

  /** `node`, which moves, with the kernel whose result it moves and the views between them, in order. */
  #afterAnchor(node: Node): readonly Node[] | undefined {
    const mover = moverOf(node)
    if (mover === undefined) return undefined
    const parts: Node[] = [node]
    for (let value = mover; this.#uses.get(value) === 1;) {
      const definer = this.#definers.get(value)
      if (definer === undefined) return undefined
      parts.unshift(definer)
      if (getOp(definer.op).pattern === 'alias' && definer.op !== 'reinterpret') value = definer.inputs[0] as Value
      else return anchorOf(definer) !== undefined && size(parts) <= MAX_FUSED_NODES ? parts : undefined
    }
    return undefined
  }

  /** `node`, a contraction, with the moves that make its operands, in order. */
  #intoContraction(node: Node): readonly Node[] | undefined {
    if (anchorOf(node) !== 'contraction') return undefined
    const moves = node.inputs.flatMap((v) => {
      const definer = v === null || this.#uses.get(v) !== 1 ? undefined : this.#definers.get(v)
      return definer !== undefined && this.#kept.has(definer) && isPlainRead(definer) ? [definer] : []
    })
    const parts = [...moves, node]
    return moves.length > 0 && size(parts) <= MAX_FUSED_NODES ? parts : undefined
  }
}

const size = (parts: readonly Node[]): number => parts.reduce((sum, n) => sum + (nestedGraphs(n)[0]?.nodes.length ?? 1), 0)

/** The value that `node`'s kernel only puts in another order, perhaps with arithmetic on each element after that. */
function moverOf(node: Node): Value | undefined {
  const nodes = flatten(node), [first] = nodes
  const from = first?.inputs[0]
  if (first === undefined || from == null || !hasKernel(first) || nodes.some((n) => n !== first && (getOp(n.op).pattern !== 'elementwise' || n.inputs.includes(from)))) return undefined
  if (getOp(first.op).pattern !== 'injective' || movedIndex(computeOf(first), 'x0', shapeOf(from)) === undefined) return undefined
  // All others make something of what is moved.
  const after = new Set<Value>(first.outputs)
  for (const n of nodes.slice(1)) {
    if (!n.inputs.some((v) => v !== null && after.has(v)) || !shapesEqual(shapeOf(n.outputs[0] as Value), shapeOf(first.outputs[0] as Value))) return undefined
    for (const v of n.outputs) after.add(v)
  }
  return from
}

/** What kind of anchor `node`'s kernel has, where it stores each element of its result once and reads none of it. */
function anchorOf(node: Node): Pattern | undefined {
  if (node.outputs.length !== 1 || (node.op !== 'fused' && nestedGraphs(node).length > 0)) return undefined
  const anchor = flatten(node).find((n) => ['contraction', 'reduction', 'joining'].includes(getOp(n.op).pattern))
  if (anchor === undefined || !hasKernel(anchor)) return undefined
  return readsOf(computeOf(anchor), 'y0').length === 0 ? getOp(anchor.op).pattern : undefined
}

/** True for a kernel that reads each element of its result from one place, a fixed distance from its own along each axis. */
function isPlainRead(node: Node): boolean {
  if (getOp(node.op).pattern !== 'injective' || !hasKernel(node) || node.inputs.length !== 1) return false
  const compute = computeOf(node), [store] = compute.stages, axes = new Set(compute.axes.map((a) => a.name))
  const [index] = readsOf(compute, 'x0')
  if (compute.stages.length !== 1 || store?.kind !== 'store' || store.value.kind !== 'load' || store.lets.length > 0 || index === undefined) return false
  return index.every((d) => axes.has(firstName(d)))
}

/** The axis in `axis` or `axis + number`. */
function firstName(d: Dim): string {
  if (typeof d === 'string') return d
  if (typeof d === 'number' || d[0] !== '+' || d.length !== 3) return ''
  const [, a, b] = d
  return typeof a === 'string' && typeof b === 'number' ? a : typeof b === 'string' && typeof a === 'number' ? b : ''
}

function hasKernel(node: Node): boolean {
  return getOp(node.op).compute !== undefined && [...node.inputs, ...node.outputs].every((v) => v === null || (v.type.kind === 'tensor' && hasKernels(v.type.dtype)))
}

/** The nodes of a fused one in terms of the values outside it; any other node itself. */
function flatten(node: Node): readonly Node[] {
  const [body] = nestedGraphs(node)
  if (node.op !== 'fused' || body === undefined) return [node]
  const outside = new Map<Value, Value>(body.inputs.map((port, i) => [port, node.inputs[i] as Value]))
  outside.set(body.outputs[0]?.value as Value, node.outputs[0] as Value)
  const of = (v: Value): Value => outside.get(v) ?? v
  return body.nodes.map((n) => ({ ...n, inputs: n.inputs.map((v) => (v === null ? null : of(v))), outputs: n.outputs.map(of) }))
}

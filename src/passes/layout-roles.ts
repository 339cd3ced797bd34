/** What a node wants of the memory orders of its tensors: the knowledge that choose-layout decides by. */
import { evaluateDim } from '../base/dim.js'
import type { Dim } from '../ir/dims.js'
import { isGraph, nestedGraphs, shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { takesAnyOrder } from '../ir/verify-layout.js'
import { hasKernels } from './fuse-cost.js'

/**
 * - `window`: slides over an image, far better off with channels last (convolutions), and wants its input so
 * - `follows`: as good in any order that all its tensors of full rank share; wants its input so (pools, norms, reductions)
 * - `copies`: the same, and reads an input of another order at the price of a copy, which it makes anyway (elementwise, pad, concat)
 * - `moves`: reads and writes any order, and none is better (transpose, gather)
 * - `row-major`: reads any order and wants row-major (matmul, norms over the last axis)
 * - `alias`: its result lies as its input does
 * - `fixed`: takes row-major only
 */
export type RoleKind = 'window' | 'follows' | 'copies' | 'moves' | 'row-major' | 'alias' | 'fixed'

export interface Role {
  readonly kind: RoleKind
  /** Arithmetic of a window op, estimated where extents are symbols. */
  readonly work: number
  /** The op that the role is for: of a fused node, its anchor. */
  readonly anchor: Node
  /** The tensor outside of the node that an input of the anchor is; undefined for what is made inside. */
  readonly outside: (value: Value | null | undefined) => Value | undefined
}

const ROLES: Readonly<Record<string, RoleKind>> = {
  conv: 'window', conv_transpose: 'window',
  transpose: 'moves', relayout: 'moves', matmul: 'row-major', rms_norm: 'row-major', layer_norm: 'row-major',
}
/** What an op does to order where the table above has no word on it. */
const BY_PATTERN = { elementwise: 'copies', joining: 'copies', injective: 'moves', reduction: 'follows', contraction: 'row-major', alias: 'alias', opaque: 'fixed' } as const
/** Injective ops that keep axes where they are. */
const KEEP_AXES = new Set(['slice', 'expand', 'tile', 'trilu', 'resize'])
/** Stands for an extent that is not known. */
const TYPICAL_EXTENT = 32
/** Fewer output channels than lanes leave some idle. */
const LANES = 4

/** The number of elements of a shape; symbols count as a typical extent. */
export function estimateElements(shape: readonly Dim[]): number {
  return shape.reduce((n: number, d) => n * evaluateDim(d, () => TYPICAL_EXTENT), 1)
}

export function roleOf(node: Node): Role {
  const own = (value: Value | null | undefined): Value | undefined => value ?? undefined
  const tensors = [...node.inputs, ...node.outputs].every((v) => v === null || (v.type.kind === 'tensor' && hasKernels(v.type.dtype)))
  const body = node.attrs['body']
  if (node.op === 'fused' && body !== undefined && isGraph(body) && tensors) return roleOfBody(node, body)
  const alone = { work: 0, anchor: node, outside: own }
  if (getOp(node.op).pattern === 'alias') return { ...alone, kind: 'alias' }
  if (!tensors || !takesAnyOrder(node) || nestedGraphs(node).length > 0) return { ...alone, kind: 'fixed' }
  return { ...alone, kind: kindOf(node), work: workOf(node) }
}

function roleOfBody(node: Node, body: Graph): Role {
  const kinds = body.nodes.map((n) => (getOp(n.op).pattern === 'alias' ? 'moves' : kindOf(n)))
  const at = kinds.findIndex((_, i) => ['reduction', 'contraction', 'joining'].includes(getOp((body.nodes[i] as Node).op).pattern))
  const anchor = body.nodes[Math.max(at, 0)] as Node
  const outside = (value: Value | null | undefined): Value | undefined => {
    const i = value == null ? -1 : body.inputs.indexOf(value)
    return i < 0 ? undefined : (node.inputs[i] ?? undefined)
  }
  const kind = kinds.includes('moves') && (at < 0 || kinds[at] === 'copies') ? 'moves' : at < 0 ? 'copies' : (kinds[at] as RoleKind)
  return { kind, work: workOf(anchor), anchor, outside }
}

function kindOf(node: Node): RoleKind {
  if (KEEP_AXES.has(node.op)) return 'copies'
  return ROLES[node.op] ?? BY_PATTERN[getOp(node.op).pattern]
}

function workOf(node: Node): number {
  if (ROLES[node.op] !== 'window') return 0
  const [x, w] = node.inputs, [y] = node.outputs
  if (x == null || w == null || y === undefined) return 0
  const taps = estimateElements(shapeOf(w).slice(1)), channels = estimateElements(shapeOf(w).slice(0, 1))
  const points = node.op === 'conv' ? estimateElements(shapeOf(y)) : estimateElements(shapeOf(x))
  return 2 * points * taps * Math.min(1, channels / LANES)
}

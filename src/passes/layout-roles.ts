/** What a node wants of the memory orders of its tensors: the knowledge that choose-layout decides by. */
import { isGraph, nestedGraphs, type Graph, type Node, type Value } from '../ir/graph.js'
import { getOp } from '../ir/ops/index.js'
import { takesAnyOrder } from '../ir/verify-layout.js'
import { hasKernels } from './fuse-cost.js'
import { layoutGain } from './layout-gain.js'

/**
 * - `window`: slides over an image, far better off with channels last (convolutions), and wants its input so
 * - `follows`: as good in any order that all its tensors of full rank share; wants its input so (pools, norms, reductions)
 * - `copies`: the same, and reads an input of another order at the price of a copy, which it makes anyway (elementwise, pad, concat)
 * - `moves`: reads and writes any order, and none is better (transpose, gather, grid_sample)
 * - `row-major`: reads any order and wants row-major (matmul, norms over the last axis)
 * - `alias`: its result lies as its input does
 * - `fixed`: takes row-major only
 */
export type RoleKind = 'window' | 'follows' | 'copies' | 'moves' | 'row-major' | 'alias' | 'fixed'

export interface Role {
  readonly kind: RoleKind
  /** What channels last are worth to a window op, in operations. */
  readonly gain: number
  /** The op that the role is for: of a fused node, its anchor. */
  readonly anchor: Node
  /** The tensor outside of the node that an input of the anchor is; undefined for what is made inside. */
  readonly outside: (value: Value | null | undefined) => Value | undefined
}

const ROLES: Readonly<Record<string, RoleKind>> = {
  conv: 'window', paired_conv: 'window', conv_transpose: 'window',
  transpose: 'moves', relayout: 'moves', grid_sample: 'moves', matmul: 'row-major', paired_matmul: 'row-major', rms_norm: 'row-major', layer_norm: 'row-major',
}
/** What an op does to order where the table above has no word on it. */
const BY_PATTERN = { elementwise: 'copies', joining: 'copies', injective: 'moves', reduction: 'follows', contraction: 'row-major', alias: 'alias', opaque: 'fixed' } as const
/** Injective ops that keep axes where they are. */
const KEEP_AXES = new Set(['slice', 'expand', 'tile', 'trilu', 'resize', 'pair_halves'])

export function roleOf(node: Node): Role {
  const own = (value: Value | null | undefined): Value | undefined => value ?? undefined
  const tensors = [...node.inputs, ...node.outputs].every((v) => v === null || (v.type.kind === 'tensor' && hasKernels(v.type.dtype)))
  const body = node.attrs['body']
  if (node.op === 'fused' && body !== undefined && isGraph(body) && tensors) return roleOfBody(node, body)
  const alone = { gain: 0, anchor: node, outside: own }
  if (getOp(node.op).pattern === 'alias') return { ...alone, kind: 'alias' }
  if (!tensors || !takesAnyOrder(node) || nestedGraphs(node).length > 0) return { ...alone, kind: 'fixed' }
  return { ...alone, kind: kindOf(node), gain: gainOf(node) }
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
  return { kind, gain: gainOf(anchor), anchor, outside }
}

function kindOf(node: Node): RoleKind {
  if (KEEP_AXES.has(node.op)) return 'copies'
  return ROLES[node.op] ?? BY_PATTERN[getOp(node.op).pattern]
}

const gainOf = (node: Node): number => (ROLES[node.op] === 'window' ? layoutGain(node) : 0)

/**
 * Goal: 3×3 convolutions with fewer multiplications: F(4, 3) takes 36 instead of 144 for 16 results, F(2, 3) 16 instead of 36 for 4.
 *
 *   %y order [0, 2, 3, 1] = conv(%x, w, b)   ⇒   %u = winograd_weights(w)   %v = winograd_input(%x)
 *                                                 %p = winograd_product(%v, %u)
 *                                                 %y order [0, 2, 3, 1] = winograd_output(%p, b)
 *
 * What is fused behind the convolution stays fused behind winograd_output. Transformed weights take 36/9 or 16/9 of the
 * memory; nodes that share weights share them. Which convolutions gain, and from which tile, is estimated from measured rates.
 * Does not: touch other kernels than 3×3, strides, dilations, groups, pads (see expand-padding), weights that are not constant,
 * other dtypes than float32, sums that become integers, or images that lie row-major.
 * Stage: fused; stage unchanged. Preserves rounding: errors are about twice those of the sums as they stand, and an infinity
 * or NaN in the input makes all results of its tile NaN. A policy of targets, so not in the default pipeline.
 */
import { GraphBuilder } from '../ir/build.js'
import { dtypeOf, isGraph, shapeOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { channelsLast, normalOrder, sameLayout } from '../ir/layout.js'
import { winogradTiles } from '../ir/ops/winograd.js'
import type { WinogradTile } from '../ir/ops/winograd-transform.js'
import { mapNested } from '../ir/rewrite.js'
import { tensorType } from '../ir/types.js'
import { mul, type Dim } from '../ir/dims.js'
import { isFloat } from './constants.js'
import type { Pass } from './pass.js'
import { reserveNames } from './rewriter.js'
import { bestTile, type ConvolutionShape } from './winograd-cost.js'

export const chooseWinograd: Pass = {
  name: 'choose-winograd',
  doc: 'Computes 3×3 convolutions with a quarter of the multiplications where that is faster.',
  needs: 'fused',
  preserves: 'rounding',
  run(graph) {
    const names = new GraphBuilder({ name: graph.name, stage: graph.stage })
    reserveNames(names, graph)
    return rewriteGraph(graph, names)
  },
}

/** Nodes that transform weights, by these, so that convolutions with the same weights share them. */
type Weights = Map<Value, Map<WinogradTile, Node>>

function rewriteGraph(graph: Graph, names: GraphBuilder): Graph {
  const weights: Weights = new Map()
  let changed = false
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    const found = findConvolution(node)
    const tile = found && bestTile(found)
    if (found !== undefined && tile !== undefined) { changed = true; return rewritten(node, found, tile, names, weights) }
    const inner = node.op === 'fused' ? node : mapNested(node, (g) => rewriteGraph(g, names))
    if (inner !== node) changed = true
    return [inner]
  })
  return changed ? { ...graph, nodes } : graph
}

/** A convolution that can be computed so; `anchor` is its node: the node itself, or one in its body. */
interface Convolution extends ConvolutionShape {
  readonly anchor: Node
  readonly x: Value
  readonly w: Value
}

function findConvolution(node: Node): Convolution | undefined {
  const body = node.attrs['body']
  const fused = node.op === 'fused' && body !== undefined && isGraph(body) ? body : undefined
  const anchor = fused === undefined ? node : fused.nodes.find((n) => n.op === 'conv')
  if (anchor?.op !== 'conv') return undefined
  const outside = (v: Value | null | undefined): Value | undefined => (fused === undefined || v == null ? (v ?? undefined) : node.inputs[fused.inputs.indexOf(v)] ?? undefined)
  const x = outside(anchor.inputs[0]), w = outside(anchor.inputs[1]), [y] = anchor.outputs, [result] = node.outputs
  if (x === undefined || w?.data === undefined || y === undefined || result === undefined || !isSimple(anchor, w)) return undefined
  const reads = fused === undefined ? 1 : fused.nodes.reduce((n, m) => n + m.inputs.filter((v) => v === anchor.inputs[0] || v === anchor.inputs[1]).length, 0) - 1
  if (fused?.nodes.some((n) => becomesInteger(n, y)) === true) return undefined
  if (reads !== 1 || !isChannelsLast(x) || !isChannelsLast(result)) return undefined
  return { anchor, x, w, input: shapeOf(x), output: shapeOf(y) }
}

/** An integer made of a sum shows the least error in it as a whole unit. */
const becomesInteger = ({ op, inputs, outputs: [result] }: Node, y: Value): boolean => op === 'cast' && inputs[0] === y && result !== undefined && !isFloat(dtypeOf(result))

/** 3×3, strides, dilations and groups of 1, no pads, 32-bit floats. */
function isSimple({ attrs }: Node, w: Value): boolean {
  const ones = [attrs['strides'], attrs['dilations']].every((list) => (list as readonly number[]).every((s) => s === 1))
  const [, , ...kernel] = shapeOf(w)
  return ones && attrs['group'] === 1 && (attrs['pads'] as readonly Dim[]).every((p) => p === 0) && kernel.length === 2 && kernel.every((k) => k === 3) && dtypeOf(w) === 'float32'
}

const isChannelsLast = (value: Value): boolean => shapeOf(value).length === 4 && sameLayout(shapeOf(value), value.order, channelsLast(4))

function rewritten(node: Node, { anchor, x, w, input, output }: Convolution, tile: WinogradTile, names: GraphBuilder, weights: Weights): readonly Node[] {
  const [n, , h, width] = output as [Dim, Dim, Dim, Dim], channels = input[1] as number, filters = output[1] as number
  const tiles = winogradTiles(n, h, width, tile).count, points = (tile + 2) ** 2
  const plane = (wish: string, columns: number): Value => ({ name: names.uniqueName(wish), type: tensorType('float32', [points, mul(tiles, columns)]) })
  const v = plane(`${x.name}_tiles`, channels), p = plane(`${anchor.outputs[0]?.name ?? 'y'}_products`, filters)
  const known = weights.get(w)?.get(tile), transform = known ?? transforming(w, tile, node.origin, names), [u] = transform.outputs
  weights.set(w, new Map(weights.get(w)).set(tile, transform))
  const steps: readonly Node[] = [
    ...(known === undefined ? [transform] : []),
    { op: 'winograd_input', inputs: [x], attrs: { tile }, outputs: [v], origin: node.origin },
    { op: 'winograd_product', inputs: [v, u as Value], attrs: { tiles }, outputs: [p], origin: node.origin },
  ]
  const last = { op: 'winograd_output', attrs: { tile, shape: output } } as const
  const body = node.attrs['body']
  if (node === anchor || body === undefined || !isGraph(body)) return [...steps, { ...node, ...last, inputs: [p, anchor.inputs[2] ?? null] }]
  const port: Value = { name: names.uniqueName(`${p.name}_in`), type: p.type }
  const gone = [anchor.inputs[0], anchor.inputs[1]]
  const kept = body.inputs.map((value, i) => ({ value, outside: node.inputs[i] ?? null })).filter(({ value }) => !gone.includes(value))
  const nodes = body.nodes.map((m): Node => (m === anchor ? { ...m, ...last, inputs: [port, m.inputs[2] ?? null] } : m))
  return [...steps, { ...node, inputs: [p, ...kept.map((k) => k.outside)], attrs: { ...node.attrs, body: { ...body, inputs: [port, ...kept.map((k) => k.value)], nodes } } }]
}

/** Filters lie side by side in what is read, as they do in what is written. */
const FILTERS_LAST = [2, 3, 1, 0]

function transforming(w: Value, tile: WinogradTile, origin: string, names: GraphBuilder): Node {
  const [filters, channels] = shapeOf(w) as [Dim, Dim], order = normalOrder(shapeOf(w), FILTERS_LAST)
  const { order: _, ...plain } = w, from: Value = { ...plain, name: names.uniqueName(`${w.name}_filters_last`), ...(order !== undefined && { order }) }
  return { op: 'winograd_weights', inputs: [from], attrs: { tile }, outputs: [{ name: names.uniqueName(`${w.name}_winograd`), type: tensorType('float32', [(tile + 2) ** 2, channels, filters]) }], origin }
}

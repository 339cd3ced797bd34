/**
 * Goal: products of small integers at the speed of floats. Where no sum of them can leave ±2^24, float32 holds every one exactly, in
 * whatever order they are added.
 *
 *   %p: int32 = matmul(%q, w)   ⇒   %f: float32 = matmul(cast(%q), cast(w))   %p = cast(%f)
 *
 * Sums that can grow larger are cut into up to 16 that cannot, which are added as int32. What sums can reach follows from where the operands come
 * from (a cast of 8 bits less a zero point) and, for weights that are constant, from the weights themselves.
 * Does not: touch sums whose length is not known or that need more cuts, other integers than int32, or operands that may be large.
 * Stage: inference or later, not fused; stage unchanged. Preserves bits. Idempotent.
 */
import { dtypeOf, shapeOf, tensorOf, type Attrs, type Node, type Value } from '../ir/graph.js'
import { toNumbers } from '../ir/host-tensor.js'
import type { Interval } from '../ir/kernel/interval.js'
import { summedByMatmul } from '../ir/ops/summed-axes.js'
import { integerInterval } from './integer-interval.js'
import type { Pass } from './pass.js'
import { rewriteNodes, type Rewriting, type Rule } from './rewriter.js'

/** Integers up to this are exact in float32. */
const EXACT = 2 ** 24
const MOST_PIECES = 16
/** Cuts lie on multiples of this, so that none makes short vectors. */
const GRAIN = 8

export const chooseFloatProducts: Pass = {
  name: 'choose-float-products',
  doc: 'Computes products of small integers in float32 where that is exact.',
  needs: 'inference',
  preserves: 'bits',
  run: (graph) => rewriteNodes(graph, toFloats),
}

/** The axis that a product sums over: of its left operand, of its right one, and how many products each step of it adds. */
interface Summed { readonly left: number; readonly right: number; readonly extent: number; readonly taps: number }

const toFloats: Rule = (node, rewriting) => {
  const [x, w, bias] = node.inputs
  if ((node.op !== 'matmul' && node.op !== 'conv') || x == null || w == null || dtypeOf(x) !== 'int32') return undefined
  const summed = node.op === 'matmul' ? matmulSum(node, x, w) : convSum(node, w)
  if (summed === undefined) return undefined
  const producer = (v: Value): Node | undefined => rewriting.producer(v)
  const xs = integerInterval(x, producer), ws = integerInterval(w, producer)
  if (xs === undefined || ws === undefined) return undefined
  const pieces = cut(node, summed, xs, ws, w)
  return pieces === undefined ? undefined : rewritten(node, x, w, bias ?? undefined, summed, pieces, rewriting)
}

function matmulSum({ attrs }: Node, x: Value, w: Value): Summed | undefined {
  const [left, right] = summedByMatmul([shapeOf(x).length, shapeOf(w).length], attrs)
  const extent = [shapeOf(x)[left], shapeOf(w)[right]].find((d) => typeof d === 'number')
  return typeof extent === 'number' ? { left, right, extent, taps: 1 } : undefined
}

function convSum({ attrs }: Node, w: Value): Summed | undefined {
  const [, channels, ...kernel] = shapeOf(w)
  if (typeof channels !== 'number' || !kernel.every((k) => typeof k === 'number')) return undefined
  const taps = kernel.reduce((p, k) => p * k, 1)
  // Channels of one group are not next to those of the next that are in the same place: grouped sums stay whole.
  return attrs['group'] === 1 ? { left: 1, right: 1, extent: channels, taps } : { left: 1, right: 1, extent: 1, taps: taps * channels }
}

/** Where to cut the sum so that every piece is exact: the first step of each, and the end. */
function cut(node: Node, { right, extent, taps }: Summed, xs: Interval, ws: Interval, w: Value): readonly number[] | undefined {
  const reach = w.data === undefined ? undefined : reachOf(node, w, right, extent, xs)
  const most = Math.max(xs.hi, -xs.lo) * Math.max(ws.hi, -ws.lo) * taps
  for (let pieces = 1; pieces <= Math.min(MOST_PIECES, Math.max(1, extent)); pieces++) {
    const step = pieces === 1 ? extent : GRAIN * Math.ceil(extent / pieces / GRAIN)
    const ends = [...Array.from({ length: Math.ceil(extent / Math.max(1, step)) }, (_, i) => i * step), extent]
    const exact = ends.slice(1).every((end, i) => (reach === undefined ? (end - (ends[i] as number)) * most : reach(ends[i] as number, end)) <= EXACT)
    if (exact) return ends
  }
  return undefined
}

/** The farthest from 0 that any sum over the steps from `begin` to `end` can get, with constant weights. */
function reachOf(node: Node, w: Value, axis: number, extent: number, xs: Interval): (begin: number, end: number) => number {
  const shape = tensorOf(w).shape as readonly number[], numbers = toNumbers(w.data as NonNullable<Value['data']>)
  const grouped = node.op === 'conv' && node.attrs['group'] !== 1
  // [lines, extent, rest]: for a convolution a sum goes over the rest as well, for a matrix product every place of the rest is a sum of its own.
  const rest = grouped ? 1 : shape.slice(axis + 1).reduce((p, d) => p * d, 1), steps = grouped ? shape.slice(1).reduce((p, d) => p * d, 1) : extent
  const together = node.op === 'conv' && !grouped, lines = numbers.length / Math.max(1, steps * rest)
  const above = Math.max(xs.hi, 0), below = Math.max(-xs.lo, 0)
  return (begin, end) => {
    const first = grouped ? 0 : begin, last = grouped ? steps : end
    let most = 0
    for (let line = 0; line < lines; line++) {
      let up = 0, down = 0
      for (let r = 0; r < rest; r++) {
        if (!together) { up = 0; down = 0 }
        for (let k = first; k < last; k++) {
          const n = numbers[(line * steps + k) * rest + r] as number
          if (n > 0) up += n; else down -= n
        }
        most = Math.max(most, up * above + down * below, up * below + down * above)
      }
    }
    return most
  }
}

function rewritten(node: Node, x: Value, w: Value, bias: Value | undefined, { left, right }: Summed, ends: readonly number[], rewriting: Rewriting): readonly Value[] {
  const { origin, attrs } = node
  const add = (op: string, inputs: readonly Value[], more: Attrs): Value => rewriting.add(op, inputs, more, origin)
  const floats = [x, w].map((v) => add('cast', [v], { to: 'float32' })) as [Value, Value]
  const part = (v: Value, axis: number, begin: number, end: number): Value => (ends.length === 2 ? v : add('slice', [v], { axes: [axis], starts: [begin], steps: [1], sizes: [end - begin] }))
  let sum: Value | undefined = bias === undefined ? undefined : add('reshape', [bias], { shape: shapeOf(x).map((_, i) => (i === 1 ? shapeOf(bias)[0] as number : 1)) })
  ends.slice(1).forEach((end, i) => {
    const begin = ends[i] as number
    const product = add(node.op, [part(floats[0], left, begin, end), part(floats[1], right, begin, end)], attrs)
    const whole = add('cast', [product], { to: 'int32' })
    sum = sum === undefined ? whole : add('add', [whole, sum], {})
  })
  return [sum as Value]
}

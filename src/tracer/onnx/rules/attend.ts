/** Scaled dot-product attention as the products, masks and softmax that it stands for: what the rules of all attention ops share. */
import type { Dim } from '../../../base/dim.js'
import { floorDiv, mul, sub } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import type { NodeCall } from '../call.js'
import { castTo, expandTo, reshapeTo, sliceAxis, transposeBy } from './compose.js'

/** The extent of one axis. */
export const extentOf = (v: Value, axis: number): Dim => shapeOf(v)[axis] as Dim

/** [batch, rows, heads·size] as [batch, heads, rows, size]. */
export function splitHeads(call: NodeCall, x: Value, heads: number): Value {
  const width = extentOf(x, 2)
  if (typeof width === 'number' && width % heads !== 0) call.fail('shape-mismatch', `${width} features cannot be split into ${heads} heads`)
  const parts = reshapeTo(call, x, [extentOf(x, 0), extentOf(x, 1), heads, floorDiv(width, heads)])
  return transposeBy(call, parts, [0, 2, 1, 3])
}

/** [batch, heads, rows, size] as [batch, rows, heads·size]: output 0 of the ONNX node. */
export function emitMergedHeads(call: NodeCall, y: Value): Value {
  const [b, h, s, d] = shapeOf(y) as readonly [Dim, Dim, Dim, Dim]
  return call.emit('reshape', [transposeBy(call, y, [0, 2, 1, 3])], { shape: [b, s, mul(h, d)] })
}

/** Each key or value head as often as query heads share it. */
export function repeatHeads(call: NodeCall, x: Value, heads: Dim): Value {
  const [b, own, s, d] = shapeOf(x) as readonly [Dim, Dim, Dim, Dim]
  if (own === heads) return x
  const times = floorDiv(heads, own)
  return reshapeTo(call, expandTo(call, reshapeTo(call, x, [b, own, 1, s, d]), [b, own, times, s, d]), [b, heads, s, d])
}

/** `x` with −∞ where `allowed` does not hold. */
export function hiddenUnless(call: NodeCall, x: Value, allowed: Value): Value {
  return call.add('where', [allowed, x, call.scalar(dtypeOf(x), -Infinity)])
}

/** `mask` with keys beyond its own, up to `keys`, hidden: false, or −∞. */
export function widened(call: NodeCall, mask: Value, keys: Dim): Value {
  const rank = shapeOf(mask).length, short = sub(keys, extentOf(mask, rank - 1))
  if (short === 0) return mask
  const before = Array.from({ length: rank }, () => 0), after = before.map((_, i): Dim => (i === rank - 1 ? short : 0))
  return call.add('pad', [mask, call.scalar(dtypeOf(mask), dtypeOf(mask) === 'bool' ? 0 : -Infinity)], { mode: 'constant', before, after })
}

/** The attribute `scale`, where 0 or none stands for one over the root of the head size. */
export function scaleOf(call: NodeCall, headSize: Dim): number {
  const scale = call.attrs.float('scale', 0)
  if (scale !== 0) return scale
  return 1 / Math.sqrt(typeof headSize === 'number' ? headSize : call.fail('shape-not-static', 'the head size must be known while compiling'))
}

/** Queries, keys and values are [batch, heads, rows, size]; keys and values may have fewer heads, which are shared. */
export interface Attending {
  readonly q: Value
  readonly k: Value
  readonly v: Value
  readonly scale: number
  /** Scores are squeezed smoothly between -softcap and softcap, where that is not 0. */
  readonly softcap?: number
  /** Added to the scores; broadcasts. */
  readonly bias?: Value | null
  /** bool: which keys each query sees; broadcasts. */
  readonly allowed?: Value | null
  /** Scores of one more key that has no value, [heads or 1]. */
  readonly sink?: Value | null
}

/** The attention's result, [batch, heads, rows, size of a value]. */
export function attend(call: NodeCall, { q, k, v, scale, softcap = 0, bias = null, allowed = null, sink = null }: Attending): Value {
  const dtype = dtypeOf(q), heads = extentOf(q, 1)
  const scaledQuery = scale === 1 ? q : call.add('mul', [q, call.scalar(dtype, scale)])
  const raw = call.add('matmul', [scaledQuery, repeatHeads(call, k, heads)], { trans_a: false, trans_b: true })
  const cap = call.scalar(dtype, softcap)
  const capped = softcap === 0 ? raw : call.add('mul', [call.add('tanh', [call.add('div', [raw, cap])]), cap])
  const imposed = bias === null || allowed === null ? bias : hiddenUnless(call, bias, allowed)
  const scores = imposed !== null ? call.add('add', [capped, castTo(call, imposed, dtype)]) : allowed === null ? capped : hiddenUnless(call, capped, allowed)
  const weights = sink === null ? call.add('softmax', [scores], { axis: 3 }) : softmaxBeside(call, scores, sink)
  return call.add('matmul', [weights, repeatHeads(call, v, heads)], { trans_a: false, trans_b: false })
}

/** Softmax over the keys and one more, whose weight is dropped. */
function softmaxBeside(call: NodeCall, scores: Value, sink: Value): Value {
  const [b, h, s, keys] = shapeOf(scores) as readonly [Dim, Dim, Dim, Dim]
  const column = expandTo(call, reshapeTo(call, castTo(call, sink, dtypeOf(scores)), [1, extentOf(sink, 0), 1, 1]), [b, h, s, 1])
  return sliceAxis(call, call.add('softmax', [call.add('concat', [scores, column], { axis: 3 })], { axis: 3 }), 3, 0, keys)
}

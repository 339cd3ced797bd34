/** Rules for com.microsoft's Attention and MultiHeadAttention. */
import type { Dim } from '../../../../base/dim.js'
import { dimsEqual, mul } from '../../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { attend, emitMergedHeads, extentOf, scaleOf, splitHeads, widened } from '../attend.js'
import { castTo, iotaAlong, reshapeTo, sliceAxis } from '../compose.js'

const headsOf = (call: NodeCall): number => call.attrs.int('num_heads', undefined) ?? call.fail('bad-attribute', 'num_heads is missing')

/** Which keys a mask of any of the accepted forms lets queries see: bool [batch, 1, rows or 1, keys]. */
function visible(call: NodeCall, mask: Value, batch: Dim, keys: Dim): Value {
  const shape = shapeOf(mask), column = iotaAlong(call, keys, 3, 4)
  const bound = (start: Dim): Value => reshapeTo(call, castTo(call, sliceAxis(call, mask, 0, start, batch), 'int64'), [batch, 1, 1, 1])
  if (shape.length === 1) {
    const [entries] = shape as readonly [Dim], before = call.add('lt', [column, bound(0)])
    if (dimsEqual(entries, batch)) return before
    if (call.opType !== 'MultiHeadAttention' && dimsEqual(entries, mul(2, batch))) return call.add('logical_and', [before, call.add('le', [bound(batch), column])])
    return call.fail('unsupported-op', `a mask of ${String(entries)} entries is not supported`, 'masks of the lengths of sequences, or with an element per key, are')
  }
  if (shape.length > 3) call.fail('unsupported-op', `a mask of rank ${shape.length} is not supported`, 'masks of [batch, keys] and [batch, rows, keys] are')
  call.assume(shape.at(-1) as Dim, keys, 'the mask has an element for each key')
  const rank4 = reshapeTo(call, mask, [shape[0] as Dim, 1, shape.length === 3 ? shape[1] as Dim : 1, keys])
  return call.add('gt', [rank4, call.scalar(dtypeOf(mask), 0)])
}

/** Queries and keys are [batch, heads, rows, size]; `past` of the keys are older than the first query. */
interface Masking { readonly mask: Value | null; readonly bias: Value | null; readonly q: Value; readonly key: Value; readonly past: Dim }

/** What is added to the scores, and which keys each query sees at all. Keys that a mask hides get a low score, not none: where all are hidden, all count. */
function masksOf(call: NodeCall, { mask, bias, q, key, past }: Masking): { readonly bias: Value | null; readonly allowed: Value | null } {
  const [batch, , rows] = shapeOf(q) as readonly [Dim, Dim, Dim, Dim], keys = extentOf(key, 2)
  const filter = call.attrs.float('mask_filter_value', -10000), causal = call.attrs.bool('unidirectional', false)
  const row = (): Value => reshapeTo(call, call.add('range', [], { start: past, step: 1, length: rows, dtype: 'int64' }), [1, 1, rows, 1])
  const allowed = causal ? call.add('le', [iotaAlong(call, keys, 3, 4), row()]) : null
  const dtype = dtypeOf(q), whole = bias === null ? null : widened(call, bias, keys)
  if (mask === null) return { bias: whole, allowed }
  const padding = call.add('where', [visible(call, mask, batch, keys), call.scalar(dtype, 0), call.scalar(dtype, filter)])
  return { bias: whole === null ? padding : call.add('add', [whole, padding]), allowed }
}

const multiHeadAttention: Rule = (call) => {
  call.arity(1, 10)
  const heads = headsOf(call)
  if (call.optional(8) !== null || call.optional(9) !== null) call.fail('unsupported-op', 'MultiHeadAttention with a shared cache (past_sequence_length, cache_indirection) is not supported', 'export the model with past and present of their own')
  if (call.wants(3)) call.fail('unsupported-op', 'output 3 of MultiHeadAttention, the scores, is not supported')
  const { q, k, v } = operands(call, heads)
  const pastKey = call.optional(6), pastValue = call.optional(7)
  const key = pastKey === null ? k : call.emit('concat', [pastKey, k], { axis: 2 }, 1), value = pastValue === null ? v : call.emit('concat', [pastValue, v], { axis: 2 }, 2)
  const past = pastKey === null ? 0 : extentOf(pastKey, 2)
  const masks = masksOf(call, { mask: call.optional(4), bias: call.optional(5), past, q, key })
  return [emitMergedHeads(call, attend(call, { q, k: key, v: value, scale: scaleOf(call, extentOf(q, 3)), ...masks })), key, value]
}

/** Queries, keys and values as [batch, heads, rows, size], from separate inputs, packed ones, or keys and values that have this form. */
function operands(call: NodeCall, heads: number): { readonly q: Value; readonly k: Value; readonly v: Value } {
  const query = call.input(0), key = call.optional(1), value = call.optional(2), bias = call.optional(3)
  const rank = shapeOf(query).length
  if (key === null || rank === 5) {
    if (rank !== 5 || key !== null || value !== null) call.fail('shape-mismatch', `a query of rank ${rank} ${key === null ? 'without' : 'with'} a key`, 'packed queries, keys and values are [batch, rows, heads, 3, size]')
    const [q, k, v] = [0, 1, 2].map((i) => packedPart(call, query, i, heads, bias, 3)) as [Value, Value, Value]
    return { q, k, v }
  }
  const hidden = extentOf(query, 2), q = splitHeads(call, biased(call, query, bias, 0, hidden), heads)
  if (shapeOf(key).length === 5) {
    const [k, v] = [0, 1].map((i) => packedPart(call, key, i, heads, null, 2)) as [Value, Value]
    return { q, k, v }
  }
  if (value === null) return call.fail('onnx-invalid', 'input 2 of MultiHeadAttention, the value, is missing')
  if (shapeOf(key).length === 4) return { q, k: key, v: value }
  const side = (x: Value, start: Dim): Value => splitHeads(call, biased(call, x, bias, start, extentOf(x, 2)), heads)
  return { q, k: side(key, hidden), v: side(value, mul(2, hidden)) }
}

/** `x` plus a part of the bias, which has that of queries, keys and values one after the other. */
function biased(call: NodeCall, x: Value, bias: Value | null, start: Dim, size: Dim): Value {
  return bias === null ? x : call.add('add', [x, sliceAxis(call, bias, 0, start, size)])
}

/** Part `i` of `parts` in [batch, rows, heads, parts, size], as [batch, heads, rows, size]. */
function packedPart(call: NodeCall, packed: Value, i: number, heads: number, bias: Value | null, parts: number): Value {
  const [b, s, h, , d] = shapeOf(packed) as readonly [Dim, Dim, Dim, Dim, Dim]
  if (h !== heads || extentOf(packed, 3) !== parts) call.fail('shape-mismatch', `packed rows must be [batch, rows, ${heads} heads, ${parts}, size]`)
  const hidden = mul(h, d), x = reshapeTo(call, sliceAxis(call, packed, 3, i, 1), [b, s, hidden])
  return splitHeads(call, biased(call, x, bias, mul(i, hidden), hidden), heads)
}

const attention: Rule = (call) => {
  call.arity(2, 7)
  if (call.optional(6) !== null) refuseSharing(call)
  const bias = call.optional(2), product = call.add('matmul', [call.input(0), call.input(1)], { trans_a: false, trans_b: false })
  return attendPacked(call, bias === null ? product : call.add('add', [product, bias]), { mask: call.optional(3), past: call.optional(4), bias: call.optional(5) })
}

const refuseSharing = (call: NodeCall): never => call.fail('unsupported-op', `${call.opType} with a shared cache (past_present_share_buffer) is not supported`, 'export the model with past and present of their own')

/** Attention of queries, keys and values that lie side by side, [batch, rows, features of all three]; outputs 0 and 1. */
export function attendPacked(call: NodeCall, packed: Value, given: { readonly mask: Value | null; readonly past: Value | null; readonly bias: Value | null }): readonly Value[] {
  call.attrs.ignore('rotary_embedding_dim')
  const heads = headsOf(call), { past } = given, width = extentOf(packed, 2)
  if (call.attrs.bool('do_rotary', false)) call.fail('unsupported-op', `${call.opType} with do_rotary is not supported`, 'export the model with RotaryEmbedding nodes')
  if (call.attrs.bool('past_present_share_buffer', false)) refuseSharing(call)
  if (typeof width !== 'number') return call.fail('shape-not-static', 'the weights must have extents that are known while compiling')
  const sizes = call.attrs.ints('qkv_hidden_sizes', []), parts = sizes.length === 0 ? [width / 3, width / 3, width / 3] : sizes
  if (parts.length !== 3 || parts.reduce((a, b) => a + b, 0) !== width) call.fail('bad-attribute', `qkv_hidden_sizes [${parts.join(', ')}] do not add up to the ${width} columns of the weights`)
  const [q, k, v] = parts.map((size, i) => splitHeads(call, sliceAxis(call, packed, 2, parts.slice(0, i).reduce((a, b) => a + b, 0), size), heads)) as [Value, Value, Value]
  const extended = (now: Value, i: number): Value => (past === null ? now : call.add('concat', [reshapeTo(call, sliceAxis(call, past, 0, i, 1), shapeOf(past).slice(1)), now], { axis: 2 }))
  const key = extended(k, 0), value = extended(v, 1)
  const masks = masksOf(call, { mask: given.mask, bias: given.bias, past: past === null ? 0 : extentOf(past, 3), q, key })
  const y = emitMergedHeads(call, attend(call, { q, k: key, v: value, scale: scaleOf(call, extentOf(q, 3)), ...masks }))
  if (!call.wants(1)) return [y]
  return [y, call.emit('concat', [key, value].map((p) => reshapeTo(call, p, [1, ...shapeOf(p)])), { axis: 0 }, 1)]
}

/** Attention over heads that is projected by the op, or before it. */
export const MULTI_HEAD_ATTENTION: RuleTable = { Attention: always(attention), MultiHeadAttention: always(multiHeadAttention) }

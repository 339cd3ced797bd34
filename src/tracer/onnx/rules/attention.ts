/** Rule for Attention-23 and 24, as the products, masks and softmax that it stands for. */
import { mul } from '../../../ir/dims.js'
import { dtypeOf, type Value } from '../../../ir/graph.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { extentOf, hiddenUnless, repeatHeads, splitHeads, widened } from './attend.js'
import { castTo, iotaAlong, reshapeTo } from './compose.js'

/** The scores with the given mask added (or, where it is boolean, imposed); a short mask hides the keys beyond it. */
function withMask(call: NodeCall, scores: Value, mask: Value): Value {
  const whole = widened(call, mask, extentOf(scores, 3))
  return dtypeOf(mask) === 'bool' ? hiddenUnless(call, scores, whole) : call.add('add', [scores, castTo(call, whole, dtypeOf(scores))])
}

const attention: Rule = (call) => {
  call.arity(3, 7)
  call.attrs.ignore('softmax_precision')
  const flat = call.shape(0).length === 3
  const qHeads = call.attrs.int('q_num_heads', 0), kvHeads = call.attrs.int('kv_num_heads', 0)
  const causal = call.attrs.bool('is_causal', false), softcap = call.attrs.float('softcap', 0), mode = call.attrs.int('qk_matmul_output_mode', 0)
  const heads = (i: number, count: number): Value => (flat ? splitHeads(call, call.input(i), count > 0 ? count : call.fail('bad-attribute', 'q_num_heads and kv_num_heads are needed for inputs of rank 3')) : call.input(i))
  const q = heads(0, qHeads), pastKey = call.optional(4), pastValue = call.optional(5), lengths = call.optional(6)
  const extended = (past: Value | null, now: Value, output: number): Value => (past === null ? now : call.emit('concat', [past, now], { axis: 2 }, output))
  const key = extended(pastKey, heads(1, kvHeads), 1), value = extended(pastValue, heads(2, kvHeads), 2)
  const size = extentOf(q, 3)
  const scale = call.attrs.has('scale') ? call.attrs.float('scale', 1) : 1 / Math.sqrt(typeof size === 'number' ? size : call.fail('shape-not-static', 'the head size must be known while compiling'))
  const half = call.scalar(dtypeOf(q), Math.sqrt(scale))
  const raw = call.add('matmul', [call.add('mul', [q, half]), call.add('mul', [repeatHeads(call, key, extentOf(q, 1)), half])], { trans_a: false, trans_b: true })
  const mask = call.optional(3)
  const cap = call.scalar(dtypeOf(q), softcap)
  const capped = softcap === 0 ? raw : call.add('mul', [call.add('tanh', [call.add('div', [raw, cap])]), cap])
  const hidden = hide(call, mask === null ? capped : withMask(call, capped, mask), causal, pastKey, lengths)
  const weights = mask === null && lengths === null ? call.add('softmax', [hidden], { axis: 3 }) : softmaxOrZero(call, hidden)
  const y = call.add('matmul', [weights, repeatHeads(call, value, extentOf(q, 1))], { trans_a: false, trans_b: false })
  const result = flat ? call.emit('reshape', [call.add('transpose', [y], { perm: [0, 2, 1, 3] })], { shape: [extentOf(q, 0), extentOf(q, 2), mul(extentOf(q, 1), extentOf(y, 3))] }) : y
  return [result, key, value, [raw, capped, hidden, weights][mode] ?? call.fail('bad-attribute', `qk_matmul_output_mode is ${mode}, not 0 to 3`)]
}

/** Softmax over keys; a row in which every key is hidden gives zeros. */
function softmaxOrZero(call: NodeCall, scores: Value): Value {
  const dtype = dtypeOf(scores)
  const none = call.add('eq', [call.add('reduce_max', [scores], { axes: [3], keepdims: true }), call.scalar(dtype, -Infinity)])
  return call.add('where', [none, call.scalar(dtype, 0), call.add('softmax', [scores], { axis: 3 })])
}

/** Hides later keys where attention is causal, and keys beyond each sequence's length. */
function hide(call: NodeCall, scores: Value, causal: boolean, past: Value | null, lengths: Value | null): Value {
  const rows = extentOf(scores, 2), columns = extentOf(scores, 3), column = iotaAlong(call, columns, 3, 4)
  let out = scores
  const valid = lengths === null ? undefined : reshapeTo(call, castTo(call, lengths, 'int64'), [extentOf(lengths, 0), 1, 1, 1])
  if (causal) {
    const start = past === null ? 0 : extentOf(past, 2)
    let row = call.add('reshape', [call.add('range', [], { start, step: 1, length: rows, dtype: 'int64' })], { shape: [1, 1, rows, 1] })
    if (valid !== undefined) row = call.add('add', [row, call.add('sub', [valid, call.add('dims_tensor', [], { dims: [rows], shape: [], dtype: 'int64' })])])
    out = hiddenUnless(call, out, call.add('le', [column, row]))
  }
  return valid === undefined ? out : hiddenUnless(call, out, call.add('lt', [column, valid]))
}

/** Attention of the default domain. */
export const ATTENTION: RuleTable = { Attention: since(23, attention) }

/**
 * Rule for com.microsoft's GroupQueryAttention. Past keys lie at the start of their tensor, new ones come right behind those that count:
 * `seqlens_k` says for each sequence how many keys there are then, less one. The present is as long as the longest sequence or the past,
 * whichever is more, and holds zeros behind a sequence's end.
 */
import type { Dim } from '../../../../base/dim.js'
import { dimsOf } from '../../../../ir/build.js'
import { add, floorDiv, mul, sub } from '../../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../../ir/graph.js'
import { fromNumbers } from '../../../../ir/host-tensor.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { attend, emitMergedHeads, extentOf, scaleOf, widened } from '../attend.js'
import { greater } from '../bounds.js'
import { castTo, iotaAlong, reshapeTo, sliceAxis, transposeBy } from '../compose.js'
import { anglesAt, rotated } from '../rotate.js'

/** How many keys sequences have before the new ones, and where those are. */
interface Place {
  /** New rows. */
  readonly rows: Dim
  /** Keys of the longest sequence. */
  readonly total: Dim
  /** Keys before the new ones, where all sequences have as many. */
  readonly start: Dim | undefined
  /** The same for each sequence, int64 [batch, 1, 1, 1]; null where `start` is known. */
  readonly starts: Value | null
}

const REFUSED: readonly (readonly [input: number, what: string])[] = [[12, 'a quantised cache'], [13, 'a quantised cache'], [14, 'normalised queries and keys'], [15, 'normalised queries and keys']]

function refuse(call: NodeCall): void {
  const no = (what: string): never => call.fail('unsupported-op', `GroupQueryAttention with ${what} is not supported`)
  for (const [input, what] of REFUSED) if (call.optional(input) !== null) no(what)
  if (['k_quant_type', 'v_quant_type'].some((name) => call.attrs.string(name, 'NONE') !== 'NONE') || call.attrs.int('kv_cache_bit_width', 0) !== 0) no('a quantised cache')
  if (call.attrs.bool('sliding_window_cache', false)) no('a cache that slides (sliding_window_cache)')
  if (call.attrs.int('qk_output', 0) !== 0 || call.wants(3)) no('the scores as an output (qk_output)')
  call.attrs.ignore('mask_filter_value', 'qk_norm_epsilon')
}

function placeOf(call: NodeCall, rows: Dim, past: Value | null): Place {
  if (past === null) return { rows, total: rows, start: 0, starts: null }
  const total = dimsOf(call.input(6))?.[0] ?? add(extentOf(past, 2), rows)
  call.assume(rows, total, 'the new rows are part of each sequence', 'le')
  if (call.shape(0)[0] === 1) return { rows, total, start: sub(total, rows), starts: null }
  const last = reshapeTo(call, castTo(call, call.input(5), 'int64'), [call.shape(0)[0] as Dim, 1, 1, 1])
  const before = call.add('sub', [last, call.add('dims_tensor', [], { dims: [sub(rows, 1)], shape: [], dtype: 'int64' })])
  return { rows, total, start: undefined, starts: call.add('maximum', [before, call.scalar('int64', 0)]) }
}

/** Positions of the new rows: int64 [1 or batch, rows]. */
function positionsOf(call: NodeCall, { rows, start, starts }: Place): Value {
  if (starts === null) return reshapeTo(call, call.add('range', [], { start: start ?? 0, step: 1, length: rows, dtype: 'int64' }), [1, rows])
  return call.add('add', [reshapeTo(call, starts, [extentOf(starts, 0), 1]), iotaAlong(call, rows, 1, 2)])
}

/** Past and new keys (or values) as [batch, heads, present, size]: output `output`. */
function extended(call: NodeCall, past: Value | null, now: Value, place: Place, output: number): Value {
  if (past === null) return now
  const { total, start, starts, rows } = place, before = extentOf(past, 2), length = greater(call, total, before), dtype = dtypeOf(now)
  if (start !== undefined) {
    call.assume(start, before, 'the keys before the new ones are in the past', 'le')
    const [b, h, , d] = shapeOf(now) as readonly [Dim, Dim, Dim, Dim], behind = sub(length, total)
    const zeros = behind === 0 ? [] : [call.add('fill', [], { shape: [b, h, behind, d], value: fromNumbers(dtype, [1], [0]) })]
    return call.emit('concat', [sliceAxis(call, past, 2, 0, start), now, ...zeros], { axis: 2 }, output)
  }
  return call.emit('where', [call.add('lt', [iotaAlong(call, length, 2, 4), endsOf(call, starts as Value, rows)]), behindEach(call, past, now, place, length), call.scalar(dtype, 0)], {}, output)
}

/** Where the sequences' keys end. */
const endsOf = (call: NodeCall, starts: Value, rows: Dim): Value => call.add('add', [starts, call.add('dims_tensor', [], { dims: [rows], shape: [], dtype: 'int64' })])

/** New keys right behind those of each sequence: rows gathered from past and new ones. What lies behind a sequence's end is any of them. */
function behindEach(call: NodeCall, past: Value, now: Value, { rows, starts }: Place, length: Dim): Value {
  const [b, h, before, d] = shapeOf(past) as readonly [Dim, Dim, Dim, Dim], both = add(before, rows), from = starts as Value
  const extent = (dim: Dim): Value => call.add('dims_tensor', [], { dims: [dim], shape: [], dtype: 'int64' })
  const place = iotaAlong(call, length, 2, 3), start = reshapeTo(call, from, [b, 1, 1])
  const fresh = call.add('minimum', [call.add('add', [call.add('sub', [place, start]), extent(before)]), extent(sub(both, 1))])
  const own = call.add('where', [call.add('lt', [place, start]), place, fresh])
  const head = reshapeTo(call, call.add('range', [], { start: 0, step: both, length: mul(b, h), dtype: 'int64' }), [b, h, 1])
  const flat = reshapeTo(call, call.add('concat', [past, now], { axis: 2 }), [mul(b, h, both), d])
  return call.add('gather', [flat, call.add('add', [head, own])], { axis: 0 })
}

/** Which keys of the present each new row sees: bool [1 or batch, 1, rows, keys]; undefined for all. */
function allowedKeys(call: NodeCall, place: Place, keys: Dim): Value | null {
  const column = iotaAlong(call, keys, 3, 4), window = call.attrs.int('local_window_size', -1)
  const { rows, start, starts } = place
  if (!call.attrs.bool('causal', true)) {
    if (window > 0) call.fail('bad-attribute', 'local_window_size needs causal attention')
    return starts === null ? (keys === place.total ? null : call.add('lt', [column, call.add('dims_tensor', [], { dims: [place.total], shape: [], dtype: 'int64' })])) : call.add('lt', [column, endsOf(call, starts, rows)])
  }
  const row = reshapeTo(call, positionsOf(call, { rows, start, starts, total: place.total }), [starts === null ? 1 : extentOf(starts, 0), 1, rows, 1])
  const behind = call.add('le', [column, row])
  return window <= 0 ? behind : call.add('logical_and', [behind, call.add('gt', [column, call.add('sub', [row, call.scalar('int64', window)])])])
}

/** Turns queries or keys of [batch, rows, heads, size]: where they are, for attention reads them from there. */
function turning(call: NodeCall, place: Place): (x: Value) => Value {
  const interleaved = call.attrs.bool('rotary_interleaved', false)
  if (!call.attrs.bool('do_rotary', false)) return (x) => x
  const half = call.shape(7)[1]
  if (typeof half !== 'number') return call.fail('shape-not-static', 'cos_cache must have extents that are known while compiling')
  const positions = call.optional(9) ?? positionsOf(call, place)
  const [cos, sin] = [7, 8].map((i) => anglesAt(call, call.input(i), positions, half, 2)) as [Value, Value]
  return (x) => rotated(call, x, { cos, sin, turned: 2 * half, interleaved })
}

const groupQueryAttention: Rule = (call) => {
  call.arity(1, 16)
  refuse(call)
  const heads = call.attrs.int('num_heads', 0), shared = call.attrs.int('kv_num_heads', 0)
  if (heads < 1 || shared < 1 || heads % shared !== 0) call.fail('bad-attribute', `num_heads ${heads} must be a multiple of kv_num_heads ${shared}, both at least 1`)
  const query = call.input(0), rows = extentOf(query, 1), pastKey = call.optional(3), pastValue = call.optional(4)
  const packed = call.optional(1) === null, width = extentOf(query, 2), size = floorDiv(width, packed ? heads + 2 * shared : heads)
  const part = (i: number, first: number, count: number): Value => {
    const x = packed ? sliceAxis(call, query, 2, mul(first, size), mul(count, size)) : call.input(i)
    return reshapeTo(call, x, [extentOf(x, 0), extentOf(x, 1), count, size])
  }
  const place = placeOf(call, rows, pastKey), turn = turning(call, place), byHead = (x: Value): Value => transposeBy(call, x, [0, 2, 1, 3])
  const q = byHead(turn(part(0, 0, heads))), k = byHead(turn(part(1, heads, shared))), v = byHead(part(2, heads + shared, shared))
  const key = extended(call, pastKey, k, place, 1), value = extended(call, pastValue, v, place, 2), keys = extentOf(key, 2)
  const smooth = call.attrs.int('smooth_softmax', 0) > 0
  const given = call.optional(10), sink = call.optional(11) ?? (smooth ? call.scalar(dtypeOf(q), 0) : null)
  const y = attend(call, {
    q, k: key, v: value, scale: scaleOf(call, size), softcap: call.attrs.float('softcap', 0), allowed: allowedKeys(call, place, keys),
    bias: given === null ? null : widened(call, given, keys), sink: sink === null ? null : reshapeTo(call, sink, shapeOf(sink).length === 0 ? [1] : shapeOf(sink)),
  })
  return [emitMergedHeads(call, y), key, value]
}

/** Attention whose queries share keys, with a cache of keys and values. */
export const GROUP_QUERY_ATTENTION: RuleTable = { GroupQueryAttention: always(groupQueryAttention) }

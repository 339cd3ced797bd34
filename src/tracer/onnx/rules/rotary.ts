/** Rules for RotaryEmbedding-23 and that of com.microsoft, which takes positions first. */
import type { Dim } from '../../../base/dim.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { always, since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { castTo, reshapeTo } from './compose.js'
import { anglesAt, rotated } from './rotate.js'

const rotaryEmbedding: Rule = (call) => {
  call.arity(3, 4)
  const flat = call.shape(0).length === 3, heads = call.attrs.int('num_heads', 0)
  const interleaved = call.attrs.bool('interleaved', false)
  if (flat && heads < 1) call.fail('bad-attribute', 'num_heads is needed for an input of rank 3')
  return turnedBy(call, flat ? splitHeads(call, heads) : call.input(0), [1, 2], call.optional(3), interleaved)
}

/** Output 0: `x`, [batch, rows, heads, size] where the input is of rank 3, else [batch, heads, rows, size], turned by the tables in the inputs `tables`. */
function turnedBy(call: NodeCall, x: Value, tables: readonly [number, number], positions: Value | null, interleaved: boolean): Value {
  const headAxis = call.shape(0).length === 3 ? 2 : 1, full = shapeOf(x)[3]
  if (typeof full !== 'number') return call.fail('shape-not-static', 'the head size must be known while compiling')
  const turned = call.attrs.int('rotary_embedding_dim', 0) || full
  const [cos, sin] = tables.map((i) => anglesAt(call, call.input(i), positions, turned / 2, headAxis)) as [Value, Value]
  return call.emit('reshape', [rotated(call, x, { cos, sin, turned, interleaved })], { shape: call.shape(0) })
}

function splitHeads(call: NodeCall, heads: number): Value {
  const [b, s, width] = call.shape(0) as readonly [Dim, Dim, Dim]
  if (typeof width !== 'number' || width % heads !== 0) return call.fail('shape-mismatch', `${String(width)} features cannot be split into ${heads} heads`)
  return reshapeTo(call, call.input(0), [b, s, heads, width / heads])
}

/** The attribute `scale` changes nothing: onnxruntime's kernels read it and never use it. */
const microsoftRotaryEmbedding: Rule = (call) => {
  call.arity(4)
  call.attrs.ignore('scale')
  if (call.attrs.bool('is_packed_batching', false)) call.fail('unsupported-op', 'RotaryEmbedding with is_packed_batching is not supported', 'export the model with padded batches')
  const interleaved = call.attrs.bool('interleaved', false), given = call.attrs.int('num_heads', 0), partial = call.attrs.int('rotary_embedding_dim', 0)
  const rank = call.shape(0).length, width = call.shape(2)[1]
  if (rank !== 3 && rank !== 4) call.fail('shape-mismatch', `RotaryEmbedding takes an input of rank 3 or 4, not ${rank}`)
  if (partial > 0 && given < 1) call.fail('bad-attribute', 'rotary_embedding_dim needs num_heads')
  const hidden = call.shape(0)[2]
  const heads = given > 0 || rank === 4 ? given : typeof width === 'number' && typeof hidden === 'number' ? hidden / (2 * width) : call.fail('shape-not-static', 'the head size must be known while compiling')
  const x = rank === 4 ? call.input(0) : splitHeads(call, heads)
  return turnedBy(call, x, [2, 3], positionsOf(call, rank === 4 ? 2 : 1), interleaved)
}

/** Positions of all rows, [batch, rows]: as given, or counted from the one given for the first row. */
function positionsOf(call: NodeCall, rowAxis: number): Value {
  const given = call.input(1), [b, rows] = [call.shape(0)[0] as Dim, call.shape(0)[rowAxis] as Dim]
  if (call.shape(1).length === 2) return given
  const count = call.add('range', [], { start: 0, step: 1, length: rows, dtype: 'int64' })
  const from = call.add('add', [count, castTo(call, reshapeTo(call, given, [1]), 'int64')])
  return call.add('expand', [reshapeTo(call, from, [1, rows])], { shape: [b, rows] })
}

/** RotaryEmbedding of the default domain. */
export const ROTARY: RuleTable = { RotaryEmbedding: since(23, rotaryEmbedding) }

/** RotaryEmbedding of com.microsoft. */
export const MICROSOFT_ROTARY: RuleTable = { RotaryEmbedding: always(microsoftRotaryEmbedding) }

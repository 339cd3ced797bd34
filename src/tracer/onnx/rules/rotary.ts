/** Rule for RotaryEmbedding-23: pairs of features turned by an angle that depends on the position. */
import type { Dim } from '../../../base/dim.js'
import { shapeOf, type Value } from '../../../ir/graph.js'
import { since, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { reshapeTo, sliceAxis } from './compose.js'

const rotaryEmbedding: Rule = (call) => {
  call.arity(3, 4)
  const flat = call.shape(0).length === 3, heads = call.attrs.int('num_heads', 0)
  const interleaved = call.attrs.bool('interleaved', false)
  const x = flat ? splitHeads(call, heads) : call.input(0)
  const headAxis = flat ? 2 : 1, full = shapeOf(x)[3]
  if (typeof full !== 'number') return call.fail('shape-not-static', 'the head size must be known while compiling')
  const turned = call.attrs.int('rotary_embedding_dim', 0) || full, half = turned / 2
  const positions = call.optional(3)
  const angles = (i: number): Value => {
    const cache = positions === null ? call.input(i) : call.add('gather', [call.input(i), positions], { axis: 0 })
    const cut = sliceAxis(call, cache, 2, 0, half), [b, s, d] = shapeOf(cut) as readonly [Dim, Dim, Dim]
    return reshapeTo(call, cut, headAxis === 1 ? [b, 1, s, d] : [b, s, 1, d])
  }
  const cos = angles(1), sin = angles(2)
  const part = (start: number): Value => (interleaved
    ? call.add('slice', [x], { axes: [3], starts: [start], steps: [2], sizes: [half] })
    : sliceAxis(call, x, 3, start * half, half))
  const first = part(0), second = part(1)
  const real = call.add('sub', [call.add('mul', [cos, first]), call.add('mul', [sin, second])])
  const imaginary = call.add('add', [call.add('mul', [sin, first]), call.add('mul', [cos, second])])
  const rotated = interleaved ? woven(call, real, imaginary) : call.add('concat', [real, imaginary], { axis: 3 })
  const whole = turned === full ? rotated : call.add('concat', [rotated, sliceAxis(call, x, 3, turned, full - turned)], { axis: 3 })
  return call.emit('reshape', [whole], { shape: call.shape(0) })
}

function splitHeads(call: NodeCall, heads: number): Value {
  const [b, s, width] = call.shape(0) as readonly [Dim, Dim, Dim]
  if (heads < 1 || typeof width !== 'number') return call.fail('bad-attribute', 'num_heads is needed for an input of rank 3')
  return reshapeTo(call, call.input(0), [b, s, heads, width / heads])
}

/** Elements of `a` and `b` in turn along the last axis. */
function woven(call: NodeCall, a: Value, b: Value): Value {
  const shape = shapeOf(a), last = shape[3] as number
  const pair = call.add('concat', [a, b].map((v) => reshapeTo(call, v, [...shape, 1])), { axis: 4 })
  return reshapeTo(call, pair, [...shape.slice(0, 3), 2 * last])
}

/** RotaryEmbedding of the default domain. */
export const ROTARY: RuleTable = { RotaryEmbedding: since(23, rotaryEmbedding) }

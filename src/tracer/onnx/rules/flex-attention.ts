/** The rule for attention whose scores and probabilities the model changes by graphs of its own. */
import type { Dim } from '../../../base/dim.js'
import { floorDiv, mul } from '../../../ir/dims.js'
import { dtypeOf, shapeOf, type Value } from '../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../call.js'
import { dtypeOfNumber } from '../tensor.js'
import { castTo, isFloat, reshapeTo } from './compose.js'

/** What the graph `name` makes of a value; the value itself where there is none. */
function changed(call: NodeCall, name: string, x: Value): Value {
  const graph = call.attrs.graph(name)
  if (graph === undefined) return x
  const [y, ...more] = call.inline(graph, [x])
  return y === undefined || more.length > 0 ? call.fail('bad-attribute', `${name} must have one result`) : castTo(call, call.tensor(y, `the result of ${name}`), dtypeOf(x))
}

/** Queries of heads that share keys are rows of one product. */
const flexAttention: Rule = (call) => {
  call.arity(3)
  const shapeOfRank4 = (i: number): readonly [Dim, Dim, Dim, Dim] => {
    const [b, h, s, d, ...more] = call.shape(i)
    return b === undefined || h === undefined || s === undefined || d === undefined || more.length > 0 ? call.fail('shape-mismatch', `FlexAttention takes tensors of rank 4, not ${call.shape(i).length}`) : [b, h, s, d]
  }
  const [batch, heads, rows, size] = shapeOfRank4(0), [, keyHeads, keys] = shapeOfRank4(1), width = shapeOfRank4(2)[3]
  const shared = floorDiv(heads, keyHeads), own = call.dtype(0), scale = call.attrs.has('scale') ? call.attrs.float('scale', 1) : typeof size === 'number' ? 1 / Math.sqrt(size) : call.fail('shape-not-static', 'the head size must be known while compiling')
  call.assume(mul(shared, keyHeads), heads, 'as many query heads share each head of keys')
  const given = call.attrs.int('softmax_precision', undefined), wide = given === undefined ? (own === 'float64' ? own : 'float32') : dtypeOfNumber(given, 'the precision of softmax')
  if (!isFloat(wide)) call.fail('unsupported-dtype', `the precision of softmax is ${wide}`)
  const root = call.scalar(own, Math.sqrt(Math.fround(scale))), scaled = (i: number): Value => call.add('mul', [call.input(i), root]), product = (a: Value, b: Value, trans: boolean): Value => call.add('matmul', [a, b], { trans_a: false, trans_b: trans })
  const together = (x: Value): Value => reshapeTo(call, x, [batch, keyHeads, mul(shared, rows), shapeOf(x)[3] as Dim])
  const scores = castTo(call, reshapeTo(call, product(together(scaled(0)), scaled(1), true), [batch, heads, rows, keys]), wide)
  const chances = changed(call, 'prob_mod', call.add('softmax', [changed(call, 'score_mod', scores)], { axis: 3 }))
  return castTo(call, reshapeTo(call, product(together(chances), castTo(call, call.input(2), wide), false), [batch, heads, rows, width]), call.dtype(2))
}

/** Attention of the domain ai.onnx.preview. */
export const FLEX_ATTENTION: RuleTable = { FlexAttention: always(flexAttention) }

/** Rules for com.microsoft's recurrences whose weights are 8-bit integers. */
import type { Dim } from '../../../../base/dim.js'
import { shapeOf, type Value } from '../../../../ir/graph.js'
import { always, type NodeCall, type Rule, type RuleTable } from '../../call.js'
import { castTo, reshapeTo, transposeBy } from '../compose.js'
import { centred } from '../quantization.js'
import { recurrenceOf } from '../recurrent.js'

/** The real weight that input `i` stands for, [directions, columns, rows] turned to [directions, rows, columns]; its scale and zero point, in the inputs from `from` on, are one for each direction, or for each row of each. */
function weightOf(call: NodeCall, i: number, from: number): Value {
  const [directions] = call.shape(i), spread = (v: Value): Value => {
    const [count, each, ...more] = shapeOf(v)
    if (more.length > 0 || count === undefined) return call.fail('shape-mismatch', `the scales and zero points of ${call.opType} have one axis or two`)
    call.assume(count, directions as Dim, `${call.opType} has scales and zero points for each direction`)
    return reshapeTo(call, v, [count, 1, each ?? 1])
  }
  if (call.shape(i).length !== 3) call.fail('shape-mismatch', `the weights of ${call.opType} have three axes, not ${call.shape(i).length}`)
  const zero = call.optional(from + 1), whole = centred(call, call.input(i), zero === null ? null : spread(zero))
  return transposeBy(call, call.add('mul', [castTo(call, whole, 'float32'), spread(call.input(from))]), [0, 2, 1])
}

/** The operator rounds inputs and states to 8 bits too, for the speed of products of integers; here they stay as they are, which is nearer to the network that was quantised. */
const dynamicQuantizeLstm: Rule = (call) => {
  call.arity(3, 12)
  const operands = [call.input(0), weightOf(call, 1, 8), weightOf(call, 2, 10), ...[3, 4, 5, 6, 7].map((i) => call.optional(i))]
  return call.emitAll('lstm', operands, { ...recurrenceOf(call, ['Sigmoid', 'Tanh', 'Tanh'], 4, call.shape(1)[2]), input_forget: call.attrs.bool('input_forget', false) })
}

/** Recurrences with quantised weights of com.microsoft. */
export const QUANTIZED_RECURRENT: RuleTable = { DynamicQuantizeLSTM: always(dynamicQuantizeLstm) }

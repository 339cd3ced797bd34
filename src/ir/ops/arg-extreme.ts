/** Positions of extremes: argmax and argmin. */
import { elementCount } from '../../base/dtype.js'
import type { Compute, ComputeContext } from '../kernel/compute.js'
import { binary, cast, indexValue, load, local, REGISTER, selectExpr, unary, type Expr } from '../kernel/expr.js'
import { defineOp, type Op, type Sample } from '../op.js'
import { tensorType, type TensorType } from '../types.js'
import { elementsOf, limitsOf, type Element } from './elements.js'
import { onlyOutput, required } from './elementwise.js'
import { number, numberOf } from './expressions.js'
import { offsetsOver } from './offsets.js'
import { checkAxis, checkShape, NUMBERS, tensorInput } from './operands.js'
import { reduceAxes, reducedShape } from './reduce.js'

interface ArgAttrs { readonly axis: number; readonly keepdims: boolean; readonly select_last: boolean }

/** Whether `x` takes the place of `best`, which is earlier. NaN beats all others, as in numpy. */
function beats(x: Element, best: Element, greatest: boolean, last: boolean): boolean {
  if (best !== best) return last && x !== x
  return x !== x || (greatest ? x > best : x < best) || (last && x === best)
}

function compute(name: string, ctx: ComputeContext<ArgAttrs>, greatest: boolean): Compute {
  const x = ctx.inputs[0] as TensorType
  const { axis, keepdims, select_last } = ctx.attrs
  const { outer, inner, from, to } = reduceAxes(x.shape, [axis], keepdims)
  const type = REGISTER[x.dtype]
  const value = load('x0', from), best = local('best', type), position = `r${axis}`
  const isFloat = type === 'f32' || type === 'f64'
  const wins = binary((greatest ? (select_last ? 'ge' : 'gt') : (select_last ? 'le' : 'lt')), value, best)
  const nan = select_last ? unary('isnan', value) : binary('and', unary('isnan', value), unary('not', unary('isnan', best)))
  const better: Expr = isFloat ? binary('or', wins, nan) : wins
  const limits = limitsOf(x.dtype)
  return {
    name, buffers: ctx.buffers, axes: outer,
    stages: [
      {
        kind: 'reduce', axes: inner, lets: [], extreme: { greatest, last: select_last },
        accumulators: [
          { name: 'best', type, init: numberOf(x.dtype, greatest ? limits.lowest : limits.highest), value: selectExpr(better, value, best) },
          // Where nothing beats the initial extreme, all elements equal it, and the first is meant.
          { name: 'at', type: 'i32', init: number('i32', 0), value: selectExpr(better, indexValue(position), local('at', 'i32')) },
        ],
      },
      { kind: 'store', axes: [], lets: [], buffer: 'y0', index: to, value: cast('i64', local('at', 'i32')) },
    ],
  }
}

const SAMPLES: readonly Sample<ArgAttrs>[] = [
  { inputs: [{ dtype: 'float32', shape: [3, 5] }], attrs: { axis: 1, keepdims: false, select_last: false } },
  { inputs: [{ dtype: 'int32', shape: [4, 6], range: [0, 3] }], attrs: { axis: 0, keepdims: true, select_last: true } },
  { inputs: [{ dtype: 'int64', shape: [2, 7, 2], range: [0, 2] }], attrs: { axis: 1, keepdims: false, select_last: false } },
  { inputs: [{ dtype: 'float16', shape: [6], data: [1, 3, 3, -2, -2, 0] }], attrs: { axis: 0, keepdims: false, select_last: true } },
  { inputs: [{ dtype: 'float32', shape: [3, 3], data: [1, NaN, NaN, -Infinity, -Infinity, -Infinity, Infinity, Infinity, Infinity] }], attrs: { axis: 1, keepdims: false, select_last: false } },
  { inputs: [{ dtype: 'uint8', shape: [0, 3] }], attrs: { axis: 1, keepdims: true, select_last: false } },
]

function defineArg(name: string, word: string, greatest: boolean): Op {
  return defineOp({
    name, doc: `The position of the ${word} element along \`axis\`, the first (or with select_last the last) of equal ones; NaN counts as ${word}.`,
    source: `ONNX Arg${greatest ? 'Max' : 'Min'}-13; torch.${name}`, attrs: { axis: 'int', keepdims: 'bool', select_last: 'bool' }, pattern: 'reduction',
    infer(call) {
      const x = tensorInput(call, 0, NUMBERS)
      checkAxis(call.attrs.axis, x.shape.length)
      checkShape(x.shape[call.attrs.axis] !== 0, `axis ${call.attrs.axis} is empty and has no ${word} element`)
      return [tensorType('int64', reducedShape(x.shape, [call.attrs.axis], call.attrs.keepdims))]
    },
    reference({ inputs, attrs, outputs }) {
      const [x] = required(inputs)
      const { shape } = onlyOutput(outputs)
      const elements = elementsOf(x)
      const steps = offsetsOver(x.shape, (a) => a === attrs.axis)
      const data = new BigInt64Array(elementCount(shape))
      offsetsOver(x.shape, (a) => a !== attrs.axis).forEach((start, i) => {
        let at = 0
        for (let k = 1; k < steps.length; k++) {
          if (beats(elements[start + (steps[k] as number)] as Element, elements[start + (steps[at] as number)] as Element, greatest, attrs.select_last)) at = k
        }
        data[i] = BigInt(at)
      })
      return [{ dtype: 'int64', shape, data }]
    },
    compute: (ctx) => compute(name, ctx, greatest),
    samples: SAMPLES,
  })
}

/** Positions of extremes. */
export const ARG_EXTREMES: readonly Op[] = [defineArg('argmax', 'greatest', true), defineArg('argmin', 'least', false)]

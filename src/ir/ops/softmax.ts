/** Softmax and its logarithm along an axis. */
import type { HostTensor } from '../../base/dtype.js'
import type { Compute, ComputeContext } from '../kernel/compute.js'
import { binary, load, local, REGISTER, unary, type Expr, type RegisterType } from '../kernel/expr.js'
import { defineOp, type Op, type Sample } from '../op.js'
import type { TensorType } from '../types.js'
import { onlyOutput, required } from './elementwise.js'
import { minus, number, over } from './expressions.js'
import { checkAxis, FLOATS, tensorInput } from './operands.js'
import { SOFTMAX_GRADS } from './reduce-grad.js'
import { mapRows, rowAxes, sumStage } from './rows.js'

interface SoftmaxRow {
  readonly doc: string
  readonly source: string
  /** The result from an element less the row's peak, and the row's sum of exponentials of such. */
  readonly result: (shifted: number, sum: number) => number
  readonly expr: (shifted: Expr, sum: Expr) => Expr
}

const TABLE = {
  softmax: {
    doc: 'exp(x) over the sum of exp(x) along `axis`, computed from differences to the greatest element; NaN where a row is all minus infinity.', source: 'ONNX Softmax-13; torch.softmax',
    result: (shifted, sum) => Math.exp(shifted) / sum, expr: (shifted, sum) => over(unary('exp', shifted), sum),
  },
  log_softmax: {
    doc: 'The logarithm of softmax along `axis`, without its underflow.', source: 'ONNX LogSoftmax-13; torch.log_softmax',
    result: (shifted, sum) => shifted - Math.log(sum), expr: (shifted, sum) => minus(shifted, unary('log', sum)),
  },
} as const satisfies Record<string, SoftmaxRow>

function reference(x: HostTensor, axis: number, output: { readonly dtype: HostTensor['dtype']; readonly shape: readonly number[] }, result: SoftmaxRow['result']): HostTensor {
  return mapRows(x, output, (a) => a === axis, (row) => {
    let peak = -Infinity, sum = 0
    for (const v of row) peak = Math.max(peak, v)
    for (const v of row) sum += Math.exp(v - peak)
    row.forEach((v, k) => { row[k] = result(v - peak, sum) })
  })
}

function compute(name: string, ctx: ComputeContext<{ readonly axis: number }>, expr: SoftmaxRow['expr']): Compute {
  const x = ctx.inputs[0] as TensorType
  const { outer, inner, index } = rowAxes(x.shape, (a) => a === ctx.attrs.axis)
  const type: RegisterType = REGISTER[x.dtype]
  const shifted = binary('sub', load('x0', index), local('peak', type))
  return {
    name, buffers: ctx.buffers, axes: outer,
    stages: [
      { kind: 'reduce', axes: inner, lets: [], accumulators: [{ name: 'peak', type, init: number(type, -Infinity), combine: 'max', value: load('x0', index) }] },
      sumStage('sum', inner, type, unary('exp', shifted)),
      { kind: 'store', axes: inner, lets: [], buffer: 'y0', index, value: expr(shifted, local('sum', type)) },
    ],
  }
}

const SAMPLES: readonly Sample<{ readonly axis: number }>[] = [
  { inputs: [{ dtype: 'float32', shape: [3, 7], range: [-9, 9] }], attrs: { axis: 1 } },
  { inputs: [{ dtype: 'float16', shape: [2, 5, 3] }], attrs: { axis: 1 } },
  { inputs: [{ dtype: 'float64', shape: [4] }], attrs: { axis: 0 } },
  { inputs: [{ dtype: 'float32', shape: [2, 3], data: [1000, 1001, -Infinity, -1000, -1000, NaN] }], attrs: { axis: 1 } },
  { inputs: [{ dtype: 'float32', shape: [2, 0] }], attrs: { axis: 1 } },
  { inputs: [{ dtype: 'bfloat16', shape: [1, 2] }], attrs: { axis: 0 } },
]

function defineSoftmax(name: string, row: SoftmaxRow): Op {
  const grad = SOFTMAX_GRADS[name]
  return defineOp({
    name, doc: row.doc, source: row.source, attrs: { axis: 'int' }, pattern: 'reduction',
    infer(call) {
      const x = tensorInput(call, 0, FLOATS)
      checkAxis(call.attrs.axis, x.shape.length)
      return [x]
    },
    reference: ({ inputs, attrs, outputs }) => [reference(required(inputs)[0], attrs.axis, onlyOutput(outputs), row.result)],
    compute: (ctx) => compute(name, ctx, row.expr),
    ...(grad !== undefined && { grad }),
    samples: SAMPLES,
  })
}

/** Softmax and log-softmax. */
export const SOFTMAXES: readonly Op[] = Object.entries(TABLE).map(([name, row]) => defineSoftmax(name, row))
